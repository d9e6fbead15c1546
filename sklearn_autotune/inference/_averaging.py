"""The mean of fitted models, which is how `AutoModelSelector` predicts with a candidate.

A model is a Pipeline of preparing steps and an estimator. Its steps check the same table again and again, which takes
longer than their arithmetic if there are few rows. `prepare_rows` does the arithmetic of scikit-learn's transformers
without the checks, and to the last bit. Models of one blend that begin with the same steps prepare a table once:
`share_preparation`.
"""

import threading
import warnings
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor, RandomForestClassifier, RandomForestRegressor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder
from sklearn.utils import get_tags

from sklearn_autotune._compat.sklearn import limit_to_one_thread
from sklearn_autotune.inference._column_encoder import ChunkScaler, MedianImputer, clip_outliers
from sklearn_autotune.inference._temperature_scaling import apply_temperature
from sklearn_autotune.inference._text import GramReader, unpack_grams

__all__ = ["AveragedClassifier", "AveragedRegressor", "predict_all_classes", "prepare_rows", "share_preparation"]

# Up to this number of rows, one thread predicts. For more rows, using all threads is faster.
MAX_SINGLE_THREAD_ROWS = 50_000

# Up to this number of rows, calling a forest's trees one by one is faster than handing them to joblib.
MAX_DIRECT_ROWS = 1000

# What the models of a blend share takes at most this number of bytes; beyond, each prepares the table itself.
MAX_SHARED_BYTES = 2**28

# Estimators of these packages do not change the rows that they predict; others get a copy of what is shared.
READING_PACKAGES = {"sklearn", "sklearn_autotune", "xgboost", "lightgbm", "catboost"}

FORESTS = (ExtraTreesClassifier, ExtraTreesRegressor, RandomForestClassifier, RandomForestRegressor)


