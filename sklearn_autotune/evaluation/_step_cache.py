"""A step cache: the results of a pipeline's first steps on a fold are computed once and shared by all candidates.

scikit-learn's ``Pipeline`` fits each step but the last through its ``memory``. While a candidate is measured, its
``memory`` is an object that knows which steps the rows have passed, and looks up the next result in the cache. Keys are
made from the content of rows and steps, so different results have different keys. The cache returns exact copies, with
the same memory layout, so that no candidate can change the rows of another.
"""

import pickle
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from hashlib import blake2b
from io import BytesIO
from threading import Lock
from types import FunctionType, ModuleType, SimpleNamespace
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.pipeline import Pipeline

from sklearn_autotune._compat.sklearn import has_callbacks

__all__ = ["StepCache"]

# Copies refer to these objects instead of copying them. So results with classes from a notebook or a function can be
# copied too.
BY_REFERENCE = (type, FunctionType, ModuleType)

# Arguments that a pipeline passes to the fit of a step for messages and callbacks only.
MESSAGE_ARGUMENTS = ("message_clsname", "message", "caller", "callback_ctx")


class StepCache:
    """Stores the results of the first steps of pipelines for all candidates that begin with the same steps.

    The key of a result is the fold, the steps so far with all their parameters, and their metadata. Scores are exactly
    equal to those of a search without the cache, with these exceptions and limits:

    - A step that draws random numbers without a ``random_state`` draws once per fold, not once per candidate.
    - A step gives its warnings and messages only when it is computed, not when its result comes from the cache.
      ``fit_time`` and ``score_time`` measure only the work that was done.
    - A step is computed for every candidate if it cannot be pickled, if it changes or returns its input
      (``copy=False``), or if its result is larger than the limit. If the result is equal each time, the results of
      later steps still come from the cache.
    - Only the steps of the pipeline itself are shared. The last step is not, and neither are the steps of a pipeline
      inside another estimator. Nothing is shared if the pipeline has its own ``memory`` or scikit-learn callbacks.

    Every process has its own cache, so an unpickled cache is empty. Threads may share a cache.

    Parameters
    ----------
    limit : int
        Maximum number of bytes; the least recently used results are removed first. 0 turns the cache off.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> X, y = load_iris(return_X_y=True)
    >>> cache = StepCache()
    >>> for C in (0.1, 1.0):  # the scaler is fitted once
    ...     model = make_pipeline(StandardScaler(), LogisticRegression(C=C))
    ...     with cache.share_steps(model, "all rows", X, y):
    ...         print(f"{model.fit(X, y).score(X, y):.2f}")
    0.93
    0.97
    """

    def __init__(self, limit: int = 2**30) -> None:
        self.limit = limit
        self.nbytes = 0
        self._results: OrderedDict[Hashable, _CachedResult] = OrderedDict()
        self._lock = Lock()

    def __reduce__(self) -> tuple[Any, ...]:
        return StepCache, (self.limit,)

    @contextmanager
    def share_steps(self, pipeline: Any, rows: Any, X: Any, y: Any, *others: Any) -> Iterator[None]:
        """Let a pipeline use the cache while it is fitted once and scored.

        Parameters
        ----------
        pipeline : estimator
            An unfitted clone that only the caller uses: its ``memory`` is set, and reset at the end. If it is not a
            pipeline, nothing happens.
        rows : object
            Identifies the training rows, such as the `Fold`. If it is equal in two calls, ``X`` and ``y`` must be equal
            too.
        X, y : array-like
            The very objects that will be passed to ``fit``.
        *others : array-like
            The very objects of other rows that will be transformed, such as the test rows.
        """
        key = _make_key(rows) if self.limit > 0 and _can_share(pipeline) else None
        if key is None:
            yield
            return
        pipeline.memory = shared_steps = _MemoryReplacement(self, pipeline, key, X, y, others)
        try:
            yield
        finally:
            shared_steps.restore()

    def get_or_compute(self, key: Hashable, X: Any, compute: Callable[[], Any]) -> tuple[Any, "_CachedResult | None"]:
        """Return a copy of the cached result for a key; if there is none, compute it, and cache it if that is safe.

        If ``compute`` raises, the exception is raised and nothing is cached.
        """
        cached = self._find(key)
        if cached is not None:
            return cached.copy(), cached
        before = _make_key(X)
        result = compute()
        # A cached copy would not change X as the computation does, and later changes of the result would not reach X.
        if before is None or _shares_memory(result[0], X) or _make_key(X) != before:
            return result, None
        try:
            cached = _CachedResult.make(result, self.limit)
            copy = cached.copy()
        except Exception:  # any __reduce__ may raise anything
            return result, None
        self._add(key, cached)
        return copy, cached

    def _find(self, key: Hashable) -> "_CachedResult | None":
        with self._lock:
            cached = self._results.get(key)
            if cached is not None:
                self._results.move_to_end(key)
            return cached

    def _add(self, key: Hashable, cached: "_CachedResult") -> None:
        with self._lock:
            replaced = self._results.pop(key, None)  # another thread's
            self._results[key] = cached
            self.nbytes += cached.nbytes - (0 if replaced is None else replaced.nbytes)
            while self.nbytes > self.limit:
                self.nbytes -= self._results.popitem(last=False)[1].nbytes


