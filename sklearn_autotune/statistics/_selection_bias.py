"""The best score of a search, corrected for the choice among its candidates, without a further fit.

The best of several measured scores is too good, because chance is one reason why it is the best. To measure by how
much, rows are drawn with replacement, the best candidate is chosen by its score on the drawn rows, and scored on the
rows that were not drawn. This is repeated. A row that scores a choice has had no part in it, so the mean of these
scores is not too good. It is the bootstrap bias correction of Tsamardinos, Greasidou and Borboudakis (Machine Learning
107, 2018), with two additions. Folds that a stopped candidate lacks are taken from the complete candidate most like
it. And the scores are measured against the mean of the candidates that are ever chosen, on the same rows: most of the
chance in which rows are drawn then cancels.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from sklearn import metrics

from sklearn_autotune.evaluation._row_values import ROW_LOSSES, RowMetric
from sklearn_autotune.statistics._intervals import bound_unseen_rate
from sklearn_autotune.statistics._refit_rules import RepeatedRule
from sklearn_autotune.statistics._resampled_scores import compute_resampled_scores, is_fast

__all__ = ["ResampledChoice", "ScoredRows", "get_perfect_score", "resample_choice"]

MAX_RESAMPLES, MIN_RESAMPLES = 500, 100
MAX_DRAWN_ROWS = 1_000_000  # in all resamples together; with many rows, fewer resamples vary as little

# Resampling rows does not show all of the bias. The models of a fold are fitted on the rows of the others, so that what
# chance has favoured on some rows it has favoured on others too; and a sampler that learns from scores proposes more
# candidates of that kind. The fewer rows a class has, the more it shows in scores that weigh classes. The factors were
# found on tables of pure noise: 60 with classes of equal size, 158 with 8, 16 or 40 rows of the rarest class, and 100
# with numbers as their target, whose scores need none. `benchmarks.honesty` uses other tables.
BIAS_FACTOR = 1.2
LEARNT_BIAS_FACTOR = 1.35
RARE_CLASS_ROWS = 2.0  # with so many rows of a class, the factor of a score that weighs classes is twice as large
N_FIRST = 25  # resamples, which tell candidates that are never the best
MAX_DEVIATIONS = 6.0  # of such a candidate's distance to the best one
MAX_CANDIDATES = 200  # the best ones; others would hardly ever be chosen
MAX_SLOW_CANDIDATES = 25  # if each resample needs a call of the metric
MAX_BLOCK_SIZE = 2**22  # resamples times rows

# What a score loses if all rows are mistakes in place of none.
MAX_LOSSES = {
    **dict.fromkeys((metrics.accuracy_score, metrics.balanced_accuracy_score, metrics.matthews_corrcoef), 1.0),
    **dict.fromkeys((metrics.f1_score, metrics.jaccard_score, metrics.precision_score, metrics.recall_score), 1.0),
    **dict.fromkeys((metrics.average_precision_score, metrics.roc_auc_score), 1.0),
    metrics.brier_score_loss: 1.0,
    metrics.log_loss: -float(np.log(np.finfo(float).eps)),  # scikit-learn clips probabilities
}

# Scores of targets that are numbers.
NUMBER_METRICS = frozenset(
    {
        *(metrics.d2_absolute_error_score, metrics.d2_pinball_score, metrics.d2_tweedie_score),
        *(metrics.explained_variance_score, metrics.max_error, metrics.mean_tweedie_deviance),
        *(metrics.median_absolute_error, metrics.r2_score),
        *ROW_LOSSES.keys() - MAX_LOSSES.keys(),
    }
)


@dataclass(frozen=True, slots=True)
class ScoredRows:
    """The test rows of a fold.

    Attributes
    ----------
    y : ndarray of shape (n_rows,) or (n_rows, n_outputs)
    units : ndarray of int of shape (n_rows,)
        Rows of one unit are drawn together: a row itself, a group, or a stretch of time. In repeated
        cross-validation a row has the same unit in each fold.
    weights : ndarray of shape (n_rows,) or None
        Weights in the score.
    """

    y: np.ndarray
    units: np.ndarray
    weights: np.ndarray | None = None


@dataclass(frozen=True, slots=True)
class ResampledChoice:
    """Choices among the candidates on resampled rows.

    Attributes
    ----------
    winner : int
        The candidate that is chosen on all rows.
    chosen : ndarray of int of shape (n_resamples,)
        The candidate that is chosen on the drawn rows.
    scores : ndarray of shape (n_candidates,)
        Mean score over the folds, on all rows.
    out_scores : ndarray of shape (n_candidates, n_resamples)
        Mean score over the folds, on the rows that were not drawn.
    bias_factor : float
        By how much the bias that resampling shows is multiplied.
    other_out_scores : ndarray of shape (n_resamples,) or None
        The same of a model that is compared with the chosen candidate.
    n_faultless : int
        Of how many rows, groups or stretches of time the best candidate predicts all without a mistake; 0 if it makes
        mistakes. Where the score weighs classes, those of the rarest class.
    max_loss : float
        How much the score would lose if all were mistakes.
    """

    winner: int
    chosen: np.ndarray
    scores: np.ndarray
    out_scores: np.ndarray
    bias_factor: float
    other_out_scores: np.ndarray | None = None
    n_faultless: int = 0
    max_loss: float = 0.0

    def estimate_bias(self) -> float:
        """Return by how much the winner's score is too good; not below 0."""
        shares = np.bincount(self.chosen, minlength=len(self.scores)) / len(self.chosen)
        expected = shares @ self.scores + np.mean(self._select_chosen() - shares @ self.out_scores)
        return max(0.0, self.bias_factor * float(self.scores[self.winner] - expected))

    def estimate_spread(self, confidence: float = 0.95, *, from_other: bool = False) -> tuple[float, float]:
        """Return how far below and above the corrected score its confidence interval reaches, the former negative.

        With ``from_other``, the same of its difference to the other model's score. The rows that were not drawn are
        fewer than all rows, so that their scores vary 1.3 times as much as chance in the rows would explain. That makes
        up for what resampling does not show: other training rows, too, would give another score. The correction may
        take off too much, so that the interval reaches at least as far above the corrected score as below.

        If the best candidate makes no mistake, resampled rows have none either, and their scores do not vary. The
        interval then reaches down to the score with as many mistakes as the interval of an event that was not seen.
        """
        values = self._select_chosen()
        if from_other and self.other_out_scores is not None:
            values = values - self.other_out_scores
        low, high = np.quantile(values - values.mean(), [(1 - confidence) / 2, (1 + confidence) / 2])
        if self.n_faultless:
            low = min(low, -self.max_loss * bound_unseen_rate(self.n_faultless, confidence))
        return float(low), float(max(high, -low))

    def _select_chosen(self) -> np.ndarray:
        selected: np.ndarray = self.out_scores[self.chosen, np.arange(len(self.chosen))]
        return selected


