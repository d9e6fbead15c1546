"""Prefixes once: what the first steps of a pipeline give on a fold is computed once and lent to all candidates.

scikit-learn's ``Pipeline`` leaves the fit of each step but the last to its ``memory``. While a candidate is measured,
that is a loan of the store: it knows what the rows have gone through, and whether that has been computed before. Rows
and steps are named by their content, so that no name means two things; what is handed out is a copy to the last bit and
stride, so that nobody can spoil it for others.
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

# Copies refer to these and do not copy them: so what was defined in a function or a notebook can be copied too.
REFERRED = (type, FunctionType, ModuleType)

# What a pipeline tells the fit of a step for the sake of messages and callbacks alone.
MESSAGES = ("message_clsname", "message", "caller", "callback_ctx")


class StepCache:
    """Keeps what the first steps of pipelines gave, for all candidates that begin with the same steps.

    A result is found again by the fold, the steps so far with all their parameters, and the metadata they were given;
    scores are those of a search without it, to the last bit, with these exceptions and limits:

    - A step that draws random numbers without a ``random_state`` draws once per fold, not once per candidate.
    - Warnings and messages of a step are issued when it is computed, not when it is found; ``fit_time`` and
      ``score_time`` are those of the work that was done.
    - A step is computed again where it cannot be pickled, changes its input or returns it (``copy=False``), or gives
      more than the limit. Steps after it are found again if it gave the same.
    - Only the steps of the pipeline itself are shared: not those of a pipeline inside another estimator, not the last
      step, and nothing if the pipeline has a ``memory`` of its own or scikit-learn's callbacks watch it.

    Every process has a store of its own: pickled, it is empty. Threads may share one.

    Parameters
    ----------
    limit : int
        Bytes to keep; what was used least recently goes first. 0 turns sharing off.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> X, y = load_iris(return_X_y=True)
    >>> prefixes = StepCache()
    >>> for C in (0.1, 1.0):  # the scaler is fitted once
    ...     model = make_pipeline(StandardScaler(), LogisticRegression(C=C))
    ...     with prefixes.share_steps(model, "all rows", X, y):
    ...         print(f"{model.fit(X, y).score(X, y):.2f}")
    0.93
    0.97
    """

    def __init__(self, limit: int = 2**30) -> None:
        self.limit = limit
        self.nbytes = 0
        self._kept: OrderedDict[Hashable, _Kept] = OrderedDict()
        self._lock = Lock()

    def __reduce__(self) -> tuple[Any, ...]:
        return StepCache, (self.limit,)

    @contextmanager
    def share_steps(self, pipeline: Any, rows: Any, X: Any, y: Any, *others: Any) -> Iterator[None]:
        """Let an estimator share its first steps while it is fitted, once, and scored.

        Parameters
        ----------
        pipeline : estimator
            Not fitted, and the caller's own: its ``memory`` is set and unset. If it is no pipeline, nothing happens.
        rows : object
            Names the training rows, by its content: the same for two calls only if ``X`` and ``y`` hold the same. Of
            rows with numbers, the `Fold`.
        X, y : array-like
            The very objects that ``fit`` will be given.
        *others : array-like
            Further rows to be transformed, such as the test rows; the very objects again.
        """
        name = _name(rows) if self.limit > 0 and _can_share(pipeline) else None
        if name is None:
            yield
            return
        pipeline.memory = loan = _Loan(self, pipeline, name, X, y, others)
        try:
            yield
        finally:
            loan.end()

    def ask(self, key: Hashable, X: Any, compute: Callable[[], Any]) -> tuple[Any, "_Kept | None"]:
        """Return a copy of what is kept under a key; if nothing is, compute it from ``X``, and keep it if that is safe.

        Whatever ``compute`` raises is passed on, and nothing is kept.
        """
        kept = self._find(key)
        if kept is not None:
            return kept.copy(), kept
        before = _name(X)
        result = compute()
        # Whoever is given the copy would miss what else has been done to X, or may be done to it through the result.
        if before is None or _shares_memory(result[0], X) or _name(X) != before:
            return result, None
        try:
            kept = _Kept.of(result, self.limit)
            copy = kept.copy()
        except Exception:  # any __reduce__ may raise anything
            return result, None
        self._keep(key, kept)
        return copy, kept

    def _find(self, key: Hashable) -> "_Kept | None":
        with self._lock:
            kept = self._kept.get(key)
            if kept is not None:
                self._kept.move_to_end(key)
            return kept

    def _keep(self, key: Hashable, kept: "_Kept") -> None:
        with self._lock:
            replaced = self._kept.pop(key, None)  # another thread's
            self._kept[key] = kept
            self.nbytes += kept.nbytes - (0 if replaced is None else replaced.nbytes)
            while self.nbytes > self.limit:
                self.nbytes -= self._kept.popitem(last=False)[1].nbytes


def _can_share(estimator: Any) -> bool:
    return isinstance(estimator, Pipeline) and estimator.memory is None and not has_callbacks(estimator)


class _Loan:
    """Stands for a pipeline's ``memory`` during one fit; ``here`` are its rows as the last step left them."""

    location = None  # tells the pipeline that it need not clone its steps: it is a clone itself

    def __init__(
        self, store: StepCache, pipeline: Any, rows: Hashable, X: Any, y: Any, others: tuple[Any, ...]
    ) -> None:
        self.store = store
        self.pipeline = pipeline
        self.rows = rows
        self.y = y
        self.here: Any = X
        self.name: Hashable = "rows"
        self.seen = (X, *others)
        self.transformed: Any = self
        self.lent: list[Any] = []

    def cache(self, func: Any, **_: Any) -> Any:
        """Wrap the function that fits one step; the pipeline calls this once, at the beginning of its fit."""
        self.pipeline.memory = None  # nobody else need see it
        return partial(self._fit_step, func)

    def end(self) -> None:
        """Leave the pipeline and its steps as if they had never been shared."""
        self.pipeline.memory = None
        for transformer in self.lent:
            vars(transformer).pop("transform", None)

    def _fit_step(self, func: Any, transformer: Any, X: Any, y: Any, *args: Any, **kwargs: Any) -> Any:
        compute = partial(func, transformer, X, y, *args, **kwargs)
        told = {name: value for name, value in kwargs.items() if name not in MESSAGES}
        step = _name((transformer, args, told)) if X is self.here and y is self.y else None
        self.here = self  # nobody's rows: if this step cannot be named, the next ones cannot be either
        if step is None:
            return compute()
        result, kept = self.store.ask((self.rows, self.name, step), X, compute)
        self.name = _name(result[0]) if kept is None else kept.name
        if self.name is not None:
            self.here = result[0]
        self._remember_transforms(result[-1], kept)
        return result

    def _remember_transforms(self, fitted: Any, kept: "_Kept | None") -> None:
        if hasattr(fitted, "__dict__") and "transform" not in vars(fitted) and hasattr(fitted, "transform"):
            vars(fitted)["transform"] = _Transform(fitted, self, None if kept is None else kept.token)
            self.lent.append(fitted)

    def transform(self, compute: Callable[[Any], Any], token: object | None, X: Any) -> Any:
        """Transform rows, or find them transformed, if these are rows that other candidates will have too."""
        if not any(X is one for one in (*self.seen, self.transformed)):
            return compute(X)
        # A scorer may have changed them since, so they are looked up by what they are now.
        name = None if token is None else _name(X)
        if name is None:
            out = compute(X)
        else:
            (out,), _ = self.store.ask((token, name), X, lambda: (compute(X),))
        self.transformed = out
        return out


