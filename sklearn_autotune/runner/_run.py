"""Run a YAML configuration into a folder with a model and its records; verify such a folder."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from sklearn_autotune._compat.optional import import_optional
from sklearn_autotune._compat.sklearn import forget_requests
from sklearn_autotune._compat.types import Predictor
from sklearn_autotune.analysis._aims import flatten_params
from sklearn_autotune.analysis._summary import summarize
from sklearn_autotune.exceptions import StudyInUseError, StudyMismatchError, StudyStorageError
from sklearn_autotune.export import export_code
from sklearn_autotune.export._check import find_difference, run_script
from sklearn_autotune.inference._table_reader import TableReader
from sklearn_autotune.runner._compare import compare, load_comparison
from sklearn_autotune.runner._config import (
    Config,
    ConfigError,
    hash_config,
    parse_config,
    read_config_text,
    redact_config_text,
)
from sklearn_autotune.runner._data import LabelledRows, RunData, make_run_splitter, read_run_data
from sklearn_autotune.runner._folder import (
    CONFIG,
    FOLD_MODELS,
    METADATA,
    SCRIPT,
    SUMMARY,
    RunFolderError,
    choose_new_folder,
    describe_origin,
    find_own_file,
    load_model,
    make_mlflow_tags,
    read_metadata,
    save_model,
    try_compute_sha256,
    try_write_report,
    write_config,
    write_folder_atomically,
    write_json,
)
from sklearn_autotune.runner._mlflow import MLflowStore, open_mlflow_store
from sklearn_autotune.runner._scores import (
    choose_scoring,
    describe_corrections,
    route_weights,
    score_folds,
    score_others,
    score_with_baseline,
    validate_scoring,
)
from sklearn_autotune.runner._search import make_search
from sklearn_autotune.search._base_search import BaseSearch, get_deployed_model
from sklearn_autotune.search._front_attributes import get_front
from sklearn_autotune.selection._auto_model_selector import AutoModelSelector
from sklearn_autotune.tables._profile import make_profile
from sklearn_autotune.tracking import log_search

__all__ = [
    "ConfigError",
    "RunFolderError",
    "Verdict",
    "compare",
    "load",
    "load_comparison",
    "run",
    "verify",
]

# Scores that differ by less count as equal: sums of floats depend on their order, and fits on the processor.
TOLERANCE = 1e-9
REFIT_TOLERANCE = 1e-6

# What a model, a script or a score raises for data that have changed.
DATA_FAILURES = (IndexError, KeyError, TypeError, ValueError)


OOF = "oof.csv"


@dataclass(frozen=True)
class Verdict:
    """The result of computing a run's scores again.

    Attributes
    ----------
    matches : bool
    checks : list of dict
        For each comparison: ``name``, ``recorded``, ``found`` and ``matches``.
    """

    matches: bool
    checks: list[dict[str, Any]]


# -- run ---------------------------------------------------------------------------------------------------------------


def run(
    path: str | Path,
    *,
    folder: str | Path | None = None,
    callbacks: Sequence[Callable[..., None]] = (),
    resume: bool = False,
) -> Path:
    """Search as a configuration says, and write a run folder.

    Parameters
    ----------
    path : str or Path
        The YAML file.
    folder : str or Path or None, default=None
        The run folder. None is a new one, named after the file and the time, in the folder that the file names.
    callbacks : sequence of callable, default=()
        Optuna callbacks, called after each candidate.
    resume : bool, default=False
        Continue the stored study, as with ``resume: true`` in the file.

    Returns
    -------
    folder : Path

    Raises
    ------
    ConfigError
        Before anything is fitted or written.
    FileExistsError
        If the folder is there already.
    RunFolderError
        If the folder cannot be written, before anything is fitted.

    Notes
    -----
    The folder is written under a temporary name and then renamed, so it is never incomplete.
    """
    path = Path(path)
    text = read_config_text(path)
    config = parse_config(text, path)
    if resume:
        if config.storage is None:
            raise ConfigError(
                "storage: there is none, so there is no study to resume: name a file that keeps the trials"
            )
        config = config.model_copy(update={"resume": True})
    base = path.resolve().parent
    created = datetime.now(UTC)
    target = choose_new_folder(folder, base / config.output.folder / f"{path.stem}-{created:%Y%m%d-%H%M%S}")
    start = time.perf_counter()
    run_data = read_run_data(config, base)
    _check_values(config, run_data)
    validate_scoring(config, run_data)
    search = make_search(config, run_data, base, callbacks)
    store = open_mlflow_store(config, base)
    origin = describe_origin("run", config, run_data, base)
    fit_start = time.perf_counter()
    _fit(search, run_data.train)
    seconds = {"search": time.perf_counter() - fit_start}
    model = get_deployed_model(search)
    if run_data.train.sample_weight is not None:
        forget_requests(model)
    scores = _score_model(config, run_data, search, model)
    with write_folder_atomically(target) as new_folder:
        config_file = write_config(new_folder, redact_config_text(text, config))
        files = _write_files(config, search, model, run_data.train, new_folder, path.name)
        metadata = (
            origin
            | _describe_search(run_data, search)
            | _describe_target(run_data, model)
            | {
                "created": created.isoformat(timespec="seconds"),
                "seconds": seconds | {"total": time.perf_counter() - start},
                "config_file": config_file,
                **files,
                "scores": scores,
            }
        )
        write_json(new_folder / METADATA, metadata)
        if store is not None:
            metadata["tracking"] = _log_to_mlflow(store, search, run_data, metadata, new_folder, target.name)
            write_json(new_folder / METADATA, metadata)
    return target


def _check_values(config: Config, run_data: RunData) -> None:
    """Raise ConfigError, which names file and column, if a column holds values that no model can be fitted with."""
    for name, rows in ((config.data, run_data.train), (config.validation or config.data, run_data.holdout)):
        if rows is None:
            continue
        try:
            TableReader().fit(rows.X)
        except ValueError as error:
            raise ConfigError(f"{name}: {error}") from error


def _fit(search: BaseSearch, train: LabelledRows) -> None:
    """Fit the search.

    Raises
    ------
    ConfigError
        If a parameter cannot be used or the study cannot be opened, so that nothing was fitted.
    """
    try:
        with route_weights(search, train):
            search.fit(train.X, train.y, **train.metadata)
    except (StudyInUseError, StudyMismatchError, StudyStorageError, TypeError, ValueError) as error:
        if hasattr(search, "study_"):  # something was fitted, or the storage was lost later
            raise
        is_storage = isinstance(error, StudyInUseError | StudyMismatchError | StudyStorageError)
        raise ConfigError(f"storage: {error}" if is_storage else str(error)) from error


def _write_files(
    config: Config, search: BaseSearch, model: Predictor, train: LabelledRows, new_folder: Path, name: str
) -> dict[str, Any]:
    """Write the model, its script, the report, the tables and the summary; return the metadata about these files."""
    entry = save_model(model, new_folder, config.output.model)
    script = _export_script(search, train)
    code = script.pop("code", None)
    if code is not None:
        (new_folder / script["file"]).write_text(code, encoding="utf-8")
    report = try_write_report(config, search, new_folder, f"Run of {name}", code)
    _write_table(search.trials_, new_folder / "trials.csv")
    write_json(new_folder / SUMMARY, summarize(search).to_dict())
    front = get_front(search)
    if front is not None:
        _write_table(front, new_folder / "front.csv")
    if config.return_train_score:
        _write_table(dict(search.cv_results_), new_folder / "cv_results.csv")
    files = {"model": entry | {"kind": type(search).__name__}, "script": script, "report": report}
    return files if config.keep is None else files | _write_kept(config, search, train, new_folder)


def _write_kept(config: Config, search: BaseSearch, train: LabelledRows, new_folder: Path) -> dict[str, Any]:
    """Write what is kept of the winner on the folds; return the metadata about these files."""
    files: dict[str, Any] = {}
    predictions = getattr(search, "oof_predictions_", None)
    if predictions is not None:
        columns = {"row": train.numbers, config.target: train.y, **_list_predictions(search, predictions)}
        pandas = import_optional("pandas", "A table of predictions")
        pandas.DataFrame(columns).to_csv(new_folder / OOF, index=False, errors="backslashreplace")
        files["oof"] = {"file": OOF}
    models = getattr(search, "fold_estimators_", None)
    if models is not None:
        files["fold_models"] = save_model(
            [forget_requests(model) for model in models], new_folder, config.output.model, FOLD_MODELS
        )
    return files


def _list_predictions(search: BaseSearch, predictions: Any) -> dict[str, np.ndarray]:
    """Return predictions of all rows as columns: ``predict``, or ``predict_proba_good`` of a class."""
    if not isinstance(predictions, Mapping):
        name = "predict_proba" if np.ndim(predictions) == 2 else "predict"
        kept = search.get_params(deep=False).get("keep") or ()
        own = [method for method in kept if method != "estimators"]
        predictions = {own[0] if len(own) == 1 else name: predictions}
    columns = {}
    for name, values in predictions.items():
        if values.ndim == 1:
            columns[name] = values
        else:
            columns |= {f"{name}_{label}": values[:, index] for index, label in enumerate(search.classes_.tolist())}
    return columns


def _log_to_mlflow(
    store: MLflowStore, search: BaseSearch, run_data: RunData, metadata: dict[str, Any], new_folder: Path, name: str
) -> dict[str, Any]:
    """Log the search with its scores to MLflow."""
    scores = metadata["scores"]
    metrics = {f"{rows}_score": scores[rows]["score"] for rows in ("train", "holdout") if scores[rows] is not None}
    if scores["holdout"] is not None:
        metrics["holdout_baseline"] = scores["holdout"]["baseline"]
        metrics |= dict(zip(("holdout_low", "holdout_high"), scores["holdout"].get("interval", ()), strict=False))
    log = partial(log_search, search, run_data.train.X, registered_model_name=store.settings.registered_model)
    return store.log(log, new_folder, name, metrics, make_mlflow_tags(metadata))


def _score_model(config: Config, run_data: RunData, search: BaseSearch, model: Predictor) -> dict[str, Any]:
    scoring = choose_scoring(config, run_data.task)
    scores: dict[str, Any] = {
        "scoring": scoring,
        "higher_is_better": True,
        "folds": score_folds(search, make_run_splitter(config, run_data), run_data.train, scoring),
        "train": score_with_baseline(model, run_data.train, run_data.train, scoring, config.seed, n_draws=0),
        "holdout": None,
        **describe_corrections(config, search),
        "others": score_others(config, search, model, run_data, scoring),
    }
    if run_data.holdout is not None:
        holdout_scores = score_with_baseline(model, run_data.train, run_data.holdout, scoring, config.seed)
        scores["holdout"] = holdout_scores | {"rule": run_data.rule}
    return scores


def _export_script(search: BaseSearch, train: LabelledRows) -> dict[str, Any]:
    """Return the exported script, or the reason why it is missing.

    A script draws its own inner folds, which keep to no groups and times, as those of a selector do, and hands weights
    to the last step alone. It is then fitted once, to see whether that makes a difference.
    """
    is_divided = isinstance(search, AutoModelSelector) and search.inner_folds_ != "random"
    has_to_be_checked = is_divided or train.sample_weight is not None
    check = (train.X, train.y, train.sample_weight) if has_to_be_checked else None
    try:
        code = export_code(search, check=check)
    except ValueError as error:
        return {"file": None, "missing_because": str(error)}
    return {"file": SCRIPT, "code": code, "missing_because": None}


def _write_table(table: Mapping[str, Any], path: Path) -> None:
    """Write a table of candidates, with a column for each parameter."""
    flatten_params(table).to_csv(path, index=False, errors="backslashreplace")


def _describe_search(run_data: RunData, search: BaseSearch) -> dict[str, Any]:
    """Return the metadata about what was found, and about the training table."""
    statuses, counts = np.unique(search.trials_["status"].astype(str), return_counts=True)
    front = get_front(search)
    return {
        "classes": search.classes_.tolist() if run_data.task == "classification" else None,
        "parameters": search.best_params_,
        "blend": getattr(search, "blend_weights_", None),
        "best_scores": getattr(search, "best_scores_", None),
        "n_front": None if front is None else front.n_rows,
        "threshold": getattr(search, "threshold_", None),
        "trials": dict(zip(statuses.tolist(), counts.tolist(), strict=True)),
        "columns": make_profile(run_data.train.X),
    }


def _describe_target(run_data: RunData, model: Predictor) -> dict[str, Any]:
    """Return how the target is distributed in training, and what the model predicts for the rows held out.

    Without rows held out it is what the model predicts for the training rows.
    """
    rows = run_data.train if run_data.holdout is None else run_data.holdout
    return {
        "target_profile": _profile_target(run_data.train.y),
        "prediction_profile": _profile_target(model.predict(rows.X)),
    }


def _profile_target(values: Any) -> dict[str, Any]:
    pandas = import_optional("pandas", "Profiles")
    return make_profile(pandas.DataFrame({"target": np.asarray(values)}))[0]


# -- verify ------------------------------------------------------------------------------------------------------------


def verify(folder: str | Path, *, base: str | Path | None = None, refit: bool = False, trust: bool = False) -> Verdict:
    """Compute a run's scores again, from its data and its model, and compare them with the recorded ones.

    Parameters
    ----------
    folder : str or Path
        The run folder.
    base : str or Path or None, default=None
        Where the paths of the data start. None is where the configuration was.
    refit : bool, default=False
        Also fit the model again with the script in the folder, score it, and compare its predictions for the training
        rows with those of the model in the folder.
    trust : bool, default=False
        Whether whoever wrote the folder may run code on this machine, which a joblib file and the script do.

    Returns
    -------
    verdict : Verdict

    Raises
    ------
    ConfigError, RunFolderError
        If the data or the model are not there, the model is not the file that was written, or ``trust`` is needed. The
        data are read from where the folder says.
    """
    folder = Path(folder)
    metadata = read_metadata(folder)
    script = _find_script(folder, metadata, trust=trust) if refit else None
    model = load_model(folder, metadata, trust=trust)
    config = Config.model_validate(metadata["config"])
    run_data = read_run_data(config, Path(metadata["config_folder"] if base is None else base))
    checks = [_compare_values("config", metadata["config_hash"], hash_config(config))]
    if "config_file" in metadata:
        recorded = metadata["config_file"]["sha256"]
        checks.append(_compare_values(CONFIG, recorded, try_compute_sha256(folder / CONFIG)))
    for name, recorded in metadata["data"].items():
        checks.append(_compare_values(name, recorded["sha256"], run_data.fingerprint[name]["sha256"]))
    models = {"": model}
    if script is not None:
        try:
            models[", fitted again"] = again = _fit_again(script, run_data)
            difference = find_difference(model, again, run_data.train.X)
        except DATA_FAILURES as error:  # the data are other ones
            models.pop(", fitted again", None)
            difference = _explain_failure(error)
        checks.append(_compare_values("predictions, fitted again", "the same", difference or "the same"))
    for words, one in models.items():
        checks += _compare_scores(one, words, metadata["scores"], run_data, config.seed)
    return Verdict(all(check["matches"] for check in checks), checks)


def _compare_scores(
    model: Any, words: str, recorded: Mapping[str, Any], run_data: RunData, seed: int
) -> list[dict[str, Any]]:
    """Compare the scores of a model with the recorded ones; those that cannot be computed differ, with the reason."""
    checks = []
    for name, rows in (("train", run_data.train), ("holdout", run_data.holdout)):
        if recorded[name] is None or rows is None:
            continue
        try:
            found = score_with_baseline(model, run_data.train, rows, recorded["scoring"], seed, n_draws=0)
        except DATA_FAILURES as error:
            reason = _explain_failure(error)
            checks.append(
                {"name": f"{name} score{words}", "recorded": recorded[name]["score"], "found": reason, "matches": False}
            )
            continue
        tolerance = REFIT_TOLERANCE if words else TOLERANCE
        checks.append(_compare_values(f"{name} score{words}", recorded[name]["score"], found["score"], tolerance))
        if not words:
            checks.append(_compare_values(f"{name} baseline", recorded[name]["baseline"], found["baseline"]))
    return checks


def _explain_failure(error: Exception) -> str:
    return f"cannot be computed: {' '.join(str(error).split())}"


def _find_script(folder: Path, metadata: dict[str, Any], *, trust: bool) -> Path:
    """Return the script of the run, which is going to be run."""
    script = metadata["script"]
    if script["file"] is None:
        raise RunFolderError(f"{folder}: there is no script to fit by: {script['missing_because']}")
    path = find_own_file(folder, script["file"], SCRIPT, "script")
    if not trust:
        raise RunFolderError(
            f"{path}: fitting again runs this script. If you trust whoever wrote this folder, say so: trust=True, or "
            "--trust on the command line."
        )
    return path


def _fit_again(path: Path, run_data: RunData) -> Any:
    """Fit the model with the script of the run."""
    train = run_data.train
    weights = [] if train.sample_weight is None else [train.sample_weight]
    return run_script(path.read_text(encoding="utf-8"), str(path))["fit"](train.X, train.y, *weights)


def _compare_values(name: str, recorded: object, found: Any, tolerance: float = TOLERANCE) -> dict[str, Any]:
    if isinstance(recorded, float):
        matches = bool(np.isclose(recorded, found, rtol=tolerance, atol=tolerance))
    else:
        matches = recorded == found
    return {"name": name, "recorded": recorded, "found": found, "matches": matches}


def load(folder: str | Path, *, trust: bool = False, folds: bool = False) -> Any:
    """Load the model of a run, or the models of its folds.

    Parameters
    ----------
    folder : str or Path
        The run folder.
    trust : bool, default=False
        Whether whoever wrote the folder may run code on this machine. A model in joblib's format needs it, one in
        skops' format does not.
    folds : bool, default=False
        Whether to return the models of the folds, which a run keeps with ``keep: [estimators]``.

    Returns
    -------
    model : Pipeline, or list of Pipeline
        Takes a table with the columns of training.

    Raises
    ------
    RunFolderError
        If there is no model, it is not the file that was written, ``trust`` is needed, or a skops file holds types that
        are not trusted.
    """
    folder = Path(folder)
    return load_model(folder, read_metadata(folder), FOLD_MODELS if folds else "model", trust=trust)
