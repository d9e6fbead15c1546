"""Reads ``objectives`` and ``limits``: which scores are measured, what is optimised, and what limits the winner."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

from sklearn.metrics import check_scoring, get_scorer, get_scorer_names

from sklearn_autotune._compat.messages import suggest_name
from sklearn_autotune._compat.scorer_names import suggest_scorer
from sklearn_autotune._compat.sklearn import describe_scorer
from sklearn_autotune._compat.types import Estimator, Scoring
from sklearn_autotune.objectives._costs import COSTS, Cost, PredictSeconds
from sklearn_autotune.objectives._groups import GroupDifference, GroupRatio
from sklearn_autotune.objectives._limits import Limit

__all__ = ["SINGLE", "Objective", "ObjectivePlan", "read_objectives"]

SINGLE = "score"  # scikit-learn's name of the only score
OPERATORS = {"<=": True, ">=": False}

# Scores that are never above 1. The negated losses are never above 0.
AT_MOST_ONE = {
    "accuracy",
    "average_precision",
    "balanced_accuracy",
    "explained_variance",
    "f1",
    "jaccard",
    "matthews_corrcoef",
    "precision",
    "r2",
    "recall",
    "roc_auc",
    "top_k_accuracy",
}


@dataclass(frozen=True, slots=True)
class Objective:
    """What the study optimises.

    Attributes
    ----------
    name : str
        In ``front_``.
    key : str
        Name of the score in ``cv_results_``.
    sign : int
        From the score to the value in ``front_``: -1 of a cost.
    """

    name: str
    key: str
    sign: int = 1


@dataclass(frozen=True, slots=True)
class ObjectivePlan:
    """What a search aims at.

    Attributes
    ----------
    objectives : tuple of Objective
        At least one.
    limits : tuple of Limit
    scorers : dict of str to scorer
        By their names in ``cv_results_``.
    primary : str
        The score that ``best_score_`` is of.
    measured : frozenset of str
        Names of the costs in seconds.
    is_listed : bool
        Whether the user has given objectives, not only limits.
    """

    objectives: tuple[Objective, ...]
    limits: tuple[Limit, ...]
    scorers: Mapping[str, Any]
    primary: str
    measured: frozenset[str] = frozenset()
    is_listed: bool = True

    @property
    def keys(self) -> tuple[str, ...]:
        """The scores without which a candidate is of no use."""
        return tuple(dict.fromkeys([one.key for one in self.objectives] + [limit.key for limit in self.limits]))

    @property
    def cost_keys(self) -> frozenset[str]:
        """The scores that are negated costs of a model, which differ by factors and are never negative."""
        return frozenset(key for key in self.keys if isinstance(self.scorers[key], Cost | PredictSeconds))

    @property
    def named(self) -> tuple[Objective, ...]:
        """The objectives, and then what is limited."""
        limited = (Objective(limit.name, limit.key, limit.sign) for limit in self.limits)
        return (*self.objectives, *(one for one in limited if one not in self.objectives))

    def describe(self) -> list[Any]:
        """Return what a stored study is made for, in JSON's types."""
        limits = [[limit.name, limit.describe()] for limit in self.limits]
        return [[[one.name, repr(self.scorers[one.key])] for one in self.objectives], limits]


