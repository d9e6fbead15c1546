"""Write a search or a comparison to one HTML file that loads nothing."""

import inspect
import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats.distributions import rv_frozen

from sklearn_autotune import plotting
from sklearn_autotune._compat.html import format_parameters, format_value, shorten_names
from sklearn_autotune._compat.messages import extract_last_line
from sklearn_autotune._compat.optional import get_versions
from sklearn_autotune._compat.types import FittedSearch
from sklearn_autotune.analysis._aims import AimTable, BlendAimTable, read_aim_table, read_blend_aim_table
from sklearn_autotune.analysis._comparison import Comparison
from sklearn_autotune.analysis._summary import summarize
from sklearn_autotune.analysis._trial_table import TrialTable, read_trial_table
from sklearn_autotune.evaluation._metric import Metric
from sklearn_autotune.evaluation._status import Status
from sklearn_autotune.export._export_code import export_code, write_constructor
from sklearn_autotune.plotting._style import STATUS_NAMES
from sklearn_autotune.report import _html as html
from sklearn_autotune.report._overview import make_overview

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

# Longer tables are cut; the best rows come first.
MAX_ROWS = 200

MAX_LINES = 80  # of code that is shown at once

# What is drawn of a search: the display, and what is written below it.
FIGURES: tuple[tuple[str, Any, str], ...] = (
    (
        "History",
        plotting.OptimizationHistoryDisplay,
        "Scores of the complete candidates in order, and the best so far. The other candidates have no score that "
        "could be compared; they are in the grey band.",
    ),
    (
        "Front",
        plotting.FrontDisplay,
        "Complete candidates, or blends of a selector, by objectives. Filled dots are those that no other one beats; "
        "crosses do not meet the limits; the star is the winner.",
    ),
    (
        "Hypervolume",
        plotting.HypervolumeDisplay,
        "How far the front had come after each candidate. A curve that still rises says that more would improve it.",
    ),
    (
        "Leaderboard",
        plotting.LeaderboardDisplay,
        "Leading models with their standard errors, and their weights in the blend.",
    ),
    (
        "Folds",
        plotting.FoldScoresDisplay,
        "The leading candidates on each fold, and their differences to the winner. If an interval includes 0, the "
        "folds do not show which of the two is better.",
    ),
    (
        "Learning curves",
        plotting.LearningCurvesDisplay,
        "Mean over the folds against the resource that candidates were given, and where they were stopped.",
    ),
    ("Importance", plotting.ParameterImportanceDisplay, "How much each parameter matters for the score, by PED-ANOVA."),
    ("Parameters", plotting.SliceDisplay, "Complete candidates against one parameter at a time."),
    ("Pair", plotting.ContourDisplay, "Two parameters, interpolated between the complete candidates."),
    (
        "Candidates",
        plotting.ParallelCoordinatesDisplay,
        "Complete candidates as lines: the better, the darker. The thick line is the winner.",
    ),
    ("Time", plotting.TimeDisplay, "Seconds by how candidates ended, and by phase."),
)


