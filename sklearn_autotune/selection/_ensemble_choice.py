"""Chooses the final ensemble by out-of-fold predictions, and makes the leaderboard of all candidates."""

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import isfinite
from typing import Any

import numpy as np

from sklearn_autotune._compat import clock
from sklearn_autotune.evaluation import compute_log_loss, select_score
from sklearn_autotune.evaluation._metric import Metric
from sklearn_autotune.evaluation._status import Status
from sklearn_autotune.search._trial_loop import TrialRecord
from sklearn_autotune.selection._budget import TimeReserve
from sklearn_autotune.selection._candidates import FAMILY, add_family_prefix
from sklearn_autotune.selection._cross_fit import CrossFitEvaluation
from sklearn_autotune.selection._ensemble_selection import EnsembleChoice, choose_weights
from sklearn_autotune.selection._ranking import (
    MAX_BLEND_SIZE,
    Leaderboard,
    average_fold_scores,
    make_label,
    select_blend_candidates,
    sort_by_score,
)
from sklearn_autotune.selection._second_layer import SecondLayer, is_second_layer, measure_second_layer
from sklearn_autotune.statistics._corrected_scores import CandidateRows
from sklearn_autotune.statistics._intervals import estimate_mean

__all__ = [
    "ChosenEnsemble",
    "EnsembleScorer",
    "choose_ensemble",
    "choose_from_both_layers",
    "make_leaderboard",
    "select_fast_candidates",
]

logger = logging.getLogger(__name__)

# The choice uses at most so many rows; fewer if a scikit-learn scorer is called.
MAX_ROWS = 20_000
MAX_SCORER_ROWS = 5_000

# With a single split, its test rows are divided into so many parts: weights are chosen on some and scored on others.
N_PARTS = 5

# About how often a score is computed for each part and candidate.
N_ROUNDS = 25


def estimate_seconds_per_row(record: TrialRecord, cross_fit: CrossFitEvaluation) -> float:
    """Estimate the seconds that a candidate's final model takes to predict one row, from the times on its folds."""
    is_bagged = not is_second_layer(record) and cross_fit.families[record.params[FAMILY]].is_bagged
    n_models = len(record.outcome.folds) if is_bagged and cross_fit.averages_folds else 1
    n_rows = sum(len(fold.test) for fold in cross_fit.task.folds[-len(record.outcome.folds) :])
    return n_models * sum(fold.score_seconds for fold in record.outcome.folds) / n_rows


@dataclass(frozen=True, slots=True)
class ChosenEnsemble:
    """A blend, or one candidate alone.

    Attributes
    ----------
    weighted_records : list of (TrialRecord, float)
        Chosen candidates and their weights.
    score : float
        Mean score of the choice on rows that it was not made on; higher is better.
    best_record : TrialRecord
        The best candidate of the first layer.
    flattering_score : float, default=nan
        Mean score of the best candidate of both layers, by which it was chosen, plus what a chosen blend gains on rows
        that it was not chosen on.
    """

    weighted_records: list[tuple[TrialRecord, float]]
    score: float
    best_record: TrialRecord
    flattering_score: float = np.nan

    def complete_candidate_rows(
        self, kept: CandidateRows | str, second_layer: Sequence[TrialRecord]
    ) -> CandidateRows | str:
        """Add candidates of the second layer to the kept rows of the first, and the score that has to be corrected."""
        if isinstance(kept, str) or not isfinite(self.flattering_score):
            return kept
        values = dict(kept.values)
        for record in second_layer:
            n_missing = len(kept.folds) - len(record.outcome.folds)  # the first fold, if the folds follow time
            folds = enumerate(record.outcome.folds, n_missing)
            rows = {number: fold.row_values for number, fold in folds if fold.row_values is not None}
            values |= {record.number: rows} if rows else {}
        return replace(kept, values=values, best_score=self.flattering_score)


