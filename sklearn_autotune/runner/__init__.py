"""Runs: from a YAML file to a folder with a model, its scores and its trials, and from there to predictions."""

from sklearn_autotune.runner._compare import compare, load_comparison
from sklearn_autotune.runner._config import ConfigError
from sklearn_autotune.runner._folder import RunFolderError
from sklearn_autotune.runner._predict import Predictions, predict
from sklearn_autotune.runner._run import Verdict, load, run, verify

__all__ = [
    "ConfigError",
    "Predictions",
    "RunFolderError",
    "Verdict",
    "compare",
    "load",
    "load_comparison",
    "predict",
    "run",
    "verify",
]
