"""One HTML file that says what came out of a search or a comparison; nothing in it is loaded from elsewhere."""

import platform
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import clone

from sklearn_autotune import plotting
from sklearn_autotune._compat.html import format_parameters, format_value
from sklearn_autotune._compat.messages import extract_last_line
from sklearn_autotune._compat.optional import get_versions
from sklearn_autotune._compat.types import Estimator, FittedSearch
from sklearn_autotune.analysis._comparison import Comparison
from sklearn_autotune.analysis._summary import summarize
from sklearn_autotune.analysis._trial_table import TrialTable, read_trial_table
from sklearn_autotune.evaluation._status import Status
from sklearn_autotune.report import _html as html
from sklearn_autotune.space._dimensions import make_value_key

__all__ = ["write_report"]

VERSIONED_PACKAGES = (
    "sklearn-autotune",
    "scikit-learn",
    "optuna",
    "numpy",
    "scipy",
    "joblib",
    "xgboost",
    "lightgbm",
    "pandas",
)

# Longer tables are cut: the best come first.
MAX_ROWS = 200

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


def write_report(
    source: "FittedSearch | Comparison", path: str | Path, *, title: str | None = None, code: str | None = None
) -> Path:
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
        body = list(_render_comparison(source))
    else:
        title = title or f"Search by {type(source).__name__}"
        body = list(_render_search(source, code))
    written = f"Written {datetime.now():%Y-%m-%d %H:%M} by sklearn_autotune."
    body = [html.render_heading(title, 1), html.render_paragraphs([written], "aside"), *body, *_render_environment()]
    path = Path(path)
    # Names and values may hold lone surrogates, which UTF-8 has no bytes for.
    path.write_text(html.render_page(title, body), encoding="utf-8", errors="backslashreplace")
    return path


# -- a search ----------------------------------------------------------------------------------------------------------


def _render_search(search: FittedSearch, code: str | None) -> Iterator[str]:
    trial_table = read_trial_table(search)
    summary = summarize(search)
    yield html.render_heading("What happened")
    yield html.render_paragraphs(summary.sentences)
    if summary.next_steps:
        yield html.render_heading("To try next", 3)
        yield html.render_list(summary.next_steps)
    yield from _render_winner(search, trial_table, code)
    yield from _render_figures(search)
    yield from _render_candidates(trial_table)
    yield from _render_failures(trial_table)
    yield html.render_heading("Settings")
    yield html.render_terms({name: format_value(value) for name, value in search.get_params(deep=False).items()})


def _render_winner(search: FittedSearch, trial_table: TrialTable, code: str | None) -> Iterator[str]:
    yield html.render_heading("The winner")
    if trial_table.best is None:
        yield html.render_paragraphs(["None has been chosen."])
        return
    params = trial_table.params[trial_table.best]
    yield html.render_terms({name: format_value(value) for name, value in params.items()} or {"parameters": "none"})
    weights = getattr(search, "blend_weights_", None)
    if weights:
        yield html.render_heading("The blend", 3)
        yield html.render_terms({name: float(weight) for name, weight in weights.items()})
    yield html.render_heading("Code", 3)
    code = code or _make_winner_code(search)
    if code is None:
        yield html.render_paragraphs(
            ["A few lines cannot spell it. Keep it as it is: joblib.dump(search.best_estimator_, 'model.joblib')."]
        )
        return
    yield html.render_paragraphs(["This makes the winner, not fitted:"])
    yield html.render_code(code)


def _make_winner_code(search: FittedSearch) -> str | None:
    """Spell the winner with the imports it needs, or return None if a part of it has no ``repr`` that makes it."""
    fitted = getattr(search, "best_estimator_", None)
    if fitted is None or hasattr(search, "blend_weights_"):
        return None
    model = clone(fitted)
    parts = [model, *model.get_params(deep=True).values()]
    kinds = {type(part) for part in parts if hasattr(part, "get_params") and not isinstance(part, type)}
    public_modules = {kind: _find_public_module(kind) for kind in kinds}
    if None in public_modules.values():  # a class that was made inside a function cannot be imported
        return None
    lines = {f"from {public_module} import {kind.__name__}" for kind, public_module in public_modules.items()}
    code_of_model = _write_value(model)
    if re.search(r"\bnan\b", code_of_model):
        lines.add("from numpy import nan")
    if "array(" in code_of_model:
        lines.add("from numpy import array")
    code = "\n".join([*sorted(lines), "", f"model = {code_of_model}"])
    try:
        compile(code, "<report>", "exec")
    except SyntaxError:  # as of functions
        return None
    return code


def _write_value(value: Any, indent: int = 0) -> str:
    """Return a value as Python code; of estimators the parameters that are not the default, however many there are."""
    if hasattr(value, "get_params") and not isinstance(value, type):
        changed = _find_changed_params(value)
        inside = [f"{name}={_write_value(one, indent + 4)}" for name, one in changed.items()]
        return _write_bracketed(f"{type(value).__name__}(", inside, ")", indent)
    if type(value) in (list, tuple):
        inside = [_write_value(one, indent + 4) for one in value]
        opening, closing = ("[", "]") if isinstance(value, list) else ("(", ",)" if len(value) == 1 else ")")
        return _write_bracketed(opening, inside, closing, indent)
    return repr(value.item() if isinstance(value, np.generic) else value)


def _write_bracketed(opening: str, inside: list[str], closing: str, indent: int) -> str:
    """Write on one line if it fits, else one item a line."""
    line = opening + ", ".join(inside) + closing
    if len(line) + indent <= 100 and "\n" not in line:
        return line
    margin = " " * (indent + 4)
    return "\n".join([opening, *(f"{margin}{one}," for one in inside), " " * indent + closing.lstrip(",")])


