"""Who wins: a vote over out-of-fold predictions, the final fits, and the table of all that were tried."""

import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.ensemble import VotingClassifier, VotingRegressor
from sklearn.frozen import FrozenEstimator

from sklearn_autotune._blend import Choice, choose_weights
from sklearn_autotune._members import FAMILY, MemberClassifier, MemberRegressor, Members, full_name
from sklearn_autotune._plan import N_MEMBERS, Plan, by_score, leaders
from sklearn_autotune._temperature import scale
from sklearn_autotune._trials import Record
from sklearn_autotune.evaluation import log_loss_of, mean_score

__all__ = ["Ballot", "choose", "fit_members", "label_of", "make_leaderboard", "make_voting", "quick_leaders"]

logger = logging.getLogger(__name__)

# Choosing looks at so many rows at most; where scikit-learn's scorers are asked, at fewer.
MOST_ROWS = 20_000
MOST_SCORED_ROWS = 5_000

# The rows of a single split are cut into so many parts, so that something can be chosen on some and scored on others.
N_PARTS = 5

# How often a choice asks for a score, about, for each part and candidate.
N_ROUNDS = 25


def label_of(record: Record) -> str:
    """Return a member's name: its family and the trial's number."""
    return f"{record.params[FAMILY]}_{record.number}"


def seconds_a_row(record: Record, measured: Members) -> float:
    """Return how long a candidate's final model takes to predict a row, going by its folds."""
    n_models = len(record.outcome.folds) if measured.families[record.params[FAMILY]].is_bagged else 1
    n_rows = sum(len(fold.test) for fold in measured.task.folds)
    return n_models * sum(fold.score_seconds for fold in record.outcome.folds) / n_rows


