"""Task + Dataset → the untuned rivals: written prompts, few-shot prompts, prompts for reading passages, the majority answer; and the tuned prompts.

Every built-in prompt for `classify` shows the whole label list, the same list that the tuned model is shown, and every one for `extract` the form of
the JSON that training rows have, which training teaches: a tuned model is never compared with a prompt that was told less. The base may have 135 M parameters, so the texts are short; they differ in *kind* (order of
list and instruction, role, steps, a rule for what is out of scope), because small models react to that more than to fine wording.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

from tunesmith.errors import BadProject, Problem
from tunesmith.measure.shape import shape_of
from tunesmith.spec.candidate import Constant
from tunesmith.spec.chat import Conversation, Message, Prompt
from tunesmith.spec.dataset import Dataset, Record
from tunesmith.spec.task import KINDS, Form, Task, form_of

Texts = Mapping[str, str]
CLASSIFY: Texts = {
    "plain": "{instruction}\nLabels: {labels}\nAnswer with one label only.",
    "role": "You are a careful clerk who sorts messages. These are your labels: {labels}\n{instruction} Reply with the label that fits best.",
    "careful": "{instruction}\nLabels: {labels}\nCompare the message with every label. If two seem to fit, take the more specific one.",
    "short": "{labels}\n{instruction} Label:",
    "strict": "1. Read the message.\n2. {instruction}\n3. Write that label exactly as it stands in this list, and nothing else.\nList: {labels}",
}
EXTRACT: Texts = {
    "plain": "{instruction}\nAnswer with JSON only.{form}",
    "role": "You turn text into data for a program. {instruction} The program reads your whole answer as one JSON value.{form}",
    "strict": "1. Read the text.\n2. {instruction}\n3. Copy values exactly as they stand in the text; where one is missing, write null.\n"
    "4. Write the JSON and nothing else: no explanation, no code fence.{form}",
}
GENERATE: Texts = {
    "plain": "{instruction}",
    "short": "{instruction} Be brief and exact: a few sentences at most.",
    "expert": "You are an expert who answers from knowledge. {instruction} Begin with the answer itself, then the one detail that matters most.",
}
DECLINING: Mapping[Form, str] = {
    "classify": "{instruction}\nLabels: {labels}\nThe label {out_of_scope} means: the message is about something that no other label covers. "
    "First ask whether another label truly fits. If none does, answer {out_of_scope}.",
    "extract": "{instruction}\nAnswer with JSON only.{form}\nIf the text is about something else, answer exactly: {out_of_scope}",
    "generate": "{instruction}\nIf the question is about something else, do not answer it; write exactly: {out_of_scope}",
}
"""The `careful` prompt of a task that has an out-of-scope answer."""

READING: Mapping[Form, Texts] = {
    "classify": {
        "passages": "{instruction}\nLabels: {labels}\nUse what the passages say where it helps. Answer with one label only.",
        "careful": "1. Read the passages, then the message.\n2. {instruction}\n3. Passages that are about something else do not count.\n"
        "4. Write the label exactly as it stands in this list, and nothing else.\nList: {labels}",
    },
    "extract": {
        "passages": "{instruction}\nUse what the passages say where it helps. Answer with JSON only.{form}",
        "careful": "1. Read the passages, then the text.\n2. {instruction}\n3. Passages that are about something else do not count.\n"
        "4. Write the JSON and nothing else: no explanation, no code fence.{form}",
    },
    "generate": {
        "passages": "{instruction}\nAnswer from the passages.",
        "careful": "1. Read the passages; the last one fits best.\n2. {instruction} Keep to what the passages say, with their names and numbers.\n"
        "3. If no passage holds the answer, {decline}",
    },
}
"""For models that are shown passages: plainly, and with rules for what does not help."""
OUTSIDE: Mapping[Form, str] = {
    "classify": "\nThe label {out_of_scope} means: the message is about something that no other label covers.",
    "extract": "\nIf the text is about something else, answer exactly: {out_of_scope}",
    "generate": "",
}
"""At the end of the `careful` one, where a task has an out-of-scope answer."""
UNKNOWN = "say that the documents do not answer it."

TUNED: Mapping[Form, str] = {"classify": "{instruction}\nLabels: {labels}", "extract": "{instruction}", "generate": "{instruction}"}
"""Short and stable: training teaches the rest, and every row pays for each token of it."""
TUNED_TO_READ = "\nUse the passages where they help."

PLACEHOLDER = re.compile(r"\{\{([A-Za-z_]\w*)\}\}|\{([A-Za-z_]\w*)\}")
SHORT_SHARE = 3
"""Worked examples are drawn from the shortest third of a label's rows."""


