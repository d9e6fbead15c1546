"""The attributes of a fitted search that correct its best score for the choice of the winner."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from sklearn_autotune.evaluation import Task
from sklearn_autotune.evaluation._base import Thresholds, get_positions, is_forward
from sklearn_autotune.evaluation._row_values import RowMetric
from sklearn_autotune.statistics._intervals import ConfidenceInterval
from sklearn_autotune.statistics._refit_rules import RepeatedRule
from sklearn_autotune.statistics._selection_bias import (
    ResampledChoice,
    ScoredRows,
    get_perfect_score,
    resample_choice,
)

__all__ = ["CandidateRows", "CorrectedScoresMixin", "list_no_lazy_attributes", "plan_candidate_rows"]


QUICK_ROWS = 2_500_000  # of all candidates, with a metric that is a mean

# Attributes that are computed when they are read.
LAZY_NAMES = ("corrected_interval_", "corrected_score_", "tuning_gain_")

_is_rendering: ContextVar[bool] = ContextVar("_is_rendering", default=False)


@contextmanager
def list_no_lazy_attributes() -> Iterator[None]:
    """Leave attributes that are not computed out of ``dir(search)``: a notebook reads all that are listed."""
    token = _is_rendering.set(True)
    try:
        yield
    finally:
        _is_rendering.reset(token)


@dataclass(frozen=True, slots=True)
class CandidateRows:
    """What a finished search keeps, to repeat the choice among its candidates on resampled rows.

    Attributes
    ----------
    metric : RowMetric
    folds : sequence of ScoredRows
    values : mapping of int to (mapping of int to ndarray)
        By row of ``cv_results_`` and fold.
    is_learnt : bool
        Whether a sampler has proposed candidates by the scores of earlier ones.
    default : mapping of int to ndarray, or None
        The same of the estimator with its own parameters, by fold.
    thresholds : Thresholds or None
        How what was kept is read if thresholds were chosen.
    best_score : float or None
        The mean score by which the winner was chosen; None is ``best_score_``.
    rule : RepeatedRule or None
        Chooses the winner; None takes the best mean score.
    """

    metric: RowMetric
    folds: Sequence[ScoredRows]
    values: Mapping[int, Mapping[int, np.ndarray]]
    is_learnt: bool
    default: Mapping[int, np.ndarray] | None = None
    thresholds: Thresholds | None = None
    best_score: float | None = None
    rule: RepeatedRule | None = None

    def read(self, kept: Mapping[int, np.ndarray]) -> Mapping[int, np.ndarray]:
        """Return losses or predictions of a candidate's test rows, by fold, from what was kept of them."""
        thresholds = self.thresholds
        if thresholds is None:
            return kept
        return {
            number: self.metric.compute_row_values(self.folds[number].y, thresholds.read_predictions(values))
            for number, values in kept.items()
        }


