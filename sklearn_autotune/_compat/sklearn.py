"""The only module that imports private names of scikit-learn; if one of them moves, only this file has to change.

All of them exist under the same name in scikit-learn 1.7 to 1.9, except the callbacks, which exist since 1.9. For
earlier versions, replacements that do nothing are defined here.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from functools import lru_cache
from html import escape
from inspect import signature
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.compose import TransformedTargetRegressor
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    make_scorer,
    r2_score,
    roc_auc_score,
    top_k_accuracy_score,
)
from sklearn.metrics._scorer import _BaseScorer as BaseScorer
from sklearn.metrics._scorer import _check_multimetric_scoring as check_multimetric_scoring
from sklearn.metrics._scorer import _MultimetricScorer as MultimetricScorer
from sklearn.metrics._scorer import _PassthroughScorer as PassthroughScorer
from sklearn.model_selection._search import BaseSearchCV
from sklearn.model_selection._split import GroupsConsumerMixin
from sklearn.model_selection._validation import _warn_or_raise_about_fit_failures as report_fit_failures
from sklearn.pipeline import Pipeline
from sklearn.utils import _safe_indexing as take_rows
from sklearn.utils import estimator_html_repr
from sklearn.utils._param_validation import (
    HasMethods,
    Interval,
    InvalidParameterError,
    StrOptions,
    validate_parameter_constraints,
)
from sklearn.utils.metadata_routing import _raise_for_params as raise_for_params
from sklearn.utils.metadata_routing import _routing_enabled as is_routing_enabled
from sklearn.utils.metaestimators import _safe_split as split_rows
from sklearn.utils.parallel import _get_threadpool_controller as get_threadpool_controller
from sklearn.utils.validation import _check_method_params as cut_metadata
from sklearn.utils.validation import _num_samples as count_rows
from sklearn.utils.validation import has_fit_parameter

try:  # moved in 1.7, and may move again
    from sklearn.utils._repr_html.estimator import _VisualBlock as VisualBlock
except ImportError:  # pragma: no cover
    from sklearn.utils._estimator_html_repr import _VisualBlock as VisualBlock

try:
    from sklearn.callback import CallbackSupportMixin
    from sklearn.callback import with_callbacks as decorate_with_callbacks

    HAS_CALLBACKS = True
except ImportError:
    HAS_CALLBACKS = False

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """A replacement that does nothing, because scikit-learn before 1.9 has no callbacks."""


Method = TypeVar("Method", bound=Callable[..., Any])


def with_callbacks(method: Method) -> Method:
    """Decorate ``fit`` for scikit-learn's callbacks, and keep its type; before 1.9, return it unchanged."""
    decorated: Method = decorate_with_callbacks(method) if HAS_CALLBACKS else method
    return decorated


if TYPE_CHECKING:
    from sklearn_autotune._compat.types import ArrayLike, Estimator, MatrixLike, Scorer

__all__ = [
    "HAS_CALLBACKS",
    "BaseSearchCV",
    "CallbackContexts",
    "CallbackSupportMixin",
    "GroupsConsumerMixin",
    "HasMethods",
    "Interval",
    "InvalidParameterError",
    "MultimetricScorer",
    "NotebookViewMixin",
    "StrOptions",
    "VisualBlock",
    "accepts_sample_weight",
    "check_multimetric_scoring",
    "count_rows",
    "describe_scorer",
    "find_weight_parameter",
    "forget_requests",
    "get_passthrough_estimator",
    "get_scorers",
    "get_set_output",
    "get_threadpool_controller",
    "has_callbacks",
    "is_rank_scorer",
    "is_routing_enabled",
    "limit_to_one_thread",
    "list_limits",
    "make_callback_arguments",
    "needs_test_rows",
    "open_callback_root",
    "raise_for_params",
    "read_score_function",
    "record_predictions",
    "report_fit_failures",
    "set_params",
    "split_rows",
    "take_metadata_rows",
    "take_rows",
    "validate_parameter_constraints",
    "with_callbacks",
]


def get_scorers(scorer: "Scorer") -> Any:
    """Return a dict of scorers by name if there are several, otherwise the scorer itself."""
    return scorer._scorers if isinstance(scorer, MultimetricScorer) else scorer


def needs_test_rows(scorer: "Scorer") -> bool:
    """Whether a score cannot be computed without rows; a function of the user may read it off the estimator."""
    scorers = get_scorers(scorer)
    each = scorers.values() if isinstance(scorers, dict) else [scorers]
    return any(isinstance(one, BaseScorer | PassthroughScorer) for one in each)


