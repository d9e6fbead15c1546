"""Draw the figures of the result pages from their CSV files: ``python -m benchmarks.figures``.

This measures nothing. It reads each ``benchmarks/results/NAME.csv`` and writes ``NAME.png`` into the same folder. Small
points are single runs. Large points are their means, with two standard errors.
"""

import argparse
import hashlib
import io
from functools import partial

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, NullLocator, StrMethodFormatter
from PIL import Image  # matplotlib comes with it
from PIL.PngImagePlugin import PngInfo
from scipy.stats import rankdata

from benchmarks._measure import RESULTS, means_by_problem, read_rows
from benchmarks.selection import LIGHT, LINEAR, LOSS, SECOND, TREES, cells_of, methods_of, without_lone_seeds
from benchmarks.selection_tables import LARGE_SEEN, SEEN, SEEN_LATER, SMALL
from benchmarks.xgboost import ratio as times_as_fast
from sklearn_autotune.plotting._style import COLORS, DARK_COLOR, LIGHT_COLOR, MARKERS

WIDTH = 8.0  # inches, at DPI about as many pixels as a README is wide
DPI = 110
OTHER = "#6B6B6B"  # ours has a colour, and others have none
SPELLED = {
    "logistic": "logistic regression",
    "ridge": "ridge regression",
    "forest": "random forest",
    "hist": "histogram boosting",
    "xgboost": "XGBoost",
    "random": "random search",
    "flaml": "FLAML",
    "autogluon": "AutoGluon, medium",
    "autogluon_best": "AutoGluon, best",
    "tpot": "TPOT",
}


def color_of(name):
    is_ours = name.lower().startswith(("ours", "optunasearchcv", "tunedxgb", "automodelselector", "best line"))
    return COLORS[0] if is_ours else OTHER


def new_figure(title, height, n_panels=1, **settings):
    figure = Figure(figsize=(WIDTH, height), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)  # no window, whatever the backend
    figure.get_layout_engine().set(w_pad=0.1, h_pad=0.08)
    figure.suptitle(title, fontsize=11, color=DARK_COLOR)
    axes = figure.subplots(1, n_panels, squeeze=False, **settings)[0]
    for ax in axes:
        ax.spines[["top", "right"]].set_visible(False)
        ax.tick_params(labelsize=9)
    return figure, axes


def show_runs(ax, y, values, color, *, is_log=False, marker="o", hollow=None, label=None):
    """Draw one line of a figure: a pale point for each run, and the mean (geometric if ``is_log``) ± 2 errors."""
    values = np.asarray(values, dtype=float)
    hollow = np.zeros(len(values), dtype=bool) if hollow is None else np.asarray(hollow)
    places = y + np.linspace(0.1, 0.36, len(values))  # below the mean, which would hide them
    y = y - 0.12
    ax.scatter(values[~hollow], places[~hollow], s=10, color=color, alpha=0.4, linewidths=0)
    ax.scatter(values[hollow], places[hollow], s=11, facecolors="none", edgecolors=color, alpha=0.6, linewidths=0.7)
    logs = np.log(values) if is_log else values
    error = 2 * logs.std(ddof=1) / np.sqrt(len(logs)) if len(logs) > 1 else 0.0
    low, mean, high = (np.exp if is_log else np.asarray)([logs.mean() - error, logs.mean(), logs.mean() + error])
    ax.plot([low, high], [y, y], color=color, linewidth=2, zorder=3)
    ax.scatter([mean], [y], s=42, color=color, marker=marker, edgecolors="white", linewidths=0.8, zorder=4, label=label)
    return mean


def name_lines(ax, names):
    """Write the names of the lines at the axis, the first one at the top."""
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.45, -0.55)
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="x", color=LIGHT_COLOR, alpha=0.35, linewidth=0.7)
    ax.set_axisbelow(True)


def ratios(ax, ticks):
    """Make the x axis an axis of ratios, with a line at 1, where there is no difference."""
    ax.set_xscale("log")
    ax.set_xticks(ticks)
    ax.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.axvline(1, color=DARK_COLOR, linewidth=0.9)


def values_of(rows, key, **where):
    return [row[key] for row in rows if all(row[name] == value for name, value in where.items())]


def unique(rows, key):
    return list(dict.fromkeys(row[key] for row in rows))


# -- one for each page -------------------------------------------------------------------------------------------------


