"""The space of a function of a trial, which returns the candidate (define-by-run)."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from optuna import TrialPruned
from optuna.distributions import FloatDistribution, IntDistribution
from optuna.trial import BaseTrial

from sklearn_autotune._compat.optuna import create_random_study
from sklearn_autotune._compat.types import Estimator
from sklearn_autotune.space._dimensions import (
    ChoiceDimension,
    Dimension,
    NumericDimension,
    read_dimension,
    suggest_value,
)
from sklearn_autotune.space._names import check_names, has_own_parameters
from sklearn_autotune.space._projection import EarlierValues, project_value

__all__ = ["FunctionSpace"]


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

    def suggest(self, trial: BaseTrial) -> dict[str, Any]:
        """Call the function."""
        try:
            candidate = self.function(_ObjectTrial(trial))
        except TrialPruned as error:
            raise ValueError(
                "The function of the space raised optuna.TrialPruned, but it only describes candidates and must return "
                "a dict of parameters for every trial. Let the ranges of later parameters depend on earlier values, so "
                "that each candidate is valid; a candidate whose fit raises an error is recorded as failed."
            ) from error
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

    def list_parts(self) -> list[dict[str, Any]]:
        """Return one combination without parts, because the function's parts are not known."""
        return [{}]

    def project(self, wanted: Mapping[str, Sequence[Any]], earlier: EarlierValues | None = None) -> dict[str, Any]:
        """Run the function with the nearest values, found by the names that the function gives to its parameters."""
        projecting = _ProjectingTrial(wanted, earlier or EarlierValues({}))
        self.function(projecting)
        if earlier is not None and not projecting.n_earlier:
            raise ValueError("the space has none of the parameters")
        return projecting.decoded

    def decode(self, suggested: Mapping[str, Any]) -> dict[str, Any]:
        """Run the function with what Optuna suggested, and return the values by the names in the function."""
        decoding = _DecodingTrial(suggested)
        self.function(decoding)
        return decoding.decoded

    def check(self, estimator: Estimator) -> None:
        """Call the function once, with a trial of a temporary study, and check the names that it returns."""
        candidate = self.suggest(create_random_study(seed=0).ask())
        parts = {name: value for name, value in candidate.items() if has_own_parameters(name, candidate)}
        check_names(
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
        return dimension.decode(suggest_value(self._trial, name, dimension.distribution))

    def suggest_float(self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False) -> Any:
        """Suggest a number; in a stepped range, exactly as a decimal."""
        if step is None:
            return self._trial.suggest_float(name, low, high, log=log)
        dimension = NumericDimension(FloatDistribution(low, high, log=log, step=step))
        return dimension.decode(suggest_value(self._trial, name, dimension.distribution))


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
            return dimension.decode(suggest_value(self._trial, name, dimension.distribution))
        self.encoded[name] = dimension.encode(self.candidate[name])
        return dimension.decode(self.encoded[name])


class _DecodingTrial(_EncodingTrial):
    """A trial that suggests what Optuna suggested, and records the values that the function gets."""

    def __init__(self, suggested: Mapping[str, Any]) -> None:
        super().__init__(suggested)
        self.decoded: dict[str, Any] = {}

    def _suggest_given(self, name: str, dimension: Dimension) -> Any:
        if name not in self.candidate:
            return super()._suggest_given(name, dimension)
        self.decoded[name] = dimension.decode(self.candidate[name])
        return self.decoded[name]


class _ProjectingTrial(_EncodingTrial):
    """A trial that suggests the nearest values to wanted ones, and records them."""

    def __init__(self, wanted: Mapping[str, Sequence[Any]], earlier: EarlierValues) -> None:
        super().__init__({})
        self.wanted = wanted
        self.earlier = earlier
        self.decoded: dict[str, Any] = {}
        self.n_earlier = 0

    def _suggest_given(self, name: str, dimension: Dimension) -> Any:
        earlier_name = self.earlier.find(name)
        if earlier_name is not None:
            self.decoded[name] = dimension.decode(self.earlier.encode(earlier_name, dimension))
            self.n_earlier += 1
            return self.decoded[name]
        matching = [full for full in self.wanted if full == name or full.endswith(f"__{name}")]
        projected = project_value(dimension, self.wanted[matching[0]]) if len(matching) == 1 else None
        if projected is None:
            return super()._suggest_given(name, dimension)
        self.decoded[name] = dimension.decode(projected[0])
        return self.decoded[name]
