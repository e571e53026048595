"""Logs → conversations; every turn is used or reported."""

from __future__ import annotations

import csv
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tunesmith.data.make.tally import Tally, write
from tunesmith.data.make.threads import threads
from tunesmith.data.sources import read
from tunesmith.errors import BadData
from tunesmith.spec.dataset import Record, Source
from tunesmith.spec.job import Silent
from tunesmith.spec.making import Made, ThreadWishes
from tunesmith.spec.passage import Skipped

TICKETS = [
    ("1", "Bob", "bob@mail.example", "2025-01-01T10:00:00Z", "Hello, the knob is stuck."),
    ("1", "Ann", "ann@acme.com", "2025-01-01T11:00:00Z", "Hi Bob,\n\nplease turn it left.\n\nBest regards,\nAnn\nAcme Support"),
    ("1", "Bob", "bob@mail.example", "2025-01-01T12:00:00Z", "It turns!\n\nOn Wed, 1 Jan 2025, Ann wrote:\n> please turn it left."),
    ("1", "Ann", "ann@acme.com", "2025-01-01T13:00:00Z", "Good."),
    ("1", "Ann", "ann@acme.com", "2025-01-01T13:01:00Z", "Anything else?"),
    ("1", "Bob", "bob@mail.example", "2025-01-01T14:00:00Z", "No, thanks!"),
    ("2", "Cid", "cid@post.example", "2025-01-02T10:00:00Z", "Where is my parcel?"),
    ("2", "Ann", "ann@acme.com", "2025-01-02T10:30:00Z", "It comes on Friday."),
    ("3", "Dot", "dot@mail.example", "2025-01-03T10:00:00Z", "Is anybody there?"),
    ("4", "Eve", "eve@home.example", "2025-01-04T09:00:00Z", "Can I pay later?"),
    ("4", "Acme Bot", "noreply@acme.com", "2025-01-04T09:00:01Z", "We have received your request."),
    ("4", "Max", "max@acme.com", "2025-01-04T10:00:00Z", "Yes, within 14 days."),
]
HEADER = ("ticket_id", "author", "email", "created_at", "text")


@pytest.fixture
def tickets(tmp_path):
    with (tmp_path / "t.csv").open("w", newline="") as file:
        csv.writer(file).writerows([HEADER, *TICKETS])
    return tmp_path


def make(folder, *names, **wishes):
    wanted = ThreadWishes(**wishes)
    tally = Tally("threads", "turns", wanted)
    found = list(threads(names, folder, Silent(), wanted, tally=tally))
    making = tally.making()
    assert making.read == making.used + sum(making.passed_over.values()) + sum(making.problems.values())
    return [one for one in found if isinstance(one, Made)], [one for one in found if isinstance(one, Skipped)], making


def check(error):
    assert all(problem.message for problem in error.problems)


def said(row):
    return [(m.role, m.content) for m in row.messages]


def test_tickets_with_addresses(tickets):
    rows, skipped, making = make(tickets, "t.csv")
    assert said(rows[0]) == [
        ("user", "Hello, the knob is stuck."),
        ("assistant", "Hi Bob,\n\nplease turn it left."),
        ("user", "It turns!"),
        ("assistant", "Good.\nAnything else?"),
    ]
    assert [said(row)[-1][1] for row in rows[1:]] == ["It comes on Friday.", "Yes, within 14 days."]
    assert (rows[0].group, rows[0].source.line, rows[0].details["lines"]) == ("t.csv 1", 2, "2 3 10 14 15")
    assert [(one.reason, one.spot.line) for one in skipped] == [("after_answer", 16), ("no_answer", 19), ("bot", 21)]
    assert "agents are who writes from acme.com" in making.reasons[-1]
    assert (making.problems, making.passed_over) == ({"no_answer": 1}, {"after_answer": 1, "bot": 1})
    assert making.left["no_answer"] == 1, "of the conversations, not of their turns"
    assert making.first[0].reason == "no_answer", "what is a problem comes first"


def test_rows_are_read_without_an_option(tickets, tmp_path):
    tally = Tally("threads", "turns", ThreadWishes())
    making = write(threads(["t.csv"], tickets, Silent(), tally=tally), tmp_path / "out", tally)
    records = list(read(Source(file="rows.jsonl"), tmp_path / "out"))
    assert len(records) == making.rows == 3
    assert all(isinstance(record, Record) for record in records)