def resample_choice(
    metric: RowMetric,
    folds: Sequence[ScoredRows],
    candidates: Sequence[Mapping[int, np.ndarray]],
    *,
    is_learnt: bool = False,
    other: Mapping[int, np.ndarray] | None = None,
    rule: RepeatedRule | None = None,
    rows: Sequence[int] = (),
) -> ResampledChoice | None:
    """Choose the candidate with the best mean score, or the one that a rule chooses, on many resamples of the rows.

    Parameters
    ----------
    metric : RowMetric
    folds : sequence of ScoredRows
    candidates : sequence of mapping of int to ndarray
        What was kept of each candidate's test rows, by fold; of one at least, all folds.
    is_learnt : bool, default=False
        Whether a sampler has proposed candidates by the scores of earlier ones.
    other : mapping of int to ndarray, default=None
        The same as of a candidate, on all folds, of a model that cannot be chosen but is compared with what is chosen.
    rule : RepeatedRule, default=None
        Chooses the candidate. None takes the best mean score.
    rows : sequence of int, default=()
        The row of each candidate in ``cv_results_``, if there is a rule.

    Returns
    -------
    choice : ResampledChoice or None
        None if no resample could be scored.
    """
    everything = np.ones((1, 1 + max(int(fold.units.max()) for fold in folds)), dtype=np.uint8)
    table = _score_candidates(metric, folds, candidates, everything)
    scores = _average_folds(_fill_gaps(table, _choose_donors(table[..., 0])))[:, 0]
    is_each_fast = all(is_fast(metric, values) for rows in candidates for values in rows.values())
    n_leading = MAX_CANDIDATES if is_each_fast else MAX_SLOW_CANDIDATES
    is_complete = np.isfinite(table[..., 0]).all(axis=1)
    best = np.where(is_complete, scores, -np.inf).argmax()  # always stays, so that gaps can be filled
    needed = [int(best), *(number for number, row in enumerate(rows) if rule and row == rule.default_row)]
    leading = np.union1d(np.argsort(-scores, kind="stable")[:n_leading], np.array(needed))
    n_resamples = MAX_DRAWN_ROWS // everything.size if is_each_fast else 0
    counts = _draw_counts(everything.size, int(np.clip(n_resamples, MIN_RESAMPLES, MAX_RESAMPLES)))
    if rule is None:
        first = _score_candidates(metric, folds, [candidates[number] for number in leading], counts[:N_FIRST])
        contenders = _find_contenders(_average_folds(_fill_gaps(first, _choose_donors(table[leading, :, 0]))))
        leading = np.union1d(leading[contenders], best)
    candidates, scores = [candidates[number] for number in leading], scores[leading]
    rows, winner = [rows[number] for number in leading] if rows else (), int(scores.argmax())
    if rule is not None:  # it has chosen among the complete candidates
        complete = np.flatnonzero(is_complete[leading])
        winner = int(complete[rule.choose([rows[number] for number in complete], table[leading[complete], :, 0])])
    donors = _choose_donors(table[leading, :, 0])
    if other is not None:
        candidates, donors = [*candidates, other], np.vstack([donors, np.full(len(folds), len(candidates))])
    inside, outside = (
        _fill_gaps(_score_candidates(metric, folds, candidates, drawn), donors)
        for drawn in (counts, (counts == 0).astype(np.uint8))
    )
    out_scores = _average_folds(outside)
    usable = np.isfinite(_average_folds(inside)).all(axis=0) & np.isfinite(out_scores).all(axis=0)
    if not usable.any():
        return None
    chosen, out_scores = _choose(rule, rows, inside[: len(scores), :, usable]), out_scores[:, usable]
    other_outside = None if other is None else out_scores[-1]
    faultless = _find_faultless(metric, folds, float(scores[winner]))
    factor = _compute_bias_factor(metric, folds, is_learnt=is_learnt)
    return ResampledChoice(int(winner), chosen, scores, out_scores[: len(scores)], factor, other_outside, *faultless)


