"""Hyper-parameter search and model selection for scikit-learn, with Optuna choosing the candidates."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sklearn_autotune import exceptions as exceptions
    from sklearn_autotune import export as export
    from sklearn_autotune import families as families
    from sklearn_autotune import plotting as plotting
    from sklearn_autotune import progress as progress
    from sklearn_autotune import report as report
    from sklearn_autotune import runner as runner
    from sklearn_autotune import samplers as samplers
    from sklearn_autotune import tracking as tracking
    from sklearn_autotune.analysis._comparison import Comparison, compare
    from sklearn_autotune.analysis._summary import Summary, summarize
    from sklearn_autotune.analysis._summary_schema import get_summary_schema
    from sklearn_autotune.boosting._tuned_xgboost import TunedXGBClassifier, TunedXGBRegressor
    from sklearn_autotune.objectives._costs import PredictSeconds
    from sklearn_autotune.objectives._groups import GroupDifference, GroupRatio
    from sklearn_autotune.pruning._fold_racing import FoldRacing
    from sklearn_autotune.search._optuna_search_cv import OptunaSearchCV
    from sklearn_autotune.selection._auto_model_selector import AutoModelSelector
    from sklearn_autotune.statistics._cost_scorer import make_cost_scorer
    from sklearn_autotune.statistics._refit_rules import BestMean, NoWorseThanDefault, OneStandardError

__all__ = [
    "AutoModelSelector",
    "BestMean",
    "Comparison",
    "FoldRacing",
    "GroupDifference",
    "GroupRatio",
    "NoWorseThanDefault",
    "OneStandardError",
    "OptunaSearchCV",
    "PredictSeconds",
    "Summary",
    "TunedXGBClassifier",
    "TunedXGBRegressor",
    "__version__",
    "compare",
    "get_summary_schema",
    "make_cost_scorer",
    "summarize",
]

__version__ = "0.1.0"

_HOMES = {
    "AutoModelSelector": "sklearn_autotune.selection._auto_model_selector",
    "BestMean": "sklearn_autotune.statistics._refit_rules",
    "Comparison": "sklearn_autotune.analysis._comparison",
    "FoldRacing": "sklearn_autotune.pruning._fold_racing",
    "GroupDifference": "sklearn_autotune.objectives._groups",
    "GroupRatio": "sklearn_autotune.objectives._groups",
    "NoWorseThanDefault": "sklearn_autotune.statistics._refit_rules",
    "OneStandardError": "sklearn_autotune.statistics._refit_rules",
    "OptunaSearchCV": "sklearn_autotune.search._optuna_search_cv",
    "PredictSeconds": "sklearn_autotune.objectives._costs",
    "Summary": "sklearn_autotune.analysis._summary",
    "TunedXGBClassifier": "sklearn_autotune.boosting._tuned_xgboost",
    "TunedXGBRegressor": "sklearn_autotune.boosting._tuned_xgboost",
    "compare": "sklearn_autotune.analysis._comparison",
    "get_summary_schema": "sklearn_autotune.analysis._summary_schema",
    "make_cost_scorer": "sklearn_autotune.statistics._cost_scorer",
    "summarize": "sklearn_autotune.analysis._summary",
}

# Modules with public names of their own, so that ``sklearn_autotune.plotting`` needs no import of its own.
_MODULES = ("exceptions", "export", "families", "plotting", "progress", "report", "runner", "samplers", "tracking")


def __getattr__(name: str) -> Any:
    """Import a public name or module when it is first used, so that worker processes do not import Optuna."""
    from importlib import import_module

    if name in _MODULES:
        return import_module(f"{__name__}.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names and modules, imported or not."""
    return sorted([*__all__, *_MODULES])