class Ballot:
    """What the leading candidates predict for rows that they were not fitted on, in parts that can be scored apart.

    Parameters
    ----------
    measured : Members
    leading : sequence of Record
        The best first.
    quick : bool
        Whether the score is the log loss, or the root of the mean squared error, as they are by default.
    """

    def __init__(self, measured: Members, leading: Sequence[Record], *, quick: bool) -> None:
        self.measured = measured
        self.quick = quick
        folds = [fold.test for fold in measured.task.folds]
        every = max(1, sum(map(len, folds)) // (MOST_ROWS if quick else MOST_SCORED_ROWS))
        self.rows = _in_parts([rows[::every] for rows in folds])
        self.predictions = [
            _in_parts([values[::every] for values in self._scaled(record.outcome.kept)]) for record in leading
        ]

    def _scaled(self, kept: Any) -> list[np.ndarray]:
        if self.measured.classes is None:
            return kept.predictions
        return [scale(values, kept.temperature) for values in kept.predictions]

    def score(self, prediction: np.ndarray, parts: Sequence[int]) -> float:
        """Score predictions for the rows of some parts; higher is better."""
        rows = np.concatenate([self.rows[part] for part in parts])
        if not self.quick:
            return self.measured.score(prediction, rows)
        weight = self.measured.task.score_params.get("sample_weight")
        weight = None if weight is None else np.asarray(weight, dtype=float)[rows]
        truth = self.measured.places[rows]
        if self.measured.classes is None:
            return -float(np.sqrt(np.average((truth - prediction) ** 2, weights=weight)))
        shown = prediction[:, 1] if prediction.shape[1] == 2 else prediction
        return -log_loss_of(truth, shown, weight)

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


def quick_leaders(records: Sequence[Record], measured: Members, max_predict_time: float | None) -> list[Record]:
    """Return the best candidates that predict a row in the time that it may take; if there are none, the best one."""
    quick = [record for record in leaders(records) if _is_within(max_predict_time, [record], measured)]
    return quick or by_score(records)[:1]


def _is_within(max_predict_time: float | None, records: Sequence[Record], measured: Members) -> bool:
    if max_predict_time is None:
        return True
    return sum(seconds_a_row(record, measured) for record in records) <= max_predict_time


def choose(
    leading: Sequence[Record],
    measured: Members,
    *,
    quick: bool,
    is_blended: bool,
    deadline: float | None,
    max_predict_time: float | None,
) -> Choice:
    """Choose the blend, or the best one alone where that is wanted, or where there is no time for more.

    Parameters
    ----------
    leading : sequence of Record
        The best first.
    measured : Members
    quick : bool
        As of `Ballot`.
    is_blended : bool
        Whether there may be more than one.
    deadline : float or None
        ``time.time()`` at which choosing has to be over.
    max_predict_time : float or None
        Seconds that the blend may take to predict a row.

    Returns
    -------
    choice : Choice
        A weight for each of ``leading``.
    """
    ballot = Ballot(measured, leading, quick=quick)
    most = N_MEMBERS if is_blended and ballot.has_time(deadline) else 1
    choice = choose_weights(ballot.predictions, ballot.score, most=most)
    members = [record for record, weight in zip(leading, choice.weights, strict=True) if weight]
    if _is_within(max_predict_time, members, measured):
        return choice
    return choose_weights(ballot.predictions, ballot.score, most=1)


def make_voting(members: Sequence[tuple[Record, float, Any]], whole: Members) -> Any:
    """Put the members together in scikit-learn's ensemble; none of them is fitted again."""
    named = [(label_of(record), FrozenEstimator(model)) for record, _, model in members]
    weights = [weight for _, weight, _ in members]
    n_columns = whole.task.X.shape[1]
    if whole.classes is None:
        return VotingRegressor(named, weights=weights).fit(np.zeros((2, n_columns)), np.arange(2.0))
    voting = VotingClassifier(named, voting="soft", weights=weights)
    return voting.fit(np.zeros((len(whole.classes), n_columns)), whole.classes)


def _in_parts(folds: list[np.ndarray]) -> list[np.ndarray]:
    return folds if len(folds) > 1 else np.array_split(folds[0], N_PARTS)


def fit_members(
    chosen: Mapping[int, tuple[Record, float]], plan: Plan, whole: Members, measured: Members
) -> list[tuple[Record, float, Any]]:
    """Fit the chosen candidates on all rows, or take their folds' models, as far as there is time.

    Returns
    -------
    members : list of (Record, float, estimator)
        At least one; the weights add up to 1.
    """
    members: list[tuple[Record, float, Any]] = []
    heaviest_first = sorted(chosen.values(), key=lambda pair: -pair[1])
    for record, weight in heaviest_first:
        models = _models(record, plan, whole, is_last_chance=not members and record is heaviest_first[-1][0])
        if models is None:
            logger.info("No time is left to fit %s on all rows: the blend goes without it.", label_of(record))
            continue
        members.append((record, weight, _member(record, models, measured)))
    total = sum(weight for _, weight, _ in members)
    return [(record, weight / total, member) for record, weight, member in members]


def _models(record: Record, plan: Plan, whole: Members, *, is_last_chance: bool) -> list[Any] | None:
    """Return the models of a member, or None if there is no time to fit one."""
    kept = record.outcome.kept
    if not plan.is_refitted(record):
        return kept.models
    seconds = plan.costs.of_refit(record, len(whole.places))
    if plan.deadline is None or time.time() + seconds < plan.deadline or (is_last_chance and not kept.models):
        family = whole.families[record.params[FAMILY]]
        rounds = round(float(np.mean(kept.rounds))) if kept.rounds else None
        return [whole.fit_on(family, record.params, np.arange(len(whole.places)), rounds=rounds)]
    return kept.models


def _member(record: Record, models: list[Any], measured: Members) -> Any:
    if measured.classes is None:
        return MemberRegressor(models)
    return MemberClassifier(models, record.outcome.kept.temperature, np.arange(len(measured.classes)))


def make_leaderboard(records: Sequence[Record], weights: Mapping[str, float]) -> dict[str, np.ndarray]:
    """Return a row for each measured candidate, the best first, those that are not complete last."""

    def place(record: Record) -> tuple[bool, float]:
        is_complete = record.outcome.status == "complete"
        return not is_complete, -_mean(record) if is_complete else 0.0

    measured = sorted((record for record in records if record.is_measured), key=place)
    rows = [_row(rank, record, weights) for rank, record in enumerate(measured, 1)]
    objects = {"family", "params", "status", "error"}
    return {name: np.array([row[name] for row in rows], dtype=object if name in objects else None) for name in rows[0]}


def _mean(record: Record) -> float:
    return mean_score((fold.test for fold in record.outcome.folds), None)


def _row(rank: int, record: Record, weights: Mapping[str, float]) -> dict[str, Any]:
    outcome = record.outcome
    scores = np.array([fold.test for fold in outcome.folds], dtype=float)
    is_complete = outcome.status == "complete"
    family = record.params[FAMILY]
    start = len(full_name(family, ""))
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
        "blend_weight": weights.get(label_of(record), 0.0) if is_complete else 0.0,
    }