def predict_all_classes(model: Any, X: Any, classes: np.ndarray | None) -> np.ndarray:
    """Return predicted values, or probabilities with a column for each class, also for classes the model never saw."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # unknown categories are expected
        prepared, final = prepare_rows(model, X), model[-1]
        predicted = np.asarray(_predict(final, prepared, is_classification=classes is not None), dtype=float)
    if classes is None:
        return predicted.reshape(len(X))
    known = np.asarray(final.classes_, dtype=int)
    if len(known) == len(classes):
        return predicted
    completed = np.zeros((len(X), len(classes)))
    completed[:, known] = predicted
    return completed


# -- preparing without checks ------------------------------------------------------------------------------------------


def prepare_rows(model: Pipeline, X: Any) -> Any:
    """Return what ``model[:-1].transform(X)`` returns, to the last bit.

    Parameters
    ----------
    model : Pipeline
        Fitted.
    X : ndarray of float, of shape (n_rows, n_columns)
        An encoded table.

    Returns
    -------
    prepared : ndarray of float, of shape (n_rows, n_prepared)

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn.pipeline import make_pipeline
    >>> model = make_pipeline(ChunkScaler(), Ridge()).fit(np.arange(3.0)[:, None], np.arange(3.0))
    >>> prepare_rows(model, np.array([[1.0]]))
    array([[0.]])
    """
    shared = _scope.shared
    return _apply_steps(model.steps[:-1], X) if shared is None else shared.prepare(model, X)


def _apply_steps(steps: Sequence[tuple[str, Any]], X: Any) -> Any:
    for _, step in steps:
        X = _transform(step, X)
    return X


def _transform(step: Any, X: Any) -> Any:
    """Return ``step.transform(X)``, without checks if the step is one of `DIRECT` and has the settings of ours."""
    if type(step) in DIRECT and type(X) is np.ndarray and X.dtype in FLOATS:
        is_usual, transform = DIRECT[type(step)]
        if is_usual(step):
            return transform(step, X)
    return _describe_texts(step, X) if isinstance(step, GramReader) else step.transform(X)


def _transform_columns(step: ColumnTransformer, X: np.ndarray) -> np.ndarray:
    parts = [(part, columns) for _, part, columns in step.transformers_ if part != "drop" and len(columns)]
    return np.hstack([_transform_part(part, X[:, columns]) for part, columns in parts])


def _transform_part(part: Any, X: np.ndarray) -> np.ndarray:
    """Transform columns that are a copy: numbers are filled, scaled and clipped in place."""
    kinds = [type(step) for _, step in part.steps] if type(part) is Pipeline else []
    if kinds != [MedianImputer, ChunkScaler, FunctionTransformer] or X.dtype not in FLOATS:
        return np.asarray(_transform(part, X))
    imputer, scaler, clipper = (step for _, step in part.steps)
    if clipper.func is not clip_outliers or clipper.validate or clipper.kw_args:
        return np.asarray(_transform(part, X))
    is_missing = np.isnan(X)
    np.copyto(X, imputer.statistics_.astype(X.dtype), where=is_missing)
    if imputer.indicator_ is not None:
        X = np.hstack([X, is_missing[:, imputer.indicator_.features_]])
    X -= scaler.mean_.astype(X.dtype)
    X /= scaler.scale_.astype(X.dtype)
    np.copyto(X, clip_outliers(X))
    return X


def _has_index_columns(step: ColumnTransformer) -> bool:
    parts = [(part, columns) for _, part, columns in step.transformers_ if part != "drop"]
    are_usual = [isinstance(columns, np.ndarray) and hasattr(part, "transform") for part, columns in parts]
    is_index = all(are_usual) and all(columns.dtype.kind == "i" for _, columns in parts)
    return is_index and any(len(columns) for _, columns in parts) and not step.sparse_output_


def _fill_missing(step: MedianImputer, X: np.ndarray) -> np.ndarray:
    is_missing = np.isnan(X)
    filled = np.where(is_missing, step.statistics_.astype(X.dtype), X)
    return filled if step.indicator_ is None else np.hstack([filled, is_missing[:, step.indicator_.features_]])


def _encode_one_hot(step: OneHotEncoder, X: np.ndarray) -> np.ndarray:
    """Give each frequent category a column; infrequent and unknown ones share the last column, if there is one."""
    blocks = []
    for codes, categories, infrequent in zip(X.T, step.categories_, step.infrequent_categories_, strict=True):
        frequent = categories if infrequent is None else np.setdiff1d(categories, infrequent)
        blocks.append(frequent[:, None] == codes)
        if infrequent is not None:
            blocks.append(~blocks[-1].any(axis=0, keepdims=True))
    return np.vstack(blocks).T.astype(step.dtype, order="C")


def _has_shared_column(step: OneHotEncoder) -> bool:
    settings = step.handle_unknown, step.min_frequency is not None, step.drop, step.sparse_output
    is_number = all(one.dtype.kind == "f" and not np.isnan(one).any() for one in step.categories_)
    return settings == ("infrequent_if_exist", True, None, False) and step.dtype in FLOATS and is_number


def _scale(step: ChunkScaler, X: np.ndarray) -> np.ndarray:
    scaled: np.ndarray = X - step.mean_.astype(X.dtype)
    scaled /= step.scale_.astype(X.dtype)
    return scaled


def _describe_texts(step: GramReader, X: np.ndarray) -> np.ndarray:
    """Replace texts by numbers. The n-grams of a text are unpacked once for all models of a blend."""
    shared, counts = _scope.shared, []
    for first, width in step.texts:
        unpack = partial(unpack_grams, X[:, first : first + width])
        counts.append(unpack() if shared is None else shared.get(X, (GramReader, first, width), unpack))
    return step.transform_counts(X, counts)


FLOATS = np.float32, np.float64

# For the transformers of `make_preparation`: whether one has the usual settings, and what it does then.
DIRECT: dict[type, tuple[Callable[[Any], bool], Callable[[Any, np.ndarray], np.ndarray]]] = {
    ChunkScaler: (lambda step: True, _scale),
    ColumnTransformer: (_has_index_columns, _transform_columns),
    FunctionTransformer: (
        lambda step: not step.validate and not step.kw_args,
        lambda step, X: X if step.func is None else step.func(X),
    ),
    OneHotEncoder: (_has_shared_column, _encode_one_hot),
    Pipeline: (lambda step: True, lambda step, X: _apply_steps(step.steps, X)),
    MedianImputer: (lambda step: True, _fill_missing),
}


# -- preparing once for several models ---------------------------------------------------------------------------------


class _SharedPreparation:
    """What the models of a blend have prepared of a table, as long as others of them need it too.

    Parameters
    ----------
    pipelines : sequence of Pipeline
        Each prepares a table once.
    """

    def __init__(self, pipelines: Sequence[Pipeline]) -> None:
        chains = [tuple(id(step) for _, step in model.steps[:-1]) for model in pipelines]
        first = {id(model.steps[0][1]): model.steps[0][1] for model in pipelines}
        distinct = {chain[:length] for chain in chains for length in range(2, len(chain) + 1)}
        grams = [(GramReader, *text) for step in first.values() if isinstance(step, GramReader) for text in step.texts]
        self.n_left: Counter[Hashable] = Counter([*chains, *(chain[:-1] for chain in distinct), *grams])
        self.kept: dict[Hashable, tuple[Any, Any]] = {}
        self.n_bytes = 0

    def prepare(self, model: Pipeline, X: Any) -> Any:
        """Return what the steps of a model but the last return for a table."""
        prepared = self._apply_steps(model.steps[:-1], X)
        return prepared if _only_reads(model[-1]) else prepared.copy()

    def _apply_steps(self, steps: Sequence[tuple[str, Any]], X: Any) -> Any:
        if not steps:
            return X
        chain = tuple(id(step) for _, step in steps)
        return self.get(X, chain, lambda: _transform(steps[-1][1], self._apply_steps(steps[:-1], X)))

    def get(self, X: Any, name: Hashable, compute: Callable[[], Any]) -> Any:
        """Return what is kept of a table under this name, or compute it; keep it if another model needs it."""
        self.n_left[name] -= 1
        _, found = self.kept.get((id(X), name), (None, None))
        if found is None:
            found = compute()
            if self.n_left[name] > 0 and self.n_bytes + _count_bytes(found) <= MAX_SHARED_BYTES:
                self.kept[id(X), name] = X, found  # while X is kept, no other table has its id
                self.n_bytes += _count_bytes(found)
        elif self.n_left[name] <= 0:
            del self.kept[id(X), name]
            self.n_bytes -= _count_bytes(found)
        return found


def _count_bytes(values: Any) -> int:
    parts = (values.data, values.indices, values.indptr) if issparse(values) else (values,)
    return sum(part.nbytes for part in parts)


def _only_reads(model: Any) -> bool:
    """Whether a model, and each that it is made of, is of a package whose estimators change no rows."""
    inner = getattr(model, "model_", None), getattr(model, "regressor_", None)
    parts = [step for _, step in model.steps] if isinstance(model, Pipeline) else inner
    is_known = type(model).__module__.partition(".")[0] in READING_PACKAGES
    return is_known and all(part is None or isinstance(part, str) or _only_reads(part) for part in parts)


class _Scope(threading.local):
    """What the blend that predicts in this thread shares."""

    shared: _SharedPreparation | None = None


_scope = _Scope()


@contextmanager
def share_preparation(pipelines: Sequence[Pipeline]) -> Iterator[None]:
    """Let models prepare a table once for all of them that begin with the same steps, in this thread.

    Parameters
    ----------
    pipelines : sequence of Pipeline
        Fitted. Steps are the same if they are one object.
    """
    if _scope.shared is not None:  # a blend calls its own methods, or is a part of another
        yield
        return
    _scope.shared = _SharedPreparation(pipelines)
    try:
        yield
    finally:
        _scope.shared = None


# -- predicting --------------------------------------------------------------------------------------------------------


def _predict(model: Any, X: Any, *, is_classification: bool) -> np.ndarray:
    """Return the probabilities of a classifier, or the values of a regressor.

    For few rows, joblib takes longer to call the trees of a forest than the trees take to predict. So they are called
    one by one, and their predictions are added in the same order.
    """
    if type(model) in FORESTS and len(X) <= MAX_DIRECT_ROWS and model.n_jobs in (None, 1) and model.n_outputs_ == 1:
        numbers = np.asarray(X, dtype=np.float32)
        takes_gaps = get_tags(model.estimators_[0]).input_tags.allow_nan
        if not np.isinf(numbers).any() and (takes_gaps or not np.isnan(numbers).any()):
            total = np.zeros((len(X), model.n_classes_ if is_classification else 1))
            for tree in model.estimators_:
                total += tree.tree_.predict(numbers)
            total /= len(model.estimators_)
            return total if is_classification else total[:, 0]
    return np.asarray(model.predict_proba(X) if is_classification else model.predict(X))


class _AveragedModels(BaseEstimator):
    """The mean of models that are already fitted."""

    def __init__(self, models: Sequence[Any]) -> None:
        self.models = models

    def fit(self, X: Any, y: Any = None) -> "_AveragedModels":
        """Do nothing, because the models are already fitted."""
        return self

    def _average(self, X: Any, classes: np.ndarray | None) -> np.ndarray:
        with limit_to_one_thread() if len(X) <= MAX_SINGLE_THREAD_ROWS else nullcontext():
            return np.mean([predict_all_classes(model, X, classes) for model in self.models], axis=0)

    def __sklearn_is_fitted__(self) -> bool:
        return True


class AveragedClassifier(ClassifierMixin, _AveragedModels):
    """The mean of the probabilities of fitted classifiers, scaled by a temperature.

    Parameters
    ----------
    models : sequence of Pipeline
    temperature : float
    classes : ndarray of int
        Codes of the classes.
    """

    def __init__(self, models: Sequence[Any], temperature: float, classes: np.ndarray) -> None:
        super().__init__(models)
        self.temperature = temperature
        self.classes = classes

    @property
    def classes_(self) -> np.ndarray:
        """Codes of the classes."""
        return self.classes

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the scaled mean of the models' probabilities, of shape (n_rows, n_classes)."""
        return apply_temperature(self._average(X, self.classes), self.temperature)

    def predict(self, X: Any) -> np.ndarray:
        """Return the code of the most probable class."""
        return self.classes[self.predict_proba(X).argmax(axis=1)]


class AveragedRegressor(RegressorMixin, _AveragedModels):
    """The mean of fitted regressors."""

    def predict(self, X: Any) -> np.ndarray:
        """Return the mean of the models' predictions."""
        return self._average(X, None)
