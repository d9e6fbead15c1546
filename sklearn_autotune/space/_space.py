"""The space made from ``param_distributions``: a distribution for each parameter, with conditions.

A space can `suggest` a candidate for a trial, return its `size`, yield its grid (`iterate_grid`), and `encode` a
candidate that the user gives. If ``param_distributions`` is a list of dicts, the choice of the dict is one more
categorical parameter, `BRANCH`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import product
from math import prod
from typing import Any, Protocol, TypeAlias

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import BaseTrial
from sklearn.base import clone

from sklearn_autotune._compat.optuna import create_random_study
from sklearn_autotune._compat.types import Estimator
from sklearn_autotune.space._dimensions import (
    ChoiceDimension,
    Dimension,
    NumericDimension,
    is_list,
    make_value_key,
    read_dimension,
)

__all__ = [
    "BRANCH",
    "BranchedSpace",
    "FunctionSpace",
    "Space",
    "check_grid",
    "is_grid",
    "make_candidate_key",
    "read_space",
]

BRANCH = "(branch)"

Candidate = dict[str, Any]
# What a user may pass as ``param_distributions``, except "auto", which a search replaces before it reads the space.
RawSpace: TypeAlias = Mapping[str, Any] | Sequence[Mapping[str, Any]] | Callable[[Any], Mapping[str, Any]]


class Space(Protocol):
    """A set of candidates, from which an Optuna trial can choose."""

    @property
    def is_conditional(self) -> bool:
        """Whether some parameters exist only in some candidates."""
        ...

    @property
    def size(self) -> int | None:
        """The number of different candidates; None if there are infinitely many or the number is not known."""
        ...

    @property
    def names(self) -> frozenset[str]:
        """The names of the searched parameters; empty for a function, whose parameters are not known."""
        ...

    def suggest(self, trial: BaseTrial) -> Candidate:
        """Let an Optuna trial choose a candidate."""
        ...

    def iterate_grid(self) -> Iterator[dict[str, Any]]:
        """Yield the values that Optuna has to suggest for each candidate of a finite space, in the grid's order."""
        ...

    def encode(self, candidate: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values that Optuna has to suggest so that a trial has this candidate."""
        ...

    def check(self, estimator: Estimator) -> None:
        """Raise ValueError if the space names a parameter that the estimator does not have."""
        ...

    def describe(self) -> dict[str, Any]:
        """Describe the space by objects of JSON's types, which are equal for equal spaces."""
        ...


def read_space(raw_space: RawSpace) -> "Space":
    """Make a space from the user's ``param_distributions``.

    Parameters
    ----------
    raw_space : dict, list of dict, or callable
        As documented for `OptunaSearchCV`.

    Returns
    -------
    space : Space

    Raises
    ------
    TypeError, ValueError
        If it has another type, or if an entry cannot be read.

    Examples
    --------
    >>> from scipy.stats import loguniform
    >>> space = read_space([{"kernel": ["poly"], "degree": [2, 3]}, {"kernel": ["rbf", "linear"]}])
    >>> space.size
    4
    >>> read_space({"C": loguniform(1e-2, 1e2)}).size is None
    True
    """
    if callable(raw_space) and not isinstance(raw_space, Mapping):
        return FunctionSpace(raw_space)
    branches = [raw_space] if isinstance(raw_space, Mapping) else raw_space
    if isinstance(branches, str) or not isinstance(branches, Sequence) or not branches:
        raise TypeError(
            "Parameter distribution is not a dict, a non-empty list of dicts, a function of a trial or 'auto', got: "
            f"{raw_space!r} of type {type(raw_space).__name__}"
        )
    for branch in branches:
        if not isinstance(branch, Mapping):
            raise TypeError(f"Parameter distribution is not a dict ({branch!r})")
    return BranchedSpace.from_branches([_read_branch(branch) for branch in branches])


def is_grid(raw_space: object) -> bool:
    """Whether a space is a grid that `ParameterGrid` accepts: a dict of lists, or a list of such dicts.

    Examples
    --------
    >>> is_grid({"C": [1, 10]}), is_grid([{"C": [1, 10]}, {"gamma": (0.1, 1)}])
    (True, True)
    >>> from scipy.stats import loguniform
    >>> is_grid({"C": [1, 10], "gamma": loguniform(1e-3, 1)}), is_grid("auto")
    (False, False)
    """
    branches = [raw_space] if isinstance(raw_space, Mapping) else raw_space
    if not isinstance(branches, list | tuple):
        return False
    return all(isinstance(branch, Mapping) and all(map(is_list, branch.values())) for branch in branches)


def check_grid(raw_grid: object) -> None:
    """Raise TypeError unless ``param_grid`` is a grid; the message says where distributions and single values belong.

    Examples
    --------
    >>> check_grid({"C": 1.0})
    Traceback (most recent call last):
    TypeError: Parameter grid for parameter 'C' needs to be a list or a numpy array, but got 1.0 (of type float) ...
    """
    if is_grid(raw_grid):
        return
    branches = [raw_grid] if isinstance(raw_grid, Mapping) else raw_grid
    for branch in branches if isinstance(branches, list | tuple) else [raw_grid]:
        if not isinstance(branch, Mapping):
            raise TypeError(
                f"Parameter grid needs to be a dict of lists or a list of such dicts, but got {branch!r} (of type "
                f"{type(branch).__name__}) instead. param_distributions takes functions and 'auto' too."
            )
        for name, raw in branch.items():
            if not is_list(raw):
                raise TypeError(
                    f"Parameter grid for parameter {name!r} needs to be a list or a numpy array, but got {raw!r} (of "
                    f"type {type(raw).__name__}) instead. Single values need to be wrapped in a list with one element. "
                    "Distributions belong in param_distributions, which takes lists too."
                )


def make_candidate_key(candidate: Mapping[str, Any]) -> Any:
    """Return a key that is equal for candidates with equal values."""
    return frozenset((name, make_value_key(value)) for name, value in candidate.items())


def _read_branch(branch: Mapping[str, Any]) -> dict[str, Dimension]:
    return {name: read_dimension(name, branch[name]) for name in sorted(branch)}


@dataclass(frozen=True)
class BranchedSpace:
    """One or more dicts of parameters, called branches; if there are several, the branch is one more parameter."""

    branches: tuple[dict[str, Dimension], ...]
    study_names: tuple[dict[str, str], ...]
    branch_labels: tuple[str, ...]

    @classmethod
    def from_branches(cls, branches: list[dict[str, Dimension]]) -> "BranchedSpace":
        """Choose the parameters' names in the study: branches share a name only if its distributions are equal."""
        first: dict[str, BaseDistribution] = {}
        study_names = []
        for index, branch in enumerate(branches):
            names = {}
            for name, dimension in branch.items():
                shared = first.setdefault(name, dimension.distribution) == dimension.distribution
                names[name] = name if shared else f"{name} {BRANCH[:-1]} {index})"
            study_names.append(names)
        labels = tuple(_make_branch_label(index, branch) for index, branch in enumerate(branches))
        return cls(tuple(branches), tuple(study_names), labels)

    @property
    def is_conditional(self) -> bool:
        """Whether some parameters exist only in some candidates."""
        return len(self.branches) > 1

    @property
    def size(self) -> int | None:
        """The number of candidates; equal candidates of different branches count separately."""
        sizes = [[dimension.size for dimension in branch.values()] for branch in self.branches]
        if any(size is None for branch in sizes for size in branch):
            return None
        return sum(prod(size for size in branch if size is not None) for branch in sizes)

    @property
    def names(self) -> frozenset[str]:
        """The parameters of all branches."""
        return frozenset(name for branch in self.branches for name in branch)

    def suggest(self, trial: BaseTrial) -> Candidate:
        """Let an Optuna trial choose a branch and its parameters."""
        index = 0
        if self.is_conditional:
            index = self.branch_labels.index(trial.suggest_categorical(BRANCH, self.branch_labels))
        names = self.study_names[index]
        return {
            name: dimension.decode(_suggest(trial, names[name], dimension.distribution))
            for name, dimension in self.branches[index].items()
        }

    def iterate_grid(self) -> Iterator[dict[str, Any]]:
        """Yield the values that Optuna has to suggest for each candidate, in ParameterGrid's order."""
        for index, branch in enumerate(self.branches):
            branch_choice = {BRANCH: self.branch_labels[index]} if self.is_conditional else {}
            names = self.study_names[index]
            for values in product(*(dimension.list_values() for dimension in branch.values())):
                yield branch_choice | {names[name]: value for name, value in zip(branch, values, strict=True)}

    def encode(self, candidate: Mapping[str, Any]) -> dict[str, Any]:
        """Find a branch that contains these values; the sampler chooses the values that are not given."""
        problems, found = [], []
        for index, branch in enumerate(self.branches):
            names = self.study_names[index]
            branch_choice = {BRANCH: self.branch_labels[index]} if self.is_conditional else {}
            try:
                encoded = {name: branch[name].encode(value) for name, value in candidate.items()}
            except KeyError as error:
                problems.append(f"{error.args[0]!r} is not in the space")
            except ValueError as error:
                problems.append(str(error))
            else:
                decoded = {name: branch[name].decode(suggested) for name, suggested in encoded.items()}
                suggestion = branch_choice | {names[name]: suggested for name, suggested in encoded.items()}
                found.append((make_candidate_key(decoded) == make_candidate_key(candidate), suggestion))
        if not found:
            raise ValueError(f"The candidate {dict(candidate)!r} is not in the space: {'; '.join(problems)}.")
        return max(found, key=lambda pair: pair[0])[1]  # the first one with equal types, or else with equal values

    def check(self, estimator: Estimator) -> None:
        """Check every branch on clones of the estimator, with every choice of a part that has searched parameters."""
        for branch in self.branches:
            owners = {
                name: dimension.options
                for name, dimension in branch.items()
                if isinstance(dimension, ChoiceDimension) and _has_own_parameters(name, branch)
            }
            for chosen in product(*owners.values()):
                _check_names(branch, estimator, dict(zip(owners, chosen, strict=True)))

    def describe(self) -> dict[str, Any]:
        """Describe the space in JSON's types."""
        return {
            label: {name: dimension.describe() for name, dimension in branch.items()}
            for label, branch in zip(self.branch_labels, self.branches, strict=True)
        }


@dataclass(frozen=True)
class FunctionSpace:
    """A function of a trial that returns the candidate (define-by-run)."""

    function: Callable[[Any], Mapping[str, Any]]
    is_conditional: bool = True

    @property
    def size(self) -> None:
        """Not known before it is run."""
        return

    @property
    def names(self) -> frozenset[str]:
        """Not known before it is run."""
        return frozenset()

    def suggest(self, trial: BaseTrial) -> Candidate:
        """Call the function."""
        candidate = self.function(_ObjectTrial(trial))
        if not isinstance(candidate, Mapping):
            raise TypeError(
                "A space given as a function must return a dict of parameters, got "
                f"{candidate!r} of type {type(candidate).__name__}."
            )
        return dict(candidate)

    def iterate_grid(self) -> Iterator[dict[str, Any]]:
        """Raise ValueError, because it is not known what the function can suggest."""
        raise ValueError("a space given as a function has no grid")

    def encode(self, candidate: Mapping[str, Any]) -> dict[str, Any]:
        """Run the function with these values, and record what a trial has to suggest."""
        encoder = _EncodingTrial(candidate)
        self.function(encoder)
        unknown = set(candidate) - set(encoder.encoded)
        if unknown:
            raise ValueError(
                f"The candidate {dict(candidate)!r} is not in the space: "
                f"the function does not ask for {sorted(unknown)}."
            )
        return encoder.encoded

    def check(self, estimator: Estimator) -> None:
        """Call the function once, with a trial of a temporary study, and check the names that it returns."""
        candidate = self.suggest(create_random_study(seed=0).ask())
        parts = {name: value for name, value in candidate.items() if _has_own_parameters(name, candidate)}
        _check_names(
            {name: ChoiceDimension.from_options([value]) for name, value in candidate.items()}, estimator, parts
        )

    def describe(self) -> dict[str, Any]:
        """Describe the function by its name only; its code is not compared."""
        return {"function": getattr(self.function, "__qualname__", type(self.function).__name__)}


class _ObjectTrial:
    """A trial whose categorical choices may be any objects; it passes other calls on to Optuna's trial."""

    def __init__(self, trial: BaseTrial) -> None:
        self._trial = trial

    def __getattr__(self, name: str) -> Any:
        return getattr(self._trial, name)

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """Suggest one of the choices, which may be any objects; Optuna receives labels."""
        dimension = read_dimension(name, choices)
        return dimension.decode(_suggest(self._trial, name, dimension.distribution))

    def suggest_float(self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False) -> Any:
        """Suggest a number; in a stepped range, exactly as a decimal."""
        if step is None:
            return self._trial.suggest_float(name, low, high, log=log)
        dimension = NumericDimension(FloatDistribution(low, high, log=log, step=step))
        return dimension.decode(_suggest(self._trial, name, dimension.distribution))


class _EncodingTrial:
    """A trial that suggests the given values, and records the values that Optuna has to suggest for them."""

    def __init__(self, candidate: Mapping[str, Any]) -> None:
        self.candidate = candidate
        self.encoded: dict[str, Any] = {}
        self._trial = create_random_study(seed=0).ask()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._trial, name)

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """Suggest the given choice."""
        return self._suggest_given(name, read_dimension(name, choices))

    def suggest_float(self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False) -> Any:
        """Suggest the given number."""
        return self._suggest_given(name, read_dimension(name, FloatDistribution(low, high, log=log, step=step)))

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1, log: bool = False) -> Any:
        """Suggest the given integer."""
        return self._suggest_given(name, read_dimension(name, IntDistribution(low, high, log=log, step=step)))

    def _suggest_given(self, name: str, dimension: Dimension) -> Any:
        if name not in self.candidate:
            return dimension.decode(_suggest(self._trial, name, dimension.distribution))
        self.encoded[name] = dimension.encode(self.candidate[name])
        return dimension.decode(self.encoded[name])