def _choose(rule: RepeatedRule | None, rows: Sequence[int], scores: np.ndarray) -> np.ndarray:
    """Return the candidate that is chosen on each resample, given scores of shape (n_candidates, n_folds, n_resamples).

    A rule gets the folds on which all candidates have a score.
    """
    if rule is None:
        chosen: np.ndarray = _average_folds(scores).argmax(axis=0)
        return chosen
    resamples = np.moveaxis(scores, 2, 0)
    return np.array([rule.choose(rows, one[:, np.isfinite(one).all(axis=0)]) for one in resamples])


def get_perfect_score(metric: RowMetric) -> float:
    """Return the score of predictions without a mistake; infinity if it is not known."""
    if metric.sign < 0:
        return 0.0 if metric.function in ROW_LOSSES else np.inf
    return 1.0 if metric.function in (*MAX_LOSSES, metrics.r2_score) else np.inf


def _compute_bias_factor(metric: RowMetric, folds: Sequence[ScoredRows], *, is_learnt: bool) -> float:
    """Return by how much the bias that resampling shows has to be multiplied, as in `ResampledChoice`."""
    if metric.function in NUMBER_METRICS:
        return 1.0
    factor = LEARNT_BIAS_FACTOR if is_learnt else BIAS_FACTOR
    if metric.is_mean or metric.function not in MAX_LOSSES or folds[0].y.ndim > 1:
        return factor
    rarity = RARE_CLASS_ROWS / _count_class_units(folds)
    return factor * (1 + float(rarity.max() if len(rarity) == 2 else rarity.mean()))