class _Transform:
    """Stands before the ``transform`` of a fitted transformer; a copy, as a scorer may make, is the plain method."""

    def __init__(self, owner: Any, loan: _Loan | None = None, token: object | None = None) -> None:
        self.owner = owner
        self.loan = loan
        self.token = token
        self.state = dict(vars(owner))

    def __reduce__(self) -> tuple[Any, ...]:
        return _Transform, (self.owner,)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self.loan is None or kwargs or len(args) != 1 or self._is_changed():
            return self._plain(*args, **kwargs)
        return self.loan.transform(self._plain, self.token, args[0])

    def _is_changed(self) -> bool:
        """Whether an attribute of the transformer has been set since it was fitted."""
        now = {name: value for name, value in vars(self.owner).items() if value is not self}
        return now.keys() != self.state.keys() or any(now[name] is not self.state[name] for name in now)

    def _plain(self, *args: Any, **kwargs: Any) -> Any:
        attributes = vars(self.owner)
        attributes.pop("transform", None)
        try:
            return self.owner.transform(*args, **kwargs)
        finally:
            attributes["transform"] = self


# -- copies and names --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Kept:
    """A result to make copies of; ``name`` is that of its first part, and ``token`` stands for this one computation."""

    pickled: bytes
    buffers: tuple[np.ndarray, ...]
    references: tuple[Any, ...]
    nbytes: int
    name: Hashable
    token: object = field(default_factory=object)

    @classmethod
    def of(cls, result: Any, limit: int) -> "_Kept":
        """Copy a result; ValueError if that takes more bytes than the limit."""
        file, views = BytesIO(), []
        pickler = _Packer(file, protocol=5, buffer_callback=lambda buffer: views.append(buffer.raw()))
        pickler.dump(result)
        nbytes = file.getbuffer().nbytes + sum(view.nbytes for view in views)
        if nbytes > limit:
            raise ValueError(f"{nbytes} bytes are more than the limit of {limit}")
        buffers = tuple(np.array(view) for view in views)
        return cls(file.getvalue(), buffers, tuple(pickler.references), nbytes, _name(result[0]))

    def copy(self) -> Any:
        """Make a copy that shares no memory with any other."""
        unpickler = _Unpacker(BytesIO(self.pickled), buffers=[buffer.copy() for buffer in self.buffers])
        unpickler.references = self.references
        return unpickler.load()


