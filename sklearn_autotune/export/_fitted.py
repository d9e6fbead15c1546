"""Write fitted estimators as code, with the parameters that they were fitted with; a search becomes its winner."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.base import is_classifier
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.ensemble import StackingClassifier, StackingRegressor, VotingClassifier, VotingRegressor
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.pipeline import FeatureUnion, Pipeline

from sklearn_autotune._compat.boosters import find_library, is_exact_class
from sklearn_autotune._compat.sklearn import BaseSearchCV
from sklearn_autotune._compat.types import Estimator
from sklearn_autotune.boosting._early_stopping import clone_as_fitted
from sklearn_autotune.boosting._tuned_xgboost import TunedXGBClassifier, TunedXGBRegressor
from sklearn_autotune.export import _script_ensemble
from sklearn_autotune.export._expressions import STORE_THE_MODEL, ExpressionWriter
from sklearn_autotune.export._selection import make_blend_params
from sklearn_autotune.export._source import Expression
from sklearn_autotune.inference._encoding import EncodingTransformer, LabelEncodingClassifier
from sklearn_autotune.search._base_search import BaseSearch
from sklearn_autotune.search._optuna_search_cv import OptunaSearchCV
from sklearn_autotune.selection._auto_model_selector import AutoModelSelector

__all__ = ["EstimatorWriter", "get_n_epochs", "is_search"]

# Estimators that fit an inner estimator once, on all rows: the class, the parameter, and the attribute that holds the
# fitted estimator. A search in this place can be replaced by its winner. In any other place, a search may be fitted
# several times or on other rows, and each fit may have another winner.
FITTED_ONCE: tuple[tuple[type, str, str], ...] = (
    (TransformedTargetRegressor, "regressor", "regressor_"),
    (FixedThresholdClassifier, "estimator", "estimator_"),
    (StackingClassifier, "final_estimator", "final_estimator_"),
    (StackingRegressor, "final_estimator", "final_estimator_"),
)

# The same for estimators with a list of named estimators, in which they store the fitted ones.
FITTED_IN_PLACE: tuple[tuple[type, str], ...] = ((Pipeline, "steps"), (FeatureUnion, "transformer_list"))


class EstimatorWriter(ExpressionWriter):
    """Writes estimators; a fitted search is replaced by its winner."""

    def write_fitted(self, estimator: Any, where: str) -> Expression | str:
        """Return the constructor call of a fitted estimator or, if it is a search, of its winner.

        Parameters
        ----------
        estimator : estimator
        where : str
            A name for the estimator, for the error.

        Returns
        -------
        expression : Expression or str

        Raises
        ------
        ValueError
            If it is not known whether a new fit would give the same model.
        """
        if is_search(estimator):
            return self._write_winner(estimator, where)
        written = self._write_fitted_parts(estimator, where)
        if find_library(estimator) is not None:
            try:
                estimator = clone_as_fitted(estimator)
            except ValueError as error:
                raise ValueError(f"{where}: {error}. {STORE_THE_MODEL}") from None
        return super().write_estimator(estimator, where, written)

    def write_estimator(
        self, estimator: Estimator, where: str, written: Mapping[str, Expression | str] | None = None
    ) -> Expression | str:
        """Return the constructor call of an estimator that is a parameter of another one, which fits it."""
        if isinstance(estimator, BaseSearch):
            raise ValueError(
                f"{where} is a search inside another estimator, which may fit it several times or on other rows. Each "
                "fit may have another winner, so a script can contain neither the search nor one winner. "
                f"{STORE_THE_MODEL} Or put the whole estimator into the search instead: that can be written."
            )
        return super().write_estimator(estimator, where, written)

    def _write_winner(self, search: Any, where: str) -> Expression | str:
        if "best_estimator_" not in vars(search):
            raise ValueError(
                f"{where} is a search without best_estimator_, so there is nothing to write. Fit it with refit=True."
            )
        if isinstance(search, AutoModelSelector):
            name, params = make_blend_params(search, self, where)
            blend = self.write_call(getattr(_script_ensemble, name), params, where)
            return blend if "threshold_" not in vars(search) else self._write_threshold(search, blend, where)
        if isinstance(search, TunedXGBClassifier | TunedXGBRegressor):
            return self._write_booster(search, where)
        if get_n_epochs(search) is not None and where != type(search).__name__:
            raise ValueError(
                f"{where} was fitted by calls of partial_fit (resource='epochs'). It can be exported only by itself, "
                "not inside another estimator."
            )
        best, where = search.best_estimator_, f"{where}.best_estimator_"
        if "threshold_" not in vars(search):
            return self.write_fitted(best, where)
        if get_n_epochs(search) is not None:
            raise ValueError(
                f"{where} was fitted by calls of partial_fit (resource='epochs'), which a script cannot write together "
                f"with a threshold. {STORE_THE_MODEL}"
            )
        model = self.write_fitted(best.estimator_.estimator, where)  # that of a FrozenEstimator
        return self._write_threshold(search, model, where)

    def _write_threshold(self, search: Any, model: Expression | str, where: str) -> Expression | str:
        """Write the classifier that predicts with the threshold of a search, around its model."""
        best = search.best_estimator_
        positive = {} if best.pos_label is None else {"pos_label": best.pos_label}
        params = {"estimator": model, "threshold": best.threshold} | positive
        return self.write_call(FixedThresholdClassifier, params, where)

    def _write_fitted_parts(self, estimator: Any, where: str) -> dict[str, Expression | str]:
        """Write the parameters of an estimator that contain other estimators, from their fitted versions."""
        for kind, name in FITTED_IN_PLACE:
            if isinstance(estimator, kind):
                items = [
                    self._write_named(named, f"{where}.{name}[{place}]")
                    for place, named in enumerate(getattr(estimator, name))
                ]
                return {name: Expression("[", tuple(("", item) for item in items), "]")}
        if isinstance(estimator, VotingClassifier | VotingRegressor) and hasattr(estimator, "estimators_"):
            return self._write_voters(estimator, where)
        if isinstance(estimator, ColumnTransformer) and hasattr(estimator, "transformers_"):
            return self._write_column_transformers(estimator, where)
        return {
            name: self.write_fitted(getattr(estimator, attribute), f"{where}.{name}")
            for kind, name, attribute in FITTED_ONCE
            if isinstance(estimator, kind) and hasattr(estimator, attribute) and getattr(estimator, name) is not None
        }

    def _write_voters(self, estimator: Any, where: str) -> dict[str, Expression | str]:
        fitted = iter(estimator.estimators_)
        items = [
            self._write_named((name, voter if isinstance(voter, str) else next(fitted)), f"{where}.estimators[{place}]")
            for place, (name, voter) in enumerate(estimator.estimators)
        ]
        return {"estimators": Expression("[", tuple(("", item) for item in items), "]")}

    def _write_column_transformers(self, estimator: Any, where: str) -> dict[str, Expression | str]:
        fitted = {name: transformer for name, transformer, _ in estimator.transformers_}
        items = [
            self._write_named(
                (name, fitted[name] if type(fitted.get(name)) is type(transformer) else transformer, columns),
                f"{where}.transformers[{place}]",
            )
            for place, (name, transformer, columns) in enumerate(estimator.transformers)
        ]
        return {"transformers": Expression("[", tuple(("", item) for item in items), "]")}

    def _write_named(self, named: tuple[Any, ...], where: str) -> Expression:
        """Write a tuple of a name, the fitted estimator of that name, and other items such as its columns."""
        name, estimator, *others = named
        is_estimator = hasattr(estimator, "get_params") and not isinstance(estimator, type)
        written = self.write_fitted(estimator, f"{where}[1]") if is_estimator else self.write(estimator, f"{where}[1]")
        parts = [self.write(name, f"{where}[0]"), written, *(self.write(other, f"{where}[2]") for other in others)]
        return Expression("(", tuple(("", part) for part in parts), ")")

    def _write_booster(self, search: TunedXGBClassifier | TunedXGBRegressor, where: str) -> Expression | str:
        """Write tuned XGBoost: an encoder of the columns, an encoder of the labels, and the booster."""
        model = self.write_fitted(search.best_estimator_, f"{where}.best_estimator_")
        if is_classifier(search):
            weight = search.class_weight
            if weight is not None or not np.array_equal(search.classes_, np.arange(len(search.classes_))):
                params = {"model": model} | ({} if weight is None else {"class_weight": weight})
                model = self.write_call(LabelEncodingClassifier, params, where)
        encoder = search.deployed_model()[0].encoder_
        if not (hasattr(search, "feature_names_in_") or encoder.reads_missing or encoder.is_sparse):
            return model
        is_read = encoder.reads_missing and search.missing == search.missing
        columns = self.write_call(EncodingTransformer, {"missing": search.missing} if is_read else {}, where)
        steps = [
            Expression("(", (("", f'"{name}"'), ("", step)), ")")
            for name, step in (("columns", columns), ("model", model))
        ]
        return self.write_call(Pipeline, {"steps": Expression("[", tuple(("", step) for step in steps), "]")}, where)


def is_search(estimator: object) -> bool:
    """Whether an estimator is a search of this package, of scikit-learn or of optuna-integration."""
    is_predecessor = is_exact_class(estimator, "optuna_integration", ("OptunaSearchCV",))
    return is_predecessor or isinstance(estimator, BaseSearch | BaseSearchCV)


def get_n_epochs(fitted: object) -> int | None:
    """Return how many times ``partial_fit`` was called to fit a search's winner; None if ``fit`` was called."""
    return fitted.best_resource_ if isinstance(fitted, OptunaSearchCV) and fitted.resource == "epochs" else None
