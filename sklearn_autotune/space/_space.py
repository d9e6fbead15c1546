"""The space made from ``param_distributions``: a distribution for each parameter, with conditions.

A space can `suggest` a candidate for a trial, return its `size`, yield its grid (`iterate_grid`), and `encode` a
candidate that the user gives. If ``param_distributions`` is a list of dicts, the choice of the dict is one more
categorical parameter, `BRANCH`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any, Protocol, TypeAlias

from optuna.distributions import BaseDistribution
from optuna.trial import BaseTrial

from sklearn_autotune._compat.types import Estimator
from sklearn_autotune.space._dimensions import (
    ChoiceDimension,
    Dimension,
    is_list,
    make_value_key,
    read_dimension,
    suggest_value,
)
from sklearn_autotune.space._function_space import FunctionSpace
from sklearn_autotune.space._names import check_names, has_own_parameters
from sklearn_autotune.space._projection import Distance, EarlierValues, project_value

__all__ = [
    "BRANCH",
    "BranchedSpace",
    "Space",
    "check_grid",
    "is_grid",
    "is_measured_in_full",
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

    def list_parts(self) -> list[dict[str, Any]]:
        """List the combinations of choices for parts, such as steps, whose own parameters are in the space too."""
        ...

    def project(self, wanted: Mapping[str, Sequence[Any]], earlier: EarlierValues | None = None) -> Candidate:
        """Return the candidate that is nearest to values, as `encode` accepts it; `project_value` defines nearest.

        Parameters
        ----------
        wanted : mapping of str to sequence
            For each name the value and, if it stands for a number, this number.
        earlier : EarlierValues or None
            Values of an earlier search, which the candidate has to have as they are.

        Raises
        ------
        ValueError
            If the space does not contain the values of the earlier search, or has none of its parameters.
        """
        ...

    def decode(self, suggested: Mapping[str, Any]) -> Candidate:
        """Return the candidate for which `encode` returns these values."""
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


def is_measured_in_full(space: Space, n_trials: int) -> bool:
    """Whether a space is finite and has no more candidates than there are trials."""
    return space.size is not None and space.size <= n_trials


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
            name: dimension.decode(suggest_value(trial, names[name], dimension.distribution))
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

    def list_parts(self) -> list[dict[str, Any]]:
        """List the combinations of all branches; a combination is empty if no part has searched parameters."""
        return [parts for branch in self.branches for parts in _iterate_parts(branch)]

    def project(self, wanted: Mapping[str, Sequence[Any]], earlier: EarlierValues | None = None) -> Candidate:
        """Project into each branch; take the branch that has to change the fewest values, choices first."""
        projected, problem = [], ""
        for branch in self.branches:
            try:
                projected.append(_project_into_branch(branch, wanted, earlier or EarlierValues({})))
            except ValueError as error:
                problem = str(error)
        if not projected:
            raise ValueError(problem)
        candidate, distance = min(projected, key=lambda pair: pair[1])  # the first one of equally near ones
        if earlier is not None and distance[0] == 0:
            raise ValueError("the space has none of the parameters")
        return candidate

    def decode(self, suggested: Mapping[str, Any]) -> Candidate:
        """Decode the values in their branch."""
        index = self.branch_labels.index(suggested[BRANCH]) if self.is_conditional else 0
        names = self.study_names[index]
        return {
            name: dimension.decode(suggested[names[name]])
            for name, dimension in self.branches[index].items()
            if names[name] in suggested
        }

    def check(self, estimator: Estimator) -> None:
        """Check every branch on clones of the estimator, with every choice of a part that has searched parameters."""
        for branch in self.branches:
            for parts in _iterate_parts(branch):
                check_names(branch, estimator, parts)

    def describe(self) -> dict[str, Any]:
        """Describe the space in JSON's types."""
        return {
            label: {name: dimension.describe() for name, dimension in branch.items()}
            for label, branch in zip(self.branch_labels, self.branches, strict=True)
        }


def _iterate_parts(branch: Mapping[str, Dimension]) -> Iterator[dict[str, Any]]:
    """Yield each combination of the choices for parts whose own parameters are in the branch."""
    owners = {
        name: dimension.options
        for name, dimension in branch.items()
        if isinstance(dimension, ChoiceDimension) and has_own_parameters(name, branch)
    }
    for chosen in product(*owners.values()):
        yield dict(zip(owners, chosen, strict=True))


def _project_into_branch(
    branch: Mapping[str, Dimension], wanted: Mapping[str, Sequence[Any]], earlier: EarlierValues
) -> tuple[Candidate, tuple[int, int, int, int]]:
    """Return the nearest candidate of a branch, and how far it is from the wanted values.

    The distance is the number of values of the earlier search (negative), the number of unrelated choices, that of
    other unrelated values, and that of moved numbers.
    """
    candidate, distances, n_earlier = {}, [], 0
    for name, dimension in branch.items():
        earlier_name = earlier.find(name)
        if earlier_name is not None:
            candidate[name] = dimension.decode(earlier.encode(earlier_name, dimension))
            n_earlier += 1
            continue
        projected = project_value(dimension, wanted.get(name, ()))
        if projected is not None:
            candidate[name] = dimension.decode(projected[0])
            distances.append((projected[1], isinstance(dimension, ChoiceDimension)))
    return candidate, (
        -n_earlier,
        distances.count((Distance.UNRELATED, True)),
        distances.count((Distance.UNRELATED, False)),
        sum(distance == Distance.MOVED for distance, _ in distances),
    )


def _make_branch_label(index: int, branch: Mapping[str, Dimension]) -> str:
    """Return a label of a branch, made from its index and its fixed parameters."""
    fixed = [
        f"{name}={dimension.labels[0]}"
        for name, dimension in branch.items()
        if isinstance(dimension, ChoiceDimension) and dimension.size == 1
    ]
    return f"{index}: {', '.join(fixed)}" if fixed else str(index)