class CorrectedScoresMixin:
    """The corrected score of a search that has kept its candidates' test rows."""

    best_score_: float
    _candidate_rows: CandidateRows | str
    _resampled_choice: ResampledChoice | None
    _hidden_attributes: ClassVar[tuple[str, ...]] = ()  # in a notebook's view

    def __dir__(self) -> list[str]:
        """List the attributes that there are, as scikit-learn 1.9 does, but without computing any.

        scikit-learn reads each attribute to see whether it is there, also when a name is completed in a notebook.
        """
        is_known = not isinstance(vars(self).get("_candidate_rows"), CandidateRows) or "_resampled_choice" in vars(self)
        lazy = () if is_known else LAZY_NAMES
        names = [name for name in object.__dir__(self) if name in lazy or hasattr(self, name)]
        hidden = {*lazy, *self._hidden_attributes}
        return [name for name in names if name not in hidden] if _is_rendering.get() else names

    @property
    def corrected_score_(self) -> float:
        """``best_score_`` without what the choice of the best candidate adds to it; higher is better.

        Computed when it is first read, without a fit.
        """
        return self._correct_score().mean

    @property
    def corrected_interval_(self) -> tuple[float, float]:
        """The lower and the upper end of the 95 % confidence interval of ``corrected_score_``."""
        corrected = self._correct_score()
        return corrected.low, corrected.high

    def _keep_candidate_rows(self, candidate_rows: CandidateRows | str) -> None:
        """Keep what the correction needs, or the reason why there is none."""
        self._candidate_rows = candidate_rows
        self.__dict__.pop("_resampled_choice", None)

    @property
    def _is_corrected_quickly(self) -> bool:
        """Whether the correction is known, or takes less than about a second."""
        kept = vars(self).get("_candidate_rows")
        if not isinstance(kept, CandidateRows) or "_resampled_choice" in vars(self):
            return isinstance(kept, CandidateRows)
        return (
            kept.metric.is_mean and sum(len(one) for rows in kept.values.values() for one in rows.values()) < QUICK_ROWS
        )

    def _correct_score(self) -> ConfidenceInterval:
        kept, choice = self._get_candidate_rows(), self._resample_choice()
        best_score = float(self.best_score_ if kept.best_score is None else kept.best_score)
        return _shift_interval(
            best_score - choice.estimate_bias(), choice.estimate_spread(), get_perfect_score(kept.metric)
        )

    def _correct_gain(self, default_score: float) -> ConfidenceInterval | None:
        """Return how much better the corrected score is than that of the estimator's own parameters, if it is known."""
        kept: CandidateRows | str = getattr(self, "_candidate_rows", "")
        if isinstance(kept, str) or kept.default is None:
            return None
        choice = self._resample_choice()
        gain = float(self.best_score_) - choice.estimate_bias() - default_score
        return _shift_interval(gain, choice.estimate_spread(from_other=True))

    def _get_candidate_rows(self) -> CandidateRows:
        kept: CandidateRows | str = getattr(self, "_candidate_rows", "it is not fitted")
        if isinstance(kept, str):
            raise AttributeError(f"This {type(self).__name__} has no corrected score: {kept}.")
        return kept

    def _resample_choice(self) -> ResampledChoice:
        """Repeat the choice on resampled rows, once."""
        kept = self._get_candidate_rows()
        if "_resampled_choice" not in self.__dict__:
            self._resampled_choice = resample_choice(
                kept.metric,
                kept.folds,
                list(kept.values.values()),
                is_learnt=kept.is_learnt,
                other=kept.default,
                rule=kept.rule,
                rows=list(kept.values),
            )
        if self._resampled_choice is None:
            raise AttributeError("There is no corrected score: on resampled rows, the score is not defined.")
        return self._resampled_choice


def _shift_interval(mean: float, spread: tuple[float, float], highest: float = np.inf) -> ConfidenceInterval:
    low, high = spread
    return ConfidenceInterval(mean, mean + low, max(mean, min(mean + high, highest)))


def plan_candidate_rows(task: Task, groups: Any = None, *, is_learnt: bool = True) -> CandidateRows | str:
    """Return how the test rows of candidates are scored, without the candidates' values, or why none are kept.

    Parameters
    ----------
    task : Task
    groups : array-like of shape (n_samples,), default=None
        Rows of a group are drawn together.
    is_learnt : bool, default=True
        Whether the sampler proposes candidates by the scores of earlier ones.
    """
    keeper = task.row_keeper
    if isinstance(keeper, str):
        return keeper
    folds = _read_scored_rows(task, keeper.positions, groups)
    return CandidateRows(keeper.metric, folds, {}, is_learnt, thresholds=task.thresholds)


def _read_scored_rows(task: Task, positions: Sequence[np.ndarray | None], groups: Any) -> tuple[ScoredRows, ...]:
    """Return the rows of each fold that are kept."""
    y = np.asarray(task.y)
    weights = task.score_params.get("sample_weight")
    tests = [get_positions(fold.test) for fold in task.folds]
    rows = [test if kept is None else test[kept] for test, kept in zip(tests, positions, strict=True)]
    units = _number_units(len(y), tests if groups is None and is_forward(task.folds) else (), groups)
    numbers = np.unique(units[np.concatenate(rows)], return_inverse=True)[1]
    ends = np.cumsum([len(one) for one in rows])
    return tuple(
        ScoredRows(y[one], of_fold, None if weights is None else np.asarray(weights)[one])
        for one, of_fold in zip(rows, np.split(numbers, ends[:-1]), strict=True)
    )


def _number_units(n_rows: int, forward_tests: Sequence[np.ndarray], groups: Any) -> np.ndarray:
    """Number what is drawn as a whole: groups; stretches of the test rows of folds that follow time; or single rows."""
    if groups is not None:
        numbers: dict[Any, int] = {}  # groups may be of several types, which have no order
        return np.array([numbers.setdefault(group, len(numbers)) for group in np.asarray(groups).tolist()], dtype=int)
    units = np.arange(n_rows)
    n_units = 0
    for test in forward_tests:
        length = max(1, round(len(test) ** (1 / 3)))
        units[test] = n_units + np.arange(len(test)) // length
        n_units = units[test].max() + 1
    return units
