"""Greedy ensemble selection over out-of-fold predictions."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

__all__ = ["EnsembleChoice", "allow_all", "average_predictions", "choose_greedy_weights", "choose_weights"]

# On 24 small tables (120 to 450 rows, most of them for regression) the following gained at most 0.3 % of the held-out
# loss, which is within noise: weights averaged over bootstrap samples of the rows, weights drawn towards equal ones,
# equal weights of all models that are within one or two standard errors of the best, three candidates of a family
# instead of two, and folds drawn two or three times.

N_ROUNDS = 25

# A model with a smaller weight is not worth the time that it takes to predict.
MIN_WEIGHT = 0.03

Score = Callable[[np.ndarray], float]
Allows = Callable[[Sequence[int]], bool]


@dataclass(frozen=True, slots=True)
class EnsembleChoice:
    """The weights of the models in a blend, and the score of the blend.

    Attributes
    ----------
    weights : ndarray of shape (n_candidates,)
        They add up to 1.
    score : float
        Mean score over the parts, each scored with weights chosen on the other parts; higher is better. Minus infinity
        if a part cannot be scored.
    gain : float, default=0.0
        By how much that of a blend is better than that of the best candidate, chosen in the same way.
    """

    weights: np.ndarray
    score: float
    gain: float = 0.0


def average_predictions(predictions: Sequence[np.ndarray], weights: np.ndarray) -> np.ndarray:
    """Return the weighted sum of predictions of the same rows."""
    total = np.zeros(predictions[0].shape)
    for values, weight in zip(predictions, weights, strict=True):
        if weight:
            total += weight * values
    return total


def allow_all(indices: Sequence[int]) -> bool:
    """Whether candidates may be blended: yes."""
    return True


def choose_greedy_weights(
    predictions: Sequence[np.ndarray], score: Score, *, max_models: int, allows: Allows = allow_all
) -> np.ndarray:
    """Add models one by one, each time the one that improves the score most, and keep the best number of additions.

    Parameters
    ----------
    predictions : sequence of ndarray of shape (n_rows,) or (n_rows, n_classes)
        Predictions of each candidate for rows that it was not fitted on.
    score : callable
        From predictions to a number; higher is better. Minus infinity for predictions that cannot be scored.
    max_models : int
        Largest number of different models.
    allows : callable, default=allow_all
        Whether candidates, given by their indices, may be blended. Each alone is allowed.

    Returns
    -------
    weights : ndarray of shape (n_candidates,)
        They add up to 1; most are 0. If nothing can be scored, the first candidate has all weight.

    Notes
    -----
    Caruana, Niculescu-Mizil, Crew and Ksikes, "Ensemble selection from libraries of models", ICML 2004: with
    replacement. As in AutoGluon there are 25 rounds, additions after the best round are dropped, and ties go to models
    that were added before.

    Examples
    --------
    >>> import numpy as np
    >>> truth = np.array([1.0, 2.0, 3.0])
    >>> too_high, too_low, far_off = truth + 1, truth - 1, truth + 9
    >>> choose_greedy_weights([too_high, too_low, far_off], lambda guess: -np.abs(guess - truth).mean(), max_models=5)
    array([0.5, 0.5, 0. ])
    """
    counts = np.zeros(len(predictions), dtype=int)
    total = np.zeros(predictions[0].shape)
    best, best_counts = -np.inf, counts.copy()
    for n_added in range(1, N_ROUNDS + 1):
        used = np.flatnonzero(counts)
        others = np.flatnonzero(counts == 0) if len(used) < max_models else np.array([], dtype=int)
        added = [index for index in others.tolist() if allows([*used.tolist(), index])]
        allowed = np.sort(np.array([*used, *added], dtype=int))
        found = np.array([score((total + predictions[int(index)]) / n_added) for index in allowed])
        best_indices = allowed[found >= found.max() - 1e-9 * abs(found.max())]
        chosen = max(best_indices, key=lambda index: (counts[index] > 0, -index))
        counts[chosen] += 1
        total += predictions[chosen]
        if found.max() > best:
            best, best_counts = found.max(), counts.copy()
    if not best_counts.any():
        best_counts[0] = 1
    return best_counts / best_counts.sum()


def choose_weights(
    predictions: Sequence[Sequence[np.ndarray]],
    score: Callable[..., float],
    *,
    max_models: int,
    is_forward: bool = False,
    allows: Allows = allow_all,
) -> EnsembleChoice:
    """Choose a blend, or the best candidate alone if blending does not improve the score.

    Parameters
    ----------
    predictions : sequence of sequence of ndarray
        Predictions of each candidate, the best first, for the rows of each part (the folds' test rows).
    score : callable
        Called with predictions and ``parts``, the indices of the parts they belong to; higher is better. Minus infinity
        for predictions that cannot be scored.
    max_models : int
        Largest number of models in the blend.
    is_forward : bool, default=False
        Whether the parts follow time. Then a part is scored with weights chosen on the earlier parts, and the first
        part, which has none before it, is not scored.
    allows : callable, default=allow_all
        Whether candidates, given by their indices, may be blended. Each alone is allowed.

    Returns
    -------
    choice : EnsembleChoice

    Notes
    -----
    For each part, weights are chosen on the other parts and scored on this one. The candidate that is best on the other
    parts is scored in the same way. If the blends are worse on average, by more than a standard error of the
    difference, the best candidate is chosen alone: where the two are about equal, the blend owes less to chance. The
    weights of the blend are the mean of the weights chosen without one part: each rests on other rows, so no single
    lucky choice decides.
    """
    n_candidates, n_parts = len(predictions), len(predictions[0])
    may_blend = n_candidates > 1 and max_models > 1
    part_scores = np.array([[score(values, [part]) for part, values in enumerate(own)] for own in predictions])
    blends, blended, alone = [], [], []
    for part in range(n_parts):
        others = [other for other in range(n_parts) if other != part] or [part]
        if may_blend:
            blends.append(_choose_on_parts(predictions, others, score, max_models, allows))
        if is_forward and n_parts > 1:
            others = list(range(part))
            if not others:
                continue
        alone.append(part_scores[part_scores[:, others].mean(axis=1).argmax(), part])
        if may_blend:
            weights = _choose_on_parts(predictions, others, score, max_models, allows) if is_forward else blends[-1]
            blended.append(score(average_predictions([own[part] for own in predictions], weights), [part]))
    if may_blend and not _is_clearly_worse(np.array(blended), np.array(alone)):
        weights = _keep_largest_weights(np.mean(blends, axis=0), max_models, allows)
        whole = average_predictions([np.concatenate(own) for own in predictions], weights)
        if np.isfinite(score(whole, range(n_parts))):
            reported = float(np.mean(blended))
            return EnsembleChoice(weights, reported, reported - float(np.mean(alone)))
    weights = np.zeros(n_candidates)
    weights[part_scores.mean(axis=1).argmax()] = 1.0
    return EnsembleChoice(weights, float(np.mean(alone)))


def _choose_on_parts(
    predictions: Sequence[Sequence[np.ndarray]],
    parts: Sequence[int],
    score: Callable[..., float],
    max_models: int,
    allows: Allows,
) -> np.ndarray:
    """Return the weights that are best on some parts together."""
    pooled = [np.concatenate([own[part] for part in parts]) for own in predictions]
    return choose_greedy_weights(pooled, partial(score, parts=parts), max_models=max_models, allows=allows)


def _is_clearly_worse(scores: np.ndarray, others: np.ndarray) -> bool:
    if not np.isfinite(scores).all() or not np.isfinite(others).all():
        return not np.isfinite(scores).all()
    differences = scores - others
    error = differences.std(ddof=1) / np.sqrt(len(differences)) if len(differences) > 1 else 0.0
    return bool(differences.mean() < -error)


def _keep_largest_weights(weights: np.ndarray, max_models: int, allows: Allows) -> np.ndarray:
    """Keep the largest weights of candidates that may be blended, and normalise them to a sum of 1."""
    threshold = max(MIN_WEIGHT, np.sort(weights)[::-1][:max_models][-1])
    kept = np.where(weights >= threshold, weights, 0.0)
    while not allows(np.flatnonzero(kept).tolist()):
        kept[kept == kept[kept > 0].min()] = 0.0
    return kept / kept.sum()