# Metrics that depend only on the order of probabilities.
RANK_METRICS = (average_precision_score, roc_auc_score, top_k_accuracy_score)


def is_rank_scorer(scorer: "Scorer") -> bool:
    """Whether a score depends only on the order of predictions: its metric does, or it accepts decision functions."""
    if getattr(scorer, "_score_func", None) in RANK_METRICS:
        return True
    response = getattr(scorer, "_response_method", "")
    return isinstance(response, list | tuple) and "decision_function" in response


def accepts_sample_weight(scorer: "Scorer") -> bool:
    """Whether a scorer accepts ``sample_weight``."""
    if hasattr(scorer, "_accept_sample_weight"):
        return bool(scorer._accept_sample_weight())
    return "sample_weight" in signature(scorer).parameters


def describe_scorer(scorer: object) -> tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]] | None:
    """Describe a scorer as a call: ``make_scorer`` and its arguments; None if it was not made by ``make_scorer``."""
    if not isinstance(scorer, BaseScorer):
        return None
    settings = {"response_method": scorer._response_method, "greater_is_better": scorer._sign > 0}
    return make_scorer, (scorer._score_func,), settings | scorer._kwargs


def read_score_function(
    scorer: "Scorer", metric: str | None, estimator: object
) -> tuple[Callable[..., Any], int, Mapping[str, Any]] | None:
    """Return the function of target and prediction behind a score, its sign, and its settings; None if there is none.

    Parameters
    ----------
    scorer : callable
    metric : str or None
        Which of several scores; None is the first one.
    estimator : estimator
        Its own ``score`` is known if it is that of scikit-learn's classifiers or regressors, or of a Pipeline of them.
    """
    if isinstance(scorer, MultimetricScorer):
        scorer = scorer._scorers[_choose_metric(scorer, metric)]
    if isinstance(scorer, BaseScorer):
        return scorer._score_func, scorer._sign, dict(scorer._kwargs)
    if isinstance(scorer, PassthroughScorer):
        function = _find_own_score_function(estimator)
        return None if function is None else (function, 1, {})
    return None


