"""How time and memory grow with the number of candidates and with the number of rows.

    python -m benchmarks.growth                  # all parts
    python -m benchmarks.growth --part rows      # one part: candidates, rows, untuned

``candidates``: fits that take no time, so that only the search takes any, up to 10,000 candidates: proposals, storage,
resuming, the report and the displays. ``rows``: tuned XGBoost and a selection on made tables of up to two million rows
with known noise, each in a process of its own, beside untuned XGBoost on the same rows. ``untuned``: the loss of
TunedXGBClassifier if it has a few times the seconds that an untuned fit takes. Seconds are CPU seconds of the process
of the search for candidates, and wall seconds for the other parts.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from contextlib import suppress
from pathlib import Path

import numpy as np
import optuna
import psutil
from sklearn.metrics import log_loss
from xgboost import XGBClassifier

from benchmarks._measure import RESULTS, environment, markdown_table, seconds_of, write_part
from benchmarks.durability import SPACE, Instant, X, Y
from sklearn_autotune import AutoModelSelector, OptunaSearchCV, TunedXGBClassifier, TunedXGBRegressor
from sklearn_autotune.plotting import OptimizationHistoryDisplay, ParameterImportanceDisplay
from sklearn_autotune.report import write_report

N_CANDIDATES = (1000, 3000, 10_000)
N_ROWS = (100_000, 500_000, 2_000_000)
N_COLUMNS = 10
WIDTHS = ((1_000_000, 30), (200_000, 200))  # rows and columns of the tables of the part ``untuned``
MULTIPLES = (3, 6)  # of the seconds of an untuned fit
WINDOW = 500  # candidates over which the time of a candidate is averaged


class Stopwatch:
    """Notes the CPU time at every candidate."""

    def __init__(self):
        self.times = []

    def __call__(self, study, trial):
        self.times.append(time.process_time())

    def milliseconds(self, n_candidates, window):
        """The mean of the last candidates before this number."""
        end, start = self.times[n_candidates - 1], self.times[n_candidates - 1 - window]
        return (end - start) / window * 1e3


def make_search(n_trials, sampler=None, **settings):
    own = {"cv": 5, "pruner": None, "refit": False, "random_state": 0, "measure_default": False}
    return OptunaSearchCV(Instant(), SPACE, n_trials=n_trials, sampler=sampler, **(own | settings))


def measure_candidates(sizes, window):
    """Rows of the table: what a candidate takes at each size, and what is made of a finished search."""
    rows = []
    for name, sampler in (("random", optuna.samplers.RandomSampler(seed=0)), ("TPE, the default", None)):
        watch = Stopwatch()
        make_search(max(sizes), sampler, callbacks=[watch]).fit(X, Y)
        cells = [f"{watch.milliseconds(size, window):.2f}" for size in sizes]
        rows.append([f"a candidate, {name}: ms", *cells])
    found = {size: measure_finished(size) for size in sizes}
    for what in next(iter(found.values())):
        rows.append([what, *(f"{found[size][what]:.3g}" for size in sizes)])
    return rows


def measure_finished(n_trials):
    """What storing, resuming and looking at a search of this size take."""
    with tempfile.TemporaryDirectory() as folder:
        path, page = Path(folder) / "study.db", Path(folder) / "report.html"
        settings = {"sampler": optuna.samplers.RandomSampler(seed=0), "storage": path}
        stored = seconds_of(lambda: make_search(n_trials, **settings).fit(X, Y))
        search = make_search(n_trials, resume=True, **settings)
        resumed = seconds_of(lambda: search.fit(X, Y))
        written = seconds_of(lambda: write_report(search, page))
        history = seconds_of(lambda: OptimizationHistoryDisplay.from_search(search))
        importance = seconds_of(lambda: ParameterImportanceDisplay.from_search(search))
        return {
            "a stored candidate, random: ms": stored / n_trials * 1e3,
            "bytes stored a candidate": path.stat().st_size / n_trials,
            "resuming: s": resumed,
            "the report: s": written,
            "the report: MB": page.stat().st_size / 1e6,
            "OptimizationHistoryDisplay: s": history,
            "ParameterImportanceDisplay: s": importance,
        }


# -- rows ------------------------------------------------------------------------------------------------------------


def make_table(n_rows, n_columns=N_COLUMNS):
    """A regression of known noise: the best possible RMSE is 1."""
    random = np.random.default_rng(0)
    table = random.normal(size=(n_rows, n_columns)).astype(np.float32)
    signal = 2 * np.sin(2 * table[:, 0]) + table[:, 1] * table[:, 2] + np.abs(table[:, 3]) + 0.5 * table[:, 4]
    return table, (signal + random.normal(size=n_rows)).astype(np.float32)


class MemoryWatch:
    """Reads the memory of this process and its children, in MB, ten times a second.

    Shared memory counts once. Pages of a file that is mapped count while a process holds them.
    """

    def __enter__(self):
        self.before = self.peak = self.read()
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._is_over.set()
        self._thread.join()

    def _watch(self):
        while not self._is_over.wait(0.1):
            self.peak = max(self.peak, self.read())

    def read(self):
        process = psutil.Process()
        total = 0
        for one in (process, *process.children(recursive=True)):
            with suppress(psutil.Error, OSError):  # a child may have ended
                total += one.memory_full_info().pss
        return total / 1e6


def fit_method(method, n_rows, seconds):
    """Fit one method on the first rows, and return its wall seconds, its peak memory above the start, and its loss."""
    table, y = make_table(n_rows + 20_000)
    train, test = slice(0, n_rows), slice(n_rows, None)
    if method == "XGBoost, untuned":
        from xgboost import XGBRegressor

        model = XGBRegressor(n_estimators=5000, early_stopping_rounds=50, n_jobs=2)
        settings = {"eval_set": [(table[: n_rows // 10], y[: n_rows // 10])], "verbose": False}
        rows = slice(n_rows // 10, n_rows)
    else:
        kind = AutoModelSelector if method == "AutoModelSelector" else TunedXGBRegressor
        first = ("regression",) if kind is AutoModelSelector else ()
        model, settings, rows = kind(*first, timeout=seconds, n_jobs=2, random_state=0), {}, train
    with MemoryWatch() as watch:
        start = time.perf_counter()
        model.fit(table[rows], y[rows], **settings)
        wall = time.perf_counter() - start
    error = float(np.sqrt(np.mean((model.predict(table[test]) - y[test]) ** 2)))
    return {
        "wall": wall,
        "megabytes": watch.peak - watch.before,
        "table": table[train].nbytes / 1e6,
        "rmse": error,
    }


def measure_rows(sizes, seconds):
    rows = []
    for method in ("XGBoost, untuned", "TunedXGBRegressor", "AutoModelSelector"):
        for n_rows in sizes:
            command = [
                sys.executable,
                "-W",
                "ignore",
                "-m",
                "benchmarks.growth",
                "--one",
                method,
                str(n_rows),
                str(seconds),
            ]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                rows.append([method, f"{n_rows:,}", "failed", "", "", done.stderr.strip().splitlines()[-1][:60]])
                continue
            found = json.loads(done.stdout.splitlines()[-1])
            share = found["megabytes"] / found["table"]
            cells = [f"{found['wall']:.1f}", f"{found['megabytes']:.0f}", f"{share:.1f}", f"{found['rmse']:.4f}"]
            rows.append([method, f"{n_rows:,}", *cells])
    return rows


# -- untuned --------------------------------------------------------------------------------------------------------


def measure_untuned(widths, multiples):
    """Rows of the table: XGBoost with a tenth of the rows for early stopping, and the tuned fits after it."""
    rows = []
    for n_rows, n_columns in widths:
        table, target = make_table(n_rows + n_rows // 5, n_columns)
        y = (target > np.median(target)).astype(int)
        test, valid = slice(n_rows, None), slice(n_rows // 10)
        untuned = XGBClassifier(n_estimators=5000, early_stopping_rounds=50, n_jobs=2)
        start = time.perf_counter()
        untuned.fit(
            table[valid.stop : n_rows], y[valid.stop : n_rows], eval_set=[(table[valid], y[valid])], verbose=False
        )
        seconds = time.perf_counter() - start
        size = f"{n_rows:,} x {n_columns}"
        loss = log_loss(y[test], untuned.predict_proba(table[test]))
        rows.append([size, "XGBoost, untuned", f"{seconds:.1f}", "1.0", f"{loss:.5f}", ""])
        for multiple in multiples:
            tuned = TunedXGBClassifier(timeout=multiple * seconds, n_jobs=2, random_state=0)
            start = time.perf_counter()
            tuned.fit(table[:n_rows], y[:n_rows])
            wall = time.perf_counter() - start
            found = log_loss(y[test], tuned.predict_proba(table[test]))
            name = f"TunedXGBClassifier, timeout {multiple} times as long"
            rows.append([size, name, f"{wall:.1f}", f"{wall / seconds:.1f}", f"{found:.5f}", f"{found / loss:.4f}"])
    return rows


# -- the page --------------------------------------------------------------------------------------------------------

PARTS = ("candidates", "rows", "untuned")


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a smoke test: nothing is written")
    parser.add_argument("--part", choices=PARTS, action="append", help="all by default")
    parser.add_argument("--seconds", type=float, default=120.0, help="the timeout of the tuned methods")
    parser.add_argument("--rows", type=int, nargs="+", default=list(N_ROWS))
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    if args.one:
        method, n_rows, seconds = args.one
        print(json.dumps(fit_method(method, int(n_rows), float(seconds))))
        return
    for part in args.part or (PARTS[:1] if args.quick else PARTS):
        if part == "candidates":
            sizes, window = ((40,), 10) if args.quick else (N_CANDIDATES, WINDOW)
            head = ["", *(f"{size:,} candidates" for size in sizes)]
            lines = [
                "Fits take no time: CPU of the process of the search. The time of a candidate is the mean of the "
                f"{window} before this number.",
                "",
                markdown_table(head, measure_candidates(sizes, window)),
            ]
        elif part == "untuned":
            head = [
                "rows x columns",
                "method",
                "seconds",
                "times the untuned fit",
                "log loss",
                "times the untuned loss",
            ]
            lines = [
                "A made classification in float32; the log loss is that of other rows; two threads. The untuned fit "
                "stops early, by the loss on a tenth of the rows.",
                "",
                markdown_table(head, measure_untuned(WIDTHS, MULTIPLES)),
            ]
        else:
            head = [
                "method",
                "rows",
                "seconds",
                "peak MB above the start, with workers",
                "times the table",
                "RMSE on other rows (1 is best)",
            ]
            lines = [
                f"A made regression of {N_COLUMNS} columns in float32; the timeout of the tuned methods is "
                f"{args.seconds:.0f} s; two threads.",
                "",
                markdown_table(head, measure_rows(args.rows, args.seconds)),
            ]
        print("\n".join(lines), flush=True)
        if not args.quick:
            write_part(RESULTS / "growth.md", f"# Growth\n\n{environment()}\n", part, lines, PARTS)


if __name__ == "__main__":
    main()
