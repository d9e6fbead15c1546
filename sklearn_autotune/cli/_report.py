"""The command report: a stored search becomes an HTML file, or the JSON of its summary; a run folder has both."""

import argparse
import json
from pathlib import Path
from typing import Any

import joblib

from sklearn_autotune.analysis._summary import summarize
from sklearn_autotune.cli._commands import EXIT_DONE, check_output, print_json, print_lines
from sklearn_autotune.report import write_report
from sklearn_autotune.runner._config import ConfigError
from sklearn_autotune.runner._folder import SUMMARY, read_metadata
from sklearn_autotune.runner._json import format_json

__all__ = ["report_command"]


def report_command(args: argparse.Namespace) -> int:
    """Write the report of a stored search, or its summary as JSON; of a run, print its summary."""
    path = Path(args.search)
    output = None if args.output is None else Path(args.output)
    if output is None and not args.json:
        output = path.with_suffix(".html")
    if output is not None:
        check_output(output, "summary.json" if args.json else "report.html")
        if output.resolve() == path.resolve():
            raise ConfigError(f"{output} is the file of the search; name another one with --output")
    if path.is_dir():
        summary = _read_summary(path, as_json=args.json)
    else:
        search = _load_search(path, trust=args.trust)
        if not args.json:
            write_report(search, output, title=f"Search in {path.name}")  # type: ignore[arg-type]
            print_lines(f"{output} was written")
            return EXIT_DONE
        summary = summarize(search).to_dict()
    if output is None:
        print_json(args, summary)
    else:
        output.write_text(format_json(summary) + "\n", encoding="utf-8", errors="backslashreplace")
        print_json(args, {"summary": str(output)})
    return EXIT_DONE


def _read_summary(folder: Path, *, as_json: bool) -> Any:
    """Read the summary of a run from its folder; nothing of it is run.

    Raises
    ------
    RunFolderError
        If it is no run folder.
    ConfigError
        If the folder has no summary, or if a report is asked for, which is in the folder.
    """
    metadata = read_metadata(folder)
    if not as_json:
        report = metadata["report"]
        reason = (
            f"is {folder / report['file']}" if report["file"] else f"is missing, because {report['missing_because']}"
        )
        raise ConfigError(f"the report of this run {reason}. --json prints its summary")
    try:
        return json.loads((folder / SUMMARY).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{folder / SUMMARY} cannot be read: {error}") from error


def _load_search(path: Path, *, trust: bool) -> Any:
    """Load a fitted search.

    Raises
    ------
    ConfigError
        If there is none in the file, or if the file is not trusted.
    """
    if not path.exists():
        raise ConfigError(f"there is no file {path}; joblib.dump(search, {str(path)!r}) would write it")
    if not trust:
        raise ConfigError(f"{path} runs code when it is loaded. If you trust its author, say so: --trust")
    try:
        search = joblib.load(path)
    except Exception as error:  # whatever the bytes of a file that is no pickle lead to
        raise ConfigError(f"{path} cannot be loaded: {type(error).__name__}: {error}") from error
    if not hasattr(search, "cv_results_"):
        raise ConfigError(
            f"{path} holds no fitted search, but {type(search).__name__}. joblib.dump(search, FILE), after search.fit, "
            "writes one"
        )
    return search