def _find_changed_params(model: Estimator) -> dict[str, Any]:
    params = model.get_params(deep=False)
    try:
        defaults = type(model)().get_params(deep=False)
    except TypeError:  # some parameters have no default
        return params
    return {name: one for name, one in params.items() if make_value_key(one) != make_value_key(defaults.get(name))}


def _find_public_module(kind: type) -> str | None:
    """Return where a class is imported from: the first part of its module's path that has it; None if none has."""
    parts = kind.__module__.split(".")
    public_modules = [".".join(parts[:length]) for length in range(1, len(parts) + 1)]
    return next(
        (
            public_module
            for public_module in public_modules
            if getattr(sys.modules.get(public_module), kind.__name__, None) is kind
        ),
        None,
    )


def _render_figures(search: FittedSearch) -> Iterator[str]:
    yield html.render_heading("Figures")
    not_drawn = []
    for name, display, caption in FIGURES:
        try:
            drawn = display.from_search(search)
        except ValueError as error:  # so displays say that there is nothing for them to show
            not_drawn.append(f"{name}: {error}")
            continue
        yield html.render_heading(name, 3)
        yield html.render_figure(drawn.figure_, caption, f"{name}: {caption}")
    if not_drawn:
        yield html.render_details("Not drawn", html.render_list(not_drawn))


def _render_candidates(trial_table: TrialTable) -> Iterator[str]:
    yield html.render_heading("Candidates")
    leading = trial_table.find_leading(len(trial_table)).tolist()
    order = leading + [index for index in range(len(trial_table)) if index not in set(leading)]
    folds = trial_table.fold_scores
    spread = np.array([row[np.isfinite(row)].std() if np.isfinite(row).any() else np.nan for row in folds])
    rows = [
        {
            "trial": trial_table.number[index],
            "status": trial_table.status[index],
            f"mean {trial_table.metric}": trial_table.partial_score[index],
            "std": spread[index],
            "folds": trial_table.n_folds[index],
            "seconds": trial_table.seconds[index],
            "parameters": format_parameters(trial_table.params[index]),
        }
        for index in order[:MAX_ROWS]
    ]
    yield html.render_table(rows)
    if len(order) > MAX_ROWS:
        yield html.render_paragraphs([f"… and {len(order) - MAX_ROWS} more."], "aside")
    yield html.render_paragraphs(
        ["The winner comes first. Of candidates that were stopped, the mean is of what was measured."]
    )


def _render_failures(trial_table: TrialTable) -> Iterator[str]:
    failed = trial_table.find_by_status(Status.FAILED)
    if not len(failed):
        return
    yield html.render_heading("Failures")
    by_error: dict[str, list[int]] = {}
    for index in failed:
        by_error.setdefault(trial_table.error[index] or "no error was recorded", []).append(
            int(trial_table.number[index])
        )
    for error, numbers in by_error.items():
        shown = ", ".join(str(number) for number in numbers[:20]) + (" …" if len(numbers) > 20 else "")
        line = extract_last_line(error)
        yield html.render_details(f"{len(numbers)} × {line} (trials {shown})", html.render_code(error))


# -- a comparison ------------------------------------------------------------------------------------------------------


def _render_comparison(comparison: Comparison) -> Iterator[str]:
    yield html.render_heading("What can be said")
    yield html.render_paragraphs(
        [
            comparison.verdict(),
            f"{len(comparison.names)} methods on {comparison.n_folds} outer folds, by {comparison.metric}; "
            f"baselines: {', '.join(comparison.baselines) or 'none'}.",
        ]
    )
    yield html.render_heading("Methods")
    yield html.render_table(_to_rows(comparison.summary))
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
        yield html.render_figure(draw(comparison).figure_, caption, caption)
    if comparison.differences["method"]:
        yield html.render_heading("Differences")
        first = comparison.summary["method"][0]
        yield html.render_paragraphs(
            [f"How much better {first} is than each other, fold by fold. All intervals hold at once."]
        )
        yield html.render_table(_to_rows(comparison.differences))
    yield html.render_heading("Folds")
    left_out_columns = ("error", "trace", "best_params")
    rows = [{name: value for name, value in row.items() if name not in left_out_columns} for row in comparison.rows]
    parameters = [{"best parameters": _format_best_params(row["best_params"])} for row in comparison.rows]
    yield html.render_table([row | more for row, more in zip(rows, parameters, strict=True)][:MAX_ROWS])
    errors = [row for row in comparison.rows if row["error"] is not None]
    if errors:
        yield html.render_heading("Failures")
    for row in errors:
        line = extract_last_line(row["error"])
        yield html.render_details(f"{row['method']}, fold {row['fold']}: {line}", html.render_code(row["error"]))


def _to_rows(columns: Mapping[str, list[Any]]) -> list[dict[str, Any]]:
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


# -- both --------------------------------------------------------------------------------------------------------------


def _render_environment() -> Iterator[str]:
    yield html.render_heading("Environment")
    found = {"Python": platform.python_version(), "system": f"{platform.system()} {platform.machine()}"}
    yield html.render_terms(found | get_versions(VERSIONED_PACKAGES))


def _format_best_params(params: object) -> str | None:
    """Return the best parameters of a method in a line; not every search has a dict of them."""
    if isinstance(params, Mapping):
        return format_parameters(params)
    return None if params is None else format_value(params)
