"""What stored searches survive and cost: faults, lost and repeated trials, seconds per stored trial.

    python -m benchmarks.durability              # all parts that this machine can run
    python -m benchmarks.durability storage      # one part: faults, storage, replay, workers, cluster

This writes ``benchmarks/results/durability.md``, part by part. CPU seconds are those of the process of the search.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
import warnings
from importlib.metadata import version
from itertools import product
from pathlib import Path

import numpy as np
import optuna
from scipy.stats import loguniform, uniform
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.naive_bayes import GaussianNB

from benchmarks._measure import write_part
from sklearn_autotune import AutoModelSelector, OptunaSearchCV
from sklearn_autotune.families import Family

RESULTS = Path(__file__).parent / "results" / "durability.md"
ROOT = Path(__file__).parents[1]
PARTS = ("faults", "storage", "replay", "workers", "cluster")
N_KILLS = 60
N_STORED = 200
MAX_WORKERS = 8
N_ON_CLUSTER = 80  # candidates
ON_CLUSTER = {0.1: (1, 2, 4, MAX_WORKERS), 0.5: (MAX_WORKERS,)}  # seconds of a fit, and numbers of workers


class Instant(ClassifierMixin, BaseEstimator):
    """Costs nothing to fit, or as many seconds as it is told to sleep."""

    def __init__(self, a=0.0, b=0.0, c=0.0, seconds=0.0):
        self.a = a
        self.b = b
        self.c = c
        self.seconds = seconds

    def fit(self, X, y):
        if self.seconds:
            time.sleep(self.seconds)
        self.classes_ = np.array([0, 1])
        return self

    def score(self, X, y):
        return -((self.a - 3.0) ** 2) - self.b**2


class SleepingBayes(GaussianNB):
    """Sleeps while it is fitted."""

    def __init__(self, seconds=0.0, var_smoothing=1e-9):
        super().__init__(var_smoothing=var_smoothing)
        self.seconds = seconds

    def fit(self, X, y, sample_weight=None):
        time.sleep(self.seconds)
        return super().fit(X, y, sample_weight)


SPACE = {name: uniform(0, 9) for name in "abc"}
X, Y = np.ones((24, 2)), np.arange(24) % 2


def search(n_trials, *, seconds=0.0, sampler=None, **changes):
    sampler = sampler or optuna.samplers.RandomSampler(seed=0)
    settings = {"n_trials": n_trials, "cv": 5, "pruner": None, "refit": False, "sampler": sampler, "random_state": 0}
    return OptunaSearchCV(Instant(seconds=seconds), SPACE, **(settings | changes))


def cpu_per_trial(n_trials, **changes):
    start = time.process_time()
    search(n_trials, **changes).fit(X, Y)
    return (time.process_time() - start) / n_trials * 1e3


# -- the parts -------------------------------------------------------------------------------------------------------


def faults():
    """Kill searches at random times, in turn by SIGKILL, SIGTERM and SIGINT, and resume them."""
    from tests.faults.killed import KINDS, NIGHT_KINDS, data, make_search, outcome

    with tempfile.TemporaryDirectory() as folder:
        environ = os.environ | {"PYTHONPATH": str(ROOT), "TMPDIR": folder}
        command = [sys.executable, "-W", "ignore", "-m", "tests.faults.killed", folder, str(N_KILLS), "0"]
        command += [*KINDS, *NIGHT_KINDS]
        subprocess.run(command, check=True, env=environ, cwd=ROOT)
        reports = json.loads((Path(folder) / "reports.json").read_text())
    lines = [
        "| search | kills | searches | of them as undisturbed | told trials lost | told trials repeated |",
        "|---|---|---|---|---|---|",
    ]
    for kind, report in reports.items():
        undisturbed = json.loads(json.dumps(outcome(make_search(kind).fit(*data(kind)))))
        n_equal = sum(found == undisturbed for found in report["found"])
        cells = (kind, report["n_landed"], len(report["found"]), n_equal, report["n_lost"], report["n_repeated"])
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return [
        "Searches were killed at random times, in turn by SIGKILL, SIGTERM and SIGINT, and resumed. A trial is lost",
        "if it was stored before a kill and is missing afterwards, and repeated if it is there twice.",
        "",
        *lines,
    ]


def storage():
    """Measure the CPU time per candidate with and without a storage."""
    n_trials = N_STORED
    lines = ["| stored in | CPU, ms a candidate | bytes a candidate |", "|---|---|---|"]
    cpu_per_trial(20)
    lines.append(f"| nothing | {cpu_per_trial(n_trials):.2f} | |")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "study.db"
        cost = cpu_per_trial(n_trials, storage=path)
        lines.append(f"| an SQLite file | {cost:.2f} | {path.stat().st_size / n_trials:.0f} |")
        log = Path(folder) / "study.log"
        backend = optuna.storages.journal.JournalFileBackend(str(log))
        cost = cpu_per_trial(n_trials, storage=optuna.storages.JournalStorage(backend))
        lines.append(
            f"| a journal file, with claims for several processes | {cost:.2f} | {log.stat().st_size / n_trials:.0f} |"
        )
    return [
        f"{n_trials} candidates of 3 parameters on 5 folds; fits take no time; random sampler, one job.",
        "",
        *lines,
    ]


def replay():
    """Measure the seconds that it takes to resume a finished search."""
    lines = ["| sampler | stored candidates | CPU seconds to resume |", "|---|---|---|"]
    for name, make in (
        ("random", lambda: optuna.samplers.RandomSampler(seed=0)),
        ("TPE, the default", lambda: None),
    ):
        for n_trials in (100, 1000):
            kept = optuna.storages.InMemoryStorage()
            settings = {"storage": kept, "sampler": make()}
            if make() is None:
                settings["sampler"] = optuna.samplers.TPESampler(seed=0, multivariate=True)
            search(n_trials, **settings).fit(X, Y)
            start = time.process_time()
            search(n_trials, resume=True, **settings).fit(X, Y)
            lines.append(f"| {name} | {n_trials} | {time.process_time() - start:.1f} |")
    return ["A search with all its candidates is resumed. The sampler proposes each of them again.", "", *lines]


def workers():
    """Measure the CPU time per candidate in the process of the search, if worker processes measure the candidates."""
    n_trials = 200
    lines = [
        "| measured by | CPU of the search, ms a candidate | candidates a second that saturate it |",
        "|---|---|---|",
    ]

    def add(name, cost):
        lines.append(f"| {name} | {cost:.2f} | {1000 / cost:.0f} |")

    add("this process", cpu_per_trial(n_trials))
    settings = {"n_jobs": 1, "trial_timeout": 600}
    search(5, **settings).fit(X, Y)
    add("a worker process", steady_cpu(n_trials, **settings))
    try:
        import distributed
    except ImportError:
        return lines
    with (
        distributed.LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=":0", silence_logs=50) as cluster,
        distributed.Client(cluster) as client,
    ):
        search(5, executor=client).fit(X, Y)
        add("a Dask worker (client and scheduler in this process)", steady_cpu(n_trials, executor=client))
    return [
        f"{n_trials} candidates on 5 folds; fits take no time; random sampler; one worker, whose start is not counted.",
        "",
        *lines,
    ]


def cluster():
    """Measure the speed of a cluster of worker processes, relative to one job in this process."""
    import distributed

    lines = [
        "| search | a fit: s | measured by | seconds | times one job | share of the ideal | same table |",
        "|---|---|---|---|---|---|---|",
    ]
    for make, slept in product((search, select), ON_CLUSTER):
        expected, alone = timed(make, N_ON_CLUSTER, seconds=slept)
        kind = type(make(1)).__name__
        lines.append(f"| {kind}, {N_ON_CLUSTER} candidates | {slept} | one job | {alone:.1f} | 1.0 | | |")
        for n_workers in ON_CLUSTER[slept]:
            with (
                distributed.LocalCluster(
                    n_workers=n_workers, threads_per_worker=1, dashboard_address=":0", silence_logs=50
                ) as workers,
                distributed.Client(workers) as client,
            ):
                timed(make, 2 * n_workers, seconds=slept, executor=client)
                found, seconds = timed(make, N_ON_CLUSTER, seconds=slept, executor=client)
            speed = alone / seconds
            name = "1 Dask worker" if n_workers == 1 else f"{n_workers} Dask workers"
            cells = f"{name} | {seconds:.1f} | {speed:.1f} | {speed / n_workers:.0%} | {found == expected}"
            lines.append(f"| {kind} | {slept} | {cells} |")
    return [
        "Fits on 5 folds that sleep, so that workers do not fight for processors. OptunaSearchCV with a random "
        "sampler; AutoModelSelector with its default sampler, one family and its blend.",
        "",
        *lines,
    ]


def select(n_trials, *, seconds=0.0, **changes):
    """Return a selector with one family of sleeping models."""
    sleeping = Family(
        "sleeping",
        (),
        lambda shape: {"var_smoothing": loguniform(1e-9, 10)},
        lambda shape: SleepingBayes(seconds),
        seconds=lambda shape: seconds,
    )
    settings = {"n_trials": n_trials, "cv": 5, "patience": None, "random_state": 0}
    return AutoModelSelector(families=[sleeping], **(settings | changes))


def timed(make, n_trials, **changes):
    """Return the scores and the wall seconds of a search.

    Two candidates are asked for ahead for each of the most workers: one is under way, and one waits for it.
    """
    X = np.random.default_rng(0).normal(size=(len(Y), 2))
    start = time.perf_counter()
    found = make(n_trials, look_ahead=2 * MAX_WORKERS, **changes).fit(X, Y)
    return list(found.cv_results_["mean_test_score"]), time.perf_counter() - start


def steady_cpu(n_trials, **settings):
    """Measure CPU time per candidate without start-up: subtract the time of 20 candidates from that of many more."""
    few = cpu_per_trial(20, **settings) * 20
    many = cpu_per_trial(20 + n_trials, **settings) * (20 + n_trials)
    return (many - few) / n_trials


def write(part, lines):
    """Replace one part of the page."""
    versions = ", ".join(f"{name} {version(name)}" for name in ("optuna", "scikit-learn", "joblib", "distributed"))
    head = f"# Durability\n\n`python -m benchmarks.durability`. Python {platform.python_version()}, {versions}.\n"
    write_part(RESULTS, head, part, lines, PARTS)


def main():
    global N_KILLS, N_STORED
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a smoke test: nothing is written")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"parts to run: {', '.join(PARTS)}; all by default")
    args = parser.parse_args()
    if unknown := sorted(set(args.parts) - set(PARTS)):
        parser.error(f"there is no {', '.join(unknown)}; there are {', '.join(PARTS)}")
    warnings.simplefilter("ignore")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    if args.quick:
        N_KILLS, N_STORED = 1, 20
    for part in args.parts or (("storage",) if args.quick else PARTS):  # the tests already include the faults
        lines = globals()[part]()
        print("\n".join(lines), flush=True)
        if not args.quick:
            write(part, lines)


if __name__ == "__main__":
    main()