class _Reader:
    """Collects the scorers that objectives and limits ask for."""

    def __init__(self) -> None:
        self.scorers: dict[str, Any] = {}
        self.signs: dict[str, tuple[str, int]] = {}  # by the user's name: name of the score, and sign of the value
        self.measured: set[str] = set()

    def add(self, name: str, value: Any, where: str) -> Objective:
        """Add a scorer or a cost under a user's name.

        Raises
        ------
        ValueError, TypeError
            If it is neither.
        """
        if isinstance(value, str):
            if value not in COSTS and value not in get_scorer_names():
                known = "" if _is_like_cost(value) else suggest_scorer(value)
                raise ValueError(
                    f"{where} has {value!r}, which is neither a scorer nor a cost"
                    + (known or suggest_name(value, COSTS))
                    + f". The costs are {', '.join(COSTS)}."
                )
            value = COSTS.get(value, value)
        elif not callable(value):
            raise TypeError(
                f"{where} has {value!r} of type {type(value).__name__}. It has to be the name of a scorer, a scorer, "
                f"or a cost: {', '.join(COSTS)}."
            )
        check: Callable[[], None] | None = getattr(value, "check", None)
        if check is not None and isinstance(value, Cost | PredictSeconds | GroupDifference | GroupRatio):
            check()
        is_cost = isinstance(value, Cost | PredictSeconds | GroupDifference)
        key = f"neg_{name}" if is_cost else name
        objective = Objective(name, key, -1 if is_cost else 1)
        if key in self.scorers and self.scorers[key] != value:
            raise ValueError(f"{where} has the name {name!r}, which another score has already. Give it another name.")
        self.scorers[key] = value
        self.signs[name] = key, objective.sign
        if getattr(value, "is_measured", False):
            self.measured.add(name)
        return objective

    def find(self, name: str) -> tuple[str, int] | None:
        """Find the score and the sign of a name that is measured already; a loss may be named without ``neg_``."""
        if name in self.signs:
            return self.signs[name]
        return (f"neg_{name}", -1) if f"neg_{name}" in self.scorers else None


def read_objectives(
    objectives: Any, limits: Any, scoring: Scoring, refit: Any, estimator: Estimator
) -> ObjectivePlan | None:
    """Read what a search aims at; None if it is one score, without limits.

    Parameters
    ----------
    objectives, limits, scoring, refit
        As of `OptunaSearchCV`.
    estimator : estimator
        For its own ``score``.

    Raises
    ------
    ValueError, TypeError
        If a name is not known, a limit cannot be met, or no score is among the objectives.
    """
    if objectives is None and limits is None:
        return None
    reader = _Reader()
    chosen = tuple(reader.add(name, value, "objectives") for name, value in _list_objectives(objectives))
    if objectives is not None and limits is None and all(one.sign < 0 for one in chosen):
        raise ValueError(
            f"objectives has only costs ({', '.join(one.name for one in chosen)}), so that the cheapest model would "
            "win whatever it predicts. Add the name of a scorer, such as 'roc_auc' or 'r2', or a limit on one."
        )
    own = _add_scoring(reader, scoring, estimator, is_needed=objectives is None)
    primary = next((one.key for one in chosen if one.sign > 0), chosen[0].key if chosen else own)
    if objectives is None:
        if len(reader.scorers) > 1:
            if not isinstance(refit, str) or refit not in reader.scorers:
                raise ValueError(
                    f"scoring has several scores, {', '.join(reader.scorers)}. With limits, refit has to name the one "
                    f"that decides; got refit={refit!r}."
                )
            primary = refit
        chosen = (Objective(primary, primary),)
    read = tuple(_read_limit(reader, name, value) for name, value in _list_limits(limits))
    return ObjectivePlan(
        chosen, read, dict(reader.scorers), primary, frozenset(reader.measured), is_listed=objectives is not None
    )


def _is_like_cost(name: str) -> bool:
    return suggest_name(name, COSTS).startswith(": did you mean")


def _list_objectives(objectives: Any) -> Iterator[tuple[str, Any]]:
    if objectives is None:
        return
    if isinstance(objectives, Mapping):
        pairs = list(objectives.items())
    elif isinstance(objectives, Sequence) and not isinstance(objectives, str):
        pairs = [(_name_objective(value), value) for value in objectives]
    else:
        raise TypeError(f"objectives must be a list of scorers and costs, or a dict of them, got {objectives!r}.")
    if not pairs:
        raise ValueError("objectives is empty. Give at least one scorer, such as ['roc_auc', 'bytes'], or None.")
    names = [name for name, _ in pairs]
    reserved = [name for name in names if not isinstance(name, str) or name in ("index", "params")]
    if reserved:
        raise ValueError(f"objectives has the name {reserved[0]!r}. Names are str, and not a column of front_ itself.")
    repeated = [name for name in names if names.count(name) > 1]
    if repeated:
        raise ValueError(f"objectives has {repeated[0]!r} more than once. Give a dict with a name for each.")
    yield from pairs