def written_prompts(task: Task, dataset: Dataset, rows: Iterable[Record] = ()) -> tuple[Prompt, ...]:
    """The built-in prompts for the data set's kind of task, then the user's own as `own-1`, `own-2` …, filled in. `rows`: for training.

    Raises: BadProject naming every unknown placeholder in the user's prompts.
    """
    known = values(task, dataset) | {"form": form_words(dataset, rows)}
    built_in = tuple(Prompt(name=name, system=fill(text, known)) for name, text in texts(dataset).items())
    return built_in + own_prompts(task, dataset)


def tuned_prompt(task: Task, dataset: Dataset) -> Prompt:
    """The prompt that training and the tuned model use; it shows the same label list as the rivals'."""
    return Prompt(name="tuned", system=fill(TUNED[form_of(dataset.task)], values(task, dataset)))


def tuned_to_read(task: Task, dataset: Dataset) -> Prompt:
    """The prompt of a model that is tuned with passages before its questions."""
    return Prompt(name="tuned-to-read", system=fill(TUNED[form_of(dataset.task)] + TUNED_TO_READ, values(task, dataset)))


def reading_prompts(task: Task, dataset: Dataset, rows: Iterable[Record] = ()) -> tuple[Prompt, ...]:
    """The prompts of an untuned model that is shown passages before each question. `rows`: for training."""
    form, outside = form_of(dataset.task), dataset.out_of_scope
    written = dict(READING[form])
    if outside is not None:
        written["careful"] += OUTSIDE[form]
    known = {**values(task, dataset), "form": form_words(dataset, rows), "decline": f"write exactly: {outside}" if outside is not None else UNKNOWN}
    return tuple(Prompt(name=f"rag-{name}", system=fill(text, known)) for name, text in written.items())


def texts(dataset: Dataset) -> Texts:
    """Name → text of the built-in prompts that suit the data set."""
    forms: Mapping[Form, Texts] = {"classify": CLASSIFY, "extract": EXTRACT, "generate": GENERATE}
    found = dict(forms[form_of(dataset.task)])
    if dataset.out_of_scope is not None:
        found["careful"] = DECLINING[form_of(dataset.task)]
    return found


def values(task: Task, dataset: Dataset) -> dict[str, str]:
    """What stands for each placeholder of a built-in prompt."""
    return {
        "instruction": (task.instruction or KINDS[dataset.kind].instruction).strip(),
        "labels": label_list(dataset.labels),
        "out_of_scope": dataset.out_of_scope or "",
    }


def form_words(dataset: Dataset, rows: Iterable[Record]) -> str:
    """A line that tells the form of the JSON wanted, as these rows have it; empty where none is, or none is shared."""
    if form_of(dataset.task) != "extract":
        return ""
    shape = shape_of(row.conversation.answer() or "" for row in rows if row.conversation is not None)
    return f"\nThe JSON has this form: {shape}" if shape else ""


def label_list(labels: Sequence[str]) -> str:
    """The labels exactly as they must be answered: one line, or one label a line where a label itself holds a comma.

    >>> label_list(["card_lost", "refund"])
    'card_lost, refund'
    """
    return "\n" + "\n".join(labels) if any("," in label for label in labels) else ", ".join(labels)


def fill(text: str, known: Mapping[str, str]) -> str:
    """`text` with `{name}` replaced where `name` is known, in one pass; `{{name}}` stands for a literal `{name}`.

    >>> fill("{a} {{a}} {b}", {"a": "{b}"})
    '{b} {a} {b}'
    """
    return PLACEHOLDER.sub(lambda found: "{" + found[1] + "}" if found[1] else known.get(found[2], found[0]), text)


def own_prompts(task: Task, dataset: Dataset) -> tuple[Prompt, ...]:
    """The user's own prompts, filled in.

    Raises: BadProject with every placeholder that is not `{instruction}` or `{labels}`, and `{labels}` where there are none.
    """
    allowed = ("instruction", "labels") if dataset.labels else ("instruction",)
    known = {name: value for name, value in values(task, dataset).items() if name in allowed}
    faults = [
        Problem(
            "unknown placeholder" if name != "labels" else "the data has no labels to fill in",
            where=f"task.prompts[{index}]",
            got="{" + name + "}",
            expected=" or ".join("{" + name + "}" for name in allowed),
            fix="correct or remove it; write {{" + name + "}} to show {" + name + "} as it stands",
        )
        for index, text in enumerate(task.prompts)
        for name in placeholders(text)
        if name not in allowed
    ]
    if faults:
        raise BadProject(problems=faults)
    return tuple(Prompt(name=f"own-{number}", system=fill(text, known)) for number, text in enumerate(task.prompts, 1))


