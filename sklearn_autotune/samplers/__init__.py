"""Samplers in addition to Optuna's own: with Gaussian processes, with a random forest, and TPE computed in Rust."""

from sklearn_autotune.samplers._forest import ForestSampler
from sklearn_autotune.samplers._hypervolume import HypervolumeSampler
from sklearn_autotune.samplers._rust_tpe import RustTPESampler

__all__ = ["ForestSampler", "HypervolumeSampler", "RustTPESampler"]
