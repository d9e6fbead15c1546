"""One HTML file that says what came out of a search or a comparison; nothing in it is loaded from elsewhere."""

import platform
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import clone

from sklearn_autotune import plotting
from sklearn_autotune.analysis._comparison import Comparison
from sklearn_autotune.analysis._summary import summarize
from sklearn_autotune.analysis._trial_table import TrialTable, read_trial_table
from sklearn_autotune.report import _html as html
from sklearn_autotune.space._dimensions import make_value_key

__all__ = ["write_report"]

PACKAGES = ("sklearn-autotune", "scikit-learn", "optuna", "numpy", "scipy", "joblib", "xgboost", "lightgbm", "pandas")

# Longer tables are cut: the best come first.
MOST_ROWS = 200

# What is drawn of a search: the display, and what is written below it.
FIGURES: tuple[tuple[str, Any, str], ...] = (
    (
        "History",
        plotting.OptimizationHistoryDisplay,
        "Score of each candidate as it came, and the best so far. Candidates stopped early stand at what was measured.",
    ),
    (
        "Leaderboard",
        plotting.LeaderboardDisplay,
        "Leading models with their standard errors, and their weights in the blend.",
    ),
    (
        "Folds",
        plotting.FoldScoresDisplay,
        "The leading candidates fold by fold, and their differences to the winner. Where an interval reaches 0, the "
        "folds cannot tell the two apart.",
    ),
    (
        "Learning curves",
        plotting.LearningCurvesDisplay,
        "Mean score against what candidates had been given, and where they were stopped.",
    ),
    ("Importance", plotting.ParameterImportanceDisplay, "Which parameters the best candidates hang on, by PED-ANOVA."),
    ("Parameters", plotting.SliceDisplay, "Score of the complete candidates against one parameter at a time."),
    ("Pair", plotting.ContourDisplay, "Score over two parameters, interpolated between the complete candidates."),
    (
        "Candidates",
        plotting.ParallelCoordinatesDisplay,
        "Complete candidates as lines, the darker the better; the winner is heavy.",
    ),
    ("Time", plotting.TimeDisplay, "Where the seconds went."),
)


def write_report(source: Any, path: Any, *, title: str | None = None, code: str | None = None) -> Path:
    """Write a report of a fitted search, or of a comparison, to one HTML file.

    The file needs no network, no scripts and no other file: pictures lie in it. It holds the summary in words, the
    winner and the code that makes it, figures, tables of candidates and failures, settings, and the versions used.

    Parameters
    ----------
    source : estimator or Comparison
        A search, fitted; of this package, or any with scikit-learn's ``cv_results_``. Or what `compare` has returned.
    path : str or path
        Where to write. A file that is there is overwritten.
    title : str, default=None
        None is made from the kind of search.
    code : str, default=None
        Code that makes the winner, to be shown. None spells the winner with the parameters that are not
        the default.

    Returns
    -------
    path : Path

    Raises
    ------
    ValueError
        If the source is no fitted search and no comparison.
    ImportError
        If matplotlib is missing.

    Examples
    --------
    >>> import os, tempfile
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from sklearn_autotune import OptunaSearchCV
    >>> from sklearn_autotune.report import write_report
    >>> X, y = load_iris(return_X_y=True)
    >>> search = OptunaSearchCV(DecisionTreeClassifier(random_state=0), {"max_depth": [1, 2, 3]}).fit(X, y)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = write_report(search, os.path.join(folder, "report.html"))
    ...     path.name, "max_depth=3" in path.read_text(encoding="utf-8")
    ('report.html', True)
    """
    if isinstance(source, Comparison):
        title = title or "Comparison of methods"
        body = list(_of_comparison(source))
    else:
        title = title or f"Search by {type(source).__name__}"
        body = list(_of_search(source, code))
    written = f"Written {datetime.now():%Y-%m-%d %H:%M} by sklearn_autotune."
    body = [html.heading(title, 1), html.paragraphs([written], "aside"), *body, *_environment()]
    path = Path(path)
    path.write_text(html.page(title, body), encoding="utf-8")
    return path


# -- a search ----------------------------------------------------------------------------------------------------------


def _of_search(search: Any, code: str | None) -> Iterator[str]:
    finished = read_trial_table(search)
    summary = summarize(search)
    yield html.heading("What happened")
    yield html.paragraphs(summary.sentences)
    if summary.next_steps:
        yield html.heading("To try next", 3)
        yield html.sentences(summary.next_steps)
    yield from _winner(search, finished, code)
    yield from _figures(search)
    yield from _candidates(finished)
    yield from _failures(finished)
    yield html.heading("Settings")
    yield html.terms({name: _repr(value) for name, value in search.get_params(deep=False).items()})


