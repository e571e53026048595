"""`/v1/batches`: the request, and the batch as clients read it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from tunesmith.spec.noun import Noun
from tunesmith.spec.openai import ExpiresAfter, Metadata
from tunesmith.spec.wire import Wire

Endpoint = Literal["/v1/responses", "/v1/chat/completions", "/v1/embeddings", "/v1/completions", "/v1/moderations"]
BatchState = Literal["validating", "failed", "in_progress", "finalizing", "completed", "expired", "cancelling", "cancelled"]
FINAL: frozenset[str] = frozenset({"failed", "completed", "expired", "cancelled"})


class BatchRequest(Wire):
    """POST /v1/batches."""

    input_file_id: str = Field(min_length=1, max_length=256)
    endpoint: Endpoint
    completion_window: Literal["24h"]
    metadata: Metadata | None = None
    output_expires_after: ExpiresAfter | None = None
    """How long the files that the batch makes are kept."""


class BatchFault(Noun):
    """One thing that is wrong with the input file."""

    code: str
    message: str
    param: str | None = None
    line: int | None = None
    """1-based, as an editor counts."""


class BatchFaults(Noun):
    """Everything that is wrong with the input file."""

    object: Literal["list"] = "list"
    data: list[BatchFault]


class RequestCounts(Noun):
    """How far a batch is."""

    total: int = 0
    completed: int = 0
    failed: int = 0


class BatchUsage(Noun):
    """What all answers of a batch cost."""

    input_tokens: int = 0
    input_tokens_details: dict[str, int] = Field(default_factory=lambda: {"cached_tokens": 0})
    output_tokens: int = 0
    output_tokens_details: dict[str, int] = Field(default_factory=lambda: {"reasoning_tokens": 0})
    total_tokens: int = 0


class BatchObject(Noun):
    """A batch. Times are Unix seconds."""

    id: str
    object: Literal["batch"] = "batch"
    endpoint: str
    model: str | None = None
    """The model that all lines ask, if it is one."""
    errors: BatchFaults | None = None
    input_file_id: str
    completion_window: str
    status: BatchState
    output_file_id: str | None = None
    error_file_id: str | None = None
    created_at: int
    in_progress_at: int | None = None
    expires_at: int
    finalizing_at: int | None = None
    completed_at: int | None = None
    failed_at: int | None = None
    expired_at: int | None = None
    cancelling_at: int | None = None
    cancelled_at: int | None = None
    request_counts: RequestCounts = RequestCounts()
    usage: BatchUsage = Field(default_factory=BatchUsage)
    metadata: dict[str, str] | None = None

    @classmethod
    def of(cls, name: str, created_at: float, body: dict[str, Any]) -> BatchObject:
        """The batch that is stored under this id; what only the server needs stays out."""
        known = {key: value for key, value in body.items() if key in cls.model_fields}
        return cls(id=name, created_at=int(created_at), **known)
