"""The shapes of OpenAI's API for stored things, as they stand on the wire: files, uploads, fine-tuning, models.

Requests (`…Request`) are parsed strictly: a number in quotes is no number, and an unknown parameter is a typing mistake. Answers are what the
official clients read. The contract names the source of every field.
"""

from __future__ import annotations

from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import BeforeValidator, ConfigDict, Field

from tunesmith.spec.noun import Noun

Purpose = Literal["assistants", "batch", "fine-tune", "vision", "user_data", "evals"]
"""What a client may upload a file for."""
AnyPurpose = Literal["assistants", "assistants_output", "batch", "batch_output", "fine-tune", "fine-tune-results", "vision", "user_data", "evals"]
JobState = Literal["validating_files", "queued", "running", "paused", "succeeded", "failed", "cancelled"]
Metadata = Annotated[
    dict[Annotated[str, Field(max_length=64)], Annotated[str, Field(max_length=512)]],
    Field(max_length=16),
]
T = TypeVar("T")


class Request(Noun):
    """What a client sends."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)


class ExpiresAfter(Request):
    """When a file ceases to be."""

    anchor: Literal["created_at"]
    seconds: int = Field(ge=3600, le=2_592_000)


class UploadRequest(Request):
    """POST /uploads."""

    bytes: int = Field(ge=1)
    filename: str = Field(min_length=1, max_length=512)
    mime_type: str = Field(max_length=256)
    purpose: Purpose
    expires_after: ExpiresAfter | None = None


class CompleteRequest(Request):
    """POST /uploads/{id}/complete."""

    part_ids: list[str] = Field(min_length=1, max_length=10_000)
    """In the order in which the parts are joined."""
    md5: str | None = Field(default=None, max_length=64)


def _none_for_auto(value: Any) -> Any:
    return None if value == "auto" else value


def _auto(number: type) -> BeforeValidator:
    return BeforeValidator(_none_for_auto, json_schema_input_type=Literal["auto"] | number | None)


class Hyperparameters(Request):
    """What every method has; None is `auto`."""

    n_epochs: Annotated[Annotated[int, Field(ge=1, le=50)] | None, _auto(int)] = None
    batch_size: Annotated[Annotated[int, Field(ge=1, le=256)] | None, _auto(int)] = None
    learning_rate_multiplier: Annotated[Annotated[float, Field(gt=0.0)] | None, _auto(float)] = None

    def wire(self) -> dict[str, Any]:
        """As a client wrote it: `auto` where nothing was chosen."""
        return {name: "auto" if value is None else value for name, value in self.model_dump().items()}


class DpoHyperparameters(Hyperparameters):
    """Of direct preference optimisation."""

    beta: Annotated[Annotated[float, Field(gt=0.0, le=2.0)] | None, _auto(float)] = None


class Supervised(Request):
    """The block of the supervised method."""

    hyperparameters: Hyperparameters | None = None


class Dpo(Request):
    """The block of direct preference optimisation."""

    hyperparameters: DpoHyperparameters | None = None


class Method(Request):
    """How to train: a type, and the block of that type."""

    type: Literal["supervised", "dpo", "reinforcement"]
    supervised: Supervised | None = None
    dpo: Dpo | None = None
    reinforcement: dict[str, Any] | None = None


class WandbBlock(Request):
    """Where to report to."""

    project: str
    name: str | None = None
    entity: str | None = None
    tags: list[str] | None = None


class Integration(Request):
    """A service to report to."""

    type: Literal["wandb"]
    wandb: WandbBlock


class JobRequest(Request):
    """POST /fine_tuning/jobs."""

    model: str = Field(min_length=1, max_length=256)
    training_file: str = Field(min_length=1, max_length=256)
    validation_file: str | None = Field(default=None, min_length=1, max_length=256)
    suffix: str | None = Field(default=None, min_length=1, max_length=64)
    seed: int | None = Field(default=None, ge=0, le=2_147_483_647)
    method: Method | None = None
    hyperparameters: Hyperparameters | None = Field(default=None, json_schema_extra={"deprecated": True})
    integrations: list[Integration] | None = Field(default=None, max_length=5)
    metadata: Metadata | None = None


class PermissionRequest(Request):
    """POST /fine_tuning/checkpoints/{model}/permissions."""

    project_ids: list[Annotated[str, Field(min_length=1, max_length=256)]] = Field(min_length=1, max_length=100)


class FileObject(Noun):
    """A stored file."""

    id: str
    object: Literal["file"] = "file"
    bytes: int
    created_at: int
    expires_at: int | None = None
    filename: str
    purpose: AnyPurpose
    status: Literal["uploaded", "processed", "error"] = "processed"
    status_details: str | None = None


class UploadObject(Noun):
    """A file that is being uploaded in parts."""

    id: str
    object: Literal["upload"] = "upload"
    bytes: int
    created_at: int
    expires_at: int
    filename: str
    purpose: Purpose
    status: Literal["pending", "completed", "cancelled", "expired"]
    file: FileObject | None = None


class PartObject(Noun):
    """A part of an upload."""

    id: str
    object: Literal["upload.part"] = "upload.part"
    created_at: int
    upload_id: str


class JobError(Noun):
    """Why a job failed."""

    code: str
    message: str
    param: str | None


class JobObject(Noun):
    """A fine-tuning job. `hyperparameters` is always an object and `error` null where there is none: scripts look into both."""

    id: str
    object: Literal["fine_tuning.job"] = "fine_tuning.job"
    created_at: int
    finished_at: int | None
    model: str
    fine_tuned_model: str | None
    organization_id: str
    status: JobState
    hyperparameters: dict[str, Any]
    method: dict[str, Any]
    training_file: str
    validation_file: str | None
    result_files: list[str]
    trained_tokens: int | None
    error: JobError | None
    seed: int
    estimated_finish: int | None
    integrations: list[dict[str, Any]]
    metadata: dict[str, str] | None
    user_provided_suffix: str | None
    usage_metrics: None = None
    shared_with_openai: Literal[False] = False


class EventObject(Noun):
    """One thing that a job said."""

    id: str
    object: Literal["fine_tuning.job.event"] = "fine_tuning.job.event"
    created_at: int
    level: Literal["info", "warn", "error"]
    message: str
    type: Literal["message", "metrics"]
    data: dict[str, Any]


class CheckpointObject(Noun):
    """A model that a job left on its way."""

    id: str
    object: Literal["fine_tuning.job.checkpoint"] = "fine_tuning.job.checkpoint"
    created_at: int
    fine_tuned_model_checkpoint: str
    fine_tuning_job_id: str
    step_number: int
    metrics: dict[str, float]


class PermissionObject(Noun):
    """Leave for a key to use a model."""

    id: str
    object: Literal["checkpoint.permission"] = "checkpoint.permission"
    created_at: int
    project_id: str


class ModelObject(Noun):
    """A model that can be asked."""

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: str


class Deleted(Noun):
    """What was deleted."""

    id: str
    object: str
    deleted: Literal[True] = True


class Listing(Noun, Generic[T]):
    """One page of a list."""

    object: Literal["list"] = "list"
    data: list[T]
    first_id: str | None = None
    last_id: str | None = None
    has_more: bool = False
