"""Run benchmarks: ``python -m benchmarks NAME …``, or all of them, one after the other, each in its own process.

Each benchmark writes a page and a CSV file with its runs into ``benchmarks/results``; at the end, `benchmarks.figures`
draws the figures from the CSV files. The compared packages come with ``pip install -e '.[bench]'``.

``--quick`` runs each benchmark as a smoke test of a few seconds, and writes nothing. ``--resume`` continues a run that
was interrupted: benchmarks that write their CSV file as they go measure only what is not in it. ``python -m
benchmarks.NAME --help`` lists the options of one benchmark, such as problems, seeds and methods.
"""

import argparse
import subprocess
import sys
import time

PAGES = {
    "anytime": "seconds until a search reaches the final score of a random search, or of optuna-integration",
    "fits": "quality of several searches after the same number of fits",
    "tabulated": "measures real problems, which 'defaults' needs; slow",
    "defaults": "sampler, start-up trials, look-ahead and racing rule, one varied at a time",
    "racing": "fits and rows that racing saves, and how often it stops the true winner",
    "samplers": "TPE, TPE in Rust and a random forest: the candidates that they find",
    "warm_start": "what earlier searches on other tables save",
    "prefix": "pipelines with slow first steps",
    "iterations": "how optimistic the choice of the number of iterations is",
    "scaling": "time of a search with up to 1,024 workers",
    "look_ahead": "how looking ahead changes the quality of a search",
    "overhead": "time that a search needs in addition to its fits",
    "xgboost": "time until tuned XGBoost reaches the score of a naive search",
    "xgboost_budget": "tuned XGBoost within a number of CPU seconds",
    "xgboost_cost": "time and memory of tuned XGBoost",
    "selection": "model selection from raw tables",
    "selection_budget": "whether model selection keeps to its time limit",
    "compliance": "each class as a scikit-learn estimator",
    "honesty": "the score that is reported on noise",
    "no_worse": "how often a tuned model is worse than the untuned one, and what keeps it",
    "auto_spaces": "ready spaces of single models against their defaults",
    "auto_steps": "ready spaces of steps in front of a model, against the model's alone",
    "threshold": "thresholds chosen in the search and around its winner",
    "objectives": "several objectives and limits",
    "serving": "predicting and loading kept models",
    "durability": "faults, storage, workers, clusters",
    "growth": "time and memory with more candidates and rows",
}

# Those that write their CSV file as they go; the others start anew.
RESUMABLE = (
    *("objectives", "anytime", "fits", "samplers", "defaults", "racing", "xgboost"),
    *("auto_spaces", "auto_steps"),
)


def main():
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="\n".join(f"  {name:17} {what}" for name, what in PAGES.items()),
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="the benchmarks to run; all of them by default")
    parser.add_argument("--quick", action="store_true", help="a smoke test: nothing is written")
    parser.add_argument(
        "--resume", action="store_true", help=f"measure only what is missing: {', '.join(RESUMABLE)}; others start anew"
    )
    args = parser.parse_args()
    if args.quick and args.resume:
        parser.error("--quick writes nothing, so there is nothing to resume; leave one of them out")
    unknown = sorted(set(args.names) - set(PAGES))
    if unknown:
        parser.error(f"there is no {', '.join(unknown)}; there are {', '.join(PAGES)}")
    failed = []
    for name in [*(args.names or PAGES), *([] if args.quick else ["figures"])]:
        start = time.perf_counter()
        options = ["--quick"] if args.quick else ["--resume"] if args.resume and name in RESUMABLE else []
        command = [sys.executable, "-m", f"benchmarks.{name}", *options]
        if subprocess.run(command, check=False).returncode:
            failed.append(name)
        print(f"-- {name}: {time.perf_counter() - start:.0f} s", file=sys.stderr, flush=True)
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
