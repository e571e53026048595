"""Strategies of files as people export them, and of what goes wrong with them on the way: what the fuzzing of the data doctor draws from.

A file is drawn in three steps: rows of one format, with copies among them; a layout, an encoding and line ends; damage to the bytes. Pieces of text are
those that have broken readers: other scripts, mojibake, control characters, quotes, personal data, code, cells of many kilobytes.
"""

from __future__ import annotations

import csv
import io
import json
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import strategies as st

Pair = tuple[str, str]
Draw = st.DrawFn


class Fuzzed(NamedTuple):
    """A file that may be anything."""

    name: str
    data: bytes
    encoding: str | None
    """What its user says that it is written in; None: nothing."""

    def __repr__(self) -> str:
        shown = self.data if len(self.data) <= 2_000 else self.data[:2_000] + b" ... "
        return f"Fuzzed({self.name!r}, {shown!r}, {self.encoding!r})  # {len(self.data):,} bytes"


PIECES = (
    "how do I reset my PIN?", "where is my card", "Ünïcödé straße", "日本語のテキストです", "مرحبا بالعالم", "Где моя карта?", "cafÃ© Ã¼ber", "&amp; &nbsp;<br>", "<div class='x'>",
    "write to eve@mail.org", "+49 30 901820", "4012 8888 8888 1881", "DE89 3704 0044 0532 0130 00", "password = 'hunter22x'", "\x1b[31mred\x1b[0m", "\x00", "\x07", "\u200b", "\ufeff", "\u2028",
    "\x85", "\x0b\x0c", "\r", "\r\n", "\n\n", "\t", '"', '""', "'", ",", ";", "|", "\\", "\\n", "```json\n{}\n```", "```\nx", '{"a": 1}', "[1, 2", "As an AI language model, I cannot", "TODO", "N/A",
    "...", "[insert name]", "lorem ipsum", "😀👩‍👩‍👧", "e\u0301", "\U0010ffff", "1234567890", "=1+1", "--", "", " ", "null", "nan", "0", "and then and then and then and then and then",
)  # fmt: skip
LABELS = ("card", "Card", "card_lost ", "Card lost", "pin", "```\npin\n```", "", "außer Haus")
HUGE = ("x" * 70_000, "word " * 20_000, "ü" * 40_000, '"' * 30_001, "(" * 20_000, "1" * 50_000, "a,b\n" * 6_000, "🙂" * 30_000)
JUNK = (
    b"\x00", b"9" * 5_000, b"\x1a", b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xf8\x88", b"\xff\xfe", b"\xef\xbb\xbf", b"\x1f\x8b", b"PAR1", b'"', b"'", b"\r", b"\n", b"\r\n", b"\n" * 40, b",", b";;;", b"\t", b"{", b"}", b"[",
    b"]", b"[" * 70, b"[" * 3_000, b'{"a":' * 300, b'\n"never closed', b'\n{"prompt": ' + b"[" * 200 + b"]" * 200 + b', "completion": "x"}\n', b"\nNaN\n", b"\\ud800", b'"\\ud83d"', b"\xe2\x80\xa8", b"1e999",
    b'\n{"messages": [{"role": "user"}]}\n', b'\n{"messages": []}\n', b"\n[]\n", b"\nnull\n", b"\n# Heading\n", b"\xc2\xa0" * 30, b"z" * 3_000,
)  # fmt: skip
ENCODINGS = ("utf-8", "utf-8", "utf-8", "utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "cp1252", "latin-1", "shift_jis", "gb18030", "cp1251")
TABLES = {"table.csv": ",", "table.tsv": "\t", "table.txt": ";", "semicolons.csv": ";", "bars.csv": "|"}
FORMS = ("chat", "completion", "alpaca", "sharegpt", "preference", "rated", "table")

texts = st.lists(st.sampled_from(PIECES) | st.text(max_size=6), max_size=5).map(" ".join)
answers = texts | st.sampled_from(LABELS)
pairs = st.lists(st.tuples(texts, answers), max_size=8)


def row_of(form: str, question: str, answer: str) -> dict[str, Any]:
    """One row in a format that readers know."""
    match form:
        case "chat":
            return {
                "messages": [
                    {"role": "system", "content": "Be short."},
                    {"role": "user", "content": question},
                    {"role": "assistant", "content": answer},
                ]
            }
        case "alpaca":
            return {"instruction": question, "input": "", "output": answer}
        case "sharegpt":
            return {"conversations": [{"from": "human", "value": question}, {"from": "gpt", "value": answer}]}
        case "preference":
            return {"prompt": question, "chosen": answer, "rejected": "no"}
        case "rated":
            return {"prompt": question, "completion": answer, "label": len(answer) % 2 == 0}
        case "table":
            return {"question": question, "answer": answer, "n": len(question)}
        case _:
            return {"prompt": question, "completion": answer}


def written(layout: str, form: str, rows: list[Pair]) -> tuple[str, str]:
    """(file name, text) of rows in a layout that is text."""
    if layout in TABLES:
        page = io.StringIO()
        csv.writer(page, delimiter=TABLES[layout], lineterminator="\n", quoting=csv.QUOTE_ALL).writerows(
            [("text", "label", "note"), *((q, a, "x") for q, a in rows)]
        )
        return layout, page.getvalue()
    found = [row_of(form, q, a) for q, a in rows]
    match layout:
        case "lines":
            return "rows.jsonl", "".join(json.dumps(row, ensure_ascii=len(row) % 2 == 0) + "\n" for row in found)
        case "array":
            return "rows.json", json.dumps(found, ensure_ascii=False, indent=1)
        case "one line":
            return "rows.json", json.dumps(found)
        case "markdown":
            return "page.md", "".join(f"# {q}\n\n{a}\n\n" for q, a in rows)
        case _:
            return "notes.txt", "\n\n".join(f"{q}\n{a}" for q, a in rows)


def parquet(form: str, rows: list[Pair]) -> bytes:
    """The rows as Parquet."""
    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist([row_of(form, q, a) | {"score": float("nan")} for q, a in rows]), out)
    return out.getvalue()


@st.composite
def rows_of_pairs(draw: Draw) -> list[Pair]:
    """Questions with answers; some are copies, some are near copies, now and then one is huge."""
    found: list[Pair] = draw(pairs)
    for kind in draw(st.lists(st.sampled_from(("copy", "other answer", "slip", "huge")), max_size=3)):
        question, answer = draw(st.sampled_from(found)) if found else ("how do I block the card that I lost?", "card")
        match kind:
            case "copy":
                found.append((question.upper(), answer))
            case "other answer":
                found.append((question, "pin"))
            case "slip":
                found.append((question[:5] + question[6:], answer))
            case _:
                found.append((draw(st.sampled_from(HUGE)), answer) if draw(st.booleans()) else (question, draw(st.sampled_from(HUGE))))
    return found


LAYOUTS = (*TABLES, "lines", "lines", "lines", "array", "one line", "markdown", "plain", "parquet")


@st.composite
def sound(draw: Draw) -> Fuzzed:
    """A file that nothing has happened to yet."""
    layout, form, rows = draw(st.sampled_from(LAYOUTS)), draw(st.sampled_from(FORMS)), draw(rows_of_pairs())
    if layout == "parquet":
        return Fuzzed("rows.parquet", parquet(form, rows), None)
    name, text = written(layout, form, rows)
    ends = draw(st.sampled_from(("\n", "\n", "\r\n", "\r")))
    encoding = draw(st.sampled_from(ENCODINGS))
    data = text.replace("\n", ends).encode(encoding, "replace")
    return Fuzzed(name, data, encoding if draw(st.booleans()) else None)


@st.composite
def files(draw: Draw) -> Fuzzed:
    """A file with up to four things done to its bytes, and now and then another file's name."""
    file = draw(sound())
    data = file.data
    for kind in draw(st.lists(st.sampled_from(("flip", "cut", "lose", "double", "junk", "junk")), max_size=4)):
        at = len(data) * draw(st.integers(0, 1_000)) // 1_000
        length = draw(st.integers(1, 60))
        match kind:
            case "flip":
                data = data[:at] + bytes([draw(st.integers(0, 255))]) + data[at + 1 :]
            case "cut":
                data = data[:at]
            case "lose":
                data = data[:at] + data[at + length :]
            case "double":
                data = data[: at + length] + data[at : at + length] + data[at + length :]
            case _:
                data = data[:at] + draw(st.sampled_from(JUNK)) + data[at:]
    name = (
        draw(st.sampled_from(("rows.jsonl", "rows.json", "table.csv", "notes.txt", "page.md", "rows.parquet")))
        if draw(st.integers(0, 9)) == 0
        else file.name
    )
    return Fuzzed(name, data, file.encoding)


anything = (
    files() | sound() | st.builds(Fuzzed, st.sampled_from(("a.csv", "a.jsonl", "a.json", "a.txt", "a.parquet")), st.binary(max_size=400), st.none())
)