def _can_share(estimator: Any) -> bool:
    return isinstance(estimator, Pipeline) and estimator.memory is None and not has_callbacks(estimator)


class _MemoryReplacement:
    """Replaces a pipeline's ``memory`` during one fit; ``current_rows`` are the rows that the latest step returned."""

    location = None  # tells the pipeline that it need not clone its steps: it is a clone itself

    def __init__(
        self, step_cache: StepCache, pipeline: Any, fold_key: Hashable, X: Any, y: Any, others: tuple[Any, ...]
    ) -> None:
        self.step_cache = step_cache
        self.pipeline = pipeline
        self.fold_key = fold_key
        self.y = y
        self.current_rows: Any = X
        self.rows_key: Hashable = "rows"
        self.known_rows = (X, *others)
        self.transformed: Any = self
        self.wrapped: list[Any] = []

    def cache(self, func: Any, **_: Any) -> Any:
        """Wrap the function that fits one step; the pipeline calls this once, at the beginning of its fit."""
        self.pipeline.memory = None  # other code need not see it
        return partial(self._fit_step, func)

    def restore(self) -> None:
        """Remove everything that was set on the pipeline and its steps."""
        self.pipeline.memory = None
        for transformer in self.wrapped:
            vars(transformer).pop("transform", None)

    def _fit_step(self, func: Any, transformer: Any, X: Any, y: Any, *args: Any, **kwargs: Any) -> Any:
        compute = partial(func, transformer, X, y, *args, **kwargs)
        metadata = {name: value for name, value in kwargs.items() if name not in MESSAGE_ARGUMENTS}
        step_key = _make_key((transformer, args, metadata)) if X is self.current_rows and y is self.y else None
        self.current_rows = self  # equal to no rows: if this step has no key, later steps have none either
        if step_key is None:
            return compute()
        result, cached = self.step_cache.get_or_compute((self.fold_key, self.rows_key, step_key), X, compute)
        self.rows_key = _make_key(result[0]) if cached is None else cached.rows_key
        if self.rows_key is not None:
            self.current_rows = result[0]
        self._wrap_transform(result[-1], cached)
        return result

    def _wrap_transform(self, fitted: Any, cached: "_CachedResult | None") -> None:
        if hasattr(fitted, "__dict__") and "transform" not in vars(fitted) and hasattr(fitted, "transform"):
            vars(fitted)["transform"] = _TransformReplacement(fitted, self, None if cached is None else cached.token)
            self.wrapped.append(fitted)

    def transform(self, compute: Callable[[Any], Any], token: object | None, X: Any) -> Any:
        """Transform rows, through the cache if other candidates transform the same rows."""
        if not any(X is one for one in (*self.known_rows, self.transformed)):
            return compute(X)
        # A scorer may have changed the rows, so the key is made from their present content.
        key = None if token is None else _make_key(X)
        if key is None:
            out = compute(X)
        else:
            (out,), _ = self.step_cache.get_or_compute((token, key), X, lambda: (compute(X),))
        self.transformed = out
        return out


class _TransformReplacement:
    """Replaces ``transform`` of a fitted transformer. A copy of it, such as a scorer may make, uses no cache."""

    def __init__(self, owner: Any, shared_steps: _MemoryReplacement | None = None, token: object | None = None) -> None:
        self.owner = owner
        self.shared_steps = shared_steps
        self.token = token
        self.state = dict(vars(owner))

    def __reduce__(self) -> tuple[Any, ...]:
        return _TransformReplacement, (self.owner,)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self.shared_steps is None or kwargs or len(args) != 1 or self._is_changed():
            return self._transform_unshared(*args, **kwargs)
        return self.shared_steps.transform(self._transform_unshared, self.token, args[0])

    def _is_changed(self) -> bool:
        """Whether an attribute of the transformer has been set since it was fitted."""
        now = {name: value for name, value in vars(self.owner).items() if value is not self}
        return now.keys() != self.state.keys() or any(now[name] is not self.state[name] for name in now)

    def _transform_unshared(self, *args: Any, **kwargs: Any) -> Any:
        attributes = vars(self.owner)
        attributes.pop("transform", None)
        try:
            return self.owner.transform(*args, **kwargs)
        finally:
            attributes["transform"] = self


