"""Targets → models in memory, within a budget: one network per base with all its adapters, and one per fully tuned checkpoint.

Loading happens beside the answering, in one thread of its own. What is too much for the budget makes what was not asked for longest leave,
but nothing that somebody is being answered with.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from tunesmith.answer.asked import Target
from tunesmith.answer.candidate import Bench, ModelAnswerer, RetrievalAnswerer, checkpoint_files, open_retriever
from tunesmith.answer.engine import Engine
from tunesmith.answer.limits import Limits
from tunesmith.answer.retrieve import Retriever
from tunesmith.answer.tools import call_form
from tunesmith.catalogue.read import local, verify
from tunesmith.errors import BadProject, DoesNotFit, NotFound
from tunesmith.model.device import Placement
from tunesmith.model.load import LoadedModel, load
from tunesmith.model.memory import gigabytes
from tunesmith.model.switch import Adapter, Wardrobe, read_adapter
from tunesmith.model.tool_words import CallForm
from tunesmith.spec.candidate import Retrieval
from tunesmith.spec.chat import Conversation, Message, Prompt
from tunesmith.spec.checkpoint import Checkpoint
from tunesmith.spec.elected import Elected
from tunesmith.spec.model import LocalModel
from tunesmith.store.artifacts import Store

LOG = logging.getLogger(__name__)
REMEMBERED_S = 10.0
"""How long a failure to load is told to those who ask, before it is tried again."""


@dataclass(eq=False)
class House:
    """One network in memory."""

    name: str
    model: LoadedModel
    wardrobe: Wardrobe
    bytes: int
    form: CallForm
    """How it calls tools."""
    last_used: float = 0.0


@dataclass(eq=False)
class Resident:
    """One target, ready to answer."""

    target: Target
    house: House
    adapter: str | None
    prompt: Prompt
    """What it was tuned with, or was measured with as a candidate."""
    last_used: float = 0.0
    public: list[int] = field(default_factory=list)
    """Tokens with which every conversation begins that brings no system message: the template's and the prompt's, nobody's secret."""
    elected: Elected | None = None
    """How a candidate that won is asked; None for models themselves."""
    finder: RetrievalAnswerer | None = None
    """What puts passages or examples before its questions, as it does in evaluation."""

    @property
    def bytes(self) -> int:
        """Memory that would be free without it: an adapter's own, a network's, or that of an index."""
        if self.adapter is None and self.elected is not None:
            return self.finder.retriever.index.vectors.nbytes if self.finder is not None else 0
        return self.house.wardrobe.adapters[self.adapter].bytes if self.adapter is not None else self.house.bytes

    def wear(self) -> None:
        """Make the network answer as this target."""
        self.house.last_used = self.last_used = time.time()
        self.house.wardrobe.wear(self.adapter)


@dataclass(frozen=True, eq=False)
class Found:
    """What the loading thread brings: a network, an adapter, or both."""

    base: LoadedModel | None
    adapter: Adapter | None
    prompt: Prompt
    form: CallForm | None
    elected: Elected | None = None
    retriever: Retriever | None = None


