"""The time of each part of `TunedXGBClassifier` on large tables, and its memory.

``python -m benchmarks.xgboost_cost``: the shares of CPU seconds that XGBoost's own training, the sampler, the scores
and the bookkeeping take. The peak memory of a search is compared to that of one cross-validation of XGBClassifier on
the same 100,000 × 50 table, each in its own process.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
import warnings

import numpy as np
from sklearn.datasets import make_classification
from sklearn.model_selection import cross_val_score
from xgboost import Booster, QuantileDMatrix, XGBClassifier

from benchmarks._measure import RESULTS, environment, markdown_table
from benchmarks.problems import table
from sklearn_autotune import TunedXGBClassifier
from sklearn_autotune.boosting._fold_boosting import FoldBoosting


def diamonds(n_rows):
    import pandas as pd

    X, y = table("ggplot2", "diamonds", "cut", n_rows=n_rows)  # a sample of the rows, because the table is sorted
    return pd.get_dummies(X, dtype=float).to_numpy(), (np.asarray(y) == 2).astype(int)


def synthetic(n_rows):
    return make_classification(n_rows, 50, n_informative=15, random_state=0)


TABLES = {"diamonds, ideal cut": (diamonds, 50_000), "synthetic, 100,000 × 50": (synthetic, 100_000)}


class Stopwatch:
    """Adds up the CPU seconds that this thread spends in some methods; nested calls count once."""

    def __init__(self):
        self.seconds = {}

    def watch(self, owner, name, label):
        method = getattr(owner, name)

        def timed(*args, **kwargs):
            start = time.thread_time()
            try:
                return method(*args, **kwargs)
            finally:
                self.seconds[label] = self.seconds.get(label, 0.0) + time.thread_time() - start

        setattr(owner, name, timed)


def share(name, n_trials, n_rows):
    load, whole = TABLES[name]
    X, y = load(n_rows or whole)
    watch = Stopwatch()
    watch.watch(Booster, "update", "training")
    watch.watch(Booster, "predict", "predicting")
    watch.watch(QuantileDMatrix, "__init__", "binning")
    watch.watch(FoldBoosting, "score_quickly", "scoring")
    start = time.process_time()
    TunedXGBClassifier(n_trials=n_trials, random_state=0, refit=False).fit(X, y)
    total = time.process_time() - start
    parts = {label: seconds / total for label, seconds in watch.seconds.items()}
    return {"total": total, **parts, "sampler and the rest": 1 - sum(parts.values())}


def peak(what, n_rows):
    """Return the peak memory in MiB; this runs in a process that does nothing else."""
    X, y = synthetic(n_rows)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    if what == "XGBClassifier":
        cross_val_score(XGBClassifier(n_estimators=100, n_jobs=1), X, y, cv=5, scoring="neg_log_loss")
    elif what != "data alone":
        TunedXGBClassifier(n_trials=3, random_state=0, n_jobs=int(what.split()[-1])).fit(X, y)
    return {"before": before / 1024, "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def in_a_process(*args):
    command = [sys.executable, "-m", "benchmarks.xgboost_cost", "--only", json.dumps(args)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a smoke test: nothing is written")
    parser.add_argument("--only", help=argparse.SUPPRESS)
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    if args.only:
        function, *rest = json.loads(args.only)
        print(json.dumps({"share": share, "peak": peak}[function](*rest)))
        return
    n_trials, n_rows, n_rows_shared = (2, 1000, 1000) if args.quick else (20, 100_000, None)
    labels = ("training", "predicting", "scoring", "binning", "sampler and the rest")
    shares = []
    for name in list(TABLES)[: 1 if args.quick else None]:
        found = in_a_process("share", name, n_trials, n_rows_shared)
        shares.append([name, f"{found['total']:.0f}", *(f"{found[label]:.1%}" for label in labels)])
        print(shares[-1], flush=True)
    memory = []
    processes = ("data alone", "XGBClassifier", "TunedXGBClassifier, n_jobs 1", "TunedXGBClassifier, n_jobs 2")
    for what in processes[2:3] if args.quick else processes:
        found = in_a_process("peak", what, n_rows)
        memory.append([what, f"{found['before']:.0f}", f"{found['peak']:.0f}"])
        print(memory[-1], flush=True)
    text = (
        f"# XGBoost: time and memory\n\n{environment()}\n\n{n_trials} candidates, 3 folds, one job; shares of the "
        f"process's CPU seconds.\n\n{markdown_table(['table', 'CPU seconds', *labels], shares)}\n\n"
        f"Peak memory in MiB on {n_rows:,} × 50, one cross-validation with 100 rounds, a search of 3 candidates.\n\n"
        f"{markdown_table(['what', 'before', 'peak'], memory)}\n"
    )
    print(text)
    if not args.quick:
        (RESULTS / "xgboost_cost.md").write_text(text)


if __name__ == "__main__":
    main()