def _count_class_units(folds: Sequence[ScoredRows]) -> np.ndarray:
    """Return how many rows, groups or stretches of time each class has."""
    y, units = (np.concatenate([getattr(fold, name) for fold in folds]) for name in ("y", "units"))
    return np.array([len(np.unique(units[y == label])) for label in np.unique(y)])


def _find_faultless(metric: RowMetric, folds: Sequence[ScoredRows], score: float) -> tuple[int, float]:
    """Return how many units are predicted without a mistake, and what the score loses if all are wrong; or zeros."""
    if metric.function not in MAX_LOSSES or score < get_perfect_score(metric) - 1e-12:
        return 0, 0.0
    y, units = (np.concatenate([getattr(fold, name) for fold in folds]) for name in ("y", "units"))
    n_units = len(np.unique(units)) if metric.is_mean or y.ndim > 1 else int(_count_class_units(folds).min())
    adds_classes = metric.function is metrics.brier_score_loss and len(np.unique(y)) > 2  # the wrong and the right one
    return n_units, MAX_LOSSES[metric.function] * (1 + adds_classes)


def _find_contenders(scores: np.ndarray) -> np.ndarray:
    """Return which candidates may be the best on some resample, by the scores of all candidates on a few resamples."""
    scores = scores[:, np.isfinite(scores).all(axis=0)]
    if scores.shape[1] < 2:
        return np.arange(len(scores))
    behind = scores - scores[scores.mean(axis=1).argmax()]
    return np.flatnonzero(behind.mean(axis=1) + MAX_DEVIATIONS * behind.std(axis=1, ddof=1) >= 0)


def _draw_counts(n_units: int, n_resamples: int) -> np.ndarray:
    """Draw units with replacement; return how often each is in each resample."""
    random_state = np.random.RandomState(0)
    counts = np.empty((n_resamples, n_units), dtype=np.uint8)
    for row in counts:
        row[:] = np.bincount(random_state.randint(n_units, size=n_units), minlength=n_units)
    return counts


def _score_candidates(
    metric: RowMetric,
    folds: Sequence[ScoredRows],
    candidates: Sequence[Mapping[int, np.ndarray]],
    counts: np.ndarray,
) -> np.ndarray:
    """Score candidates on folds and resamples: (n_candidates, n_folds, n_resamples), NaN if a fold is missing."""
    scores = np.full((len(candidates), len(folds), len(counts)), np.nan)
    for number, fold in enumerate(folds):
        size = max(1, MAX_BLOCK_SIZE // len(fold.units))
        for start in range(0, len(counts), size):
            block = slice(start, start + size)
            weights = counts[block, fold.units].astype(float)
            if fold.weights is not None:
                weights *= fold.weights
            for candidate, rows in enumerate(candidates):
                if number in rows:
                    scores[candidate, number, block] = compute_resampled_scores(metric, fold.y, rows[number], weights)
    return scores


def _choose_donors(scores: np.ndarray) -> np.ndarray:
    """Choose for each fold that a candidate lacks the complete candidate with the most similar scores on the others.

    Parameters
    ----------
    scores : ndarray of shape (n_candidates, n_folds)

    Returns
    -------
    donors : ndarray of int of shape (n_candidates, n_folds)
        Where a candidate has a score, itself.
    """
    is_measured = np.isfinite(scores)
    complete = np.flatnonzero(is_measured.all(axis=1))
    donors = np.repeat(np.arange(len(scores))[:, np.newaxis], scores.shape[1], axis=1)
    for candidate in np.flatnonzero(~is_measured.all(axis=1)):
        measured = is_measured[candidate]
        distances = np.abs((scores[complete][:, measured] - scores[candidate, measured]).mean(axis=1))
        donors[candidate, ~measured] = complete[distances.argmin()]
    return donors


def _fill_gaps(scores: np.ndarray, donors: np.ndarray) -> np.ndarray:
    return scores[donors, np.arange(scores.shape[1])]


def _average_folds(scores: np.ndarray) -> np.ndarray:
    """Average over the folds where all candidates have a score: (n_candidates, n_resamples), NaN if there is none."""
    is_defined = np.isfinite(scores).all(axis=0)
    with np.errstate(invalid="ignore"):
        means: np.ndarray = np.where(is_defined, scores, 0.0).sum(axis=1) / is_defined.sum(axis=0)
    return means
