"""Trainings so far → the next training setting to try, or the setting to train with. Pure: the search is rebuilt from the history each time.

Settings climb rungs: all of them are trained on the smallest share of the rows that still makes enough steps, the better third of them on the
next one, and so on (successive halving, Jamieson & Talwalkar 2016). The recipe as written comes first, then learning rates that evidence names
(LoRA Without Regret; docs/decisions), then what TPE proposes (Optuna, multivariate, seeded by the number of settings so far). Pilots of the
recipe count as its runs on the rungs. Other rates are tried before other ranks: the rate decides most. A run that failed counts as the worst there is: it climbs no
further, is never chosen, and the next proposals keep away from it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import optuna
from optuna.distributions import BaseDistribution, FloatDistribution, IntDistribution
from optuna.trial import create_trial

from tunesmith.spec.plan import Tunable
from tunesmith.spec.recipe import Lora, Recipe

KEPT = 3
"""One of so many settings climbs to the next rung."""
FEWEST_STEPS = 24
"""A training of fewer steps says nothing about a learning rate: half of them go by while it warms up."""
SMALL_DATA = 500
"""Up to so many rows, up to 5 epochs are tried; else 3, or what the recipe says."""
DROPOUTS = (0.0, 0.05, 0.1)
DECAYS = (0.0, 0.01, 0.1)
SPAN = (0.06, 3.0)
"""Learning rates that are tried, times the recipe's own."""
TIE = 0.5
"""Another setting has to be better than the recipe by so many standard errors: the best of many is partly luck."""
STARTING = 3
"""Settings before TPE has enough to go by; until then it draws at random."""

FAILED = -math.inf
"""Score and both ends of the interval of a run that reached nothing: below everything, whatever the metric."""

Setting = Mapping[str, float]
"""Tunable → its value, in the scale of the search."""


@dataclass(frozen=True)
class Run:
    """A setting that was trained on a share of the rows, and what it reached on dev (higher is better)."""

    recipe: Recipe
    share: float
    score: float
    low: float
    high: float

    @property
    def is_failed(self) -> bool:
        """True for a run that reached nothing: its training failed, or its answers do not show the metric."""
        return self.score == FAILED


@dataclass(frozen=True)
class Search:
    """What is searched, and how far."""

    recipe: Recipe
    """As written: the first setting."""
    lr: float
    """The peak rate that it comes to."""
    rows: int
    """Of the whole training split."""
    rungs: tuple[float, ...]
    trials: int
    """Settings on the first rung, the recipe among them."""
    over: tuple[Tunable, ...] = ("lr", "rank", "epochs", "dropout", "weight_decay")
    seed: int = 0
    ruined: tuple[Recipe, ...] = ()
    """Settings whose full training failed: they are not chosen again."""


@dataclass(frozen=True)
class Proposal:
    """A setting to train next."""

    recipe: Recipe
    share: float
    reason: str


@dataclass(frozen=True)
class Chosen:
    """The search is over."""

    recipe: Recipe
    reason: str


def rungs(recipe: Recipe, rows: int, pilots: Sequence[float]) -> tuple[float, ...]:
    """The shares of the rows on which settings are compared: those pilots whose runs make steps enough; all rows where none does.

    >>> from tunesmith.spec.recipe import Budget
    >>> usual = Recipe(budget=Budget(epochs=3, rows_per_step=32))
    >>> rungs(usual, 15_000, (0.1, 0.25, 0.5)), rungs(usual, 660, (0.1, 0.25, 0.5)), rungs(usual, 40, (0.5,))
    ((0.1, 0.25, 0.5), (0.5,), (1.0,))
    """
    budget = recipe.budget
    enough = [share for share in pilots if budget.passes * share * rows / budget.step_rows >= FEWEST_STEPS]
    return tuple(enough) or (1.0,)


