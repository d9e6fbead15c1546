"""Hyper-parameter search and model selection for scikit-learn, with Optuna choosing the candidates."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sklearn_autotune._refit_rules import BestMean, OneStandardError
    from sklearn_autotune._search import OptunaSearchCV
    from sklearn_autotune._selector import AutoModelSelector
    from sklearn_autotune._summary import Summary, summarize
    from sklearn_autotune._tuned_xgb import TunedXGBClassifier, TunedXGBRegressor
    from sklearn_autotune.comparison import Comparison, compare
    from sklearn_autotune.racing import FoldRacing

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

__version__ = "0.1.0.dev0"

_HOMES = {
    "AutoModelSelector": "sklearn_autotune._selector",
    "BestMean": "sklearn_autotune._refit_rules",
    "Comparison": "sklearn_autotune.comparison",
    "FoldRacing": "sklearn_autotune.racing",
    "OneStandardError": "sklearn_autotune._refit_rules",
    "OptunaSearchCV": "sklearn_autotune._search",
    "Summary": "sklearn_autotune._summary",
    "TunedXGBClassifier": "sklearn_autotune._tuned_xgb",
    "TunedXGBRegressor": "sklearn_autotune._tuned_xgb",
    "compare": "sklearn_autotune.comparison",
    "summarize": "sklearn_autotune._summary",
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
