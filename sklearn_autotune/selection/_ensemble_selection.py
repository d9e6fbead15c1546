"""Greedy ensemble selection over out-of-fold predictions."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

__all__ = ["EnsembleChoice", "choose_greedy_weights", "choose_weights", "mix"]

N_ROUNDS = 25

# Less of a member than this is not worth the time that it takes to predict.
LEAST_WEIGHT = 0.03

Score = Callable[[np.ndarray], float]


@dataclass(frozen=True, slots=True)
class EnsembleChoice:
    """Who is in the blend, and what it is worth.

    Attributes
    ----------
    weights : ndarray of shape (n_candidates,)
        They add up to 1.
    score : float
        Mean over the parts of what a choice made without looking at a part scores on it; higher is better.
    """

    weights: np.ndarray
    score: float


def mix(predictions: Sequence[np.ndarray], weights: np.ndarray) -> np.ndarray:
    """Return the weighted sum of predictions of the same rows."""
    total = np.zeros(predictions[0].shape)
    for values, weight in zip(predictions, weights, strict=True):
        if weight:
            total += weight * values
    return total


def choose_greedy_weights(predictions: Sequence[np.ndarray], score: Score, *, max_models: int) -> np.ndarray:
    """Add members one by one, each time the one that helps most, and keep the best beginning.

    Parameters
    ----------
    predictions : sequence of ndarray of shape (n_rows,) or (n_rows, n_classes)
        Of each candidate, for rows that it was not fitted on.
    score : callable
        From predictions to a number; higher is better.
    max_models : int
        How many different members there may be.

    Returns
    -------
    weights : ndarray of shape (n_candidates,)
        They add up to 1; most are 0.

    Notes
    -----
    Caruana, Niculescu-Mizil, Crew and Ksikes, "Ensemble selection from libraries of models", ICML 2004: with
    replacement. As in AutoGluon there are 25 rounds, what comes after the best round is dropped, and ties go to members
    that are in already.

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
    for n_members in range(1, N_ROUNDS + 1):
        open_to = np.arange(len(predictions)) if (counts > 0).sum() < max_models else np.flatnonzero(counts)
        found = np.array([score((total + predictions[int(place)]) / n_members) for place in open_to])
        leading = open_to[found >= found.max() - 1e-9 * abs(found.max())]
        chosen = max(leading, key=lambda place: (counts[place] > 0, -place))
        counts[chosen] += 1
        total += predictions[chosen]
        if found.max() > best:
            best, best_counts = found.max(), counts.copy()
    return best_counts / best_counts.sum()


def choose_weights(
    predictions: Sequence[Sequence[np.ndarray]], score: Callable[..., float], *, max_models: int
) -> EnsembleChoice:
    """Choose a blend, or one candidate where blending does not pay.

    Parameters
    ----------
    predictions : sequence of sequence of ndarray
        Of each candidate, the best first, for the rows of each part: the folds' test rows.
    score : callable
        From predictions and ``parts``, the parts whose rows they are for, to a number; higher is better.
    max_models : int
        How many members there may be.

    Returns
    -------
    choice : EnsembleChoice

    Notes
    -----
    For each part, weights are chosen on the others and scored on it, and so is the candidate that is best on the
    others. If the blends are worse on average, by more than a standard error of the difference, the best candidate wins
    alone: where the two are about equal, the blend has seen less luck. Its weights are the mean of those chosen without
    one part: each rests on other rows, and their mean on no single lucky one.
    """
    n_candidates, n_parts = len(predictions), len(predictions[0])
    of_parts = np.array([[score(values, [part]) for part, values in enumerate(own)] for own in predictions])
    blends, blended, alone = [], [], []
    for part in range(n_parts):
        others = [other for other in range(n_parts) if other != part] or [part]
        pooled = [np.concatenate([own[other] for other in others]) for own in predictions]
        weights = choose_greedy_weights(pooled, partial(score, parts=others), max_models=max_models)
        blends.append(weights)
        blended.append(score(mix([own[part] for own in predictions], weights), [part]))
        alone.append(of_parts[of_parts[:, others].mean(axis=1).argmax(), part])
    if n_candidates == 1 or max_models == 1 or _is_clearly_worse(np.array(blended), np.array(alone)):
        weights = np.zeros(n_candidates)
        weights[of_parts.mean(axis=1).argmax()] = 1.0
        return EnsembleChoice(weights, float(np.mean(alone)))
    return EnsembleChoice(_largest(np.mean(blends, axis=0), max_models), float(np.mean(blended)))


def _is_clearly_worse(scores: np.ndarray, others: np.ndarray) -> bool:
    differences = scores - others
    error = differences.std(ddof=1) / np.sqrt(len(differences)) if len(differences) > 1 else 0.0
    return bool(differences.mean() < -error)


def _largest(weights: np.ndarray, max_models: int) -> np.ndarray:
    """Keep the largest weights, and let them add up to 1 again."""
    least = max(LEAST_WEIGHT, np.sort(weights)[::-1][:max_models][-1])
    kept = np.where(weights >= least, weights, 0.0)
    return kept / kept.sum()