def _winner(search: Any, finished: TrialTable, code: str | None) -> Iterator[str]:
    yield html.heading("The winner")
    if finished.best is None:
        yield html.paragraphs(["None has been chosen."])
        return
    params = finished.params[finished.best]
    yield html.terms({name: _repr(value) for name, value in params.items()} or {"parameters": "none"})
    weights = getattr(search, "blend_weights_", None)
    if weights:
        yield html.heading("The blend", 3)
        yield html.terms({name: float(weight) for name, weight in weights.items()})
    yield html.heading("Code", 3)
    code = code or _code_of(search)
    if code is None:
        yield html.paragraphs(
            ["A few lines cannot spell it. Keep it as it is: joblib.dump(search.best_estimator_, 'model.joblib')."]
        )
        return
    yield html.paragraphs(["This makes the winner, not fitted:"])
    yield html.code_block(code)


def _code_of(search: Any) -> str | None:
    """Spell the winner with the imports it needs, or return None if a part of it has no ``repr`` that makes it."""
    fitted = getattr(search, "best_estimator_", None)
    if fitted is None or hasattr(search, "blend_weights_"):
        return None
    model = clone(fitted)
    parts = [model, *model.get_params(deep=True).values()]
    kinds = {type(part) for part in parts if hasattr(part, "get_params") and not isinstance(part, type)}
    homes = {kind: _public_home(kind) for kind in kinds}
    if None in homes.values():  # a class that was made inside a function cannot be imported
        return None
    lines = {f"from {home} import {kind.__name__}" for kind, home in homes.items()}
    spelled = _spell(model)
    if re.search(r"\bnan\b", spelled):
        lines.add("from numpy import nan")
    if "array(" in spelled:
        lines.add("from numpy import array")
    code = "\n".join([*sorted(lines), "", f"model = {spelled}"])
    try:
        compile(code, "<report>", "exec")
    except SyntaxError:  # as of functions
        return None
    return code


def _spell(value: Any, indent: int = 0) -> str:
    """Return a value as Python code; of estimators the parameters that are not the default, however many there are."""
    if hasattr(value, "get_params") and not isinstance(value, type):
        changed = _changed_params(value)
        inside = [f"{name}={_spell(one, indent + 4)}" for name, one in changed.items()]
        return _bracket(f"{type(value).__name__}(", inside, ")", indent)
    if type(value) in (list, tuple):
        inside = [_spell(one, indent + 4) for one in value]
        opening, closing = ("[", "]") if isinstance(value, list) else ("(", ",)" if len(value) == 1 else ")")
        return _bracket(opening, inside, closing, indent)
    return repr(value.item() if isinstance(value, np.generic) else value)


def _bracket(opening: str, inside: list[str], closing: str, indent: int) -> str:
    """Write on one line if it fits, else one item a line."""
    line = opening + ", ".join(inside) + closing
    if len(line) + indent <= 100 and "\n" not in line:
        return line
    margin = " " * (indent + 4)
    return "\n".join([opening, *(f"{margin}{one}," for one in inside), " " * indent + closing.lstrip(",")])


def _changed_params(model: Any) -> dict[str, Any]:
    params = model.get_params(deep=False)
    try:
        defaults = type(model)().get_params(deep=False)
    except TypeError:  # some parameters have no default
        return params
    return {name: one for name, one in params.items() if make_value_key(one) != make_value_key(defaults.get(name))}


def _public_home(kind: type) -> str | None:
    """Return where a class is imported from: the first part of its module's path that has it; None if none has."""
    parts = kind.__module__.split(".")
    homes = [".".join(parts[:length]) for length in range(1, len(parts) + 1)]
    return next((home for home in homes if getattr(sys.modules.get(home), kind.__name__, None) is kind), None)


def _figures(search: Any) -> Iterator[str]:
    yield html.heading("Figures")
    left_out = []
    for name, display, caption in FIGURES:
        try:
            drawn = display.from_search(search)
        except ValueError as error:  # so displays say that there is nothing for them to show
            left_out.append(f"{name}: {error}")
            continue
        yield html.heading(name, 3)
        yield html.figure(drawn.figure_, caption, f"{name}: {caption}")
    if left_out:
        yield html.details("Not drawn", html.sentences(left_out))


