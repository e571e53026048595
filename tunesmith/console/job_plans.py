"""A request for a fine-tuning job → the payload of the job, its files snapshotted; or the first thing that is wrong with it.

What a shape can say is checked in `spec/openai.py`; here is what depends on the store and on several fields together.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
from pathlib import Path
from typing import Any

from tunesmith.console import stored_files
from tunesmith.console.access import Caller
from tunesmith.console.failures import ApiError
from tunesmith.console.names import Target, bases, find
from tunesmith.console.state import Console
from tunesmith.spec.openai import DpoHyperparameters, Hyperparameters, JobRequest
from tunesmith.store.disk import disk_faults, sync_folder

SUFFIX = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _.-]*")
SEEDS = 2_147_483_648
TRAINING, VALIDATION = "training.jsonl", "validation.jsonl"


def plan(console: Console, caller: Caller, body: JobRequest, job_id: str) -> tuple[dict[str, Any], Target]:
    """(the payload of the job, the model it starts from). Nothing is written.

    Raises: ApiError 400.
    """
    target = _start(console, caller, body.model)
    method = _method(body)
    if body.suffix is not None and not SUFFIX.fullmatch(body.suffix):
        message = "Invalid 'suffix': expected letters, digits, spaces, '_', '.' and '-', beginning with a letter or digit."
        raise ApiError(400, message, param="suffix", code="invalid_value")
    if body.integrations:
        message = "Invalid 'integrations': this server reports to no Weights & Biases. The job's events and its result file hold every number."
        raise ApiError(400, message, param="integrations", code="invalid_value")
    _file(console, caller, body.training_file, "training_file")
    if body.validation_file is not None:
        _file(console, caller, body.validation_file, "validation_file")
    return {
        "model": body.model,
        "base": target.base,
        "start": target.checkpoint,
        "training_file": body.training_file,
        "validation_file": body.validation_file,
        "training_path": f"jobs/{job_id}/{TRAINING}",
        "validation_path": f"jobs/{job_id}/{VALIDATION}" if body.validation_file is not None else None,
        "method": method,
        "suffix": body.suffix,
        "seed": body.seed if body.seed is not None else secrets.randbelow(SEEDS),
        "metadata": body.metadata,
        "integrations": [],
        "organization": console.configuration.organization,
        "owner": caller.key_id,
        "block_personal_data": caller.limits.personal_data_blocks,
    }, target


def snapshot(console: Console, job_id: str, payload: dict[str, Any]) -> None:
    """Put the files of the job beside it: whoever deletes a file later does not break the job. Raises: ApiError, StoreUnusable."""
    folder = console.store.home / "jobs" / job_id
    with disk_faults(folder):
        folder.mkdir()
        for file, path in ((payload["training_file"], payload["training_path"]), (payload["validation_file"], payload["validation_path"])):
            if file is not None:
                _copy(stored_files.content(console, stored_files.find(console, file, None)), console.store.home / path)
        sync_folder(folder)


def drop_snapshot(console: Console, job_id: str) -> None:
    """Delete what `snapshot` made for a job that did not come to be."""
    shutil.rmtree(console.store.home / "jobs" / job_id, ignore_errors=True)


def _copy(source: Path, target: Path) -> None:
    """A second name for the content, which nobody ever changes; a copy where the file system has no second names."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _start(console: Console, caller: Caller, name: str) -> Target:
    """Where training starts. Raises: ApiError 400 `model_not_available`, naming the bases of this server."""
    target = find(console, name, caller)
    if target is not None and target.is_trainable:
        return target
    there = ", ".join(model.id for model in bases(console) if model.use != "embed") or "none"
    message = (
        f"Model {name[:120]} is not available for fine-tuning or does not exist. Available base models: {there}. `tunesmith models pull` gets others. "
        f"`tunesmith serve --alias {name[:120]}=BASE` lets a name stand for one of them."
    )
    raise ApiError(400, message, param="model", code="model_not_available")


def _method(body: JobRequest) -> dict[str, Any]:
    """The method with its hyperparameters as asked, `auto` written out. Raises: ApiError 400."""
    asked = body.method
    if asked is None:
        return _block("supervised", body.hyperparameters or Hyperparameters())
    if asked.type == "reinforcement":
        raise _no_reinforcement(asked.reinforcement)
    blocks = {"supervised": asked.supervised, "dpo": asked.dpo, "reinforcement": asked.reinforcement}
    foreign = [name for name, block in blocks.items() if block is not None and name != asked.type]
    if foreign:
        raise ApiError(400, f"Invalid 'method': its type is '{asked.type}', but it has a block '{foreign[0]}'.", param="method", code="invalid_value")
    if asked.type == "dpo":
        if asked.dpo is None:
            raise ApiError(400, "Missing required parameter: 'method.dpo'.", param="method", code="missing_required_parameter")
        chosen: Hyperparameters | None = asked.dpo.hyperparameters
    else:
        chosen = asked.supervised.hyperparameters if asked.supervised is not None else None
    if body.hyperparameters is None:
        return _block(asked.type, chosen or (DpoHyperparameters() if asked.type == "dpo" else Hyperparameters()))
    if asked.type == "dpo" or chosen is not None:
        message = f"Invalid 'hyperparameters': with 'method' they belong into 'method.{asked.type}.hyperparameters'."
        raise ApiError(400, message, param="hyperparameters", code="invalid_value")
    return _block(asked.type, body.hyperparameters)


def _block(kind: str, chosen: Hyperparameters) -> dict[str, Any]:
    return {"type": kind, kind: {"hyperparameters": chosen.wire()}}


def _no_reinforcement(block: dict[str, Any] | None) -> ApiError:
    if block is None or block.get("grader") is None:
        param = "method.reinforcement.grader"
        return ApiError(400, f"Missing required parameter: '{param}'.", param=param, code="missing_required_parameter")
    message = "The method 'reinforcement' is not available on this server. Available methods: 'supervised' and 'dpo'."
    return ApiError(400, message, param="method.type", code="unsupported_method")


def _file(console: Console, caller: Caller, name: str, param: str) -> None:
    """Return if this file can be trained with. Raises: ApiError 400."""
    try:
        stored = stored_files.find(console, name, caller)
    except ApiError:
        raise ApiError(400, f"invalid {param}: {name[:120]}. File '{name[:120]}' does not exist.", param=param, code="file_not_found") from None
    purpose = stored.body["purpose"]
    if purpose != "fine-tune":
        message = f"File '{name}' has purpose '{purpose}', expected 'fine-tune'"
        raise ApiError(400, message, param=param, code="invalid_file_purpose")
