"""The hosted service's fine-tuning cookbook as one script, for any generation of the openai package: it knows nothing of Tunesmith.

    OPENAI_BASE_URL=… OPENAI_API_KEY=… python openai_cookbook.py MODEL

Upload, job, events, checkpoints, chat, stream, results, deletion: once supervised, once by preferences. The last line is JSON: seconds of each part.
"""

import json
import sys
import time
from io import BytesIO

import openai
from openai import OpenAI

client = OpenAI()
MODEL = sys.argv[1]
SYSTEM = "You route mails of a bank. Answer with one word."
MAILS = [("I have lost my card", "card"), ("What is your rate for dollars?", "exchange"), ("Somebody else took money from my account", "fraud")]
QUESTION = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": "My card is gone"}]


def as_file(rows, name):
    file = BytesIO("\n".join(json.dumps(row) for row in rows).encode("utf-8"))
    file.name = name
    return file


def asked(number):
    mail, word = MAILS[number % len(MAILS)]
    return [{"role": "system", "content": SYSTEM}, {"role": "user", "content": f"{mail} ({number})"}], {"role": "assistant", "content": word}


def supervised(number):
    prompt, answer = asked(number)
    return {"messages": [*prompt, answer]}


def preference(number):
    prompt, answer = asked(number)
    other = [{"role": "assistant", "content": "Thank you for writing to us."}]
    return {"input": {"messages": prompt}, "preferred_output": [answer], "non_preferred_output": other}


def wait_for(job):
    while job.status not in ("succeeded", "failed", "cancelled"):
        time.sleep(0.5)
        job = client.fine_tuning.jobs.retrieve(job.id)
    assert job.status == "succeeded", job.error
    return job


def tune(kind, row, **how):
    training = client.files.create(file=as_file([row(n) for n in range(12)], f"{kind}.jsonl"), purpose="fine-tune")
    validation = client.files.create(file=as_file([row(n) for n in range(12, 22)], f"{kind}-valid.jsonl"), purpose="fine-tune")
    began = time.perf_counter()
    job = client.fine_tuning.jobs.create(model=MODEL, training_file=training.id, validation_file=validation.id, suffix="mail-router", seed=1, **how)
    job = wait_for(job)
    seconds = time.perf_counter() - began
    events = client.fine_tuning.jobs.list_events(fine_tuning_job_id=job.id, limit=50).data
    events.reverse()
    print(*(event.message for event in events), sep="\n")
    print("epochs", job.hyperparameters.n_epochs, "tokens", job.trained_tokens)
    assert client.fine_tuning.jobs.checkpoints.list(job.id).data[0].fine_tuned_model_checkpoint == job.fine_tuned_model
    return job, seconds


sft, sft_seconds = tune("supervised", supervised)
began = time.perf_counter()
answer = client.chat.completions.create(model=sft.fine_tuned_model, messages=QUESTION, temperature=0, max_tokens=8)
chat_seconds = time.perf_counter() - began
streamed = ""
for chunk in client.chat.completions.create(model=sft.fine_tuned_model, messages=QUESTION, temperature=0, max_tokens=8, stream=True):
    streamed += chunk.choices[0].delta.content or ""
assert streamed == answer.choices[0].message.content
header = client.files.content(sft.result_files[0]).read().decode().splitlines()[0]
assert header.startswith("step,train_loss")
dpo, dpo_seconds = tune("dpo", preference, method={"type": "dpo", "dpo": {"hyperparameters": {"beta": 0.1, "n_epochs": 2}}})
listed = [job.id for job in client.fine_tuning.jobs.list(limit=1)]
assert listed.index(dpo.id) < listed.index(sft.id)
for job in (sft, dpo):
    assert client.models.delete(job.fine_tuned_model).deleted
    for file in (job.training_file, job.validation_file, *job.result_files):
        client.files.delete(file)
try:
    client.chat.completions.create(model=sft.fine_tuned_model, messages=QUESTION)
    raise SystemExit("a deleted model answered")
except openai.NotFoundError as error:
    code = error.code
assert code == "model_not_found"
print(
    json.dumps(
        {
            "openai": openai.__version__,
            "sft_s": sft_seconds,
            "dpo_s": dpo_seconds,
            "chat_s": chat_seconds,
            "answer": answer.choices[0].message.content,
        }
    )
)