def write_report(
    source: "FittedSearch | Comparison", path: str | Path, *, title: str | None = None, code: str | None = None
) -> Path:
    """Write a report of a fitted search, or of a comparison, to one HTML file.

    The file needs no network and no other file, and runs no scripts. It holds the metric and the size of the data, the
    summary in words, the winner and the code that makes it, figures, tables of candidates and failures, settings, and
    the versions used.

    Parameters
    ----------
    source : estimator or Comparison
        A search, fitted; of this package, or any with scikit-learn's ``cv_results_``. Or what `compare` has returned.
    path : str or path
        Where to write. A file that is there is overwritten.
    title : str, default=None
        None is made from the kind of search.
    code : str, default=None
        Code that makes the winner, to be shown. None writes it, as `export_code` does.

    Returns
    -------
    path : Path

    Raises
    ------
    ValueError
        If the source is neither a fitted search nor a comparison.
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
    trial_table, aim_table, blends = read_trial_table(search), read_aim_table(search), read_blend_aim_table(search)
    summary = summarize(search)
    yield html.render_terms(make_overview(search, trial_table, aim_table, blends))
    yield html.render_heading("What happened")
    yield html.render_paragraphs(summary.sentences)
    if summary.next_steps:
        yield html.render_heading("To try next", 3)
        yield html.render_list(summary.next_steps)
    yield from _render_winner(search, trial_table, code)
    yield from _render_figures(search)
    if blends is not None:
        yield from _render_blends(blends)
    yield from _render_candidates(trial_table, aim_table)
    yield from _render_failures(trial_table)
    yield html.render_heading("Settings")
    yield from _render_settings(search)


def _render_winner(search: FittedSearch, trial_table: TrialTable, code: str | None) -> Iterator[str]:
    weights = getattr(search, "blend_weights_", None) or {}
    yield html.render_heading("The blend" if weights else "The winner")
    if trial_table.best is None:
        yield html.render_paragraphs(["No candidate was chosen."])
        return
    name = f"candidate {trial_table.row[trial_table.best]}"
    if weights:
        yield html.render_paragraphs(["The weights of its models, by family and number:"])
        yield html.render_terms({label: float(weight) for label, weight in weights.items()})
        yield html.render_heading(f"The best single model, {name}", 3)
    else:
        yield html.render_paragraphs([f"It is {name}, a row of cv_results_, with these parameters:"])
    params = trial_table.params[trial_table.best]
    yield html.render_terms({name: format_value(value) for name, value in params.items()} or {"parameters": "none"})
    yield from _render_code(search, code)


def _render_code(search: FittedSearch, code: str | None) -> Iterator[str]:
    """Show code that makes the winner: a few lines, or a script; where neither can be written, say what to do."""
    yield html.render_heading("Code", 3)
    if code is not None:
        yield html.render_paragraphs(["This code makes the winner:"])
        yield _render_lines(code)
        return
    try:
        code = write_constructor(search)
        script = None if code is not None else export_code(search)
    except ValueError as error:
        yield html.render_paragraphs([f"No code can be written: {error}", "The fitted model itself can be stored:"])
        yield html.render_code("import joblib\n\njoblib.dump(search.best_estimator_, 'model.joblib')")
        return
    if code is not None:
        yield html.render_paragraphs(["This makes the winner, not yet fitted:"])
        yield html.render_code(code)
        yield html.render_paragraphs(["export_code(search), of sklearn_autotune.export, writes a script that fits it."])
    if script is not None:
        yield html.render_paragraphs(["This script, which export_code(search) wrote, makes the model and fits it:"])
        yield _render_lines(script)


def _render_lines(code: str) -> str:
    """Return code, which opens on a click if it is long."""
    n_lines = len(code.splitlines())
    shown = html.render_code(code)
    return shown if n_lines <= MAX_LINES else html.render_details(f"{n_lines} lines of Python", shown)


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


def _render_blends(table: BlendAimTable) -> Iterator[str]:
    """Show the blends on the front of a selector, and the chosen one."""
    blends = table.blends
    front = blends.find_front().tolist()
    shown = front + [row for row in (blends.best,) if row is not None and row not in front]
    yield html.render_heading("Blends")
    rows = [
        {
            "": "chosen" if row == blends.best else "",
            **{aim.label: aim.values[row] for aim in table.aims},
            **({"meets limits": "yes" if blends.meets_limits[row] else "no"} if blends.limits else {}),
            "fitted models": blends.n_models[row],
            "weights": ", ".join(f"{label} {weight:.2g}" for label, weight in blends.members[row].items()),
        }
        for row in shown[:MAX_ROWS]
    ]
    yield html.render_table(rows, verbatim=[aim.label for aim in table.aims], has_names_in_cells=True)
    yield html.render_paragraphs(
        [
            "The blends and single models that no other one beats, and the chosen one. Scores are means over the folds "
            "of out-of-fold predictions. Costs are estimates from the models of the folds; the costs of the final "
            "model are measured on it."
        ],
        "aside",
    )


def _render_candidates(trial_table: TrialTable, aim_table: AimTable | None) -> Iterator[str]:
    yield html.render_heading("Candidates")
    leading = trial_table.find_leading(len(trial_table)).tolist()
    order = leading + [index for index in range(len(trial_table)) if index not in set(leading)]
    metric = trial_table.described_metric
    folds = trial_table.fold_scores
    spread = np.array([row[np.isfinite(row)].std() if np.isfinite(row).any() else np.nan for row in folds])
    short_names, meets_limits = shorten_names(trial_table.select_param_names()), trial_table.meets_limits
    has_partial = bool((np.isnan(trial_table.score) & np.isfinite(trial_table.partial_score)).any())
    others = () if aim_table is None else tuple(aim for aim in aim_table.aims if aim.label != metric.label)
    rows = []
    for index in order[:MAX_ROWS]:
        score, partial = (metric.sign * one[index] for one in (trial_table.score, trial_table.partial_score))
        rows.append(
            {
                "candidate": _name_candidate(trial_table, index),
                "status": STATUS_NAMES.get(trial_table.status[index], trial_table.status[index]),
                metric.label: score,
                **({"until stopped": partial if np.isnan(score) else None} if has_partial else {}),
                "std": spread[index],
                **{aim.label: aim.values[index] for aim in others},
                **({} if meets_limits is None else {"meets limits": _say_whether(meets_limits[index], score)}),
                "folds": trial_table.n_folds[index],
                "seconds": trial_table.seconds[index],
                "parameters": _format_shortened(trial_table.params[index], short_names),
            }
        )
    verbatim = [metric.label, *(aim.label for aim in others)]
    yield html.render_table(rows, verbatim=verbatim, has_names_in_cells=True)
    if len(order) > MAX_ROWS:
        yield html.render_paragraphs([f"… and {len(order) - MAX_ROWS} more."], "aside")
    notes = [
        f"The winner comes first. Numbers of candidates are rows of cv_results_. {metric.label} is the mean over the "
        f"folds, and std the standard deviation over them; {metric.direction}."
    ]
    if has_partial:
        notes.append(
            "Candidates that were stopped early were measured on a part of the folds, or with less of the resource. "
            'Their means, "until stopped", cannot be compared with the others.'
        )
    yield html.render_paragraphs(notes, "aside")


def _say_whether(meets_limits: bool, score: float) -> str:
    """Return whether a candidate meets the limits; of one without a score it is not known."""
    return "–" if np.isnan(score) else "yes" if meets_limits else "no"


def _name_candidate(trial_table: TrialTable, index: int) -> str | int:
    """Return the row in ``cv_results_``; a candidate that was cut by a time limit has none."""
    row = int(trial_table.row[index])
    return row if row >= 0 else "–"


def _render_failures(trial_table: TrialTable) -> Iterator[str]:
    failed = trial_table.find_by_status(Status.FAILED)
    if not len(failed):
        return
    yield html.render_heading("Failures")
    by_error: dict[str, list[int]] = {}
    for index in failed:
        by_error.setdefault(trial_table.error[index] or "no error was recorded", []).append(int(trial_table.row[index]))
    for error, numbers in by_error.items():
        shown = ", ".join(str(number) for number in numbers[:20]) + (" …" if len(numbers) > 20 else "")
        line = extract_last_line(error)
        yield html.render_details(f"{len(numbers)} × {line} (candidates {shown})", html.render_code(error))


def _render_settings(search: FittedSearch) -> Iterator[str]:
    """Show the parameters that are not the defaults, and the others on a click."""
    settings = {name: _format_setting(value) for name, value in search.get_params(deep=False).items()}
    defaults = {
        name: _format_setting(one.default)
        for name, one in inspect.signature(type(search)).parameters.items()
        if one.default is not one.empty
    }
    changed = {name: text for name, text in settings.items() if text != defaults.get(name)}
    rest = {name: text for name, text in settings.items() if name not in changed}
    if changed:
        yield html.render_terms(changed)
    if rest:
        yield html.render_details(f"{len(rest)} parameters have their default values", html.render_terms(rest))


# -- a comparison ------------------------------------------------------------------------------------------------------


def _render_comparison(comparison: Comparison) -> Iterator[str]:
    metric = Metric(comparison.metric)
    is_same = all(_measures_itself(row) for row in comparison.rows)
    yield html.render_terms(
        {
            "metric": f"{metric.label} ({metric.direction})",
            "outer folds" if comparison.is_held_out else "folds": (
                f"{comparison.n_folds} ({comparison.test_over_train:.2g} test rows for each training row)"
            ),
            "methods": len(comparison.names) - len(comparison.baselines),
            "baselines": ", ".join(comparison.baselines) or "none",
        }
    )
    yield html.render_heading("What can be said")
    yield html.render_paragraphs([comparison.verdict()])
    yield from _render_methods(comparison, metric, is_same=is_same)
    yield from _render_outer_folds(comparison, metric, is_same=is_same)


def _render_methods(comparison: Comparison, metric: Metric, *, is_same: bool) -> Iterator[str]:
    yield html.render_heading("Methods")
    yield _render_scores(_to_rows(comparison.summary), metric, is_same=is_same, is_held_out=comparison.is_held_out)
    inner = (
        f"The inner {metric.label} is what a search measured on its own folds"
        if is_same
        else "The inner score is what a search measured on its own folds by its own metric, higher values being better"
    )
    optimism = f" {inner}; the optimism is by how much it is better than the same metric on the held-out rows."
    kind = "outer folds" if comparison.is_held_out else "folds by which the winners were chosen"
    yield html.render_paragraphs(
        [
            f"{metric.label} is the mean over the {kind}, {metric.direction}, with the ends of its "
            f"{comparison.confidence:.0%} interval.{optimism if comparison.is_held_out else ''}"
        ],
        "aside",
    )
    scores = f"Held-out {metric.label} with intervals, and seconds of fitting"
    if not comparison.is_held_out:
        scores = f"{metric.label} of the winners with intervals"
    caption = f"{scores}. Methods with filled marks cannot be told apart from the best."
    drawings: list[tuple[Callable[..., Any], str]] = [(plotting.ComparisonDisplay.from_comparison, caption)]
    if comparison.anytime:
        caption = f"Best inner {metric.label} so far against seconds, mean over the outer folds."
        drawings.append((plotting.AnytimeDisplay.from_comparison, caption))
    for draw, caption in drawings:
        yield html.render_figure(draw(comparison).figure_, caption, caption)
    if comparison.differences["method"]:
        yield html.render_heading("Differences")
        first = comparison.summary["method"][0]
        yield html.render_paragraphs(
            [
                f"By how much {metric.label} of {first} is better than that of each other method, fold by fold. All "
                "intervals hold at once."
            ]
        )
        yield html.render_table(_to_rows(comparison.differences), has_names_in_cells=True)


def _render_outer_folds(comparison: Comparison, metric: Metric, *, is_same: bool) -> Iterator[str]:
    yield html.render_heading("Folds")
    left_out_columns = ("error", "trace", "best_params", "aims")
    rows = [{name: value for name, value in row.items() if name not in left_out_columns} for row in comparison.rows]
    for row, folds_row in zip(rows, comparison.rows, strict=True):
        row |= folds_row.get("aims", {})
        row["best parameters"] = _format_best_params(folds_row["best_params"])
    yield _render_scores(rows[:MAX_ROWS], metric, is_same=is_same, is_held_out=comparison.is_held_out)
    errors = [row for row in comparison.rows if row["error"] is not None]
    if errors:
        yield html.render_heading("Failures")
    for row in errors:
        line = extract_last_line(row["error"])
        yield html.render_details(f"{row['method']}, fold {row['fold']}: {line}", html.render_code(row["error"]))


def _measures_itself(row: Mapping[str, Any]) -> bool:
    """Whether a search's own metric is that of the comparison: then both give the same held-out score."""
    return row["own_score"] is None or bool(np.isclose(row["own_score"], row["score"], equal_nan=True))