def anytime(rows):
    base = {(row["problem"], row["seed"]): row for row in rows if row["method"] == "RandomizedSearchCV"}
    names = [name for name in unique(rows, "method") if name != "RandomizedSearchCV"]
    n_problems = len(unique(rows, "problem"))
    title = (
        "Times as fast as RandomizedSearchCV to the score it ends with (more is better)\n"
        f"{n_problems} problems; hollow: the target was not reached, and all seconds count"
    )
    figure, axes = new_figure(title, 3.6, 2, sharey=True)
    until = {"seconds": "against the whole random search", "own_best_after": "against when it first had the score"}
    labels = {}
    for ax, (column, label) in zip(axes, until.items(), strict=True):
        for y, name in enumerate(names):
            own = [row for row in rows if row["method"] == name]
            times = [base[row["problem"], row["seed"]][column] / row["seconds"] for row in own]
            missed = [not row["reached"] for row in own]
            by_problem = [np.log(time) for time in times]
            mean = np.exp(means_by_problem(by_problem, [row["problem"] for row in own]).mean())
            show_runs(ax, y, times, color_of(name), is_log=True, hollow=missed)
            labels[name] = f"{name}\n{len(own) - sum(missed)} of {len(own)} reached"
            ax.annotate(f"{mean:.1f}×", (1, y), xycoords=("axes fraction", "data"), fontsize=9, ha="right", va="center")
        ratios(ax, [0.01, 0.1, 1, 10, 100])
        ax.set_xlim(right=300)  # room for the means, which are written there
        ax.set_title(label, fontsize=9)
    for ax in axes:
        name_lines(ax, list(labels.values()))
    return figure


def relative(ax, rows, names, loss, ticks):
    """Draw the loss of each method divided by ours, for each table."""
    base = {(row["table"], row["seed"]): row[loss] for row in rows if row["method"] == "ours"}
    for y, name in enumerate(names):
        own = [row for row in rows if row["method"] == name and (row["table"], row["seed"]) in base]
        show_runs(ax, y, [row[loss] / base[row["table"], row["seed"]] for row in own], color_of(name), is_log=True)
    name_lines(ax, [SPELLED.get(name, name) for name in names])
    ratios(ax, ticks)


def selection(rows, task):
    """Draw the ranks on fresh tables. Small tables of classification have a page, and no figure."""
    budget = min(unique(rows, "budget"))
    rows = [row for row in rows if row["budget"] == budget and row["method"] != LIGHT]
    own = [row for row in rows if row["table"] not in (*SEEN, *SEEN_LATER, *LARGE_SEEN, *SMALL)]
    shared = without_lone_seeds({key[1:]: cell for key, cell in cells_of(own).items()})
    cells = {
        key: cell for key, cell in shared.items() if cell.keys() >= {LINEAR[task], *TREES}
    }  # one failed on a table
    names, _ = methods_of(cells)
    title = (
        f"Rank among {len(names)} methods within {budget:g} seconds, on held-out rows (less is better)\n"
        f"a point is one of {len({name for name, _ in cells})} tables and a seed; the first four are untuned"
    )
    figure, axes = new_figure(title, 3.5, 2, sharey=True)
    for ax, measure in zip(axes, (LOSS[task], SECOND[task]), strict=True):
        ranks = np.array([rankdata([measure.of(cell[name]) for name in names]) for cell in cells.values()])
        for y, name in enumerate(names):
            show_runs(ax, y, ranks[:, y], color_of("AutoModelSelector" if name == "ours" else name))
        ax.set_title(measure.title, fontsize=9)
        ax.set_xlim(0.5, len(names) + 0.5)
        name_lines(ax, [SPELLED.get(name, "AutoModelSelector") for name in names])
    return figure


def xgboost(rows):
    rows = sorted((row for row in rows if row["is_fresh"]), key=lambda row: (row["rows"], row["problem"], row["seed"]))
    title = (
        "Tuned XGBoost: times as fast as 100 naive candidates to their best score (more is better)\n"
        "a point is one seed; hollow: the score was not reached, and the time of the whole search counts"
    )
    tasks = unique(rows, "task")
    figure, axes = new_figure(title, 5.2, len(tasks))
    for ax, task in zip(axes, sorted(tasks), strict=True):
        names = unique([row for row in rows if row["task"] == task], "problem")
        for y, name in enumerate(names):
            own = [row for row in rows if row["problem"] == name]
            missed = [np.isnan(row["seconds_to_100"]) for row in own]
            times = [times_as_fast(row, 100) for row in own]
            show_runs(ax, y, times, COLORS[0], is_log=True, hollow=missed)
        name_lines(ax, [f"{name} ({values_of(rows, 'rows', problem=name)[0]:,})" for name in names])
        ax.set_title(f"{task}: table (rows)", fontsize=9)
        ratios(ax, [1, 5, 20, 100])
    return figure


