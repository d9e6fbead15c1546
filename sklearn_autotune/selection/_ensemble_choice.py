"""Who wins: a vote over out-of-fold predictions, and the table of all that were tried."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sklearn_autotune.evaluation import compute_log_loss
from sklearn_autotune.search._trial_loop import TrialRecord
from sklearn_autotune.selection._candidates import FAMILY, add_family_prefix
from sklearn_autotune.selection._cross_fit import CrossFitEvaluation
from sklearn_autotune.selection._ensemble_selection import EnsembleChoice, choose_weights
from sklearn_autotune.selection._schedule import (
    MAX_BLEND_SIZE,
    average_fold_scores,
    make_label,
    select_blend_candidates,
    sort_by_score,
)
from sklearn_autotune.selection._second_layer import SecondLayer, is_second_layer
from sklearn_autotune.selection._temperature_scaling import apply_temperature

__all__ = ["EnsembleScorer", "choose_ensemble", "make_leaderboard", "select_fast_candidates"]

# Choosing looks at so many rows at most; where scikit-learn's scorers are asked, at fewer.
MOST_ROWS = 20_000
MOST_SCORED_ROWS = 5_000

# The rows of a single split are cut into so many parts, so that something can be chosen on some and scored on others.
N_PARTS = 5

# How often a choice asks for a score, about, for each part and candidate.
N_ROUNDS = 25


def estimate_seconds_per_row(record: TrialRecord, cross_fit: CrossFitEvaluation) -> float:
    """Return how long a candidate's final model takes to predict a row, going by its folds."""
    is_bagged = not is_second_layer(record) and cross_fit.families[record.params[FAMILY]].is_bagged
    n_models = len(record.outcome.folds) if is_bagged else 1
    n_rows = sum(len(fold.test) for fold in cross_fit.task.folds)
    return n_models * sum(fold.score_seconds for fold in record.outcome.folds) / n_rows