def test_agents_by_who_writes_in_many_threads(tmp_path):
    rows = [
        {"thread": str(n), "user": who, "message": f"{what} number {n}"}
        for n in range(8)
        for who, what in ((f"guest{n}", "question"), ("ann" if n % 2 else "max", "answer"))
    ]
    (tmp_path / "t.jsonl").write_text("\n".join(map(json.dumps, rows)))
    made, _, making = make(tmp_path, "t.jsonl")
    assert len(made) == 8
    assert said(made[3]) == [("user", "question number 3"), ("assistant", "answer number 3")]
    assert "2 authors who write in 3 threads or more" in making.reasons[-1]


def test_who_begins_asks_where_nothing_else_is_known(tmp_path):
    rows = [{"thread": str(n), "user": f"{who}{n}", "message": f"{who} says {n}"} for n in range(3) for who in ("x", "y")]
    (tmp_path / "t.jsonl").write_text("\n".join(map(json.dumps, rows)))
    made, _, making = make(tmp_path, "t.jsonl")
    assert [m[0] for m in said(made[0])] == ["user", "assistant"]
    assert "name them with --agent" in making.reasons[-1]


def test_named_agents_and_columns(tickets):
    rows, _, making = make(tickets, "t.csv", agents=("@mail.example",), text="text")
    assert said(rows[0])[0][0] == "user"
    assert said(rows[0])[0][1].startswith("Hi Bob")
    assert any("as you named them" in reason for reason in making.reasons)
    with pytest.raises(BadData, match="there is no column `txt`"):
        make(tickets, "t.csv", text="txt")


def test_threads_with_their_turns_inside(tmp_path):
    data = {
        "tickets": [
            {"id": 5, "subject": "Knob", "description": "It is stuck.", "comments": [
                {"author": {"name": "Bob", "type": "end-user"}, "body": "<p>It is <b>really</b> stuck.</p>", "public": True},
                {"author": {"name": "Ann", "type": "agent"}, "body": "Ask Max about it", "public": False},
                {"author": {"name": "Ann", "type": "agent"}, "body": "Turn it left.", "public": True},
            ]},
            {"id": 6, "subject": "Re: x", "comments": [{"author": {"name": "Cid", "type": "end-user"}, "body": "hm?", "public": True}, {"author": {"name": "Ann", "type": "agent"}, "body": "Yes?", "public": True}]},
        ]
    }  # fmt: skip
    (tmp_path / "t.json").write_text(json.dumps(data, indent=1))
    rows, skipped, making = make(tmp_path, "t.json")
    assert said(rows[0]) == [("user", "Knob\n\nIt is stuck.\nIt is really stuck."), ("assistant", "Turn it left.")]
    assert said(rows[1]) == [("user", "hm?"), ("assistant", "Yes?")]
    assert [one.reason for one in skipped] == ["internal_note"]
    assert "its turns stand in `comments`" in making.reasons[0]


def test_a_slack_export(tmp_path):
    export = tmp_path / "slack"
    (export / "help").mkdir(parents=True)
    users = [
        {"id": "U1", "name": "bob", "profile": {"real_name": "Bob"}},
        {"id": "U2", "name": "ann", "profile": {"real_name": "Ann"}},
        {"id": "U3", "name": "ci", "is_bot": True},
    ]
    (export / "users.json").write_text(json.dumps(users))
    (export / "channels.json").write_text("[]")
    day = [
        {"type": "message", "subtype": "channel_join", "user": "U1", "ts": "1.0", "text": "<@U1> has joined"},
        {"type": "message", "user": "U1", "ts": "2.0", "thread_ts": "2.0", "text": "<@U2> how do I get <https://x.example|the key>?"},
        {"type": "message", "user": "U3", "ts": "2.5", "thread_ts": "2.0", "text": "build failed"},
        {"type": "message", "user": "U2", "ts": "3.0", "thread_ts": "2.0", "text": "Ask at the desk &amp; smile."},
        {"type": "message", "user": "U1", "ts": "9.0", "text": "lunch?"},
    ]
    (export / "help" / "2025-01-01.json").write_text(json.dumps(day, indent=1))
    rows, skipped, making = make(tmp_path, "slack")
    assert said(rows[0]) == [("user", "@Ann how do I get the key (https://x.example)?"), ("assistant", "Ask at the desk & smile.")]
    assert {one.reason for one in skipped} == {"system_message", "bot", "no_answer"}
    assert making.reasons[0] == "slack: a Slack export; threads by `thread_ts`"
    made, _, _ = make(tmp_path, "slack/help/2025-01-01.json")
    assert said(made[0]) == said(rows[0])


