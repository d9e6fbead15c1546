"""Hyper-parameter search and model selection for scikit-learn, with Optuna choosing the candidates."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sklearn_autotune.analysis._comparison import Comparison, compare
    from sklearn_autotune.analysis._summary import Summary, summarize
    from sklearn_autotune.boosting._tuned_xgboost import TunedXGBClassifier, TunedXGBRegressor
    from sklearn_autotune.pruning._fold_racing import FoldRacing
    from sklearn_autotune.search._optuna_search_cv import OptunaSearchCV
    from sklearn_autotune.search._refit_rules import BestMean, OneStandardError
    from sklearn_autotune.selection._auto_model_selector import AutoModelSelector

__all__ = [
    "AutoModelSelector",
    "BestMean",
    "Comparison",
    "FoldRacing",
    "OneStandardError",
    "OptunaSearchCV",
    "Summary",
    "TunedXGBClassifier",
    "TunedXGBRegressor",
    "__version__",
    "compare",
    "summarize",
]

__version__ = "0.1.0"

_HOMES = {
    "AutoModelSelector": "sklearn_autotune.selection._auto_model_selector",
    "BestMean": "sklearn_autotune.search._refit_rules",
    "Comparison": "sklearn_autotune.analysis._comparison",
    "FoldRacing": "sklearn_autotune.pruning._fold_racing",
    "OneStandardError": "sklearn_autotune.search._refit_rules",
    "OptunaSearchCV": "sklearn_autotune.search._optuna_search_cv",
    "Summary": "sklearn_autotune.analysis._summary",
    "TunedXGBClassifier": "sklearn_autotune.boosting._tuned_xgboost",
    "TunedXGBRegressor": "sklearn_autotune.boosting._tuned_xgboost",
    "compare": "sklearn_autotune.analysis._comparison",
    "summarize": "sklearn_autotune.analysis._summary",
}


def __getattr__(name: str) -> Any:
    """Import a public name where it is first used: worker processes never need Optuna, nor wait for it."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, imported or not."""
    return sorted(__all__)
