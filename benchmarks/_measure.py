"""Functions that all benchmarks use: to measure methods in turn, to compare them in pairs, and to write results."""

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
    """Return the seconds that a call takes on this clock."""
    start = clock()
    call()
    return clock() - start


def interleave(calls, repeats, clock=time.process_time):
    """Time several calls in turn, A B C A B C …; return the seconds of each call in each repeat."""
    seconds = {name: [] for name in calls}
    for _ in range(repeats):
        for name, call in calls.items():
            seconds[name].append(seconds_of(call, clock))
    return seconds


def spread(values, digits=3):
    """Return the median, the smallest and the largest value as text."""
    shown = [f"{value:.{digits}g}" for value in (statistics.median(values), min(values), max(values))]
    return f"{shown[0]} ({shown[1]} to {shown[2]})"


def mean_and_error(values, digits=3):
    """Return the mean and its standard error as text."""
    return f"{np.mean(values):.{digits}f} ± {standard_error(values):.{digits}f}"


def standard_error(values):
    return np.std(values, ddof=1) / np.sqrt(len(values)) if len(values) > 1 else 0.0


def t_of(differences):
    """Return the mean of paired differences divided by its standard error; 0 if the differences are all equal."""
    error = standard_error(differences)
    return float(np.mean(differences) / error) if error > 0 else 0.0


def paired(values, base, problems):
    """Return the mean difference as text, with the numbers of pairs with less and more, and t by pair and problem."""
    differences = np.asarray(values) - np.asarray(base)
    less, more = int((differences < 0).sum()), int((differences > 0).sum())
    t = f"t {t_of(differences):+.1f}, by problem {t_by_problem(values, base, problems):+.1f}"
    return f"{differences.mean():+.3f} ({less} less, {more} more; {t})"


def t_by_problem(values, base, problems):
    """Return t of the mean differences of the problems, because seeds on one problem are not independent."""
    return t_of(means_by_problem(np.asarray(values) - np.asarray(base), problems))


def means_by_problem(values, problems):
    """Return the mean over the seeds of each problem, in the order in which the problems come."""
    values, problems = np.asarray(values, dtype=float), np.asarray(problems)
    return np.array([values[problems == problem].mean() for problem in dict.fromkeys(problems.tolist())])


def geometric(logs):
    """Return the geometric mean of ratios as text, with the range of two standard errors, from their logarithms."""
    if len(logs) == 1:
        return f"{np.exp(logs[0]):.2f}"
    error = 2 * standard_error(logs)
    low, middle, high = np.exp([np.mean(logs) - error, np.mean(logs), np.mean(logs) + error])
    return f"{middle:.2f} ({low:.2f} to {high:.2f})"


def environment(*more):
    """Return the versions and the machine of a measurement as text; ``more`` names additional packages."""
    versions = []
    for package in (*PACKAGES, *more):
        try:
            versions.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            versions.append(f"{package} not installed")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"Python {platform.python_version()}, {', '.join(versions)}; {cores} cores, {platform.machine()}"


def environment_of(name, *more, folder=RESULTS):
    """Return the versions and the machine that a page names; those of this process if there is no such page.

    A page that is only written anew tells where its rows were measured.
    """
    page = folder / f"{name}.md"
    lines = page.read_text(encoding="utf-8").splitlines() if page.exists() else []
    return next((line for line in lines if line.startswith("Python 3.")), None) or environment(*more)


def write_rows(name, rows, folder=RESULTS):
    """Write a CSV file with one row per measurement; a process that is killed leaves the former file or the new one."""
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f"{name}.csv.part"
    with part.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(dict.fromkeys(name for row in rows for name in row)))
        writer.writeheader()
        writer.writerows(rows)
    part.replace(folder / f"{name}.csv")


def read_rows(name, folder=RESULTS):
    """Read the rows that `write_rows` wrote, and convert numbers and truth values."""

    def value(text):
        if text in ("True", "False"):
            return text == "True"
        try:
            return float(text) if set(text) & set(".en") else int(text)
        except ValueError:
            return text

    with (folder / f"{name}.csv").open(newline="") as file:
        return [{key: value(text) for key, text in row.items()} for row in csv.DictReader(file)]


def printed_rows(text):
    """Return the rows in the output of a process: each line that is JSON is one row."""
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def picture(name, shows):
    """Return the link to a figure that `benchmarks.figures` draws; ``shows`` is its alternative text."""
    return f"![{shows}]({name}.png)"


def measure_missing(
    name,
    call,
    wanted,
    *,
    jobs=1,
    is_resumed,
    is_quick,
    add=None,
    columns=None,
    keys=("problem", "seed"),
    is_kept=None,
    folder=RESULTS,
):
    """Measure all wanted runs, and return all rows; unless ``is_quick``, write them after each run.

    Parameters
    ----------
    call : callable
        Takes the values of ``keys`` that tell one run from another, and returns rows that contain them. It may run in
        another process.
    wanted : list of tuple
        The values of ``keys`` of each run, in the order of measuring.
    is_resumed : bool
        Whether the rows of the last run are kept and not measured again; ``is_kept`` says of which rows this is true.
    add : callable, optional
        Changes all rows together, before they are written.
    columns : sequence of str, optional
        The columns that the rows of the last run must have.
    """
    rows = read_rows(name, folder) if is_resumed and (folder / f"{name}.csv").exists() else []
    if lacking := [column for column in columns or () if rows and column not in rows[0]]:
        raise SystemExit(
            f"{folder / name}.csv has no column {', '.join(lacking)}: an earlier version of this benchmark wrote it. "
            "Run without --resume, which measures all again."
        )
    rows = [row for row in rows if is_kept is None or is_kept(row)]
    done = {tuple(row[key] for key in keys) for row in rows}
    runs = [run for run in wanted if run not in done]
    for found in Parallel(jobs, return_as="generator_unordered")(delayed(call)(*run) for run in runs):
        rows = sorted([*rows, *found], key=lambda row: (row["seed"], row["problem"]))
        if add is not None:
            add(rows)
        if not is_quick:
            write_rows(name, rows, folder)  # so that an interrupted run keeps what it has measured
    return rows


def write_part(path, head, part, lines, parts):
    """Replace one part of a page that is measured part by part; the parts stand in the order of ``parts``."""
    old = path.read_text(encoding="utf-8") if path.exists() else ""
    sections = dict(section.split("\n", 1) for section in old.split("\n## ")[1:])
    sections[part] = "\n" + "\n".join(lines) + "\n"
    body = "".join(f"\n## {name}\n{sections[name].rstrip()}\n" for name in parts if name in sections)
    path.write_text(head + body, encoding="utf-8")


def markdown_table(header, rows):
    """Format a table for a result page."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(str(cell) for cell in line)} |" for line in lines)
