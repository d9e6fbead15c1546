"""Describe where a result came from, and write its report: the same for runs and comparisons."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sklearn_autotune._compat.optional import get_versions
from sklearn_autotune._compat.types import FittedSearch
from sklearn_autotune.report import write_report
from sklearn_autotune.runner._config import Config, hash_config, redact_config
from sklearn_autotune.runner._data import RunData
from sklearn_autotune.runner._folder import read_git_commit

if TYPE_CHECKING:
    from sklearn_autotune.analysis._comparison import Comparison

__all__ = ["describe_origin", "make_mlflow_tags", "try_write_report"]

# The packages whose versions can change a result.
VERSIONED_PACKAGES = (
    "sklearn-autotune",
    "scikit-learn",
    "optuna",
    "xgboost",
    "lightgbm",
    "catboost",
    "numpy",
    "scipy",
    "pandas",
)

REPORT = "report.html"


def describe_origin(kind: str, config: Config, run_data: RunData, base: Path) -> dict[str, Any]:
    """Return the metadata about the configuration, the data, the versions and the git commit.

    Parameters
    ----------
    kind : {"run", "comparison"}
    config : Config
    run_data : RunData
    base : Path
        The folder of the configuration.

    Returns
    -------
    origin : dict of str to object
    """
    return {
        "schema": 1,
        "kind": kind,
        "config": redact_config(config),
        "config_hash": hash_config(config),
        "config_folder": str(base),
        "seed": config.seed,
        "task": run_data.task,
        "task_inferred_from": run_data.task_inferred_from,
        "target": config.target,
        "data": run_data.fingerprint,
        "versions": {"python": ".".join(map(str, sys.version_info[:3])), **get_versions(VERSIONED_PACKAGES)},
        "git": read_git_commit(base),
    }


def make_mlflow_tags(metadata: Mapping[str, Any]) -> dict[str, str]:
    """Return tags that identify the configuration, the data and the commit of a run in MLflow."""
    tags = {"config_hash": metadata["config_hash"], "target": metadata["target"], "task": metadata["task"]}
    tags |= {f"{name}_sha256": entry["sha256"] for name, entry in metadata["data"].items()}
    return tags if metadata["git"] is None else tags | {"git_commit": metadata["git"]["commit"]}


def try_write_report(
    config: Config, source: "FittedSearch | Comparison", new_folder: Path, title: str, code: str | None
) -> dict[str, Any]:
    """Write the report, and return its name for the metadata, or the reason why it is missing."""
    if not config.output.has_report:
        because = "output.report is false" if config.output.report is False else "matplotlib is not installed"
        return {"file": None, "missing_because": because}
    try:
        write_report(source, new_folder / REPORT, title=title, code=code)
    except Exception as error:  # hours of search are not lost for a figure that cannot be drawn
        (new_folder / REPORT).unlink(missing_ok=True)
        return {"file": None, "missing_because": f"{type(error).__name__}: {error}"}
    return {"file": REPORT, "missing_because": None}
