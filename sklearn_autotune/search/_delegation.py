"""Delegate predictions, attributes, tags and output settings from a search to its best estimator."""

from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any, Protocol

from sklearn.exceptions import NotFittedError
from sklearn.utils import get_tags
from sklearn.utils.metadata_routing import process_routing
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from sklearn_autotune._compat.sklearn import VisualBlock, is_routing_enabled, raise_for_params
from sklearn_autotune._compat.types import ArrayLike, MatrixLike, Refit
from sklearn_autotune.search._result_tables import CVResults

__all__ = ["DelegateMixin", "require_refit"]


class HasRefit(Protocol):
    """A search, as far as `require_refit` needs to know it."""

    @property
    def refit(self) -> Refit:
        """As of `OptunaSearchCV`."""


def require_refit(search: HasRefit, attribute: str) -> None:
    """Raise AttributeError, in scikit-learn's words, if nothing was refitted."""
    if not search.refit:
        raise AttributeError(
            f"This {type(search).__name__} instance was initialized with `refit=False`. {attribute} is available only "
            "after refitting on the best parameters. You can refit an estimator manually using the `best_params_` "
            "attribute"
        )


def _delegate_to_best_estimator(attribute: str) -> Any:
    """Make a method available if the best estimator has it, or, before ``fit``, the estimator to be searched."""

    def check(search: "DelegateMixin") -> bool:
        require_refit(search, attribute)
        getattr(getattr(search, "best_estimator_", search.estimator), attribute)
        return True

    return available_if(check)


