"""Measuring in pairs: what every benchmark here has in common."""

import csv
import json
import os
import platform
import statistics
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
from joblib import Parallel, delayed

RESULTS = Path(__file__).parent / "results"
PACKAGES = ("scikit-learn", "optuna", "optuna-integration", "rustuna", "numpy", "scipy", "joblib")


def seconds_of(call, clock=time.process_time):
    """Seconds that a call takes, by the clock given."""
    start = clock()
    call()
    return clock() - start


def interleave(calls, repeats, clock=time.process_time):
    """Time several calls in turn, A B C A B C …; return the seconds of each, repeat by repeat."""
    seconds = {name: [] for name in calls}
    for _ in range(repeats):
        for name, call in calls.items():
            seconds[name].append(seconds_of(call, clock))
    return seconds


def spread(values, digits=3):
    """Say the median, with the smallest and the largest."""
    shown = [f"{value:.{digits}g}" for value in (statistics.median(values), min(values), max(values))]
    return f"{shown[0]} ({shown[1]} to {shown[2]})"


def mean_and_error(values, digits=3):
    """Say the mean, with its standard error."""
    return f"{np.mean(values):.{digits}f} ± {standard_error(values):.{digits}f}"


def standard_error(values):
    return np.std(values, ddof=1) / np.sqrt(len(values)) if len(values) > 1 else 0.0


def t_of(differences):
    """Return the mean of paired differences in units of its standard error; 0 if they do not vary."""
    error = standard_error(differences)
    return float(np.mean(differences) / error) if error > 0 else 0.0


def paired(values, base, problems):
    """Say how much more one thing has than another, in how many pairs less and more, and the t over pairs, problems."""
    differences = np.asarray(values) - np.asarray(base)
    less, more = int((differences < 0).sum()), int((differences > 0).sum())
    t = f"t {t_of(differences):+.1f}, by problem {t_by_problem(values, base, problems):+.1f}"
    return f"{differences.mean():+.3f} ({less} less, {more} more; {t})"


def t_by_problem(values, base, problems):
    """Return the t of the problems' mean differences: seeds on one table are not independent evidence."""
    differences, problems = np.asarray(values) - np.asarray(base), np.asarray(problems)
    return t_of([differences[problems == problem].mean() for problem in np.unique(problems)])


def environment(*more):
    """Say what a figure was measured with, naming more packages if need be."""
    versions = []
    for package in (*PACKAGES, *more):
        try:
            versions.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            versions.append(f"{package} not installed")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"Python {platform.python_version()}, {', '.join(versions)}; {cores} cores, {platform.machine()}"


def write_rows(name, rows, folder=RESULTS):
    """Write one tidy row per measurement."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{name}.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def read_rows(name, folder=RESULTS):
    """Read what `write_rows` wrote, numbers as numbers."""

    def value(text):
        try:
            return float(text) if set(text) & set(".en") else int(text)
        except ValueError:
            return text

    with (folder / f"{name}.csv").open(newline="") as file:
        return [{key: value(text) for key, text in row.items()} for row in csv.DictReader(file)]


def printed_rows(text):
    """Read the rows that a process has printed, a line of JSON each, among whatever else it has printed."""
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def picture(name, shows):
    """Show the figure that `benchmarks.figures` draws of a table; ``shows`` says it to those who cannot see it."""
    return f"![{shows}]({name}.png)"


def measure_missing(name, call, wanted, *, jobs, is_resumed, is_quick, add=None):
    """Measure what is wanted and return all rows; unless ``is_quick``, they are written each time some have come.

    ``call`` is given a problem and a seed, in whatever process, and returns rows that have both. If ``is_resumed``, the
    rows of the last run are kept, and what they have is not measured again. ``add`` changes all rows together.
    """
    rows = read_rows(name) if is_resumed else []
    done = {(row["problem"], row["seed"]) for row in rows}
    runs = [run for run in wanted if run not in done]
    for found in Parallel(jobs, return_as="generator_unordered")(delayed(call)(*run) for run in runs):
        rows = sorted([*rows, *found], key=lambda row: (row["seed"], row["problem"]))
        if add is not None:
            add(rows)
        if not is_quick:
            write_rows(name, rows)  # a run that is interrupted leaves what it has measured
    return rows


def markdown_table(header, rows):
    """Format a table for the page beside the figures."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(str(cell) for cell in line)} |" for line in lines)