def sizes(trials: int, count: int) -> tuple[int, ...]:
    """How many settings run on each of `count` rungs.

    >>> sizes(9, 3), sizes(6, 2), sizes(2, 3)
    ((9, 3, 1), (6, 2), (2, 1, 1))
    """
    found = [trials]
    while len(found) < count:
        found.append(max(1, found[-1] // KEPT))
    return tuple(found)


def most_epochs(recipe: Recipe, rows: int) -> int:
    """The longest training that is tried."""
    return max(math.ceil(recipe.budget.passes), 5 if rows <= SMALL_DATA else 3)


def propose(runs: Sequence[Run], search: Search) -> Proposal | Chosen:
    """The next setting; the chosen one when no run can change the choice any more. The same runs, in any order, always give the same answer."""
    standing: list[Run] = []
    for index, share in enumerate(search.rungs):
        here = on_rung(runs, share, search.recipe)
        todo = first_rung(here, search) if index == 0 else [Proposal(r.recipe, share, climbs(share)) for r in promoted(standing, search, index)]
        missing = next((p for p in todo if all(run.recipe != p.recipe for run in here)), None)
        if missing is not None:
            return missing
        wanted = {p.recipe.content_digest() for p in todo} if index else {run.recipe.content_digest() for run in here}
        standing = [run for run in here if run.recipe.content_digest() in wanted or run.recipe == search.recipe]
        if len(contenders(standing)) <= 1:
            break
    left = eligible(runs, search)
    return choose(furthest(gentler(left, search)) or eligible(standing, search) or furthest(left), search)


def eligible(runs: Sequence[Run], search: Search) -> list[Run]:
    """The runs whose settings can be trained with, as far as is known: no training of them on as many rows or more failed."""
    failed = [run for run in runs if run.is_failed]

    def is_ruined(run: Run) -> bool:
        return any(run.recipe == other.recipe and run.share <= other.share for other in failed) or any(
            is_alike(run.recipe, other) for other in search.ruined
        )

    return [run for run in runs if not is_ruined(run)]


def gentler(runs: Sequence[Run], search: Search) -> list[Run]:
    """The runs at clearly lower rates than those of full trainings that failed: most of what fails has diverged. None where none failed."""
    highest = min((recipe.optimiser.lr or search.lr for recipe in search.ruined), default=0.0) / 2
    return [run for run in runs if (run.recipe.optimiser.lr or search.lr) <= highest]


def furthest(runs: Sequence[Run]) -> list[Run]:
    """The runs on the largest share of the rows that any of them has."""
    most = max((run.share for run in runs), default=0.0)
    return [run for run in runs if math.isclose(run.share, most)]


def is_alike(one: Recipe, other: Recipe) -> bool:
    """True for settings that differ in seed and epochs at most: what makes one of them fail is not expected to spare the other."""
    return one.model_copy(update={"seed": other.seed, "budget": one.budget.model_copy(update={"epochs": other.budget.epochs})}) == other


def on_rung(runs: Sequence[Run], share: float, recipe: Recipe) -> list[Run]:
    """The runs at one share, the recipe as written first, the others in an order that is theirs alone; of repeated ones the first."""
    found: dict[str, Run] = {}
    for run in sorted(runs, key=lambda r: (r.recipe != recipe, r.recipe.content_digest(), -r.score, r.low, r.high)):
        if math.isclose(run.share, share):
            found.setdefault(run.recipe.content_digest(), run)
    return list(found.values())


def first_rung(here: Sequence[Run], search: Search) -> list[Proposal]:
    """What is to run on the first rung: the recipe, the known rates, then at most one new proposal at a time."""
    share = search.rungs[0]
    todo = [Proposal(search.recipe, share, "the recipe as written")]
    if "lr" in search.over:
        todo += [Proposal(at_rate(search.recipe, lr), share, f"a learning rate of {lr:g}, named by evidence") for lr in known_rates(search)]
    todo = todo[: max(1, search.trials)]
    tried = [run.recipe for run in here]
    if any(p.recipe not in tried for p in todo) or len(tried) >= search.trials or not search.over or at_ceiling(here):
        return todo
    return [*todo, Proposal(drawn(here, search), share, "proposed by the search from what the others reached")]


def at_ceiling(here: Sequence[Run]) -> bool:
    """True if the best leaves nothing to gain: another setting could only tie with it."""
    best = max((run for run in here if not run.is_failed), key=lambda run: run.score, default=None)
    return best is not None and 1 - best.score <= TIE * error_of(best)


def promoted(standing: Sequence[Run], search: Search, index: int) -> list[Run]:
    """The runs that climb: the best third, without those that are behind the best one beyond doubt."""
    count = sizes(search.trials, len(search.rungs))[index]
    return sorted(contenders(standing), key=lambda run: (-run.score, run.recipe != search.recipe, run.recipe.content_digest()))[:count]


def contenders(runs: Sequence[Run]) -> list[Run]:
    """The runs that may still be the best: their intervals reach that of the best one. One that failed may not."""
    runs = [run for run in runs if not run.is_failed]
    best = max(runs, key=lambda run: (run.score, run.low), default=None)
    return [run for run in runs if best is not None and run.high >= best.low]


def choose(standing: Sequence[Run], search: Search) -> Chosen:
    """The best setting of those that came furthest; the recipe as written unless another is better by more than a tie."""
    if not standing:
        return Chosen(search.recipe, "no setting was seen to work, so the recipe stays as written")
    best = min(standing, key=lambda run: (-run.score, run.recipe != search.recipe, run.recipe.content_digest()))
    written = next((run for run in standing if run.recipe == search.recipe), None)
    share = f"{best.share:.0%} of the rows"
    if best.recipe == search.recipe:
        return Chosen(best.recipe, f"the recipe as written is the best of {len(standing)} settings on {share}")
    if written is not None and best.score - written.score <= TIE * error_of(best):
        return Chosen(search.recipe, f"no setting is better than the recipe as written by more than chance on {share}")
    against = f" against {100 * written.score:.1f} % as written" if written is not None else ""
    return Chosen(best.recipe, f"the best of {len(standing)} settings on {share}: {100 * best.score:.1f} %{against}")


def error_of(run: Run) -> float:
    """The standard error of a run's score, from its 95 % interval."""
    return (run.high - run.low) / 3.92


def climbs(share: float) -> str:
    """Why a setting is trained again."""
    return f"among the best so far, so it is tried on {share:.0%} of the rows"


def known_rates(search: Search) -> list[float]:
    """Rates beside the recipe's own that span what evidence names: 1e-4, 3e-4, 1e-3 for adapters on small models."""
    times = (0.3, 0.1) if search.lr >= 1e-3 or not isinstance(search.recipe.weights, Lora) else (3.0, 0.3)
    return [two_digits(search.lr * factor) for factor in times]


def at_rate(recipe: Recipe, lr: float) -> Recipe:
    """The recipe with this peak rate."""
    return recipe.model_copy(update={"optimiser": recipe.optimiser.model_copy(update={"lr": lr, "lr_multiplier": 1.0})})


def space(search: Search) -> dict[str, BaseDistribution]:
    """What is drawn from; ranks and the steps of dropout and decay by their place in a row."""
    lora = isinstance(search.recipe.weights, Lora)
    every: dict[str, BaseDistribution] = {
        "lr": FloatDistribution(search.lr * SPAN[0], search.lr * SPAN[1], log=True),
        "rank": IntDistribution(2, 6),
        "epochs": IntDistribution(1, most_epochs(search.recipe, search.rows)),
        "dropout": IntDistribution(0, len(DROPOUTS) - 1),
        "weight_decay": IntDistribution(0, len(DECAYS) - 1),
    }
    return {name: found for name, found in every.items() if name in search.over and (lora or name not in ("rank", "dropout"))}


def setting_of(recipe: Recipe, search: Search) -> dict[str, float | int]:
    """A recipe as a point of the search's space; what it leaves open counts as it will be resolved."""
    weights, optimiser = recipe.weights, recipe.optimiser
    found: dict[str, float | int] = {
        "lr": optimiser.lr or search.lr,
        "epochs": round(recipe.budget.passes),
        "weight_decay": nearest(DECAYS, (0.0 if isinstance(weights, Lora) else 0.01) if optimiser.weight_decay is None else optimiser.weight_decay),
    }
    if isinstance(weights, Lora):
        found["rank"] = round(math.log2(weights.r))
        found["dropout"] = nearest(DROPOUTS, (0.05 if search.rows < 1000 else 0.0) if weights.dropout is None else weights.dropout)
    return {name: inside(found[name], wide) for name, wide in space(search).items()}


def inside(value: float | int, wide: BaseDistribution) -> float | int:
    """The value, moved to the nearer end where it lies outside."""
    assert isinstance(wide, FloatDistribution | IntDistribution)
    return min(max(value, wide.low), wide.high)


def nearest(values: Sequence[float], value: float) -> int:
    """The place of the value that is nearest."""
    return min(range(len(values)), key=lambda place: abs(values[place] - value))


def recipe_of(setting: Setting, search: Search) -> Recipe:
    """The recipe with the values of a point; alpha stays as many times the rank as it was."""
    recipe = at_rate(search.recipe, two_digits(setting["lr"])) if "lr" in setting else search.recipe
    if "weight_decay" in setting:
        recipe = recipe.model_copy(update={"optimiser": recipe.optimiser.model_copy(update={"weight_decay": DECAYS[int(setting["weight_decay"])]})})
    if "epochs" in setting:
        recipe = recipe.model_copy(update={"budget": recipe.budget.model_copy(update={"epochs": float(setting["epochs"])})})
    weights = recipe.weights
    if isinstance(weights, Lora):
        if "rank" in setting:
            r = 2 ** int(setting["rank"])
            weights = weights.model_copy(update={"r": r, "alpha": weights.alpha * r / weights.r})
        if "dropout" in setting:
            weights = weights.model_copy(update={"dropout": DROPOUTS[int(setting["dropout"])]})
    return recipe.model_copy(update={"weights": weights})


def drawn(here: Sequence[Run], search: Search) -> Recipe:
    """A new setting: TPE over the runs of the rung."""
    known = [run.recipe for run in here]
    wide = space(search)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize", sampler=sampler(search.seed * 1000 + len(known)))
    for run in here:
        study.add_trial(create_trial(params=setting_of(run.recipe, search), distributions=wide, value=run.score))
    for _ in range(20):
        found = recipe_of(study.ask(wide).params, search)
        if found not in known:
            break
    return found


def sampler(seed: int) -> optuna.samplers.TPESampler:
    """TPE with a seed of its own for every proposal, so that a proposal hangs on the runs before it and on nothing else."""
    return optuna.samplers.TPESampler(seed=seed, n_startup_trials=STARTING)


def two_digits(value: float) -> float:
    """The value with two significant digits.

    >>> two_digits(0.00029876)
    0.0003
    """
    return float(f"{value:.2g}")