def xgboost_budget(rows):
    budgets = sorted(unique(rows, "budget"))
    names = [name for name in unique(rows, "method") if name != "ours"]
    title = (
        "XGBoost within a budget: held-out log loss over that of TunedXGBClassifier\n"
        "(right of 1: ours is better); a point is one table and seed"
    )
    figure, axes = new_figure(title, 2.4, len(budgets), sharex=True, sharey=True)
    for ax, budget in zip(axes, budgets, strict=True):
        own = [row for row in rows if row["budget"] == budget]
        relative(ax, own, names, "held_out", [0.95, 1, 1.05, 1.1, 1.2])
        ax.set_title(f"{budget:g} CPU seconds", fontsize=9)
    return figure


def prefix(rows):
    names = unique(rows, "problem")
    shown = {"with memory=": "Pipeline(memory=)", "ours": "ours", "ideal": "the ideal: each prefix fitted once"}
    title = "Pipelines: times as fast as GridSearchCV in CPU seconds (more is better); a point is one repeat"
    figure, (ax,) = new_figure(title, 3.8)
    colors = (COLORS[1], COLORS[0], DARK_COLOR)
    for y, name in enumerate(names):
        base = values_of(rows, "cpu_seconds", problem=name, method="GridSearchCV")
        for place, (method, label) in enumerate(shown.items()):
            seconds = values_of(rows, "cpu_seconds", problem=name, method=method)
            times = [slow / fast for slow, fast in zip(base, seconds, strict=True)]
            at = y + 0.25 * (place - 1)
            ax.scatter(times, [at] * len(times), s=9, color=colors[place], alpha=0.4, linewidths=0)
            ax.scatter(
                [np.median(times)],
                [at],
                s=42,
                color=colors[place],
                marker=MARKERS[place],
                label=label if not y else None,
            )
    name_lines(ax, [name.replace(", ", ",\n", 1) for name in names])
    ax.set_xlim(left=0)
    ax.axvline(1, color=DARK_COLOR, linewidth=0.9)
    figure.legend(fontsize=9, frameon=False, loc="outside lower center", ncols=3)
    return figure


def racing(rows):
    rows = [row for row in rows if not row["problem"].startswith("normal, ")]  # simulated scores
    names = unique(rows, "problem")
    lost = np.mean([row["lost"] for row in rows])
    title = (
        f"Share of the cost that racing saves (more is better), and how often it lost the best candidate\n"
        f"({lost:.1%} of {len(rows)} searches; error_rate=0.05 allows 5%)"
    )
    figure, (ax,) = new_figure(title, 0.9 + 0.3 * len(names))
    for y, name in enumerate(names):
        show_runs(ax, y, 100 * np.array(values_of(rows, "cost_saved", problem=name)), COLORS[0])
    shares = [np.mean(values_of(rows, "lost", problem=name)) for name in names]
    name_lines(ax, [f"{name}, lost {share:.1%}" for name, share in zip(names, shares, strict=True)])
    ax.set_xlim(0, 100)
    ax.xaxis.set_major_formatter(StrMethodFormatter("{x:.0f}%"))
    return figure


def overhead(rows, title):
    """Draw the milliseconds that methods need in addition to their fits, with a panel for each size."""
    columns = unique(rows, "column")
    names = unique(rows, "method")
    figure, axes = new_figure(title, 0.9 + 0.38 * len(names), len(columns), sharey=True)
    for ax, column in zip(axes, columns, strict=True):
        for y, name in enumerate(names):
            show_runs(ax, y, values_of(rows, "value", method=name, column=column), color_of(name))
        name_lines(ax, names)
        ax.set_xlim(left=0)
        if len(columns) > 1:
            ax.set_title(column, fontsize=9)
    return figure


def two_workers(rows):
    parts = unique(rows, "part")
    names = unique(rows, "method")
    title = "Two workers: candidates per second over those of one worker (2 is ideal, more is better)"
    figure, axes = new_figure(title, 2.9, len(parts), sharey=True)
    for ax, part in zip(axes, parts, strict=True):
        for y, name in enumerate(names):
            show_runs(ax, y, values_of(rows, "value", method=name, part=part), color_of(name))
        name_lines(ax, [name.replace(", ", ",\n", 1) for name in names])
        ax.set_xlim(1, 2.1)
        ax.axvline(2, color=DARK_COLOR, linewidth=0.9, linestyle="--")
        ax.set_title(part.removeprefix("Two workers, "), fontsize=9)
    return figure