class DelegateMixin:
    """Delegates methods and attributes of a search to its ``best_estimator_``."""

    estimator: Any
    refit: Any
    best_estimator_: Any
    scorer_: Any
    cv_results_: CVResults
    multimetric_: bool
    _get_metric_name: Callable[[], str | None]

    @_delegate_to_best_estimator("predict")
    def predict(self, X: MatrixLike) -> Any:
        """Call predict on the best estimator, refitted on all the data.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        y_pred : ndarray of shape (n_samples,) or (n_samples, n_outputs)
        """
        check_is_fitted(self)
        return self.best_estimator_.predict(X)

    @_delegate_to_best_estimator("predict_proba")
    def predict_proba(self, X: MatrixLike) -> Any:
        """Call predict_proba on the best estimator.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        y_proba : ndarray of shape (n_samples, n_classes)
            Columns in the order of ``classes_``.
        """
        check_is_fitted(self)
        return self.best_estimator_.predict_proba(X)

    @_delegate_to_best_estimator("predict_log_proba")
    def predict_log_proba(self, X: MatrixLike) -> Any:
        """Call predict_log_proba on the best estimator.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        y_log_proba : ndarray of shape (n_samples, n_classes)
            Columns in the order of ``classes_``.
        """
        check_is_fitted(self)
        return self.best_estimator_.predict_log_proba(X)

    @_delegate_to_best_estimator("decision_function")
    def decision_function(self, X: MatrixLike) -> Any:
        """Call decision_function on the best estimator.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        y_score : ndarray of shape (n_samples,) or (n_samples, n_classes)
        """
        check_is_fitted(self)
        return self.best_estimator_.decision_function(X)

    @_delegate_to_best_estimator("score_samples")
    def score_samples(self, X: MatrixLike) -> Any:
        """Call score_samples on the best estimator.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        scores : ndarray of shape (n_samples,)
        """
        check_is_fitted(self)
        return self.best_estimator_.score_samples(X)

    @_delegate_to_best_estimator("transform")
    def transform(self, X: MatrixLike) -> Any:
        """Call transform on the best estimator.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        X_out : array-like, sparse matrix or DataFrame of shape (n_samples, n_features_out)
        """
        check_is_fitted(self)
        return self.best_estimator_.transform(X)

    @_delegate_to_best_estimator("transform")
    def fit_transform(self, X: MatrixLike, y: ArrayLike | None = None, **params: Any) -> Any:
        """Search, fit the best estimator on all the data, and transform that.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
        **params : dict of str to object
            Metadata, as for ``fit``.

        Returns
        -------
        X_out : array-like, sparse matrix or DataFrame of shape (n_samples, n_features_out)
        """
        return self.fit(X, y, **params).transform(X)  # type: ignore[attr-defined]

    @_delegate_to_best_estimator("inverse_transform")
    def inverse_transform(self, X: MatrixLike) -> Any:
        """Call inverse_transform on the best estimator.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features_out)

        Returns
        -------
        X_original : ndarray or sparse matrix of shape (n_samples, n_features)
        """
        check_is_fitted(self)
        return self.best_estimator_.inverse_transform(X)

    @_delegate_to_best_estimator("get_feature_names_out")
    def get_feature_names_out(self, input_features: Sequence[str] | None = None) -> Any:
        """Return the names of the columns that transform gives.

        Parameters
        ----------
        input_features : array-like of str, default=None

        Returns
        -------
        names : ndarray of str
        """
        check_is_fitted(self)
        return self.best_estimator_.get_feature_names_out(input_features)

    @available_if(lambda search: hasattr(search.estimator, "set_output"))
    def set_output(self, *, transform: str | None = None) -> Any:
        """Set what transform returns, on the estimator, and on the best estimator once there is one.

        Parameters
        ----------
        transform : {"default", "pandas", "polars"} or None, default=None
            None leaves the setting as it is.

        Returns
        -------
        self : object
        """
        for estimator in (self.estimator, getattr(self, "best_estimator_", None)):
            if estimator is not None:
                estimator.set_output(transform=transform)
        return self

    def score(self, X: MatrixLike, y: ArrayLike | None = None, **params: Any) -> float:
        """Score the best estimator with the search's scorer; higher is better.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
        **params : dict of str to object
            Metadata for the scorer; needs ``enable_metadata_routing=True``.

        Returns
        -------
        score : float
            By ``scoring`` where given (the one named by ``refit`` of several), else by the estimator's ``score``.

        Raises
        ------
        ValueError
            If there are several scores and ``refit`` is a function.
        """
        require_refit(self, "score")
        check_is_fitted(self)
        raise_for_params(params, self, "score")
        routed = process_routing(self, "score", **params).scorer["score"] if is_routing_enabled() else {}
        scorer = self.scorer_
        name = self._get_metric_name() or self.refit
        if self.multimetric_ and callable(name):
            prefix = "mean_test_"
            names = sorted(key.removeprefix(prefix) for key in self.cv_results_ if key.startswith(prefix))
            scorer_name = f"scorer_[{names[0]!r}]" if isinstance(scorer, dict) else "scorer_"
            raise ValueError(
                f"refit is a function, so score cannot tell which of {names} is meant. Call the scorer that you mean: "
                f"search.{scorer_name}(search.best_estimator_, X, y)."
            )
        if isinstance(scorer, dict) and self.multimetric_:
            scorer = scorer[name]
        score = scorer(self.best_estimator_, X, y, **routed)
        return score[name] if isinstance(score, dict) else score

    @property
    def classes_(self) -> Any:
        """Class labels of the best estimator."""
        require_refit(self, "classes_")
        return getattr(self, "best_estimator_", self.estimator).classes_

    @property
    def offset_(self) -> Any:
        """Offset between ``score_samples`` and ``decision_function`` of an outlier detector."""
        require_refit(self, "offset_")
        return getattr(self, "best_estimator_", self.estimator).offset_

    @property
    def n_features_in_(self) -> int:
        """Number of features seen during ``fit``."""
        try:
            check_is_fitted(self)
        except NotFittedError as error:
            raise AttributeError(f"{type(self).__name__} object has no n_features_in_ attribute.") from error
        return self.best_estimator_.n_features_in_

    def __sklearn_is_fitted__(self) -> bool:
        """Whether there is an estimator to predict with, or, under ``refit=False``, a table of results."""
        return hasattr(self, "best_estimator_" if self.refit else "cv_results_")

    def __sklearn_tags__(self) -> Any:
        """Return the estimator's tags: a search accepts the same data and is of the same type."""
        tags = deepcopy(get_tags(self.estimator))
        own_tags = super().__sklearn_tags__()  # type: ignore[misc]
        tags.requires_fit = own_tags.requires_fit
        return tags

    def _sk_visual_block_(self) -> Any:
        name = "best_estimator_" if hasattr(self, "best_estimator_") else "estimator"
        delegate = getattr(self, name)
        return VisualBlock(
            "parallel", [delegate], names=[f"{name}: {type(delegate).__name__}"], name_details=[str(delegate)]
        )