def _suggest(trial: BaseTrial, name: str, distribution: BaseDistribution) -> Any:
    if isinstance(distribution, CategoricalDistribution):
        return trial.suggest_categorical(name, distribution.choices)
    if isinstance(distribution, IntDistribution):
        return trial.suggest_int(
            name, distribution.low, distribution.high, step=distribution.step, log=distribution.log
        )
    if isinstance(distribution, FloatDistribution):
        return trial.suggest_float(
            name, distribution.low, distribution.high, step=distribution.step, log=distribution.log
        )
    raise TypeError(f"{distribution!r} is not a distribution this package knows")


def _make_branch_label(index: int, branch: Mapping[str, Dimension]) -> str:
    """Return a label of a branch, made from its index and its fixed parameters."""
    fixed = [
        f"{name}={dimension.labels[0]}"
        for name, dimension in branch.items()
        if isinstance(dimension, ChoiceDimension) and dimension.size == 1
    ]
    return f"{index}: {', '.join(fixed)}" if fixed else str(index)


def _has_own_parameters(name: str, names: Iterable[str]) -> bool:
    """Whether a parameter is a part of the estimator, such as a step, whose own parameters are in the space too."""
    return any(other.startswith(f"{name}__") for other in names)


def _check_names(branch: Mapping[str, Dimension], estimator: Estimator, parts: Mapping[str, Any]) -> None:
    """Check every name of a branch on a clone in which some parts have been replaced."""
    probe = clone(estimator)
    for name in sorted(parts, key=lambda name: name.count("__")):
        _check_name(probe, name, {})
        probe.set_params(**{name: clone(parts[name], safe=False)})
    for name in branch:
        _check_name(probe, name, parts)


def _check_name(probe: Estimator, name: str, parts: Mapping[str, Any]) -> None:
    known = probe.get_params(deep=True)
    if name in known:
        return
    try:  # some estimators, such as XGBoost's, accept names that they do not list
        clone(probe).set_params(**{name: None})
    except (ValueError, AttributeError, TypeError) as error:
        settings = "".join(f" with {part}={option!r}" for part, option in parts.items() if name.startswith(part))
        closest = get_close_matches(name, known, n=1, cutoff=0.0) or ["none"]
        raise ValueError(
            f"Invalid parameter {name!r} for estimator {type(probe).__name__}{settings}. "
            f"Closest valid name: {closest[0]!r}. Parameters of a step or of a nested estimator are written "
            "'step__parameter'; parameters that only some choices have go into a list of dicts, one per choice."
        ) from error
