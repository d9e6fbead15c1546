"""What a failed fold is, and how its error is recorded.

A fold fails if its fit, its prediction or its scorer raises one of `FOLD_FAILURES`, or if the score that guides the
search is not a finite real number. A candidate fails if one of its folds fails. All evaluations use the functions of
this file to decide this. Any other exception, such as KeyboardInterrupt, ends the search.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from enum import StrEnum
from math import isfinite
from numbers import Number
from traceback import format_exc
from typing import Any, NamedTuple, TypeVar

from sklearn_autotune._compat.messages import make_storable

__all__ = [
    "FOLD_FAILURES",
    "MAX_SCORE",
    "Failure",
    "Score",
    "Scored",
    "attempt",
    "call_scorer",
    "describe_unusable_score",
    "read_score",
    "require_scores",
    "select_score",
]

Score = float | dict[str, float]
Result = TypeVar("Result")

# A model that calls ``sys.exit`` fails in the same way as one that raises an error.
FOLD_FAILURES: tuple[type[BaseException], ...] = (Exception, SystemExit)

# With larger scores, sums over folds and squares could overflow to infinity.
MAX_SCORE = 1e100


class Failure(StrEnum):
    """What failed on a fold.

    Attributes
    ----------
    FIT
        The fit failed, or something before it.
    SCORE
        The prediction or the scorer failed, or the scorer returned something that is not a real number.
    NOT_FINITE
        The score is NaN, infinite, or larger than `MAX_SCORE`.
    OTHER_SCORE
        One of several scores failed, but not the one that guides the search. So the fold itself has not failed.
    """

    FIT = "fit"
    SCORE = "score"
    NOT_FINITE = "not finite"
    OTHER_SCORE = "other score"


class Scored(NamedTuple):
    """The result of scoring.

    Attributes
    ----------
    score : float or dict of str to float
    error : str or None
        The message if scoring failed.
    failure : Failure or None
    row_values : ndarray or None
        What is kept of the rows.
    """

    score: Score
    error: str | None = None
    failure: Failure | None = None
    row_values: Any = None


def attempt(action: Callable[[], Result], error_score: float | str) -> tuple[Result | None, str | None]:
    """Return the result of an action and None, or None and the traceback if the action fails.

    Parameters
    ----------
    action : callable
        A fit, or a prediction.
    error_score : float or "raise"
        "raise" lets the exception through.

    Returns
    -------
    result : object or None
    error : str or None

    Examples
    --------
    >>> attempt(lambda: 1 + 1, float("nan"))
    (2, None)
    >>> attempt(lambda: 1 / 0, float("nan"))[1].splitlines()[-1]
    'ZeroDivisionError: division by zero'
    """
    try:
        return action(), None
    except FOLD_FAILURES:
        if error_score == "raise":
            raise
        return None, make_storable(format_exc())


def call_scorer(
    scorer: Callable[..., Any],
    args: tuple[Any, ...],
    params: Mapping[str, Any],
    *,
    error_score: float | str,
    metric: str | None = None,
    failed_score: Any = None,
) -> Scored:
    """Score a fitted estimator, and record whether scoring failed.

    Parameters
    ----------
    scorer : callable
    args : tuple
        The estimator, X, and y if there is one.
    params : mapping of str to object
        Metadata for the scorer.
    error_score : float or "raise"
        The score if the scorer fails; "raise" lets its exception through.
    metric : str or None, default=None
        The score that guides the search, if there are several; None is the first one.
    failed_score : object, default=None
        The score to return if the scorer raises; None means ``error_score``.

    Returns
    -------
    scored : Scored
    """

    def score() -> Scored:
        return read_score(scorer(*args, **params), error_score=error_score, metric=metric, scorer=scorer)

    scored, error = attempt(score, error_score)
    if scored is not None:
        return scored
    failed: Any = error_score if failed_score is None else failed_score
    return Scored(failed, error, Failure.SCORE)


def read_score(raw: Any, *, error_score: Any, metric: str | None = None, scorer: object = None) -> Scored:
    """Convert what a scorer returned, a number or a dict of numbers, to a `Scored`.

    Raises
    ------
    ValueError
        If the scorer returned anything else, and ``error_score`` is "raise".

    Examples
    --------
    >>> read_score(1, error_score=0.0)
    Scored(score=1.0, error=None, failure=None, row_values=None)
    >>> read_score(float("inf"), error_score=0.0).error
    'The score is inf, which is not a finite number.'
    >>> read_score(1j, error_score=0.0, scorer="mine")[:2]
    (0.0, "scoring must return a number, got 1j (<class 'complex'>) instead. (scorer=mine)")
    """
    if not isinstance(raw, dict):
        return _read_number(raw, error_score, scorer)
    if not raw:
        return Scored(error_score, "scoring must return at least one score, got an empty dict instead.", Failure.SCORE)
    read = {key: _read_number(value, error_score, key) for key, value in raw.items()}
    scores: Any = {key: scored.score for key, scored in read.items()}
    decisive = read[metric if metric in read else next(iter(read))]
    if decisive.error is not None:
        return Scored(scores, decisive.error, decisive.failure)
    others = [scored.error for scored in read.values() if scored.failure == Failure.SCORE]
    return Scored(scores, others[0], Failure.OTHER_SCORE) if others else Scored(scores)


def require_scores(scored: Scored, names: Sequence[str]) -> Scored:
    """Record that the fold has failed if one of several scores is missing or not finite.

    Examples
    --------
    >>> require_scores(Scored({"r2": 0.5, "neg_bytes": float("nan")}), ["neg_bytes"]).failure
    <Failure.NOT_FINITE: 'not finite'>
    """
    if scored.failure in (Failure.FIT, Failure.SCORE) or not isinstance(scored.score, dict):
        return scored
    for name in names:
        reason = describe_unusable_score(scored.score.get(name, float("nan")))
        if reason is not None:
            is_error = scored.failure == Failure.OTHER_SCORE
            error = scored.error if is_error else f"{name}: {reason}"
            return Scored(scored.score, error, Failure.SCORE if is_error else Failure.NOT_FINITE, scored.row_values)
    return scored


def _read_number(value: Any, error_score: Any, scorer: object) -> Scored:
    if hasattr(value, "item"):
        with suppress(ValueError):  # an array with several entries
            value = value.item()
    if isinstance(value, str) and value.startswith("Traceback"):  # how scikit-learn's multi-metric scorer reports
        return Scored(error_score, make_storable(value), Failure.SCORE)
    number = _convert_to_float(value)
    if number is None:
        message = f"scoring must return a number, got {value} ({type(value)}) instead. (scorer={scorer})"
        if error_score == "raise":
            raise ValueError(message)
        return Scored(error_score, make_storable(message), Failure.SCORE)
    reason = describe_unusable_score(number)
    return Scored(number) if reason is None else Scored(number, reason, Failure.NOT_FINITE)


def _convert_to_float(value: Any) -> float | None:
    """Convert a real number to a float, infinite if it is too large for one; return None for anything else."""
    if not isinstance(value, Number):
        return None
    try:
        return float(value)  # type: ignore[arg-type]  # of a complex number, a TypeError
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")  # type: ignore[operator]
    except (TypeError, ValueError):
        return None


def describe_unusable_score(score: float) -> str | None:
    """Return why the search cannot be guided by this score; None if it can."""
    if not isfinite(score):
        return f"The score is {score}, which is not a finite number."
    if abs(score) > MAX_SCORE:
        return f"The score is {score}. Above {MAX_SCORE:g} in size, the mean over the folds could become infinite."
    return None


def select_score(score: Score, metric: str | None) -> float:
    """Return the score that guides the search: of several scores, the one named ``metric``, else the first."""
    if not isinstance(score, dict):
        return float(score)
    return float(score[metric] if metric in score else next(iter(score.values())))
