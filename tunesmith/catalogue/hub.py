"""A model's name on the hub → its safetensors, configuration and tokenizer in a folder. Nothing else is fetched: no pickles, no code."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huggingface_hub import HfApi, hf_hub_download
from huggingface_hub.errors import EntryNotFoundError, GatedRepoError, HfHubHTTPError, RepositoryNotFoundError, RevisionNotFoundError
from tqdm.auto import tqdm  # type: ignore[import-untyped]

from tunesmith.catalogue.folder import GET_SAFETENSORS, INDEX, PICKLES, is_kept
from tunesmith.errors import DamagedWeights, Interrupted, NotFound, TunesmithError, UnsafeWeights, Unsupported
from tunesmith.spec.job import Monitor, Progress

NAME = re.compile(r"(?P<repo>[\w][\w.-]*/[\w][\w.-]*)(?:@(?P<revision>[\w][\w./-]*))?")
TIMEOUT_S = 20.0
TRANSPORT: type[Exception] = HfHubHTTPError.__bases__[0]
"""The root of the client's network errors. The library changed its HTTP package between versions; its own error's parent names the right one."""


@dataclass(frozen=True)
class HubName:
    """`owner/name`, and the branch, tag or commit if one was asked for."""

    repo: str
    revision: str | None = None

    def __str__(self) -> str:
        return f"{self.repo}@{self.revision}" if self.revision else self.repo


def hub_name(text: str) -> HubName | None:
    """The name if `text` has its form: `owner/name` or `owner/name@revision`."""
    found = NAME.fullmatch(text)
    return HubName(found["repo"], found["revision"]) if found else None


def fetch(name: HubName, folder: Path, monitor: Monitor, *, offline: bool, endpoint: str | None = None) -> str:
    """The commit whose files now lie in `folder`. Files that an interrupted pull left there are not fetched again.

    `endpoint` is another hub's address; the default is the library's.
    Raises: Unsupported if the hub is forbidden. NotFound if it does not have the model or cannot be reached. UnsafeWeights if there are only
        pickles. DamagedWeights if a file comes out shorter than announced. Interrupted.
    """
    if offline:
        fix = f"unset HF_HUB_OFFLINE, or copy the model here and `tunesmith models pull FOLDER` ({name.repo})"
        raise Unsupported("the model hub is switched off", where=str(name), got="HF_HUB_OFFLINE=1", expected="a model on this machine", fix=fix)
    try:
        info = HfApi(endpoint=endpoint).model_info(name.repo, revision=name.revision, files_metadata=True, timeout=TIMEOUT_S)
        sizes = {file.rfilename: file.size or 0 for file in info.siblings or []}
        refuse_without_safetensors(name, list(sizes))
        wanted = sorted((file for file in sizes if is_kept(file)), key=lambda file: sizes[file])  # the small ones first: problems show early
        done = 0
        total = sum(sizes[file] for file in wanted)
        for file in wanted:
            bar = bar_for(monitor, f"downloading {name.repo}", done, total)
            hf_hub_download(name.repo, file, revision=info.sha, local_dir=folder, endpoint=endpoint, tqdm_class=bar, etag_timeout=TIMEOUT_S)
            done += sizes[file]
    except (HfHubHTTPError, EntryNotFoundError, TRANSPORT, OSError, ValueError) as error:
        raise explain(error, name) from error
    return str(info.sha)


def refuse_without_safetensors(name: HubName, files: list[str]) -> None:
    """Raises: UnsafeWeights if the repository holds pickles only; NotFound if it holds no weights, or only GGUF files."""
    if "model.safetensors" in files or INDEX in files:
        return
    pickles = [file for file in files if file.lower().endswith(PICKLES)]
    if pickles:
        shown = ", ".join(pickles[:3])
        raise UnsafeWeights("pickled weights are never loaded", where=str(name), got=shown, expected="model.safetensors", fix=GET_SAFETENSORS)
    ggufs = [file for file in files if file.endswith(".gguf")]
    fix = f"download {ggufs[0]} and `tunesmith models pull` that file" if ggufs else "choose a repository with safetensors"
    raise NotFound("no safetensors in the repository", where=str(name), got=f"{len(files)} files", expected="model.safetensors", fix=fix)


def bar_for(monitor: Monitor, label: str, before: int, total: int) -> type[Any]:
    """A progress bar class, as the hub's client wants it, that shows nothing and tells the monitor instead."""

    class Bar(tqdm):  # type: ignore[misc]
        """Counts bytes; raises Interrupted at the next chunk once the user wants a stop."""

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            kwargs.pop("name", None)
            super().__init__(*args, **(kwargs | {"disable": True}))
            self.seen = float(kwargs.get("initial") or 0)

        def update(self, n: float | None = 1) -> bool | None:
            self.seen += n or 0
            monitor.emit(Progress(label=label, done=before + self.seen, total=float(total), unit="bytes"))
            if monitor.stopping():
                raise Interrupted("the download was stopped", fix="the same command goes on where it was")
            return None

    return Bar


def explain(error: Exception, name: HubName) -> TunesmithError:
    """What the hub's refusal means; something that is not the hub's is handed back as it is."""
    got = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"[:300]
    match error:
        case GatedRepoError():
            fix = f"accept the licence on the model's page, then `hf auth login` ({name.repo})"
            return NotFound("the model asks you to accept its licence", where=str(name), got=got, expected="a login with access", fix=fix)
        case RevisionNotFoundError():
            return NotFound("no such revision", where=str(name), got=got, expected="a branch, tag or commit", fix="leave out @revision")
        case RepositoryNotFoundError():
            fix = "check the spelling; private models need `hf auth login`"
            return NotFound("the hub has no such model", where=str(name), got=got, expected="owner/name", fix=fix)
        case OSError() if "Consistency check failed" in str(error):
            return DamagedWeights("a file came out different from what was announced", where=str(name), got=got, fix="pull again")
        case OSError() if error.errno is not None and not isinstance(error, ConnectionError | TimeoutError):
            raise error
        case _:
            fix = "check the network; without one, `tunesmith models pull FOLDER` takes a copy"
            return NotFound("the hub cannot be reached", where=str(name), got=got, expected="an answer", fix=fix)