def placeholders(text: str) -> list[str]:
    """The names that stand in single braces, in order, each once. JSON in a prompt, like `{"a": 1}`, is not a placeholder."""
    return list(dict.fromkeys(found[2] for found in PLACEHOLDER.finditer(text) if found[2]))


def few_shot(prompt: Prompt, rows: Iterable[Record], k: int, seed: int, *, out_of_scope: str | None = None) -> Prompt:
    """`prompt` with up to `k` worked examples from `rows`: short, single questions, as many different labels as there is room for.

    With `out_of_scope`, exactly one of them shows that answer. The choice depends on the rows' ids and the seed, not on their order.
    """
    by_label: dict[str, list[tuple[str, Conversation]]] = defaultdict(list)
    for row in rows:
        if (example := worked_example(row)) is not None:
            declines = out_of_scope is not None and example.answer() == out_of_scope
            by_label[out_of_scope if declines and out_of_scope else row.label or ""].append((row.id, example))
    chosen = round_robin(by_label, k, seed, first=out_of_scope)
    chosen.sort(key=lambda item: shuffled(seed, "place")(item[0]))
    return prompt.model_copy(update={"name": f"{prompt.name}-{len(chosen)}-shot", "examples": tuple(example for _, example in chosen)})


def worked_example(row: Record) -> Conversation | None:
    """One question and its answer, without the row's own system message; None where the row is not that simple."""
    if row.conversation is None or row.conversation.tools:
        return None
    turns = [m for m in row.conversation.messages if m.role not in ("system", "developer")]
    if [m.role for m in turns] != ["user", "assistant"] or not all(m.content for m in turns):
        return None
    return Conversation(messages=tuple(Message(role=m.role, content=m.content) for m in turns))


def round_robin(by_label: Mapping[str, list[tuple[str, Conversation]]], k: int, seed: int, *, first: str | None) -> list[tuple[str, Conversation]]:
    """At most `k` rows, one a label before any label has a second one, labels in an order drawn by seed; `first` gives one, and first."""
    order = sorted(by_label, key=lambda label: (label != first, shuffled(seed, "label")(label)))
    queues = {label: shortest_first(by_label[label], seed)[: 1 if label == first else k] for label in order}
    rounds = [queue[turn] for turn in range(max(map(len, queues.values()), default=0)) for queue in queues.values() if turn < len(queue)]
    return rounds[:k]


def shortest_first(rows: Sequence[tuple[str, Conversation]], seed: int) -> list[tuple[str, Conversation]]:
    """Rows with the shortest third in front, that third in an order drawn by seed: the very shortest are often not typical."""
    by_length = sorted(rows, key=lambda item: (sum(len(m.content or "") for m in item[1].messages), item[0]))
    cut = max(1, len(by_length) // SHORT_SHARE)
    return sorted(by_length[:cut], key=lambda item: shuffled(seed, "row")(item[0])) + by_length[cut:]


def shuffled(seed: int, purpose: str) -> Callable[[str], bytes]:
    """A sort key that puts strings in an order which depends on the seed only, on every machine."""
    return lambda text: hashlib.sha256(f"{seed}\0{purpose}\0{text}".encode("utf-8", "surrogatepass")).digest()


def majority(rows: Iterable[Record], *, leave_out: str | None = None) -> Constant:
    """The most frequent answer in `rows` (ties: first by name), given always. `leave_out` is an answer that does not stand for election.

    Where the deciding metric looks at rows in scope only, the out-of-scope answer is left out: it could not score there, and the
    control would be weaker than it need be.
    Raises: ValueError if no row has an answer that stands for election.
    """
    answers = (answer_of(row) for row in rows)
    counts = Counter(answer for answer in answers if answer is not None and answer != leave_out)
    if not counts:
        raise ValueError("no rows to take a majority of")
    return Constant(name="majority", answer=min(counts, key=lambda answer: (-counts[answer], answer)))


def answer_of(row: Record) -> str | None:
    """The reference answer of a row: what its last assistant turn says, or else its label."""
    return (row.conversation.answer() if row.conversation is not None else None) or row.label