def record_predictions(scorer: "Scorer", metric: str | None, predictions: list[Any]) -> "Scorer":
    """Return a scorer that gives the same scores, and appends to a list the predictions of which it makes them.

    Parameters
    ----------
    scorer : callable
        One of which `read_score_function` knows the function.
    metric : str or None
        Which of several scores; None is the first one.
    predictions : list
    """
    if isinstance(scorer, PassthroughScorer):

        def score_by_function(estimator: Any, X: Any, y: Any, **params: Any) -> Any:
            function = _find_own_score_function(estimator)
            if function is None or params.keys() - {"sample_weight"}:
                return scorer(estimator, X, y, **params)
            predictions.append(estimator.predict(X))
            return function(y, predictions[-1], **params)

        return score_by_function
    recording = object.__new__(type(scorer))  # faster than copy.copy, and needed for each fold
    vars(recording).update(vars(scorer))
    if isinstance(recording, MultimetricScorer):
        name = _choose_metric(recording, metric)
        recording._scorers = recording._scorers | {
            name: record_predictions(recording._scorers[name], None, predictions)
        }
        return recording

    def score_and_record(call_method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        def call_and_record(*method_args: Any, **method_kwargs: Any) -> Any:
            predictions.append(call_method(*method_args, **method_kwargs))
            return predictions[-1]

        return scorer._score(call_and_record, *args, **kwargs)  # type: ignore[attr-defined]

    recording._score = score_and_record  # type: ignore[attr-defined]
    return recording


def _choose_metric(scorer: Any, metric: str | None) -> str:
    return str(metric if metric in scorer._scorers else next(iter(scorer._scorers)))


def _find_own_score_function(estimator: Any) -> Callable[..., Any] | None:
    """Return the function behind ``estimator.score``, if the method is one of scikit-learn's."""
    owner = _find_owner(estimator)
    while owner is Pipeline:
        estimator = estimator.steps[-1][1]
        owner = _find_owner(estimator)
    return {ClassifierMixin: accuracy_score, RegressorMixin: r2_score}.get(owner)


def _find_owner(estimator: object) -> type | None:
    """Return the class that defines the method ``score`` of an estimator.

    scikit-learn's neighbours and dummies have methods of their own only to accept no X, so they are passed over.
    """
    owners = (cls for cls in type(estimator).__mro__ if "score" in vars(cls))
    return next((cls for cls in owners if not cls.__module__.startswith(("sklearn.neighbors", "sklearn.dummy"))), None)


def list_limits(estimator: object, name: str, value: float) -> list[float] | None:
    """Return the limits of a parameter: the finite ends of the intervals that contain the value.

    Only scikit-learn's own estimators declare such intervals. For others, None is returned.
    """
    constraints = getattr(estimator, "_parameter_constraints", {}).get(name)
    if not isinstance(constraints, list):
        return None
    intervals = [one for one in constraints if isinstance(one, Interval) and one.is_satisfied_by(value)]
    return [float(end) for one in intervals for end in (one.left, one.right) if end is not None]


def get_passthrough_estimator(scorer: object) -> Any:
    """Return the estimator whose own ``score`` a scorer calls; None for any other scorer."""
    return scorer._estimator if isinstance(scorer, PassthroughScorer) else None


def get_set_output(estimator: object) -> dict[str, Any]:
    """Return the arguments with which ``set_output`` of an estimator was called; empty if it was not called."""
    return dict(getattr(estimator, "_sklearn_output_config", {}))


class NotebookViewMixin:
    """Shows a view of what was found above scikit-learn's diagram of an estimator.

    scikit-learn calls ``_html_repr`` of what is shown, not of what is nested in it, unless its configuration asks for
    text. The class that inherits comes before ``BaseEstimator``.
    """

    def _render_view(self) -> str:
        """Return HTML; empty if there is nothing to show but the diagram."""
        return ""

    def _html_repr(self) -> str:
        try:
            diagram = str(estimator_html_repr(self))
        except Exception:  # scikit-learn reads all properties, and those of other libraries may raise any error
            diagram = f"<pre>{escape(str(self))}</pre>"
        return self._render_view() + diagram


def set_params(estimator: Any, params: Mapping[str, Any]) -> None:
    """Call ``estimator.set_params(**params)``, or do the same in a third of the time.

    scikit-learn's own method reads the signature of the constructor each time. This function reads it once a class, if
    the class has that method and the parameters are its own and not those of an estimator inside it.
    """
    names = _list_own_params(estimator.__class__)
    if names.issuperset(params):
        for name, value in params.items():
            setattr(estimator, name, value)
    else:
        estimator.set_params(**params)


@lru_cache(maxsize=32)
def _list_own_params(cls: Any) -> frozenset[str]:
    """Return the parameters for which ``set_params`` of this class only sets attributes; none if it is overridden."""
    is_plain = all(getattr(cls, name, None) is getattr(BaseEstimator, name) for name in ("set_params", "get_params"))
    return frozenset(cls._get_param_names()) if is_plain else frozenset()


def find_weight_parameter(estimator: Any) -> str | None:
    """Find the parameter of ``fit`` that takes the rows' weights; None if the estimator has none.

    A Pipeline hands it to its last step by the step's name, a TransformedTargetRegressor to its regressor.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn.pipeline import make_pipeline
    >>> find_weight_parameter(Ridge()), find_weight_parameter(make_pipeline(Ridge()))
    ('sample_weight', 'ridge__sample_weight')
    """
    if has_fit_parameter(estimator, "sample_weight"):
        return "sample_weight"
    if isinstance(estimator, TransformedTargetRegressor):
        return find_weight_parameter(estimator.regressor)
    if isinstance(estimator, Pipeline):
        name, last = estimator.steps[-1]
        inner = find_weight_parameter(last)
        return None if inner is None else f"{name}__{inner}"
    return None


def forget_requests(estimator: Any) -> Any:
    """Remove what ``set_fit_request`` and the like have set on an estimator and on all that are inside it; return it.

    It has no effect on the predictions of a fitted model, and skops cannot write it.

    Examples
    --------
    >>> from sklearn import clone, config_context
    >>> from sklearn.linear_model import Ridge
    >>> with config_context(enable_metadata_routing=True):
    ...     model = Ridge().set_fit_request(sample_weight=True)
    >>> [one.get_metadata_routing().fit.requests for one in (model, forget_requests(clone(model)))]
    [{'sample_weight': True}, {'sample_weight': None}]
    """
    pending, seen = [estimator], set()
    while pending:
        one = pending.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, BaseEstimator):
            vars(one).pop("_metadata_request", None)
            pending += vars(one).values()
        elif isinstance(one, list | tuple):
            pending += one
        elif isinstance(one, dict):
            pending += one.values()
        elif isinstance(one, np.ndarray) and one.dtype == object:
            pending += one.ravel().tolist()
    return estimator


