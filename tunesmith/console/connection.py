"""The bytes of one connection → requests, by uvicorn's protocol; what is no HTTP is refused in the one error body, and who does not finish is let go.

uvicorn takes the class of its protocol as a setting. Its own refusals are plain text, it waits for the head of a request for ever, and where half
of a body turns out to be nonsense after the answer has begun it fails with a traceback.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from http import HTTPStatus

import structlog
from uvicorn.protocols.http.h11_impl import H11Protocol

from tunesmith.console.failures import ApiError, reply
from tunesmith.console.ids import new_id

LOG = structlog.get_logger("tunesmith.console")
HEAD_S = 30.0
"""The head of a request, and what is left of a body after its answer, may take so long."""
LINGER_S = 5.0
"""Whoever was refused, here or by a route that does not want the rest of a body (`gate.py`), may go on talking for so long."""
TOO_LARGE = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE


class Connection(H11Protocol):
    """One connection."""

    _timer: asyncio.TimerHandle | None = None
    """Runs while something is waited for that belongs to no request under way."""
    _has_begun = False
    """Something of it came."""
    _is_refused = False
    """Whatever else comes is not read."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        """Somebody connected."""
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection has ended."""
        self._cease()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Some bytes came: a whole request, or a piece of one."""
        if not self._is_refused:
            super().data_received(data)
        if self._is_refused:
            return
        if self._is_answering() or self.transport.is_closing():
            self._cease()
        else:
            self._wait()
            self._has_begun = True

    def on_response_complete(self) -> None:
        """An answer was said to its end. Who still talks has been listened to long enough (`gate.py`)."""
        cycle = self.cycle
        super().on_response_complete()  # may begin the next one
        if cycle is not None and cycle.more_body:
            self.transport.close()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP; called by uvicorn while it handles the parser's exception."""
        if getattr(sys.exc_info()[1], "error_status_hint", None) == TOO_LARGE:
            self._refuse(ApiError(TOO_LARGE, "The head of the request is too large.", code="headers_too_large"))
        else:
            self._refuse(ApiError(400, "This is no HTTP request that can be read.", code="invalid_http"))

    def _wait(self) -> None:
        if self._timer is None:
            self._timer = self.loop.call_later(HEAD_S, self._give_up)

    def _cease(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._has_begun = False

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _give_up(self) -> None:
        self._timer = None
        if self._has_begun:
            self._refuse(ApiError(408, "The head of the request did not arrive in time.", code="timeout"))
        elif not self.transport.is_closing():
            self.transport.close()

    def _refuse(self, error: ApiError) -> None:
        """Answer with the error, unless another answer has begun, and end the connection."""
        if self.transport.is_closing():
            return
        cycle = self.cycle
        is_told = cycle is not None and cycle.response_started and (cycle.more_body or not cycle.response_complete)
        if not is_told:
            answer, name = reply(error), new_id("req_")
            answer.headers.update({"x-request-id": name, "connection": "close"})
            head = [f"HTTP/1.1 {error.status_code} {HTTPStatus(error.status_code).phrase}".encode()]
            head += [key + b": " + value for key, value in answer.raw_headers]
            LOG.info("request", id=name, method=None, route="unmatched", status=int(error.status_code), failure=error.code)
            self.transport.write(b"\r\n".join(head) + b"\r\n\r\n" + bytes(answer.body))
            with suppress(OSError):  # it may be gone already
                self.transport.write_eof()
        if cycle is not None and not cycle.response_complete:  # whoever makes its answer must not write into what was just said
            cycle.disconnected = True
            cycle.message_event.set()
        self._cease()
        self._is_refused = True
        self._timer = self.loop.call_later(0 if is_told else LINGER_S, self.transport.close)  # at once, the answer would be lost with the connection
        self.flow.resume_reading()
