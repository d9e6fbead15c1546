"""What the folders of runs and of comparisons have in common: where a result came from, and its report."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sklearn_autotune.report import write_report
from sklearn_autotune.runner._config import Config, config_hash
from sklearn_autotune.runner._data import Parts
from sklearn_autotune.runner._folder import git_commit, versions

__all__ = ["origin_of", "report_of", "tags_of"]

REPORT = "report.html"


def origin_of(kind: str, config: Config, parts: Parts, base: Path) -> dict[str, Any]:
    """Return what metadata say of the configuration, the data and the place.

    Parameters
    ----------
    kind : {"run", "comparison"}
    config : Config
    parts : Parts
    base : Path
        The folder of the configuration.

    Returns
    -------
    origin : dict of str to object
    """
    return {
        "schema": 1,
        "kind": kind,
        "config": config.model_dump(mode="json", by_alias=True, exclude_unset=True),
        "config_hash": config_hash(config),
        "config_folder": str(base),
        "seed": config.seed,
        "task": parts.task,
        "target": config.target,
        "data": parts.fingerprint,
        "versions": versions(),
        "git": git_commit(base),
    }


def tags_of(metadata: Mapping[str, Any]) -> dict[str, str]:
    """Return by what a run in MLflow is known to be of this configuration, these data and this commit."""
    tags = {"config_hash": metadata["config_hash"], "target": metadata["target"], "task": metadata["task"]}
    tags |= {f"{name}_sha256": entry["sha256"] for name, entry in metadata["data"].items()}
    return tags if metadata["git"] is None else tags | {"git_commit": metadata["git"]["commit"]}


def report_of(config: Config, source: Any, inside: Path, title: str, code: str | None) -> dict[str, Any]:
    """Write the report, and return its name for the metadata, or the reason why there is none."""
    if not config.output.has_report:
        because = "output.report is false" if config.output.report is False else "matplotlib is not installed"
        return {"file": None, "missing_because": because}
    try:
        write_report(source, inside / REPORT, title=title, code=code)
    except Exception as error:  # hours of search are not lost for a figure that cannot be drawn
        (inside / REPORT).unlink(missing_ok=True)
        return {"file": None, "missing_because": f"{type(error).__name__}: {error}"}
    return {"file": REPORT, "missing_because": None}
