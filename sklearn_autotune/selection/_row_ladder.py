"""Measures first candidates on growing parts of a large table, so that the best of them come first on all rows.

On a million rows there is time for few candidates. On a part of the rows, each candidate gets the same few seconds, and
those with the best scores are likely to be among the best on all rows. The next part has four times as many rows and
fewer candidates.
What is measured on a part only orders the candidates: it is not in the results.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sklearn_autotune._compat import clock
from sklearn_autotune._compat.sklearn import take_metadata_rows, take_rows
from sklearn_autotune.evaluation import Fold, Outcome, WorkItem
from sklearn_autotune.evaluation._base import average_folds
from sklearn_autotune.evaluation._status import Status
from sklearn_autotune.execution import ExecutionRequest, make_executor
from sklearn_autotune.selection._candidates import FAMILY
from sklearn_autotune.selection._cost_model import CostModel
from sklearn_autotune.selection._cross_fit import CrossFitEvaluation
from sklearn_autotune.selection._tasks import draw_rows

__all__ = ["MIN_TRAINING_ROWS", "has_parts", "make_parts", "order_on_parts"]

# Of a fold. With fewer rows, first candidates are quick enough on all of them.
MIN_TRAINING_ROWS = 60_000

# The parts, as shares of the training rows, and the test rows of a part.
SHARES = (1 / 16, 1 / 4)
MAX_TEST_ROWS = 20_000

# The share of the timeout that each part takes, and how many candidates it has. A candidate's seconds for a row are
# about the same on both.
TIME_SHARES = (0.08, 0.14)
N_CANDIDATES = (10, 3)

# A family whose best candidate is behind the best one of all by more than this share of that score comes after all
# candidates of the others.
MAX_DISTANCE = 0.25


@dataclass(frozen=True, slots=True)
class PartScore:
    """A candidate's score on a part."""

    candidate: Mapping[str, Any]
    score: float


def has_parts(cross_fit: CrossFitEvaluation) -> bool:
    """Whether the table is so large that candidates are ordered on parts of its rows."""
    return len(cross_fit.task.folds[0].train) >= MIN_TRAINING_ROWS


def make_parts(cross_fit: CrossFitEvaluation, seed: int) -> Iterator[CrossFitEvaluation]:
    """Make evaluations with parts of the first fold's rows, one at a time, the smallest first.

    Parameters
    ----------
    cross_fit : CrossFitEvaluation
    seed : int
        A part's rows are drawn at random, by class in classification; if the folds follow time, the latest training
        rows are taken.

    Yields
    ------
    part : CrossFitEvaluation
        It has a table of its own, with one fold.
    """
    fold = cross_fit.task.folds[0]
    for share in SHARES:
        yield _make_part(cross_fit, fold, round(share * len(fold.train)), seed)


def _make_part(cross_fit: CrossFitEvaluation, fold: Fold, n_rows: int, seed: int) -> CrossFitEvaluation:
    train = _draw(cross_fit, fold.train, n_rows, seed)
    test = _draw(cross_fit, fold.test, min(len(fold.test), MAX_TEST_ROWS), seed)
    task, inner = cross_fit.task, cross_fit.inner
    # Test rows come first, unless they are later: folds whose training rows come first would follow time.
    if cross_fit.is_forward:
        rows, n_first = np.concatenate([train, test]), len(train)
    else:
        rows, n_first = np.concatenate([test, train]), len(test)
    first, second = np.split(np.arange(len(rows)), [n_first])
    pair = (first, second) if cross_fit.is_forward else (second, first)
    part = replace(
        task,
        X=take_rows(task.X, rows),
        y=task.y[rows],
        folds=(Fold(0, *pair),),
        fit_params=take_metadata_rows(task.X, params=task.fit_params, indices=rows),
        score_params=take_metadata_rows(task.X, params=task.score_params, indices=rows),
        row_keeper="this is a part of the rows",
        thresholds=None if task.thresholds is None else task.thresholds.take_rows(task.X, rows),
    )
    return replace(cross_fit, task=part, inner=inner.take(rows), estimate_min_seconds=None)


