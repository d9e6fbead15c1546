"""The command line: ``python -m sklearn_autotune demo``."""

import argparse
from collections.abc import Sequence
from importlib.metadata import version


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command.

    Parameters
    ----------
    arguments : sequence of str or None, default=None
        None takes them from the command line.
    """
    parser = argparse.ArgumentParser(prog="python -m sklearn_autotune", description="Hyper-parameter search.")
    parser.add_argument("--version", action="version", version=f"sklearn-autotune {version('sklearn-autotune')}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    demo = commands.add_parser("demo", help="compare three searches on a real table (needs the extra 'demo')")
    demo.add_argument("--n-trials", type=positive, default=36, help="candidates of each search (default: 36)")
    demo.add_argument("--n-jobs", type=int, default=None, help="worker processes, -1 for all processors (default: 1)")
    demo.add_argument("--seed", type=int, default=0, help="of split, folds, model and searches (default: 0)")
    given = parser.parse_args(arguments)

    from sklearn_autotune._demo import run_demo  # here, so that --help does not wait for it

    run_demo(n_trials=given.n_trials, n_jobs=given.n_jobs, seed=given.seed)


def positive(text: str) -> int:
    """Read a number of at least 1."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is not at least 1")
    return number


if __name__ == "__main__":
    main()
