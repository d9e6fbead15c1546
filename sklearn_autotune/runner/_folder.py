"""Write run folders atomically, read them, and describe where their results came from."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import joblib

from sklearn_autotune._compat.optional import get_versions, import_optional
from sklearn_autotune._compat.types import FittedSearch, Predictor
from sklearn_autotune.report import write_report
from sklearn_autotune.runner._config import Config, hash_config, redact_config
from sklearn_autotune.runner._data import RunData
from sklearn_autotune.runner._json import format_json
from sklearn_autotune.runner._problems import explain_missing, explain_not_writable

if TYPE_CHECKING:
    from sklearn_autotune.analysis._comparison import Comparison

__all__ = [
    "RunFolderError",
    "choose_new_folder",
    "compute_sha256",
    "describe_origin",
    "find_own_file",
    "load_model",
    "make_mlflow_tags",
    "read_git_commit",
    "read_metadata",
    "save_model",
    "try_compute_sha256",
    "try_write_report",
    "write_config",
    "write_folder_atomically",
    "write_json",
]

METADATA = "metadata.json"
CONFIG = "config.yaml"

MODEL_FORMATS = "joblib", "skops"

SCRIPT = "model.py"
SUMMARY = "summary.json"

FOLD_MODELS = "fold_models"  # name of the file and in the metadata

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

# What a skops file may hold, beside what skops itself takes for safe: the parts of the models that runs write. They are
# named one by one, because a package also holds functions that read files or open connections.
TRUSTED_TYPES = frozenset(
    (
        *(
            f"sklearn_autotune.inference.{name}"
            for name in (
                "_averaging.AveragedClassifier",
                "_averaging.AveragedRegressor",
                "_column_encoder.ChunkScaler",
                "_column_encoder.ColumnEncoder",
                "_column_encoder.MedianImputer",
                "_column_encoder.clip_outliers",
                "_column_encoder.fill_missing_codes",
                "_column_screen.ColumnScreen",
                "_column_values.find_many_valued_columns",
                "_encoding.EncodingTransformer",
                "_encoding.LabelEncodingClassifier",
                "_feature_generator.Arithmetic",
                "_feature_generator.Cross",
                "_feature_generator.FeatureGenerator",
                "_feature_generator.GroupStatistic",
                "_sampled_kernel.SampledKernelRegressor",
                "_second_layer.BlendStackingClassifier",
                "_second_layer.BlendStackingRegressor",
                "_second_layer.BlendVotingClassifier",
                "_second_layer.BlendVotingRegressor",
                "_second_layer.SecondLayerClassifier",
                "_second_layer.SecondLayerRegressor",
                "_table_reader.TableReader",
                "_target_statistics.CategoryStatistics",
                "_target_statistics.TargetStatistics",
                "_target_transform.TransformedTarget",
                "_text.TextLayout",
                "_text_encoder.TextEncoder",
                "_text_encoder.TextEncoding",
            )
        ),
        *(
            f"sklearn.{name}"
            for name in (
                "_loss.link.IdentityLink",
                "_loss.link.Interval",
                "_loss.link.LogLink",
                "_loss.link.LogitLink",
                "_loss.link.MultinomialLogit",
                "_loss.loss.AbsoluteError",
                "_loss.loss.ExponentialLoss",
                "_loss.loss.HalfBinomialLoss",
                "_loss.loss.HalfGammaLoss",
                "_loss.loss.HalfMultinomialLoss",
                "_loss.loss.HalfPoissonLoss",
                "_loss.loss.HalfSquaredError",
                "_loss.loss.HuberLoss",
                "_loss.loss.PinballLoss",
                "calibration._CalibratedClassifier",
                "calibration._SigmoidCalibration",
                "ensemble._hist_gradient_boosting.binning._BinMapper",
                "ensemble._hist_gradient_boosting.predictor.TreePredictor",
                "gaussian_process.kernels.ConstantKernel",
                "gaussian_process.kernels.Matern",
                "gaussian_process.kernels.Product",
                "gaussian_process.kernels.Sum",
                "gaussian_process.kernels.WhiteKernel",
                "metrics._dist_metrics.ChebyshevDistance64",
                "metrics._dist_metrics.EuclideanDistance64",
                "metrics._dist_metrics.ManhattanDistance64",
                "metrics._dist_metrics.MinkowskiDistance64",
                "model_selection._split.KFold",
                "model_selection._split.StratifiedKFold",
                "neighbors._ball_tree.BallTree",
                "neighbors._kd_tree.KDTree",
                "neural_network._stochastic_optimizers.AdamOptimizer",
                "neural_network._stochastic_optimizers.SGDOptimizer",
                "tree._tree.Tree",
                "utils._bunch.Bunch",
                "utils.validation.check_array",
            )
        ),
        "collections.OrderedDict",
        "functools.partial",
        "lightgbm.basic.Booster",
        "lightgbm.sklearn.LGBMClassifier",
        "lightgbm.sklearn.LGBMRegressor",
        "numpy.dtype",
        "scipy._lib.array_api_compat.numpy._aliases.asarray",  # held by a BSpline
        "scipy.interpolate._bsplines.BSpline",
        "xgboost.core.Booster",
        "xgboost.sklearn.XGBClassifier",
        "xgboost.sklearn.XGBRegressor",
    )
)


class RunFolderError(ValueError):
    """A folder is not a run folder, or its files were changed."""


def choose_new_folder(folder: str | Path | None, otherwise: Path) -> Path:
    """Return the folder to write: the requested one, or ``otherwise``.

    Raises
    ------
    FileExistsError
        If there is something already.
    RunFolderError
        If it cannot be written.
    """
    target = otherwise if folder is None else Path(folder)
    if target.exists() or target.is_symlink():
        raise FileExistsError(f"{target} is there already; choose another folder")
    reason = explain_not_writable(target)
    if reason is not None:
        raise RunFolderError(f"{target} cannot be written: {reason}; choose another folder")
    return target


@contextmanager
def write_folder_atomically(path: Path) -> Iterator[Path]:
    """Yield a temporary folder beside ``path`` and rename it to ``path`` at the end; remove it on an error.

    Raises
    ------
    FileExistsError
        If there is something at ``path``.

    Examples
    --------
    >>> with tempfile.TemporaryDirectory() as parent:
    ...     with write_folder_atomically(Path(parent, "run")) as folder:
    ...         _ = (folder / "a.txt").write_text("a")
    ...     os.listdir(parent)
    ['run']
    """
    if path.exists() or path.is_symlink():
        raise FileExistsError(f"{path} is there already")
    path.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
    try:
        yield folder
        folder.chmod(0o777 & ~_read_umask())
        folder.rename(path)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _read_umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def compute_sha256(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def try_compute_sha256(path: Path) -> str | None:
    """Return the SHA-256 of a file; None if there is none."""
    return compute_sha256(path) if path.is_file() else None


def write_config(folder: Path, text: str) -> dict[str, str]:
    """Write the text of the configuration that was run; return the metadata about the file."""
    path = folder / CONFIG
    path.write_text(text, encoding="utf-8")
    return {"file": CONFIG, "sha256": compute_sha256(path)}


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write standard JSON; see `format_json`."""
    text = format_json(content)
    # Of a lone surrogate, which UTF-8 has no bytes for, this writes the escape sequence that JSON has for it.
    path.write_text(text + "\n", encoding="utf-8", errors="backslashreplace")


