"""Samplers in addition to Optuna's own: one with a random forest, and Optuna's default algorithm computed in Rust."""

from sklearn_autotune.samplers._forest import ForestSampler
from sklearn_autotune.samplers._rust_tpe import RustTPESampler

__all__ = ["ForestSampler", "RustTPESampler"]
