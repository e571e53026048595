"""A file from elsewhere → its passages, read by another process with bounded memory and time.

PDFium and libxml2 are large programs in C, and a document may be made to break, to blow up or to keep busy whoever reads it. The reader therefore is a
process of its own: what kills it costs one file, and is told. It starts once for many files (about 0.3 s) and again after each that it did not survive.
"""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType

from tunesmith.data.make.read import Read, as_skipped, read_document
from tunesmith.errors import BadData, MissingDependency, Problem, TunesmithError, from_json
from tunesmith.spec.making import Limits
from tunesmith.spec.passage import Passage, Skipped
from tunesmith.store.parent import die_with
from tunesmith.store.programs import program

LOOK_S = 0.2
START_S = 120.0
"""How long the other process may take to start: on a busy machine that is many times its usual 0.3 s, and no fault of the file."""
CHUNK = 1 << 16
ERROR_CHARACTERS = 200
ERROR_BYTES = 4_096


class Reader:
    """The other process, as a context: closed, it is gone."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._process: subprocess.Popen[bytes] | None = None
        self._is_ready = False
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  (closed with the reader)

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._end()
        self._errors.close()

    def read(self, path: Path, file: str, look: Callable[[], None]) -> Iterator[Read]:
        """The passages of one file, or what is wrong with it; `look` is called again and again while it is read, and may raise.

        Raises: MissingDependency.
        """
        finished = False
        try:
            for line in self._lines({"path": str(path), "file": file}, look):
                if "passage" in line:
                    yield Passage.model_validate(line["passage"])
                elif "skipped" in line:
                    yield Skipped.model_validate(line["skipped"])
                elif "error" in line:
                    finished = True
                    yield from told(line["error"], file)
                else:
                    finished = True
        except TimeoutError:
            got = f"more than {self.limits.seconds:g} s"
            problem = Problem("takes too long to read", got=got, fix="split it into parts, or save it again with another program")
            yield as_skipped(problem, file, "too_slow")
        finally:
            if not finished:  # it is still at work, or dead
                self._end()

    def _lines(self, request: dict[str, str], look: Callable[[], None]) -> Iterator[dict[str, object]]:
        """What the process says to a request, up to its last word."""
        process = self._asked(request)
        assert process.stdout is not None
        buffer = bytearray()
        waited = 0.0  # whoever takes the passages may need any time for each, and so may the start
        while True:
            start = time.monotonic()
            ready, _, _ = select.select([process.stdout], [], [], LOOK_S)
            waited += time.monotonic() - start
            look()
            if waited > (self.limits.seconds if self._is_ready else START_S):
                raise TimeoutError
            if not ready:
                continue
            chunk = os.read(process.stdout.fileno(), CHUNK)
            if not chunk:
                yield {"error": died(process, self._last_words())}
                return
            buffer += chunk
            *lines, rest = buffer.split(b"\n")
            buffer = bytearray(rest)
            for line in lines:
                said = json.loads(line)
                if "ready" in said:
                    self._is_ready, waited = True, 0.0
                    continue
                yield said
                if "done" in said or "error" in said:
                    return

    def _asked(self, request: dict[str, str]) -> subprocess.Popen[bytes]:
        """The process, with a request put to it; a new one if the last one is gone."""
        line = json.dumps(request).encode() + b"\n"
        for _ in range(2):
            process = self._started()
            assert process.stdin is not None
            try:
                process.stdin.write(line)
                process.stdin.flush()
                return process
            except BrokenPipeError:
                self._end()
        raise BadData("the program that reads documents does not start", where=sys.executable, fix="run it again; if it stays so, please report it")

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._process.poll() is not None:
            self._end()
        if self._process is None:
            asked = json.dumps({"limits": self.limits.model_dump(mode="json"), "parent": os.getpid()})
            command = [*program(__name__), asked]
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors)
            self._is_ready = False
        return self._process

    def _last_words(self) -> str:
        """The last line that the process wrote to its standard error."""
        self._errors.seek(0)
        lines = self._errors.read()[-ERROR_BYTES:].decode("utf-8", "replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "")

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()
        process.wait()


def died(process: subprocess.Popen[bytes], said: str) -> dict[str, object]:
    """Why the process ended in the middle of a file, as an error; `said` are its last words."""
    status = process.wait()
    name = signal.Signals(-status).name if status < 0 and -status in {s.value for s in signal.Signals} else f"status {status}"
    got = f"{name}: {said[:ERROR_CHARACTERS]}" if said else name
    problem = Problem("breaks the program that reads it", got=got, fix="save it again with another program; it may be damaged or made to do harm")
    return BadData(problems=[problem]).to_json()


def told(error: object, file: str) -> Iterator[Skipped]:
    """An error of the process, as what is skipped.

    Raises: MissingDependency, since then no file of this kind can be read.
    """
    assert isinstance(error, dict)
    known: TunesmithError = from_json(error)
    if isinstance(known, MissingDependency):
        raise known
    for problem in known.problems:
        yield as_skipped(problem, file)


def main(argv: Sequence[str]) -> None:
    """The other process: a request a line on standard input, passages as lines on standard output."""
    given = json.loads(argv[0])
    limits = Limits.model_validate(given["limits"])
    die_with(given["parent"])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C in the terminal is the other side's business
    resource.setrlimit(resource.RLIMIT_AS, (limits.memory_bytes, limits.memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what libraries print must not come between the lines
    print(json.dumps({"ready": True}), file=out, flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        for said in answers(Path(request["path"]), request["file"], limits):
            out.write(json.dumps(said) + "\n")
        out.flush()


def answers(path: Path, file: str, limits: Limits) -> Iterator[dict[str, object]]:
    """What is said about one file."""
    try:
        for one in read_document(path, file, limits):
            name = "passage" if isinstance(one, Passage) else "skipped"
            yield {name: one.model_dump(mode="json", exclude_defaults=True)}
    except TunesmithError as error:
        yield {"error": error.to_json()}
        return
    except MemoryError:
        problem = Problem("needs too much memory to read", where=file, got=f"more than {limits.memory_bytes:,} bytes", fix="split it into parts")
        yield {"error": BadData(problems=[problem]).to_json()}
        return
    except Exception as error:  # the process boundary: a file that a library cannot take must not end the others
        got = f"{type(error).__name__}: {str(error)[:ERROR_CHARACTERS]}"
        problem = Problem("cannot be read", where=file, got=got, fix="save it again with another program")
        yield {"error": BadData(problems=[problem]).to_json()}
        return
    yield {"done": True}