def _name_objective(value: Any) -> str:
    name = value if isinstance(value, str) else getattr(value, "name", None)
    if not isinstance(name, str):
        raise ValueError(
            f"objectives has {value!r}, which has no name. Give a dict in place of a list: {{'my_score': scorer}}."
        )
    return name


def _add_scoring(reader: _Reader, scoring: Scoring, estimator: Estimator, *, is_needed: bool) -> str:
    """Add the scores in ``scoring``; return the name of the first."""
    if scoring is None or callable(scoring) or isinstance(scoring, str):
        name = scoring if isinstance(scoring, str) and not is_needed else SINGLE
        if scoring is not None or is_needed:
            first = reader.add(name, check_scoring(estimator) if scoring is None else scoring, "scoring")
            name = first.key
        if isinstance(scoring, str):
            reader.signs.setdefault(scoring, (name, 1))
            if scoring.startswith("neg_"):
                reader.signs.setdefault(scoring.removeprefix("neg_"), (name, -1))
        return name
    named = scoring if isinstance(scoring, Mapping) else {str(name): name for name in sorted(scoring, key=str)}
    if not isinstance(scoring, set | Mapping):
        named = {str(name): name for name in scoring}
    added = [reader.add(name, scorer, "scoring") for name, scorer in named.items()]
    return added[0].key


def _list_limits(limits: Any) -> Iterator[tuple[str, Any]]:
    if limits is None:
        return
    if not isinstance(limits, Mapping):
        raise TypeError(f"limits must be a dict, such as {{'bytes': ('<=', 1_000_000)}}, got {limits!r}.")
    if not limits:
        raise ValueError("limits is empty. Give at least one, such as {'bytes': ('<=', 1_000_000)}, or None.")
    for name, value in limits.items():
        if not isinstance(name, str):
            raise TypeError(f"limits has the key {name!r}. The keys have to be names of scorers or of costs.")
        yield name, value


def _read_limit(reader: _Reader, name: str, value: Any) -> Limit:
    """Read one limit, and add its scorer if it is not measured already."""
    is_sequence = isinstance(value, Sequence) and not isinstance(value, str)
    if not is_sequence or len(value) not in (2, 3) or value[-2] not in list(OPERATORS):
        raise ValueError(
            f"limits[{name!r}] is {value!r}. It has to be ('<=', number) or ('>=', number), or, with a scorer of your "
            "own in front, (scorer, '<=', number)."
        )
    operator, bound = value[-2:]
    if not isinstance(bound, Real) or isinstance(bound, bool) or not math.isfinite(bound):
        raise ValueError(f"limits[{name!r}] has the bound {bound!r}. It has to be a finite number.")
    if len(value) == 3:
        key = f"neg_{name}" if _is_negated_loss(name, value[0]) else name
        reader.add(key, value[0], f"limits[{name!r}]")
    found = reader.find(name)
    if found is None and name not in COSTS and f"neg_{name}" in get_scorer_names():
        reader.add(f"neg_{name}", f"neg_{name}", "limits")
        found = reader.find(name)
    if found is None:
        reader.add(name, name, "limits")
        found = reader.signs[name]
    limit = Limit(name, *found, OPERATORS[operator], float(bound))
    _check_can_be_met(limit, reader.scorers[limit.key])
    return limit


def _is_negated_loss(name: str, scorer: Any) -> bool:
    """Whether a scorer is scikit-learn's for the loss of this name, which it negates, with or without metadata."""
    negated = f"neg_{name}"
    described = describe_scorer(scorer)
    return described is not None and negated in get_scorer_names() and described == describe_scorer(get_scorer(negated))


def _check_can_be_met(limit: Limit, scorer: Any) -> None:
    """Raise ValueError if no model can meet a limit."""
    known = scorer if isinstance(scorer, str) else ""
    highest = 1.0 if known in AT_MOST_ONE or isinstance(scorer, GroupRatio) else math.inf
    if known.startswith("neg_") or isinstance(scorer, Cost | PredictSeconds | GroupDifference):
        highest = 0.0
    best = limit.sign * highest
    if limit.asks_for_high_score and float(limit.compute_violation(highest)) > 0:
        raise ValueError(f"No model can meet limits[{limit.name!r}], {limit.describe()}: the best value is {best:g}.")