def read_metadata(folder: Path, kind: str = "run") -> dict[str, Any]:
    """Return the metadata of a run folder.

    Parameters
    ----------
    folder : Path
    kind : {"run", "comparison"}, default="run"
        Of what it has to be the folder.

    Returns
    -------
    metadata : dict of str to object

    Raises
    ------
    RunFolderError
        If it is no such folder.
    """
    try:
        metadata = json.loads((folder / METADATA).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RunFolderError(f"{folder} is no {kind} folder: {_explain_no_folder(folder)}") from None
    except NotADirectoryError:
        raise RunFolderError(f"{folder} is no {kind} folder: it is a file") from None
    except (OSError, ValueError) as error:
        raise RunFolderError(f"{folder / METADATA}: cannot be read: {error}") from None
    found = metadata.get("kind", "run") if isinstance(metadata, dict) else None
    if found != kind:
        what = f"it is the folder of a {found}" if found else f"{METADATA} is not of this package"
        hint = ", and it holds no model; run makes one" if found == "comparison" else ""
        raise RunFolderError(f"{folder} is no {kind} folder: {what}{hint}")
    return metadata


def _explain_no_folder(folder: Path) -> str:
    """Explain why there are no metadata: no folder of this name, or one that only contains run folders."""
    if not folder.exists():
        return f"it does not exist{explain_missing(folder, _is_own_folder)}"
    inside = sorted(filter(_is_own_folder, folder.iterdir()), key=lambda path: path.stat().st_mtime)
    hint = f"; did you mean {inside[-1]}, the newest in it?" if inside else ""
    return f"there is no {METADATA} in it{hint}"


def _is_own_folder(path: Path) -> bool:
    return (path / METADATA).is_file()


# -- the model ---------------------------------------------------------------------------------------------------------


def save_model(model: Predictor | list[Predictor], folder: Path, kind: str, name: str = "model") -> dict[str, Any]:
    """Write the model, or the models of the folds under another name; return the metadata about the file."""
    path = folder / f"{name}.{kind}"
    if kind == "skops":
        import_optional("skops.io", "A model in skops' format").dump(model, path)
        folds = ", folds=True" if name == FOLD_MODELS else ""
        load = f"from sklearn_autotune.runner import load; model = load('.'{folds})  # builds only types of a list"
    else:
        joblib.dump(model, path, compress=3)
        load = f"import joblib; model = joblib.load('{path.name}')  # runs code of the file: only if you trust it"
    return {"file": path.name, "format": kind, "sha256": compute_sha256(path), "how_to_load": load}


def load_model(folder: Path, metadata: Mapping[str, Any], name: str = "model", *, trust: bool = False) -> Any:
    """Load the model of a run folder, or the models of its folds.

    The folder may come from anybody. So its metadata choose neither another file nor how the file is read: a joblib
    file is read only with ``trust``, and a skops file builds nothing but what is in `TRUSTED_TYPES`.

    Parameters
    ----------
    folder : Path
    metadata : mapping of str to object
    name : {"model", "fold_models"}, default="model"
    trust : bool, default=False
        Whether whoever wrote the folder may run code on this machine.

    Raises
    ------
    RunFolderError
        If the file is missing, is not the one that was written, or is not trusted.
    """
    if name not in metadata:
        raise RunFolderError(f"{folder}: there are no models of the folds; a run keeps them with keep: [estimators]")
    entry = metadata[name]
    kind = entry.get("format")
    if kind not in MODEL_FORMATS:
        raise RunFolderError(
            f"{folder / METADATA}: the model's format is {kind!r}; known are {', '.join(MODEL_FORMATS)}"
        )
    path = find_own_file(folder, entry["file"], f"{name}.{kind}", name.replace("_", " "))
    if kind == "joblib" and not trust:
        raise RunFolderError(
            f"{path}: a joblib file runs code when it is loaded. If you trust whoever wrote this folder, say so: "
            "trust=True, or --trust on the command line. With output: {model: skops} a run writes a model that is "
            "loaded without running code."
        )
    if compute_sha256(path) != entry["sha256"]:
        raise RunFolderError(
            f"{path}: this is not the file that the run wrote: its SHA-256 differs from the one in {METADATA}"
        )
    if kind == "joblib":
        return joblib.load(path)
    skops = import_optional("skops.io", "A model in skops' format")
    try:
        found = skops.get_untrusted_types(file=path)
    except (zipfile.BadZipFile, ValueError, KeyError) as error:
        raise RunFolderError(f"{path} is no skops file: {error}") from None
    strange = [name for name in found if name not in TRUSTED_TYPES]
    if strange:
        raise RunFolderError(f"{path} holds types that are not trusted: {', '.join(strange)}")
    return skops.load(path, trusted=found)


def find_own_file(folder: Path, name: object, expected_name: str, what: str) -> Path:
    """Return the path of a file of a run folder.

    Raises
    ------
    RunFolderError
        If the metadata name another file, or it is missing or a link, which could lead out of the folder.
    """
    path = folder / expected_name
    if name != expected_name:
        raise RunFolderError(f"{folder / METADATA}: the {what} is {name!r}, but a run folder's is {expected_name}")
    if path.is_symlink():
        raise RunFolderError(f"{path}: the {what} is a link; copy the file itself into the folder")
    if not path.is_file():
        raise RunFolderError(f"{path}: the {what} is missing")
    return path


# -- where a run happened ----------------------------------------------------------------------------------------------


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


def read_git_commit(folder: Path) -> dict[str, Any] | None:
    """Return the git commit of a folder, and whether it has uncommitted changes; None outside of git."""
    try:
        commit = _run_git(folder, "rev-parse", "HEAD")
        return {"commit": commit, "has_changes": bool(_run_git(folder, "status", "--porcelain"))}
    except (OSError, subprocess.SubprocessError):
        return None


def _run_git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=True, timeout=30)
    return done.stdout.strip()
