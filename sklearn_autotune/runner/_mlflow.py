"""Log runs and comparisons to MLflow as a configuration says: check the store first, and write to it at the end."""

import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sklearn_autotune._compat.mlflow import import_mlflow, silence_mlflow
from sklearn_autotune._compat.optional import format_install_command
from sklearn_autotune._compat.urls import find_sqlite_file, make_sqlite_url, redact_text, redact_url, select_cause
from sklearn_autotune.runner._config import Config, ConfigError, Tracking

__all__ = ["MLflowStore", "open_mlflow_store"]

SQLITE = "sqlite:///"

# Default ports of servers whose address names none.
PORTS = {"http": 80, "https": 443, "postgresql": 5432, "mysql": 3306, "mssql": 1433}
CONNECT_TIMEOUT_SECONDS = 10.0

# Files of a run folder that are not logged: the model itself is logged in MLflow's own format.
MODEL_FILES = "model.joblib", "model.skops", "fold_models.joblib", "fold_models.skops"


@dataclass(frozen=True)
class MLflowStore:
    """An MLflow store, and the settings of the run to log there."""

    settings: Tracking
    uri: str | None

    def log(
        self, log: Callable[..., str], folder: Path, name: str, metrics: Mapping[str, float], tags: Mapping[str, str]
    ) -> dict[str, Any]:
        """Log a run, and all files of its folder but the model; return the metadata about it.

        Parameters
        ----------
        log : callable
            Makes the run: called with ``tracking_uri``, ``experiment_name``, ``run_name`` and ``tags``; returns its id.
        folder : Path
        name : str
            Of the run, where the configuration names none.
        metrics : mapping of str to float
            Beside those that ``log`` logs.
        tags : mapping of str to str
            Beside those of the configuration.

        Returns
        -------
        entry : dict of str to object
            ``experiment``, ``run_id``, and ``missing_because`` where it could not be logged.
        """
        entry: dict[str, Any] = {"experiment": self.settings.experiment, "run_id": None, "missing_because": None}
        try:
            with silence_mlflow():
                entry["run_id"] = run_id = log(
                    tracking_uri=self.uri,
                    experiment_name=self.settings.experiment,
                    run_name=self.settings.run_name or name,
                    tags={**tags, **self.settings.tags},
                )
                client = import_mlflow().MlflowClient(tracking_uri=self.uri)
                for key, value in metrics.items():
                    client.log_metric(run_id, key, value)
                for path in sorted(folder.iterdir()):
                    if path.name not in MODEL_FILES:
                        client.log_artifact(run_id, str(path), "folder")
        except Exception as error:  # hours of search are not lost for a store that has gone
            entry["missing_because"] = f"{type(error).__name__}: {_get_first_line(error)}"
        return entry


def open_mlflow_store(config: Config, base: Path) -> MLflowStore | None:
    """Check that the store that a configuration names can be read, before anything is fitted.

    Parameters
    ----------
    config : Config
    base : Path
        Where the path of a file starts.

    Returns
    -------
    store : MLflowStore or None
        None if nothing is to be logged.

    Raises
    ------
    ConfigError
        If MLflow is not installed, or the store cannot be read.
    """
    settings = config.tracking
    if settings is None:
        return None
    if find_spec("mlflow") is None:
        raise ConfigError(f"tracking: needs mlflow: {format_install_command('mlflow')}")
    uri = None if settings.uri is None else _resolve_uri(settings.uri, base)
    if uri is not None:
        _check_store_uri(uri)
    try:
        with silence_mlflow():
            client = import_mlflow().MlflowClient(tracking_uri=uri)
            found = client.get_experiment_by_name(settings.experiment)
    except Exception as error:  # MLflow raises what its many stores do
        raise ConfigError(
            f"tracking.uri: {_describe_store(uri)}: cannot be read: {_get_first_line(error)}"
        ) from select_cause(error)
    if found is not None and found.lifecycle_stage != "active":
        raise ConfigError(f"tracking.experiment: {settings.experiment!r} has been deleted; restore it, or take another")
    return MLflowStore(settings, uri)


def _resolve_uri(uri: str, base: Path) -> str:
    """Make relative paths relative to the configuration's folder."""
    if uri.startswith(SQLITE):
        path = find_sqlite_file(uri)
        if path is None or "?" in uri:
            return f"{SQLITE}{base / uri.removeprefix(SQLITE)}"
        return make_sqlite_url(base / path)
    if uri.startswith("file:") and not uri.startswith("file:/"):
        return (base / uri.removeprefix("file:")).as_uri()
    is_path = not urlsplit(uri).scheme and uri not in ("databricks", "databricks-uc", "uc")
    return (base / uri).as_uri() if is_path else uri


def _check_store_uri(uri: str) -> None:
    """Refuse missing folders and unreachable servers, which MLflow would create or retry for long."""
    file = find_sqlite_file(uri) if uri.startswith(SQLITE) else None
    if file is not None:
        path = Path(file)
        if not path.parent.is_dir():
            raise ConfigError(f"tracking.uri: there is no folder {path.parent}")
        if path.is_dir() or (path.is_file() and path.stat().st_size and not _is_sqlite(path)):
            raise ConfigError(f"tracking.uri: {path} is no SQLite file")
        return
    parts = urlsplit(uri)
    kind = parts.scheme.partition("+")[0]
    if kind not in PORTS or parts.hostname is None:
        return
    address = parts.hostname, parts.port or PORTS[kind]
    try:
        socket.create_connection(address, timeout=CONNECT_TIMEOUT_SECONDS).close()
    except OSError as error:
        raise ConfigError(
            f"tracking.uri: {_describe_store(uri)}: no answer from {address[0]}:{address[1]}: {error}"
        ) from None


def _is_sqlite(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(16) == b"SQLite format 3\0"


def _describe_store(uri: str | None) -> str:
    """Return the store's URL, without the user and the password."""
    return "MLflow's own" if uri is None else redact_url(uri, hide_user=True)


def _get_first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return redact_text(lines[0]) if lines else type(error).__name__