def _draw(cross_fit: CrossFitEvaluation, rows: np.ndarray, n_rows: int, seed: int) -> np.ndarray:
    if n_rows >= len(rows):
        return rows
    if cross_fit.is_forward:
        return rows[-n_rows:]
    is_classification = cross_fit.classes is not None
    drawn = draw_rows(cross_fit.targets[rows], n_rows, is_classification=is_classification, seed=seed)
    return np.sort(rows[drawn])


def order_on_parts(
    parts: Iterable[CrossFitEvaluation],
    candidates: Sequence[Mapping[str, Any]],
    cost_model: CostModel,
    request: ExecutionRequest,
    timeout: float,
) -> list[Mapping[str, Any]]:
    """Measure candidates on parts of the rows, and return all of them, the most promising first.

    After those that were measured come the others of families that did well, and then families that are far behind or
    that no part has time for.

    Parameters
    ----------
    parts : iterable of CrossFitEvaluation
        Those of `make_parts`.
    candidates : sequence of dict
        In the order in which they are measured on the first part.
    cost_model : CostModel
        Says which candidates a part has no time for.
    request : ExecutionRequest
        Where and with which limits candidates are measured; its evaluation is not used.
    timeout : float
        Seconds for the whole ``fit``.
    """
    ordered = list(candidates)
    for index, part in enumerate(parts):
        seconds = TIME_SHARES[index] * timeout
        scores = _measure_part(part, ordered, N_CANDIDATES[index], cost_model, request, seconds)
        if index == 0:
            ordered = _order(ordered, scores)
        else:
            measured = [one.candidate for one in scores]
            best = _order(measured, scores)
            ordered = [*best, *(candidate for candidate in ordered if candidate not in measured)]
    return ordered


def _measure_part(
    part: CrossFitEvaluation,
    candidates: Sequence[Mapping[str, Any]],
    n_candidates: int,
    cost_model: CostModel,
    request: ExecutionRequest,
    seconds: float,
) -> list[PartScore]:
    """Measure candidates on a part of the rows; those that fail, or that there is no time for, are left out."""
    n_rows, deadline = len(part.task.folds[0].train), clock.now() + seconds
    part.max_candidate_seconds = seconds / n_candidates
    affordable = [one for one in candidates if cost_model.can_end_in_time(one, n_rows, part.max_candidate_seconds)]
    affordable = affordable[:n_candidates]
    outcomes: dict[int, Outcome] = {}
    with closing(make_executor(replace(request, evaluation=part))) as executor:
        for number, candidate in enumerate(affordable):
            executor.submit(WorkItem(number, number, len(affordable), candidate, deadline=deadline))
        while len(outcomes) < len(affordable):
            outcomes.update(executor.wait())
    complete = {number: outcome for number, outcome in outcomes.items() if outcome.status == Status.COMPLETE}
    return [PartScore(affordable[number], average_folds(outcome.folds, None)) for number, outcome in complete.items()]


def _order(candidates: Sequence[Mapping[str, Any]], scores: Sequence[PartScore]) -> list[Mapping[str, Any]]:
    """Order candidates by scores that some of them have: the best of each family, then the second ones, and so on."""
    ranked = sorted(scores, key=lambda one: -one.score)
    measured = [one.candidate for one in ranked]
    best_of = {one.candidate[FAMILY]: one.score for one in reversed(ranked)}
    near = [name for name in dict.fromkeys(one[FAMILY] for one in measured) if not _is_far(best_of[name], ranked[0])]
    n_before: Counter[str] = Counter()
    known = [*measured, *(candidate for candidate in candidates if candidate not in measured)]
    keys = []
    for position, candidate in enumerate(known):
        family, is_measured = candidate[FAMILY], position < len(measured)
        rank = position if is_measured or family not in near else near.index(family)
        keys.append((family not in near, not is_measured, n_before[family], rank))
        n_before[family] += 1
    return [known[position] for position in sorted(range(len(known)), key=keys.__getitem__)]


def _is_far(score: float, best: PartScore) -> bool:
    return best.score - score > MAX_DISTANCE * abs(best.score)
