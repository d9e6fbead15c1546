"""The text of a comparison: its table, and its conclusion as sentences."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from sklearn_autotune.evaluation._metric import Metric

__all__ = ["format_inner_score", "format_summary", "join_names", "write_equivalence", "write_table", "write_verdict"]

NO_VALUE = "–"


def write_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table as aligned text."""
    table = [header, *rows]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in table]
    return "\n".join(line.rstrip() for line in lines)


def format_summary(
    summary: Mapping[str, Sequence[Any]],
    inner_metrics: Mapping[str, Metric],
    metric: Metric,
    confidence: float,
    aims: Sequence[str] = (),
) -> tuple[list[str], list[list[str]]]:
    """Return the summary of a comparison as a header and rows of text; losses have their own sign.

    Parameters
    ----------
    summary : mapping of str to sequence
        As `Comparison.summary`.
    inner_metrics : mapping of str to Metric
        What each search goes by, by the name of the method.
    metric : Metric
        What the methods are compared by.
    confidence : float
        Of the intervals.
    aims : sequence of str, default=()
        Objectives and limits among the columns of the summary.
    """
    heading = f"{metric.label} ({metric.direction})" if metric.is_loss else metric.label
    shown = [Metric(name) for name in aims]
    labels = [one.label for one in shown]
    header = ["method", heading, f"{confidence:.0%} interval", "inner", *labels, "seconds", "fits", "failed"]
    rows = []
    for index, method in enumerate(summary["method"]):
        row = {name: values[index] for name, values in summary.items()}
        low, high = sorted(metric.sign * row[end] for end in ("low", "high"))
        interval = f"{low:.4f} to {high:.4f}" if np.isfinite(low) else NO_VALUE
        inner = format_inner_score(row["inner_score"], inner_metrics.get(method, metric), metric)
        cost = [_format_number(row["fit_seconds"], 2), _format_number(row["n_fits"], 0), str(row["n_failed"])]
        values = [_format_aim(one.sign * row[name]) for one, name in zip(shown, aims, strict=True)]
        rows.append([method, _format_number(metric.sign * row["score"], 4), interval, inner, *values, *cost])
    return header, rows


def _format_aim(value: float) -> str:
    return NO_VALUE if not np.isfinite(value) else f"{value:,.0f}" if abs(value) >= 1e4 else f"{value:.4g}"


def format_inner_score(score: float, inner_metric: Metric, metric: Metric) -> str:
    """Return the score of a search on its own folds: with its name if that is not the comparison's."""
    value = _format_number(inner_metric.sign * score, 4)
    return value if inner_metric == metric or value == NO_VALUE else f"{inner_metric.label} {value}"


def write_verdict(
    summary: Mapping[str, Sequence[Any]],
    differences: Mapping[str, Sequence[Any]],
    leading: Sequence[str],
    metric: Metric,
    n_folds: int,
    confidence: float,
) -> str:
    """Return what a comparison shows, and what it does not show.

    Parameters
    ----------
    summary, differences : mapping of str to sequence
        As of `Comparison`.
    leading : sequence of str
        The method with the best mean, and those that cannot be told from it.
    metric : Metric
    n_folds : int
    confidence : float
    """
    names = summary["method"]
    if not leading:
        return "No winner: every method failed on some fold."
    if len(names) == 1:
        return f"No winner: {leading[0]} had nobody to beat."
    scores = dict(zip(names, (metric.sign * score for score in summary["score"]), strict=True))
    if len(leading) == 1:
        others = [f"{name} {_format_number(scores[name], 4)}" for name in names[1:2] if np.isfinite(scores[name])]
        next_best = f"; the next is {others[0]}" if others else ""
        found = f"its mean {metric.label} is {_format_number(scores[leading[0]], 4)}{next_best}"
        return f"{leading[0]} is better than all others at {confidence:.0%} confidence: {found}."
    return " ".join(
        [
            f"No clear winner: {join_names(leading)} cannot be told apart.",
            *_explain_draw(scores, differences, leading, metric, n_folds),
        ]
    )


def _explain_draw(
    scores: Mapping[str, float],
    differences: Mapping[str, Sequence[Any]],
    leading: Sequence[str],
    metric: Metric,
    n_folds: int,
) -> list[str]:
    """Say how far the leading methods are apart, what would have been seen, and which methods are worse."""
    spread = max(scores[name] for name in leading) - min(scores[name] for name in leading)
    ends = zip(*(differences[name] for name in ("method", "low", "high", "is_clear")), strict=True)
    rows = [(method, low, high, is_clear) for method, low, high, is_clear in ends]
    widest = max((high - low) / 2 for method, low, high, _ in rows if method in leading)
    folds = f"{n_folds} fold{'' if n_folds == 1 else 's'}"
    apart = f"Their means of {metric.label} differ by {spread:.2g} at most"
    if widest == 0:
        sentences = [f"They have the same {metric.label} on each of {folds}."]
    elif np.isfinite(widest):
        sentences = [f"{apart}; on {folds}, differences of less than about {widest:.2g} do not show."]
    else:
        sentences = [f"{apart}; {folds} cannot show how large the noise is."]
    worse = [method for method, _, _, is_clear in rows if is_clear]
    if worse:
        sentences.append(f"{join_names(worse)} {'is' if len(worse) == 1 else 'are'} worse than {leading[0]}.")
    return sentences


def write_equivalence(
    differences: Mapping[str, Sequence[Any]],
    first: str,
    failed: Collection[str],
    metric: Metric,
    rope: float,
    confidence: float,
) -> str:
    """Return which methods are practically equivalent to the leading one, which are worse, and which may be either.

    Parameters
    ----------
    differences : mapping of str to sequence
        As `Comparison.differences`, with the probabilities.
    first : str
        The leading method.
    failed : collection of str
        Methods of which nothing is said.
    metric : Metric
    rope : float
        Differences up to this one make no difference in practice.
    confidence : float
        The probability from which something is said.
    """
    columns = zip(*(differences[name] for name in ("method", "p_better", "p_equivalent")), strict=True)
    known = [(method, better, equivalent) for method, better, equivalent in columns if method not in failed]
    equal = [method for method, _, equivalent in known if equivalent >= confidence]
    worse = [method for method, better, _ in known if better >= confidence]
    open_ones = [method for method, *_ in known if method not in (*equal, *worse)]
    limit, sure = f"{rope:g} of {metric.label}", f"with a probability of at least {confidence:.0%}"
    sentences = []
    if equal:
        pair = f"{join_names(equal)} {'is' if len(equal) == 1 else 'are'} practically equivalent to {first}"
        sentences.append(f"{pair}: {sure}, the difference is no more than {limit}.")
    if worse:
        sentences.append(f"{first} is better than {join_names(worse)} by more than {limit}, {sure}.")
    if open_ones:
        pair = f"{first} and {open_ones[0]}" if len(open_ones) == 1 else f"{first} and each of {join_names(open_ones)}"
        sentences.append(f"Whether {pair} are practically equivalent, up to {limit}, is open.")
    return " ".join(sentences)


def join_names(names: Sequence[str]) -> str:
    """Return names as in a sentence: "a, b and c"."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _format_number(value: float, digits: int) -> str:
    return f"{value:.{digits}f}" if np.isfinite(value) else NO_VALUE
