"""`/v1/fine_tuning/alpha/graders`: whether a grader is sound, and what it says about one sample."""

from __future__ import annotations

import time
from typing import Any

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from tunesmith.console import inference
from tunesmith.console.access import Caller, Server
from tunesmith.console.asking import IGNORED_HEADER, unless_gone
from tunesmith.console.batches_lane import read_back
from tunesmith.console.failures import ApiError, Reply, from_ours
from tunesmith.console.graders_grade import FLAGS, NO_EMBEDDER, Graded, Judges, grade
from tunesmith.console.inference import takes
from tunesmith.console.names import bases, resolve
from tunesmith.console.parsing import read
from tunesmith.console.state import Console
from tunesmith.errors import TunesmithError
from tunesmith.measure import graders
from tunesmith.measure.graders_formula import BadFormula
from tunesmith.measure.graders_template import BadTemplate
from tunesmith.spec.wire_graders import AnyGrader, Multi, Other, RunRequest, TextSimilarity, ValidateRequest, judges, plain, without_effect

router = APIRouter(prefix="/v1/fine_tuning/alpha/graders", tags=["graders"])
EMBEDDER = "all-minilm-l6-v2"


@router.post("/validate", openapi_extra=takes(ValidateRequest))
async def validate(request: Request, caller: Server) -> Response:
    """The grader, if it is sound."""
    grader = given(read(ValidateRequest, await request.body()).body.grader)
    await run_in_threadpool(check, request.app.state.console, caller, grader, "grader")
    return Reply({"grader": plain(grader)}, headers=ignored(without_effect(grader)))


@router.post("/run", openapi_extra=takes(RunRequest))
async def run(request: Request, caller: Server) -> Response:
    """What the grader says about a sample. What goes wrong with the sample is told by flags, beside a reward of 0."""
    console: Console = request.app.state.console
    wanted = read(RunRequest, await request.body()).body
    grader = given(wanted.grader)
    await run_in_threadpool(check, console, caller, grader, "grader")
    embedder = await run_in_threadpool(embedder_of, console)

    async def ask(path: str, body: dict[str, Any]) -> dict[str, Any]:
        raw = Reply(body).body
        try:
            return read_back(await inference.answer(console, caller, path, bytes(raw)))
        except TunesmithError as ours:
            raise from_ours(ours) from None

    began = time.monotonic()
    spaces = {"item": wanted.item, "sample": graders.sample_space(wanted.model_sample)}
    found = await unless_gone(request, grade(grader, spaces, Judges(ask, embedder)))
    return Reply(reward(grader, found, time.monotonic() - began), headers=ignored(without_effect(grader)))


def given(grader: AnyGrader | Other) -> AnyGrader:
    """The grader: one that is refused has not come so far."""
    assert not isinstance(grader, Other)
    return grader


def ignored(fields: tuple[str, ...]) -> dict[str, str]:
    """The header that names what was accepted without effect."""
    return {IGNORED_HEADER: ", ".join(fields)} if fields else {}


def check(console: Console, caller: Caller, grader: AnyGrader, param: str) -> None:
    """Return if templates, formula and models of a grader are there.

    Raises: ApiError 400 with `param`, 404 for a model.
    """
    try:
        graders.check(grader)
    except (BadTemplate, BadFormula) as error:
        raise ApiError(400, from_ours(error).message, param=param, code=error.code) from None
    for judge in judges(grader):
        resolve(console, judge.model, caller)
    parts = tuple(grader.named.values()) if isinstance(grader, Multi) else (grader,)
    if any(isinstance(part, TextSimilarity) and part.evaluation_metric == "cosine" for part in parts) and embedder_of(console) is None:
        raise ApiError(400, NO_EMBEDDER, param=f"{param}.evaluation_metric", code="model_not_found")


def embedder_of(console: Console) -> str | None:
    """The model that compares meanings: the usual one, or the first that makes vectors."""
    names = [model.id for model in bases(console) if model.use == "embed"]
    return EMBEDDER if EMBEDDER in names else next(iter(names), None)


def reward(grader: AnyGrader, found: Graded, seconds: float) -> dict[str, Any]:
    """The reply to a run."""
    flags: dict[str, Any] = {name: name in found.errors for name in FLAGS}
    details = {
        "model_grader_server_error_details": found.errors.get("model_grader_server_error"),
        "python_grader_server_error_type": None,
        "python_grader_runtime_error_details": None,
    }
    tokens = {name: used.total for name, used in found.used.items()}
    return {
        "reward": found.score,
        "sub_rewards": found.parts,
        "metadata": {
            "name": grader.name,
            "type": grader.type,
            "errors": flags | details,
            "execution_time": round(seconds, 6),
            "scores": found.parts or {grader.name: found.score},
            "token_usage": sum(tokens.values()) if tokens else None,
            "sampled_model_name": found.model,
        },
        "model_grader_token_usage_per_model": tokens,
    }