def limit_to_one_thread() -> AbstractContextManager[Any]:
    """Limit OpenMP to one thread, for scikit-learn's histogram gradient boosting.

    Other boosters have a parameter for this. On a few thousand rows, several threads are not faster. On busy processors
    they wait for each other (scikit-learn's issue 30662): a fit that needs 0.3 seconds took 13, and the prediction of
    one row took 6 seconds instead of 0.02.
    """
    limiter: AbstractContextManager[Any] = get_threadpool_controller().limit(limits=1, user_api="openmp")
    return limiter


def open_callback_root(search: Any, *, max_subtasks: int) -> Any:
    """Open the root of the callbacks' task tree for one ``fit``; return None for scikit-learn before 1.9."""
    return search._init_callback_context(max_subtasks=max_subtasks) if HAS_CALLBACKS else None


def make_callback_arguments(
    caller: "Estimator", X: "MatrixLike", y: "ArrayLike | None", fit_params: Mapping[str, Any]
) -> dict[str, Any]:
    """Make the arguments of callbacks at the beginning and end of a fit, in the form of scikit-learn's searches."""
    weight = fit_params.get("sample_weight")
    return {"estimator": caller, "X": X, "y": y, "metadata": None if weight is None else {"sample_weight": weight}}


def take_metadata_rows(
    X: "MatrixLike", params: Mapping[str, Any], indices: "ArrayLike | None" = None
) -> dict[str, Any]:
    """Take these rows of the metadata that have one value per row, and a copy of each other array.

    An estimator may write into an array that it receives: `SGDClassifier` stores its coefficients in ``coef_init``. So
    no fit receives the array of another fit, or of the user.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
    params : mapping of str to object
    indices : array-like of int, optional
        None takes all rows.

    Returns
    -------
    taken : dict of str to object
    """
    taken = cut_metadata(X, params=params, indices=indices)
    is_shared = {name: isinstance(value, np.ndarray) and value is params[name] for name, value in taken.items()}
    return {name: value.copy() if is_shared[name] else value for name, value in taken.items()}


class CallbackContexts:
    """The callbacks' task tree of one search, in the form that scikit-learn's searches use.

    The root has one "search" task, which has one "candidate-split-evaluation" task for each candidate and fold. These
    exist only if there are callbacks, and only while their candidate is running. A pickled context includes all its
    siblings, so keeping them would make each pickle larger than the one before.

    Parameters
    ----------
    search : estimator
    root : CallbackContext or None
        None for scikit-learn before 1.9.
    n_folds : int
    """

    def __init__(self, search: "Estimator", root: Any, n_folds: int) -> None:
        self.search = search
        self.root = root
        self.n_folds = n_folds
        self.context: Any = None
        self.is_active = root is not None and has_callbacks(search)

    def begin(self, n_candidates: int) -> None:
        """Open the search's task."""
        if self.root is not None:
            self.context = self.root.subcontext(
                task_name="search", max_subtasks=n_candidates * self.n_folds, sequential_subtasks=False
            ).call_on_fit_task_begin(estimator=self.search)

    def open(self, candidate_index: int) -> tuple[Any, ...]:
        """Open the tasks of a candidate's folds."""
        if not self.is_active:
            return ()
        return tuple(
            self.context.subcontext(task_name="candidate-split-evaluation", task_id=task_id)
            for task_id in self._get_task_ids(candidate_index)
        )

    def close(self, candidate_index: int) -> None:
        """Remove the tasks of a candidate's folds."""
        if self.is_active:
            for task_id in self._get_task_ids(candidate_index):
                self.context._children_map.pop(task_id, None)

    def end(self) -> None:
        """Close the search's task."""
        if self.context is not None:
            self.context.call_on_fit_task_end(estimator=self.search)

    def _get_task_ids(self, candidate_index: int) -> range:
        return range(candidate_index * self.n_folds, (candidate_index + 1) * self.n_folds)


def has_callbacks(estimator: object) -> bool:
    """Whether the estimator or a part of it has callbacks.

    This runs at every fit. So it reads attributes and does not call ``get_params``, which is slow because it inspects
    the signature of every constructor.
    """
    if isinstance(estimator, list):  # it may hold names and estimators, like the steps of a pipeline
        is_named = bool(estimator) and isinstance(estimator[0], tuple)
        return is_named and any(has_callbacks(part) for named in estimator for part in named[1:2])
    if isinstance(estimator, type) or not hasattr(estimator, "get_params"):
        return False
    if getattr(estimator, "_skl_callbacks", None):
        return True
    attributes = getattr(estimator, "__dict__", {})
    return any(has_callbacks(part) for name, part in attributes.items() if not name.endswith("_"))