# -- copies and keys ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _CachedResult:
    """A pickled result, from which copies are made.

    ``rows_key`` is the key of the first element of the result, and ``token`` identifies the computation.
    """

    pickled: bytes
    buffers: tuple[np.ndarray, ...]
    references: tuple[Any, ...]
    nbytes: int
    rows_key: Hashable
    token: object = field(default_factory=object)

    @classmethod
    def make(cls, result: Any, limit: int) -> "_CachedResult":
        """Copy a result, or raise ValueError if it takes more bytes than the limit."""
        file, views = BytesIO(), []
        pickler = _CopyPickler(file, protocol=5, buffer_callback=lambda buffer: views.append(buffer.raw()))
        pickler.dump(result)
        nbytes = file.getbuffer().nbytes + sum(view.nbytes for view in views)
        if nbytes > limit:
            raise ValueError(f"{nbytes} bytes are more than the limit of {limit}")
        buffers = tuple(np.array(view) for view in views)
        return cls(file.getvalue(), buffers, tuple(pickler.references), nbytes, _make_key(result[0]))

    def copy(self) -> Any:
        """Make a copy that shares no memory with any other."""
        unpickler = _CopyUnpickler(BytesIO(self.pickled), buffers=[buffer.copy() for buffer in self.buffers])
        unpickler.references = self.references
        return unpickler.load()


class _StridePreservingPickler(pickle.Pickler):
    """Preserves the strides of arrays that are views: values computed with other strides may differ slightly."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.references: list[Any] = []

    def reducer_override(self, obj: Any) -> Any:
        """Pickle such an array as values and strides."""
        if type(obj) is not np.ndarray or obj.flags.forc or obj.dtype.hasobject:
            return NotImplemented
        return _make_strided_array, (np.ascontiguousarray(obj), obj.strides, obj.flags.writeable)


def _make_strided_array(values: np.ndarray, strides: tuple[int, ...], writeable: bool) -> np.ndarray:
    spans = [stride * (length - 1) for stride, length in zip(strides, values.shape, strict=True)]
    below = -sum(span for span in spans if span < 0)
    memory = np.empty(below + sum(span for span in spans if span > 0) + values.itemsize, dtype=np.uint8)
    array: np.ndarray = np.ndarray(values.shape, values.dtype, memory.data, below, strides)
    array[...] = values
    array.flags.writeable = writeable
    return array


class _CopyPickler(_StridePreservingPickler):
    """Pickles for use in this process: functions, classes and modules are kept as references."""

    def persistent_id(self, obj: Any) -> int | None:
        """Return the index of the reference to an object, or None if the object is to be pickled."""
        if not isinstance(obj, BY_REFERENCE):
            return None
        self.references.append(obj)
        return len(self.references) - 1


class _CopyUnpickler(pickle.Unpickler):
    references: tuple[Any, ...] = ()

    def persistent_load(self, index: int) -> Any:
        """Return the referenced object."""
        return self.references[index]


class _KeyPickler(_StridePreservingPickler):
    """Pickles for hashing only, like `_CopyPickler` but faster for many small objects."""

    def reducer_override(self, obj: Any) -> Any:
        """Pickle the index of the reference to an object."""
        if not isinstance(obj, BY_REFERENCE):
            return super().reducer_override(obj)
        self.references.append(obj)
        return id, (len(self.references),)


def _make_key(value: Any) -> Hashable:
    """Return a key that is equal only for objects that behave in the same way, or None if no key can be made.

    The key holds references to functions and classes. So they live as long as the key, and their ids are not reused.
    """
    if issparse(value):  # the first use of some attributes sets flags, such as has_sorted_indices
        value = type(value), {name: part for name, part in vars(value).items() if "has_" not in name}
    digest = blake2b(digest_size=16)
    file = SimpleNamespace(write=digest.update)
    pickler = _KeyPickler(file, protocol=5, buffer_callback=lambda buffer: digest.update(buffer.raw()))
    try:
        pickler.dump(value)
    except Exception:  # any __reduce__ may raise anything
        return None
    return digest.digest(), *pickler.references


def _shares_memory(result: Any, X: Any) -> bool:
    both_arrays = isinstance(result, np.ndarray) and isinstance(X, np.ndarray)
    return result is X or (both_arrays and np.may_share_memory(result, X))