def test_replies_that_name_what_they_answer(tmp_path):
    rows = [
        {"tweet_id": "3", "author_id": "shop", "inbound": "False", "text": "Have you tried the other end?", "in_response_to_tweet_id": "2"},
        {"tweet_id": "2", "author_id": "7", "inbound": "True", "text": "my knob is stuck again", "in_response_to_tweet_id": ""},
        {"tweet_id": "4", "author_id": "7", "inbound": "True", "text": "yes I have tried it", "in_response_to_tweet_id": "3"},
        {"tweet_id": "5", "author_id": "shop", "inbound": "False", "text": "Then send it to us.", "in_response_to_tweet_id": "4"},
        {"tweet_id": "9", "author_id": "8", "inbound": "True", "text": "anybody there at all?", "in_response_to_tweet_id": ""},
    ]  # fmt: skip
    rows = [{**row, "created_at": f"2025-01-01T10:0{row['tweet_id']}:00Z"} for row in rows]
    (tmp_path / "t.jsonl").write_text("\n".join(map(json.dumps, rows)))
    made, skipped, _ = make(tmp_path, "t.jsonl")
    assert [content for _, content in said(made[0])] == [
        "my knob is stuck again",
        "Have you tried the other end?",
        "yes I have tried it",
        "Then send it to us.",
    ]
    assert [one.reason for one in skipped] == ["no_answer"]


def test_a_silence_begins_a_conversation(tmp_path):
    rows = [
        ("2025-01-01 10:00:00", "bob", "is it so?"),
        ("2025-01-01 10:01:00", "ann", "it is so"),
        ("2025-01-01 15:00:00", "cid", "was it so?"),
        ("2025-01-01 15:02:00", "ann", "it was so"),
    ]
    with (tmp_path / "t.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("time", "sender", "message"), *rows])
    with pytest.raises(BadData, match="no column says which turns belong together"):
        make(tmp_path, "t.csv")
    made, _, _ = make(tmp_path, "t.csv", gap_minutes=30, agents=("ann",))
    assert [said(row)[1][1] for row in made] == ["it is so", "it was so"]


def test_files_that_are_no_logs(tmp_path):
    (tmp_path / "t.txt").write_text("just words\nand words\n")
    (tmp_path / "n.csv").write_text("a,b\n1,2\n3,4\n")
    with pytest.raises(BadData) as error:
        make(tmp_path, "t.txt", "n.csv")
    assert [problem.where for problem in error.value.problems][:2] == ["t.txt", "n.csv"]


TURNS = st.lists(
    st.tuples(st.sampled_from("123"), st.sampled_from(["ann", "bob", "cid", "helpbot"]), st.sampled_from(["", "hi", "I am out of the office until May.", "is it so?", "yes\n-- \nAnn", "> quoted", "<p>a</p>"])),
    min_size=1, max_size=15,
)  # fmt: skip


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(TURNS)
def test_every_turn_is_used_or_reported(tmp_path, turns):
    rows = [{"thread_id": thread, "author": author, "text": text} for thread, author, text in turns]
    (tmp_path / "t.jsonl").write_text("\n".join(map(json.dumps, rows)))
    for row in make(tmp_path, "t.jsonl", thread="thread_id", text="text")[0]:
        roles = [m.role for m in row.messages]
        assert roles == ["user", "assistant"] * (len(roles) // 2)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(st.binary(max_size=200), st.sampled_from([".csv", ".json", ".jsonl", ".parquet"]))
def test_any_bytes(tmp_path, data, suffix):
    path = tmp_path / f"t{suffix}"
    path.write_bytes(data)
    try:
        list(threads([path.name], tmp_path, Silent(), ThreadWishes(gap_minutes=5)))
    except BadData as error:
        check(error)
