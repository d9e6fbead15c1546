"""Run benchmarks: ``python -m benchmarks NAME …``, or all of them, one after the other, each in a process of its own.

``--quick`` runs each as a smoke test of seconds, and writes nothing. Options of a single one (peers in environments of
their own, tables, seeds) are listed by ``python -m benchmarks.NAME --help``. Each writes a page, and a tidy table of
its runs beside it, into ``benchmarks/results``; their figures are drawn anew at the end (`benchmarks.figures`).
"""

import argparse
import subprocess
import sys
import time

PAGES = {
    "anytime": "quality against seconds: until the score that a random search ends with",
    "fits": "quality against the number of fits, beside other searches",
    "tabulated": "real problems measured for the next, which takes its time",
    "defaults": "sampler, start-up, look-ahead and racing rule, one varied at a time",
    "racing": "fits saved by racing, and true winners lost",
    "prefix": "pipelines whose first steps are costly",
    "iterations": "rungs of rows and iterations",
    "look_ahead": "what candidates under way at a time cost in quality",
    "overhead": "what a search costs beside its fits",
    "xgboost": "tuned XGBoost, to the log loss of the naive search",
    "xgboost_budget": "tuned XGBoost within so many CPU seconds",
    "xgboost_cost": "where the time of tuned XGBoost goes, and its memory",
    "selection": "model selection from raw tables",
    "selection_budget": "whether model selection keeps its time",
    "compliance": "each class as a scikit-learn estimator",
    "honesty": "what is reported on noise",
    "durability": "faults, storage, workers, clusters",
}


def main():
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="\n".join(f"  {name:17} {what}" for name, what in PAGES.items()),
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="which to run; all of them if left out")
    parser.add_argument("--quick", action="store_true", help="a smoke test: nothing is written")
    args = parser.parse_args()
    unknown = sorted(set(args.names) - set(PAGES))
    if unknown:
        parser.error(f"there is no {', '.join(unknown)}; there are {', '.join(PAGES)}")
    failed = []
    for name in [*(args.names or PAGES), *([] if args.quick else ["figures"])]:
        start = time.perf_counter()
        command = [sys.executable, "-m", f"benchmarks.{name}", *(["--quick"] if args.quick else [])]
        if subprocess.run(command, check=False).returncode:
            failed.append(name)
        print(f"-- {name}: {time.perf_counter() - start:.0f} s", file=sys.stderr, flush=True)
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