def _render_scores(rows: Sequence[Mapping[str, Any]], metric: Metric, *, is_same: bool, is_held_out: bool) -> str:
    """Return rows of a comparison with the metric's name, and a loss with its own sign.

    A search's own scores are shown in the same way if all searches go by the same metric as the comparison.
    """
    score = f"held-out {metric.label}" if is_held_out else metric.label
    names = {"score": score, "own_score": "held-out score, own metric"}
    signed = ["score", "low", "high"]
    if is_same:
        names["inner_score"] = f"inner {metric.label}"
        signed.append("inner_score")
    shown = []
    for row in rows:
        ends = {"low": row["high"], "high": row["low"]} if metric.is_loss and "low" in row else {}
        shown.append(
            {
                names.get(name, name): metric.sign * value if name in signed and value is not None else value
                for name, value in (dict(row) | ends).items()
                if not (is_same and name == "own_score")
            }
        )
    return html.render_table(shown, verbatim=names.values(), has_names_in_cells=True)


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


def _format_shortened(params: Mapping[str, Any], short_names: Mapping[str, str]) -> str:
    return format_parameters({short_names[name]: value for name, value in params.items()})


def _format_setting(value: object) -> str:
    """Return a value as Python writes it, and SciPy's distributions by their names and arguments."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{format_value(name)}: {_format_setting(one)}" for name, one in value.items()) + "}"
    if type(value) is list:
        return f"[{', '.join(_format_setting(one) for one in value)}]"
    if isinstance(value, rv_frozen):
        arguments = [format_value(one) for one in value.args]
        arguments += [f"{name}={format_value(one)}" for name, one in value.kwds.items()]
        return f"{value.dist.name}({', '.join(arguments)})"
    return format_value(value)