class EnsembleScorer:
    """What the leading candidates predict for rows that they were not fitted on, in parts that can be scored apart.

    Parameters
    ----------
    cross_fit : CrossFitEvaluation
    candidates : sequence of TrialRecord
        The best first.
    quick : bool
        Whether the score is the log loss, or the root of the mean squared error, as they are by default.
    """

    def __init__(self, cross_fit: CrossFitEvaluation, candidates: Sequence[TrialRecord], *, quick: bool) -> None:
        self.cross_fit = cross_fit
        self.quick = quick
        folds = [fold.test for fold in cross_fit.task.folds]
        every = max(1, sum(map(len, folds)) // (MOST_ROWS if quick else MOST_SCORED_ROWS))
        self.rows = _in_parts([rows[::every] for rows in folds])
        self.predictions = [
            _in_parts([values[::every] for values in self._scaled(record.outcome.kept)]) for record in candidates
        ]

    def _scaled(self, kept: Any) -> list[np.ndarray]:
        if self.cross_fit.classes is None:
            return kept.predictions
        return [apply_temperature(values, kept.temperature) for values in kept.predictions]

    def score(self, prediction: np.ndarray, parts: Sequence[int]) -> float:
        """Score predictions for the rows of some parts; higher is better."""
        rows = np.concatenate([self.rows[part] for part in parts])
        if not self.quick:
            return self.cross_fit.score(prediction, rows)
        weight = self.cross_fit.task.score_params.get("sample_weight")
        weight = None if weight is None else np.asarray(weight, dtype=float)[rows]
        truth = self.cross_fit.class_codes[rows]
        if self.cross_fit.classes is None:
            return -float(np.sqrt(np.average((truth - prediction) ** 2, weights=weight)))
        shown = prediction[:, 1] if prediction.shape[1] == 2 else prediction
        return -compute_log_loss(truth, shown, weight)

    def has_time(self, deadline: float | None) -> bool:
        """Whether choosing a blend would be over in time."""
        if deadline is None:
            return True
        predictions, parts = np.concatenate(self.predictions[0]), range(len(self.rows))
        self.score(predictions, parts)  # the first time takes longer
        start = time.perf_counter()
        self.score(predictions, parts)
        seconds = time.perf_counter() - start
        return time.time() + seconds * len(self.rows) * len(self.predictions) * N_ROUNDS < deadline


def select_fast_candidates(
    records: Sequence[TrialRecord], cross_fit: CrossFitEvaluation, max_predict_time: float | None
) -> list[TrialRecord]:
    """Return the best candidates that predict a row in the time that it may take; if there are none, the best one."""
    quick = [
        record for record in select_blend_candidates(records) if _is_within(max_predict_time, [record], cross_fit, ())
    ]
    return quick or sort_by_score(records)[:1]


def _is_within(
    max_predict_time: float | None,
    records: Sequence[TrialRecord],
    cross_fit: CrossFitEvaluation,
    base_records: Sequence[TrialRecord],
) -> bool:
    """Whether candidates, and what those of the second layer look at, predict a row in the time that it may take."""
    if max_predict_time is None:
        return True
    needed = {
        record.number: record for record in (*records, *(base_records if any(map(is_second_layer, records)) else ()))
    }
    return sum(estimate_seconds_per_row(record, cross_fit) for record in needed.values()) <= max_predict_time


def choose_ensemble(
    candidates: Sequence[TrialRecord],
    cross_fit: CrossFitEvaluation,
    second_layer: SecondLayer,
    *,
    quick: bool,
    is_blended: bool,
    deadline: float | None,
    max_predict_time: float | None,
) -> tuple[list[tuple[TrialRecord, float]], float]:
    """Choose the blend, or the best one alone where that is wanted, or where there is no time for more.

    Parameters
    ----------
    candidates : sequence of TrialRecord
        Of the first layer.
    cross_fit : CrossFitEvaluation
    second_layer : SecondLayer
        The second layer, as far as it has been measured.
    quick : bool
        As of `EnsembleScorer`.
    is_blended : bool
        Whether there may be more than one.
    deadline : float or None
        ``time.time()`` at which choosing has to be over.
    max_predict_time : float or None
        Seconds that the blend may take to predict a row.

    Returns
    -------
    chosen : list of (TrialRecord, float)
        With their weights.
    score : float
        What the choice is worth on rows that it was not made on; higher is better.
    """
    stacked = [
        record
        for record in second_layer.select_blend_candidates()
        if _is_within(max_predict_time, [record], cross_fit, second_layer.base_records)
    ]
    standing = sort_by_score([*candidates, *stacked])
    ensemble_scorer = EnsembleScorer(cross_fit, standing, quick=quick)
    max_models = MAX_BLEND_SIZE if is_blended and ensemble_scorer.has_time(deadline) else 1
    choice = choose_weights(ensemble_scorer.predictions, ensemble_scorer.score, max_models=max_models)
    chosen = _with_weights(standing, choice)
    if not _is_within(max_predict_time, [record for record, _ in chosen], cross_fit, second_layer.base_records):
        choice = choose_weights(ensemble_scorer.predictions, ensemble_scorer.score, max_models=1)
        chosen = _with_weights(standing, choice)
    return chosen, choice.score


def _with_weights(standing: Sequence[TrialRecord], choice: EnsembleChoice) -> list[tuple[TrialRecord, float]]:
    return [(record, weight) for record, weight in zip(standing, choice.weights, strict=True) if weight > 0]


def _in_parts(folds: list[np.ndarray]) -> list[np.ndarray]:
    return folds if len(folds) > 1 else np.array_split(folds[0], N_PARTS)


def make_leaderboard(records: Sequence[TrialRecord], weights: Mapping[str, float]) -> dict[str, np.ndarray]:
    """Return a row for each measured candidate, the best first, those that are not complete last."""

    def place(record: TrialRecord) -> tuple[bool, float]:
        is_complete = record.outcome.status == "complete"
        return not is_complete, -average_fold_scores(record.outcome) if is_complete else 0.0

    cross_fit = sorted((record for record in records if record.is_measured), key=place)
    rows = [_row(rank, record, weights) for rank, record in enumerate(cross_fit, 1)]
    objects = {"family", "params", "status", "error"}
    return {name: np.array([row[name] for row in rows], dtype=object if name in objects else None) for name in rows[0]}


def _row(rank: int, record: TrialRecord, weights: Mapping[str, float]) -> dict[str, Any]:
    outcome = record.outcome
    scores = np.array([fold.test for fold in outcome.folds], dtype=float)
    is_complete = outcome.status == "complete"
    family = record.params[FAMILY]
    start = len(add_family_prefix(family, ""))
    return {
        "rank": rank,
        "number": record.number,
        "family": family,
        "params": {name[start:]: value for name, value in record.params.items() if name != FAMILY},
        "mean_score": scores.mean() if is_complete else np.nan,
        "std_error": scores.std(ddof=1) / np.sqrt(len(scores)) if is_complete and len(scores) > 1 else np.nan,
        "fit_seconds": sum(fold.fit_seconds for fold in outcome.folds),
        "predict_seconds": sum(fold.score_seconds for fold in outcome.folds),
        "status": outcome.status,
        "error": outcome.error,
        "blend_weight": weights.get(make_label(record), 0.0) if is_complete else 0.0,
    }
