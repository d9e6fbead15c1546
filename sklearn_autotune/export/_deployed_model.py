"""From a fitted search to the model that is kept of it: what reads the tables that the search read, and no more."""

from typing import Any

from sklearn.base import clone
from sklearn.pipeline import Pipeline

from sklearn_autotune.boosting._tuned_xgboost import TunedXGBClassifier, TunedXGBRegressor
from sklearn_autotune.tables._estimators import NumberedClasses, RawColumns

__all__ = ["model_to_keep"]


def model_to_keep(search: Any) -> Any:
    """Return what predicts from raw tables, without the search: no study, no trials."""
    if not isinstance(search, TunedXGBClassifier | TunedXGBRegressor):
        return search.best_estimator_
    reader, model = RawColumns(), search.best_estimator_
    reader.columns_ = search._columns
    if hasattr(search, "feature_names_in_"):
        reader.feature_names_in_ = search.feature_names_in_
    if isinstance(search, TunedXGBClassifier):
        numbered = NumberedClasses(clone(model), search.class_weight)
        numbered.model_, numbered.classes_ = model, search.classes_
        model = numbered
    return Pipeline([("read", reader), ("model", model)])