def _candidates(finished: TrialTable) -> Iterator[str]:
    yield html.heading("Candidates")
    leading = finished.leading(len(finished)).tolist()
    order = leading + [place for place in range(len(finished)) if place not in set(leading)]
    folds = finished.fold_scores
    spread = np.array([row[np.isfinite(row)].std() if np.isfinite(row).any() else np.nan for row in folds])
    rows = [
        {
            "trial": finished.number[place],
            "status": finished.status[place],
            f"mean {finished.metric}": finished.partial_score[place],
            "std": spread[place],
            "folds": finished.n_folds[place],
            "seconds": finished.seconds[place],
            "parameters": _parameters(finished.params[place]),
        }
        for place in order[:MOST_ROWS]
    ]
    yield html.table(rows)
    if len(order) > MOST_ROWS:
        yield html.paragraphs([f"… and {len(order) - MOST_ROWS} more."], "aside")
    yield html.paragraphs(
        ["The winner comes first. Of candidates that were stopped, the mean is of what was measured."]
    )


def _failures(finished: TrialTable) -> Iterator[str]:
    failed = finished.find_by_status("failed")
    if not len(failed):
        return
    yield html.heading("Failures")
    by_error: dict[str, list[int]] = {}
    for place in failed:
        by_error.setdefault(finished.error[place] or "no error was recorded", []).append(int(finished.number[place]))
    for error, numbers in by_error.items():
        shown = ", ".join(str(number) for number in numbers[:20]) + (" …" if len(numbers) > 20 else "")
        last = error.strip().splitlines()[-1]
        yield html.details(f"{len(numbers)} × {last} (trials {shown})", html.code_block(error))


# -- a comparison ------------------------------------------------------------------------------------------------------


def _of_comparison(comparison: Comparison) -> Iterator[str]:
    yield html.heading("What can be said")
    yield html.paragraphs(
        [
            comparison.verdict(),
            f"{len(comparison.names)} methods on {comparison.n_folds} outer folds, by {comparison.metric}; "
            f"baselines: {', '.join(comparison.baselines) or 'none'}.",
        ]
    )
    yield html.heading("Methods")
    yield html.table(_rows_of(comparison.summary))
    drawings: list[tuple[Callable[..., Any], str]] = [
        (
            plotting.ComparisonDisplay.from_comparison,
            "Held-out scores with intervals, and seconds of fitting. Methods with filled marks cannot be told from the "
            "best.",
        )
    ]
    if comparison.anytime:
        caption = "Best inner score so far against seconds, mean over the outer folds."
        drawings.append((plotting.AnytimeDisplay.from_comparison, caption))
    for draw, caption in drawings:
        yield html.figure(draw(comparison).figure_, caption, caption)
    if comparison.differences["method"]:
        yield html.heading("Differences")
        first = comparison.summary["method"][0]
        yield html.paragraphs(
            [f"How much better {first} is than each other, fold by fold. All intervals hold at once."]
        )
        yield html.table(_rows_of(comparison.differences))
    yield html.heading("Folds")
    hidden = ("error", "trace", "best_params")
    rows = [{name: value for name, value in row.items() if name not in hidden} for row in comparison.rows]
    parameters = [{"best parameters": _parameters(row["best_params"])} for row in comparison.rows]
    yield html.table([row | more for row, more in zip(rows, parameters, strict=True)][:MOST_ROWS])
    errors = [row for row in comparison.rows if row["error"] is not None]
    if errors:
        yield html.heading("Failures")
    for row in errors:
        last = row["error"].strip().splitlines()[-1]
        yield html.details(f"{row['method']}, fold {row['fold']}: {last}", html.code_block(row["error"]))


def _rows_of(columns: Mapping[str, list[Any]]) -> list[dict[str, Any]]:
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


# -- both --------------------------------------------------------------------------------------------------------------


def _environment() -> Iterator[str]:
    yield html.heading("Environment")
    found = {"Python": platform.python_version(), "system": f"{platform.system()} {platform.machine()}"}
    versions = {package: _version(package) for package in PACKAGES}
    yield html.terms(found | {package: one for package, one in versions.items() if one is not None})


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _parameters(params: Any) -> str | None:
    """Return parameters in a line, numbers with a few digits."""
    if not isinstance(params, Mapping):
        return None if params is None else _repr(params)
    shown = {name: f"{float(one):.5g}" if isinstance(one, float) else _repr(one) for name, one in params.items()}
    return ", ".join(f"{name}={one}" for name, one in shown.items())


def _repr(value: Any) -> str:
    """Return a value as Python spells it, without the line breaks that estimators put in."""
    return " ".join(repr(value.item() if isinstance(value, np.generic) else value).split())