class _StridePickler(pickle.Pickler):
    """Keeps the strides of an array that is a part of another: what is computed from it may differ in the last bit."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.references: list[Any] = []

    def reducer_override(self, obj: Any) -> Any:
        """Pickle such an array as its values and its strides."""
        if type(obj) is not np.ndarray or obj.flags.forc or obj.dtype.hasobject:
            return NotImplemented
        return _with_strides, (np.ascontiguousarray(obj), obj.strides, obj.flags.writeable)


def _with_strides(values: np.ndarray, strides: tuple[int, ...], writeable: bool) -> np.ndarray:
    spans = [stride * (length - 1) for stride, length in zip(strides, values.shape, strict=True)]
    below = -sum(span for span in spans if span < 0)
    memory = np.empty(below + sum(span for span in spans if span > 0) + values.itemsize, dtype=np.uint8)
    array: np.ndarray = np.ndarray(values.shape, values.dtype, memory.data, below, strides)
    array[...] = values
    array.flags.writeable = writeable
    return array


class _Packer(_StridePickler):
    """Pickles for this process: functions, classes and modules are referred to."""

    def persistent_id(self, obj: Any) -> int | None:
        """Return the place of what is referred to."""
        if not isinstance(obj, REFERRED):
            return None
        self.references.append(obj)
        return len(self.references) - 1


class _Unpacker(pickle.Unpickler):
    references: tuple[Any, ...] = ()

    def persistent_load(self, place: int) -> Any:
        """Return what is referred to."""
        return self.references[place]


class _Namer(_StridePickler):
    """Pickles what is never to be read again; as `_Packer`, but quicker where there are many small objects."""

    def reducer_override(self, obj: Any) -> Any:
        """Put the place of what is referred to."""
        if not isinstance(obj, REFERRED):
            return super().reducer_override(obj)
        self.references.append(obj)
        return id, (len(self.references),)


def _name(value: Any) -> Hashable:
    """Return a name that only what acts the same has too, or None if there is none.

    Functions and classes are part of the name: they live as long as it does, so that their place is not taken.
    """
    if issparse(value):  # whether its indices are sorted is found out, and noted on it, by whoever looks first
        value = type(value), {name: part for name, part in vars(value).items() if "has_" not in name}
    digest = blake2b(digest_size=16)
    file = SimpleNamespace(write=digest.update)
    pickler = _Namer(file, protocol=5, buffer_callback=lambda buffer: digest.update(buffer.raw()))
    try:
        pickler.dump(value)
    except Exception:  # any __reduce__ may raise anything
        return None
    return digest.digest(), *pickler.references


def _shares_memory(result: Any, X: Any) -> bool:
    both_arrays = isinstance(result, np.ndarray) and isinstance(X, np.ndarray)
    return result is X or (both_arrays and np.may_share_memory(result, X))