def honesty(rows):
    shares = sorted(unique(rows, "positives"), reverse=True)
    names = unique(rows, "method")
    title = (
        "Area under the ROC curve that is reported on labels that are noise (0.5 is the truth: nearer is better)\n"
        f"300 rows; a point is one of {len(unique(rows, 'seed'))} tables"
    )
    figure, axes = new_figure(title, 4.3, len(shares), sharey=True)
    for ax, positives in zip(axes, shares, strict=True):
        for y, name in enumerate(names):
            show_runs(ax, y, values_of(rows, "reported", method=name, positives=positives), color_of(name))
        name_lines(ax, [name.replace("'s ", "'s\n").replace(" in ", "\nin ") for name in names])
        ax.axvline(0.5, color=DARK_COLOR, linewidth=0.9, linestyle="--")
        ax.set_title(f"{positives} rows are positive", fontsize=9)
    return figure


def fits(rows):
    budgets = sorted(unique(rows, "candidates"))
    names = unique(rows, "method")
    title = (
        "Regret after the fits of so many candidates, five fits each (less is better)\n"
        "0: the best that any method found; 1: the median of random candidates; points beyond are not shown"
    )
    figure, axes = new_figure(title, 0.9 + 0.3 * len(names), len(budgets), sharex=True, sharey=True)
    for ax, budget in zip(axes, budgets, strict=True):
        for y, name in enumerate(names):
            found = values_of(rows, "regret", method=name, candidates=budget)
            if found:
                show_runs(ax, y, found, color_of(name))
        name_lines(ax, names)
        ax.set_xlim(-0.05, 1.05)
        ax.set_title(f"{budget} candidates", fontsize=9)
    return figure


def defaults(rows):
    base = {(row["problem"], row["seed"]): row["regret_50"] for row in rows if row["setting"] == "as it comes"}
    settings = [(row["factor"], row["setting"]) for row in rows if row["setting"] != "as it comes"]
    settings = list(dict.fromkeys(settings))
    title = (
        "Regret after the fits of 50 candidates, less that of the defaults (left of 0: better than the defaults)\n"
        f"{len(unique(rows, 'problem'))} problems; a point is one problem and seed"
    )
    figure, (ax,) = new_figure(title, 1.1 + 0.26 * len(settings))
    for y, (factor, setting) in enumerate(settings):
        own = [row for row in rows if (row["factor"], row["setting"]) == (factor, setting)]
        show_runs(ax, y, [row["regret_50"] - base[row["problem"], row["seed"]] for row in own], OTHER)
    name_lines(ax, [name if name.startswith(factor) else f"{factor}: {name}" for factor, name in settings])
    ax.axvline(0, color=DARK_COLOR, linewidth=0.9)
    return figure


FIGURES = {
    "anytime": anytime,
    "fits": fits,
    "defaults": defaults,
    "racing": racing,
    "prefix": prefix,
    "overhead_candidates": partial(
        overhead, title="CPU that a candidate costs beside its fits, ms (less is better); a point is one repeat"
    ),
    "overhead_growth": partial(overhead, title="CPU of a search over nothing, ms a candidate (less is better)"),
    "overhead_proposals": partial(overhead, title="CPU of one proposal, all bookkeeping included, ms (less is better)"),
    "overhead_two_workers": two_workers,
    "xgboost": xgboost,
    "xgboost_budget": xgboost_budget,
    "selection": partial(selection, task="classification"),
    "selection_regression": partial(selection, task="regression"),
    "honesty": honesty,
}


def drawn(folder=RESULTS):
    """Return the names of the figures whose CSV files exist."""
    return [name for name in FIGURES if (folder / f"{name}.csv").exists()]


def digest(name):
    """Return a digest of the CSV file from which a picture is drawn."""
    return hashlib.sha256((RESULTS / f"{name}.csv").read_text().encode()).hexdigest()


def draw(name, path):
    """Draw one figure, and write it as a small PNG that contains the digest of its CSV file."""
    figure = FIGURES[name](read_rows(name))
    drawn_large, source = io.BytesIO(), PngInfo()
    figure.savefig(drawn_large)
    source.add_text("Source", digest(name))
    Image.open(drawn_large).convert("RGB").quantize(128).save(path, optimize=True, pnginfo=source)
    return figure


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="the figures to draw; by default all whose CSV file exists"
    )
    args = parser.parse_args()
    if unknown := sorted(set(args.names) - set(drawn())):
        parser.error(f"there is no table of {', '.join(unknown)}; there are {', '.join(drawn())}")
    for name in args.names or drawn():
        draw(name, RESULTS / f"{name}.png")


if __name__ == "__main__":
    main()
