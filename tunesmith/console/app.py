"""A home folder and a configuration → the application that answers on the public port."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import structlog
from fastapi import FastAPI, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

import tunesmith
from tunesmith.console import batches, evals, failures, files, fine_tuning, graders, inference, models, permissions, uploads
from tunesmith.console.access import Caller
from tunesmith.console.children import Children
from tunesmith.console.configuration import Configuration
from tunesmith.console.failures import ApiError, Reply
from tunesmith.console.gate import Gate
from tunesmith.console.state import Console, open_console
from tunesmith.console.sweeper import SWEEP_GAP_S, sweep
from tunesmith.errors import TunesmithError

LOG = structlog.get_logger("tunesmith.console")
METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def make_app(home: Path, configuration: Configuration | None = None, children: Children | None = None) -> FastAPI:
    """The application, its store open. `children` are shown in /health; whoever made them starts and stops them.

    Raises: StoreUnusable.
    """
    console = open_console(home, configuration or Configuration(), children)
    app = FastAPI(
        title="Tunesmith",
        version=tunesmith.__version__,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        strict_content_type=False,  # curl's `-d` without a header is JSON too
        lifespan=_lifespan,
        telemetry={"tracing": False, "metrics": False, "logs": False, "operation_spans": False, "auto_configure": False},
    )
    app.state.console = console
    failures.install(app)
    app.add_api_route("/health", health, methods=["GET"], tags=["server"])
    app.add_api_route("/metrics", metrics, methods=["GET"], tags=["server"])
    for part in (files, uploads, fine_tuning, permissions, models, inference, batches, graders, evals):
        app.include_router(part.router)
    app.add_middleware(Gate, console=console)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    console: Console = app.state.console
    await run_in_threadpool(uploads.mend, console)
    sweeping = asyncio.create_task(_sweep_for_ever(console))
    yield
    sweeping.cancel()
    with suppress(asyncio.CancelledError):
        await sweeping
    console.store.close()


async def _sweep_for_ever(console: Console) -> None:
    while True:
        try:
            await run_in_threadpool(sweep, console)
        except (TunesmithError, OSError) as error:  # a full or busy disk: the next round tries again
            LOG.warning("sweeping failed", failure=type(error).__name__)
        await asyncio.sleep(SWEEP_GAP_S)


async def health(request: Request) -> Response:
    """Whether this server is well: 200 as long as it answers; `degraded` while a child is being started."""
    console: Console = request.app.state.console
    states = console.children.states() if console.children is not None else {}
    if states.get("engine") == "running" and not console.engine_socket.exists():  # its process is there, and does not listen yet
        states["engine"] = "starting"
    status = "ok" if all(state == "running" for state in states.values()) else "degraded"
    return Reply({"status": status, "version": tunesmith.__version__, "children": states})


async def metrics(request: Request) -> Response:
    """The numbers, for Prometheus: to whoever asks from this machine, and to keys with the scope `admin` from elsewhere."""
    caller: Any = request.scope.get("tunesmith.caller")
    is_admin = isinstance(caller, Caller) and "admin" in caller.scopes
    if not is_admin and not _is_loopback(request):
        raise ApiError(403, "Metrics are for this machine and for keys with the scope admin.", code="missing_scope")
    console: Console = request.app.state.console
    return Response(console.measures.page(), media_type=METRICS_TYPE)


def _is_loopback(request: Request) -> bool:
    try:
        return request.client is not None and ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:  # a UNIX socket, or the name that a test's client gives itself
        return False
