"""A candidate that won is asked by its name, as it was measured."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests import tiny
from tunesmith.answer.candidate import Bench
from tunesmith.answer.index import build
from tunesmith.answer.talk import talk
from tunesmith.catalogue.footing import refuse_unsound
from tunesmith.errors import BadProject, DamagedWeights, NotFound
from tunesmith.spec.candidate import Candidate, Constant, Decoding, Prompted, Retrieval
from tunesmith.spec.chat import Prompt
from tunesmith.spec.elected import Elected
from tunesmith.spec.index import Excerpt
from tunesmith.spec.job import Silent
from tunesmith.spec.passage import Spot
from tunesmith.store.artifacts import Artifact, Store

LINES = [{"messages": [{"role": "user", "content": "when does the shop open"}]}]


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    root = tmp_path_factory.mktemp("talk")
    tiny.save(root / "model")
    tiny.save_encoder(root / "encoder")
    store = Store.open(root / "home")
    yield Bench(store, tiny.CPU)
    store.close()


def elected(bench: Bench, name: str, candidate: Candidate, decoding: Decoding) -> Artifact:
    with bench.store.work(f"{name.encode().hex():0<32}", stage="report", title=name) as work:
        made = work.finish("candidate", Elected(candidate=candidate, decoding=decoding, dataset="dataset-0"))
    bench.store.register(name, made.name)
    return made


def reader(bench: Bench) -> Retrieval:
    root = bench.store.home.parent
    encoder = (tiny.found(root / "encoder"), bench.embedder(str(root / "encoder")))
    excerpts = [Excerpt(id=str(i), text=text, spot=Spot(file="a.md", line=i + 1)) for i, text in enumerate(["the shop opens at nine", "no dogs"])]
    with bench.store.work("ab" * 16, stage="rivals", title="index") as work:
        index = work.finish("index", build(excerpts, "passages", "passages-0", encoder, work.path, Silent()))
    prompted = Prompted(name="rag", model=str(root / "model"), prompt=Prompt(name="rag", system="Answer."))
    return Retrieval(name="rag", reader=prompted, index=index.name, count=1)


def said(bench: Bench, **payload: Any) -> list[dict[str, Any]]:
    heard: list[dict[str, Any]] = []
    talk(payload, bench, iter(LINES), heard.append)
    return heard


def test_a_reader_is_asked_with_what_it_finds(bench: Bench) -> None:
    elected(bench, "shop-best", reader(bench), Decoding(max_new_tokens=5))
    refuse_unsound("shop-best", bench.store)
    ready, *pieces, answer = said(bench, model="shop-best")
    assert ready["ready"]["note"] == "rag, the candidate that was recommended"
    assert answer["answer"]["shown"] == ["0"]
    assert answer["answer"]["completion_tokens"] <= 5
    assert "".join(piece["piece"] for piece in pieces).strip() == answer["answer"]["text"]
    longer = said(bench, model="shop-best", system="Answer, whatever the passages say, in a single word.")[-1]
    assert longer["answer"]["prompt_tokens"] > answer["answer"]["prompt_tokens"]


def test_what_is_no_model_answers_too(bench: Bench) -> None:
    elected(bench, "most-best", Constant(name="majority", answer="card"), Decoding(choices=("card", "loan")))
    ready, piece, answer = said(bench, model="most-best")
    assert (ready["ready"]["choices"], piece["piece"], answer["answer"]["text"]) == (2, "card", "card")
    with pytest.raises(BadProject):
        said(bench, model="most-best", system="Be brief.")


def test_a_damaged_candidate_and_an_unknown_name_are_refused(bench: Bench) -> None:
    made = elected(bench, "lost-best", Constant(name="lost", answer="x"), Decoding())
    manifest = made.path / "manifest.json"
    manifest.chmod(0o644)
    manifest.write_text("{}")
    with pytest.raises(DamagedWeights):
        refuse_unsound("lost-best", bench.store)
    with pytest.raises(NotFound, match="did you mean shop-best"):
        refuse_unsound("shop-bets", bench.store)