class Residents:
    """The models in memory, with what of `memory` is left beside keys and values. Used by one thread; another one loads."""

    def __init__(self, store: Store, placement: Placement, memory: int, changed: Callable[[], None] = lambda: None) -> None:
        self.store, self.placement, self.changed = store, placement, changed
        self.limits = Limits.within(memory)
        """For those who answer with them."""
        self.limit = memory - self.limits.bytes
        """Bytes of weights."""
        self.bench = Bench(store, placement)
        """Indexes and their encoders; used by the thread that loads."""
        self.houses: dict[str, House] = {}
        self.there: dict[Target, Resident] = {}
        self.loader = ThreadPoolExecutor(1, thread_name_prefix="loader")
        self.loading: dict[Target, Future[Found]] = {}
        self.forgotten: Callable[[Target], None] = lambda target: None
        """Called with whatever is no longer in memory: another model may come back under its name."""
        self.failed: dict[Target, tuple[float, Exception]] = {}
        """When a target could not be loaded, and why, until somebody asks for it."""

    @property
    def bytes(self) -> int:
        """Memory of everything that is loaded."""
        return sum(house.bytes + sum(a.bytes for a in house.wardrobe.adapters.values()) for house in self.houses.values())

    def get(self, target: Target, busy: set[Target]) -> Resident | None:
        """The target, ready; None while it is being loaded, or while what is `busy` leaves no room for it.

        Raises: NotFound, DamagedWeights; DoesNotFit if the budget is too small for it alone.
        """
        self._collect()
        if target in self.there:
            self.there[target].last_used = self.there[target].house.last_used = time.time()
            return self.there[target]
        at, error = self.failed.pop(target, (0.0, None))
        if error is not None and time.monotonic() - at < REMEMBERED_S:
            raise error
        if self.loading:  # one after the other: each has to know what is there
            return None
        checkpoint = self._checkpoint(target)
        house = self._house_name(target, checkpoint)
        if house not in self.houses and not self._make_room(self._need(target.base), busy):
            return None
        future = self.loading[target] = self.loader.submit(self._load, target, checkpoint, house in self.houses)
        future.add_done_callback(lambda _: self.changed())
        return None

    def _collect(self) -> None:
        """Enter what has been loaded, whether or not whoever asked for it still waits."""
        for target, future in list(self.loading.items()):
            if future.done():
                del self.loading[target]
                try:
                    self._enter(target, future.result())
                except Exception as error:  # a boundary between threads: it is raised where the target is asked for
                    self.failed[target] = (time.monotonic(), error)

    def unload(self, target: Target) -> None:
        """Forget a target: a candidate or an adapter alone, or a network with all that answers by it."""
        resident = self.there[target]
        if resident.adapter is None and resident.elected is None:
            self._abandon(resident.house)
            return
        self._forget(resident)
        is_shared = any(other.house is resident.house and other.adapter == resident.adapter for other in self.there.values())
        if resident.adapter is not None and not is_shared:
            resident.house.wardrobe.take_out(resident.adapter)

    def close(self) -> None:
        """End the loading thread."""
        self.loader.shutdown(wait=False, cancel_futures=True)

    def _checkpoint(self, target: Target) -> Checkpoint | None:
        if target.checkpoint is None:
            return None
        artifact = self.store.get(target.checkpoint, "checkpoint")
        found = artifact.load(Checkpoint)
        if found.base != target.base:
            raise NotFound(
                "was not tuned from this base", where=target.checkpoint, got=target.base[:120], expected=found.base, fix="name its own base"
            )
        return found

    def _house_name(self, target: Target, checkpoint: Checkpoint | None) -> str:
        return f"{target.base} {target.checkpoint}" if checkpoint is not None and checkpoint.kind == "full" else target.base

    def _need(self, base: str) -> int:
        return self._sound(base).parameters * self.placement.dtype.itemsize

    def _sound(self, name: str) -> LocalModel:
        model = local(self.store.models, name)
        verify(model, self.store.models)
        if model.use == "embed":
            raise BadProject("is an embedding model: it writes nothing", where=name, fix="name a model that answers, or ask for embeddings")
        return model

    def _make_room(self, need: int, busy: set[Target]) -> bool:
        """Unload what was not used for longest until `need` bytes are free; False if what is busy stands in the way.

        Raises: DoesNotFit if they never will be.
        """
        if need > self.limit:
            raise DoesNotFit(
                "the model is larger than the memory for models", where="memory", got=gigabytes(need), expected=f"at most {gigabytes(self.limit)}",
                fix="choose a smaller model, or set TUNESMITH_MEMORY_BYTES",
            )  # fmt: skip
        while self.bytes + need > self.limit:
            used = {self.there[target].house for target in busy if target in self.there}
            idle_adapters = [r for t, r in self.there.items() if t not in busy and r.adapter is not None and r.house in used]
            idle_houses = [house for house in self.houses.values() if house not in used]
            if not idle_adapters and not idle_houses:
                return False
            idle: list[Resident | House] = [*idle_adapters, *idle_houses]
            oldest = min(idle, key=lambda one: one.last_used)
            if isinstance(oldest, Resident):
                self.unload(oldest.target)
            else:
                self._abandon(oldest)
        return True

    def _abandon(self, house: House) -> None:
        """Forget a network with everything that answers by it."""
        for resident in [resident for resident in self.there.values() if resident.house is house]:
            self._forget(resident)
        del self.houses[house.name]

    def _forget(self, resident: Resident) -> None:
        LOG.info("unloads %s", resident.target)
        del self.there[resident.target]
        self.forgotten(resident.target)
        if resident.elected is not None and isinstance(resident.elected.candidate, Retrieval):
            self.bench.retrievers.pop(resident.elected.candidate.index, None)

    def _load(self, target: Target, checkpoint: Checkpoint | None, is_base_there: bool) -> Found:
        """In the loading thread: everything that takes long."""
        base = self._sound(target.base)
        adapter_folder, weights = checkpoint_files(self.store, target.checkpoint, base) if target.checkpoint else (None, None)
        model = None if is_base_there else load(base, self.placement, weights=weights)
        adapter = None if adapter_folder is None else read_adapter(adapter_folder)
        form = None if model is None else call_form(model.template)
        if target.candidate is None:
            return Found(model, adapter, checkpoint.prompt if checkpoint else Prompt(name="none"), form)
        elected = elected_of(target, self.store)
        if elected.reader is None or getattr(elected.reader, "checkpoint", None) != target.checkpoint:
            raise BadProject("is not answered by this model", where=target.candidate, got=target.checkpoint or target.base, fix="name its own")
        retriever = None
        if isinstance(elected.candidate, Retrieval):
            retriever = open_retriever(elected.candidate, self.bench)
        return Found(model, adapter, elected.reader.prompt, form, elected, retriever)

    def _enter(self, target: Target, found: Found) -> None:
        """Make what was loaded answer, unless its base was unloaded meanwhile."""
        checkpoint = self._checkpoint(target)
        name = self._house_name(target, checkpoint)
        if found.base is not None and found.form is not None:
            size = sum(p.numel() * p.element_size() for p in found.base.network.parameters())
            self.houses[name] = House(name, found.base, Wardrobe(found.base.network), size, found.form)
        house = self.houses.get(name)
        if house is None:
            return
        if found.adapter is not None and target.checkpoint is not None and target.checkpoint not in house.wardrobe.adapters:
            house.wardrobe.put(target.checkpoint, found.adapter, target.checkpoint)
        adapter = target.checkpoint if found.adapter is not None else None
        resident = self.there[target] = Resident(target, house, adapter, found.prompt, time.time(), _public(house.model, found.prompt))
        resident.elected = found.elected
        if found.retriever is not None and found.elected is not None and isinstance(found.elected.candidate, Retrieval):
            reader = ModelAnswerer(Engine(house.model), found.prompt)
            resident.finder = RetrievalAnswerer(reader, found.retriever, found.elected.candidate.count)
        house.last_used = resident.last_used
        LOG.info("loaded %s", target)
        if found.base is not None and not found.base.shares_prefixes:
            LOG.info("%s reads every row alone, padded: %s", target.base, found.base.sharing_reason)


def elected_of(target: Target, store: Store) -> Elected:
    """What a target's candidate is, its manifest compared with its hash.

    Raises: NotFound, DamagedWeights.
    """
    artifact = store.get(target.candidate or "", "candidate")
    artifact.verify()
    return artifact.load(Elected)


def _public(model: LoadedModel, prompt: Prompt) -> list[int]:
    """Tokens that two conversations with nothing in common begin with."""
    one, other = (model.template.prompt(prompt.apply(Conversation(messages=(Message(role="user", content=text),)))) for text in ("a", "?"))
    same = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    return one[:same]