class EnsembleScorer:
    """Scores ensembles of candidates on their out-of-fold predictions, part by part.

    Parameters
    ----------
    cross_fit : CrossFitEvaluation
    candidates : sequence of TrialRecord
        Of both layers, the best first.
    second_layer : SecondLayer
    has_default_scoring : bool
        Whether the score is the default one, the log loss or the root of the mean squared error, which is computed
        here. Otherwise the task's scorer is called.
    """

    def __init__(
        self,
        cross_fit: CrossFitEvaluation,
        candidates: Sequence[TrialRecord],
        *,
        second_layer: SecondLayer,
        has_default_scoring: bool,
    ) -> None:
        self.cross_fit = cross_fit
        self.has_default_scoring = has_default_scoring
        folds = [fold.test for fold in cross_fit.task.folds]
        every = max(1, sum(map(len, folds)) // (MAX_ROWS if has_default_scoring else MAX_SCORER_ROWS))
        self.rows = _get_scoring_parts([rows[::every] for rows in folds])
        self.predictions = [
            _get_scoring_parts([values[::every] for values in second_layer.collect_predictions(record, cross_fit)])
            for record in candidates
        ]

    def score(self, prediction: np.ndarray, parts: Sequence[int]) -> float:
        """Score predictions for the rows of some parts; higher is better.

        Minus infinity if the task's scorer fails, or gives no finite number: such predictions are not chosen.
        """
        rows = np.concatenate([self.rows[part] for part in parts])
        if not self.has_default_scoring:
            scored = self.cross_fit.score(prediction, rows)
            if scored.error is not None:
                logger.info("The score of predictions that may be blended failed:\n%s", scored.error)
            return float("-inf") if scored.error is not None else select_score(scored.score, None)
        weight = self.cross_fit.task.score_params.get("sample_weight")
        weight = None if weight is None else np.asarray(weight, dtype=float)[rows]
        truth = self.cross_fit.targets[rows]
        if self.cross_fit.classes is None:
            return -float(np.sqrt(np.average((truth - prediction) ** 2, weights=weight)))
        prediction = prediction[:, 1] if prediction.shape[1] == 2 else prediction
        return -compute_log_loss(truth, prediction, weight)

    def has_time(self, deadline: float | None) -> bool:
        """Whether choosing a blend would end before the deadline, from the time that one score takes."""
        if deadline is None:
            return True
        predictions, parts = np.concatenate(self.predictions[0]), range(len(self.rows))
        self.score(predictions, parts)  # the first call is slower
        start = time.perf_counter()
        self.score(predictions, parts)
        seconds = time.perf_counter() - start
        return clock.now() + seconds * len(self.rows) * len(self.predictions) * N_ROUNDS < deadline


def select_fast_candidates(
    records: Sequence[TrialRecord], cross_fit: CrossFitEvaluation, max_predict_time: float | None
) -> list[TrialRecord]:
    """Return the blend candidates that predict a row fast enough; if there are none, the best candidate."""
    fast = [
        record
        for record in select_blend_candidates(records)
        if _is_fast_enough(max_predict_time, [record], cross_fit, ())
    ]
    return fast or sort_by_score(records)[:1]


def _is_fast_enough(
    max_predict_time: float | None,
    records: Sequence[TrialRecord],
    cross_fit: CrossFitEvaluation,
    base_records: Sequence[TrialRecord],
) -> bool:
    """Whether candidates predict a row fast enough; models of the second layer need those of the first layer too."""
    if max_predict_time is None:
        return True
    needed = {
        record.number: record for record in (*records, *(base_records if any(map(is_second_layer, records)) else ()))
    }
    return sum(estimate_seconds_per_row(record, cross_fit) for record in needed.values()) <= max_predict_time


def choose_from_both_layers(
    records: Sequence[TrialRecord],
    time_reserve: TimeReserve,
    cross_fit: CrossFitEvaluation,
    *,
    has_default_scoring: bool,
    allows_blend: bool,
    max_predict_time: float | None,
) -> tuple[ChosenEnsemble, SecondLayer]:
    """Measure the second layer, and choose the best candidate or a blend of both layers.

    Parameters
    ----------
    records : sequence of TrialRecord
        Of all candidates of the first layer.
    time_reserve : TimeReserve
        How much time the stages after the search have.
    cross_fit : CrossFitEvaluation
    has_default_scoring, allows_blend, max_predict_time
        See `choose_ensemble`.

    Returns
    -------
    chosen : ChosenEnsemble
    second_layer : SecondLayer
    """
    candidates = select_fast_candidates(records, cross_fit, max_predict_time)
    second_layer = measure_second_layer(
        cross_fit,
        time_reserve.second_layer,
        candidates,
        1 + max(record.number for record in records),
        time_reserve.compute_second_layer_deadline(records),
    )
    chosen = choose_ensemble(
        candidates,
        cross_fit,
        second_layer,
        has_default_scoring=has_default_scoring,
        allows_blend=allows_blend,
        deadline=time_reserve.blend_deadline,
        max_predict_time=max_predict_time,
    )
    return chosen, second_layer


def choose_ensemble(
    candidates: Sequence[TrialRecord],
    cross_fit: CrossFitEvaluation,
    second_layer: SecondLayer,
    *,
    has_default_scoring: bool,
    allows_blend: bool,
    deadline: float | None,
    max_predict_time: float | None,
) -> ChosenEnsemble:
    """Choose the blend, or the best candidate alone if blending is off or there is no time for it.

    Parameters
    ----------
    candidates : sequence of TrialRecord
        Candidates of the first layer, the best first.
    cross_fit : CrossFitEvaluation
    second_layer : SecondLayer
        With records if it was measured.
    has_default_scoring : bool
        See `EnsembleScorer`.
    allows_blend : bool
        Whether more than one model may be chosen.
    deadline : float or None
        Time by `clock.now` at which choosing has to end.
    max_predict_time : float or None
        Seconds that the blend may take to predict a row.

    Returns
    -------
    chosen : ChosenEnsemble
    """
    stacked = [
        record
        for record in second_layer.select_best_records()
        if _is_fast_enough(max_predict_time, [record], cross_fit, second_layer.base_records)
    ]
    ranked = sort_by_score([*candidates, *stacked])
    ensemble_scorer = EnsembleScorer(
        cross_fit, ranked, second_layer=second_layer, has_default_scoring=has_default_scoring
    )
    max_models = MAX_BLEND_SIZE if allows_blend and ensemble_scorer.has_time(deadline) else 1
    choose = partial(
        choose_weights, ensemble_scorer.predictions, ensemble_scorer.score, is_forward=cross_fit.is_forward
    )
    choice = choose(max_models=max_models)
    chosen = _pair_with_weights(ranked, choice)
    if not _is_fast_enough(max_predict_time, [record for record, _ in chosen], cross_fit, second_layer.base_records):
        choice = choose(max_models=1)
        chosen = _pair_with_weights(ranked, choice)
    # Each candidate has a score on its folds, even if the scorer fails on parts of them.
    score = choice.score if isfinite(choice.score) else average_fold_scores(chosen[0][0].outcome)
    flattering_score = average_fold_scores(ranked[0].outcome) + (choice.gain if isfinite(choice.gain) else 0.0)
    return ChosenEnsemble(chosen, score, candidates[0], flattering_score)


def _pair_with_weights(ranked: Sequence[TrialRecord], choice: EnsembleChoice) -> list[tuple[TrialRecord, float]]:
    return [(record, weight) for record, weight in zip(ranked, choice.weights, strict=True) if weight > 0]


def _get_scoring_parts(folds: list[np.ndarray]) -> list[np.ndarray]:
    return folds if len(folds) > 1 else np.array_split(folds[0], N_PARTS)


def make_leaderboard(
    records: Sequence[TrialRecord], weights: Mapping[str, float], metric: Metric, test_over_train: float
) -> Leaderboard:
    """Make the leaderboard: a row for each measured candidate, the best first, incomplete ones last.

    Parameters
    ----------
    records : sequence of TrialRecord
    weights : mapping of str to float
        Of the blend, by label.
    metric : Metric
    test_over_train : float
        Rows in the test part of a fold, for each in its training part.
    """

    def sort_key(record: TrialRecord) -> tuple[bool, float]:
        is_complete = record.outcome.status == Status.COMPLETE
        return not is_complete, -average_fold_scores(record.outcome) if is_complete else 0.0

    measured = sorted((record for record in records if record.is_measured), key=sort_key)
    rows = [_make_row(rank, record, weights, test_over_train) for rank, record in enumerate(measured, 1)]
    objects = {"family", "params", "status", "error"}
    dtypes = {name: object if name in objects else None for name in rows[0]}
    return Leaderboard({name: np.array([row[name] for row in rows], dtype) for name, dtype in dtypes.items()}, metric)


def _make_row(rank: int, record: TrialRecord, weights: Mapping[str, float], test_over_train: float) -> dict[str, Any]:
    outcome = record.outcome
    scores = np.array([fold.test for fold in outcome.folds], dtype=float)
    mean = estimate_mean(scores, test_over_train=test_over_train)
    is_complete = outcome.status == Status.COMPLETE
    family = record.params[FAMILY]
    start = len(add_family_prefix(family, ""))
    return {
        "rank": rank,
        "number": record.number,
        "family": family,
        "params": {name[start:]: value for name, value in record.params.items() if name != FAMILY},
        "mean_score": mean.mean if is_complete else np.nan,
        "std_error": mean.std_error if is_complete else np.nan,
        "fit_seconds": sum(fold.fit_seconds for fold in outcome.folds),
        "predict_seconds": sum(fold.score_seconds for fold in outcome.folds),
        "status": str(outcome.status),
        "error": outcome.error,
        "blend_weight": weights.get(make_label(record), 0.0) if is_complete else 0.0,
    }
