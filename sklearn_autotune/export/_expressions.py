"""Write values as Python code: numbers, containers, arrays, functions, estimators that are not fitted."""

import builtins
import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, is_dataclass
from enum import Enum
from functools import partial
from importlib import import_module
from typing import Any, TypeAlias

import numpy as np
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import BaseCrossValidator, BaseShuffleSplit
from sklearn.utils import get_tags

from sklearn_autotune._compat.sklearn import get_set_output
from sklearn_autotune._compat.types import Estimator
from sklearn_autotune.export._source import PACKAGE, Expression, SourceCollector
from sklearn_autotune.export._values import find_call, find_public_value, is_same

__all__ = ["STORE_THE_MODEL", "ExpressionWriter"]

# Built-in types that are written as literals, and NumPy's types that can be converted to one of them without loss.
LITERAL_TYPES = (bool, int, str, bytes, type(None), type(...))
NUMPY_TYPES_AS_PYTHON = (np.bool_, np.integer, np.float64, np.str_)

PythonContainer: TypeAlias = list[Any] | tuple[Any, ...] | dict[Any, Any] | set[Any] | frozenset[Any] | slice | range
CONTAINERS = (list, tuple, dict, set, frozenset, slice, range)

# Names that the script itself defines, and names that need no import.
TAKEN_NAMES = frozenset(
    ("COLUMNS", "X", "argparse", "fit", "main", "make_model", "np", "pd", "predict", "transform", "y", *dir(builtins))
)

STORE_THE_MODEL = (
    "Store the fitted model itself with joblib.dump; for a search, store deployed_model() or best_estimator_."
)
UFUNC_MODULES = ("numpy", "scipy.special")  # universal functions may not know their module
_MISSING = object()
_ADVICE = (
    "Use numbers, strings, lists, arrays, scikit-learn's objects, or functions and classes that can be imported from a "
    "module."
)


@dataclass
class ExpressionWriter:
    """Writes values as expressions, and collects the imports and definitions that they need.

    Parameters
    ----------
    is_checked : bool, default=False
        Whether the predictions of what is written will be compared with those of the fitted estimator.
    is_weighted : bool, default=False
        Whether the script has to take the weights of rows.

    Attributes
    ----------
    imports : set of str
        Import statements.
    sources : SourceCollector
    unseeded : list of str
        Names of estimators and splitters whose ``random_state`` is None.
    """

    is_checked: bool = False
    is_weighted: bool = False
    imports: set[str] = field(default_factory=set)
    sources: SourceCollector = field(default_factory=SourceCollector)
    unseeded: list[str] = field(default_factory=list)
    _imported_modules: dict[str, str] = field(default_factory=dict)

    def write(self, value: Any, where: str) -> Expression | str:
        """Return an expression that gives an equal value of the same type.

        Integers, float64, booleans and strings of NumPy become those of Python.

        Parameters
        ----------
        value : object
        where : str
            A name for the value, for the error.

        Returns
        -------
        expression : Expression or str

        Raises
        ------
        ValueError
            If the value cannot be written: a lambda, a fitted model, or an object whose constructor call is not known.
        """
        if isinstance(value, NUMPY_TYPES_AS_PYTHON) and not isinstance(value, np.timedelta64):
            value = value.item()
        if type(value) is float:
            return repr(value) if np.isfinite(value) else f'float("{value}")'
        if type(value) in LITERAL_TYPES:
            return _write_literal(value)
        if isinstance(value, type) or (callable(value) and hasattr(value, "__name__")):
            return self.resolve_name(value, where)
        if type(value) is partial:
            named = [(f"{name}=", self._write_kept(part, where)) for name, part in value.keywords.items()]
            positional = [("", self._write_kept(part, where)) for part in (value.func, *value.args)]
            return Expression(f"{self.resolve_name(partial, where)}(", (*positional, *named), ")")
        if type(value) in CONTAINERS:
            return self._write_container(value, where)
        if isinstance(value, np.ndarray | np.generic | np.dtype):
            return self._write_numpy(value, where)
        if hasattr(value, "get_params"):
            return self.write_estimator(value, where)
        return self._write_object(value, where)

    def write_estimator(
        self, estimator: Estimator, where: str, written: Mapping[str, Expression | str] | None = None
    ) -> Expression | str:
        """Return the constructor call of an estimator, with the parameters that differ from the defaults.

        Parameters
        ----------
        estimator : estimator
            Its fitted attributes are not written.
        where : str
        written : mapping of str to Expression or str, default=None
            Parameters that are already written.

        Returns
        -------
        expression : Expression or str

        Raises
        ------
        ValueError
            If a parameter cannot be written, or if the estimator predicts with a model that its ``fit`` does not fit.
        """
        params = estimator.get_params(deep=False)
        _refuse_fitted_before(estimator, params, where)
        if "random_state" in params and params["random_state"] is None:
            self.unseeded.append(type(estimator).__name__)
        changed_params = self.find_changed_params(estimator, params)
        call = self.write_call(type(estimator), changed_params | dict(written or {}), where)
        settings = get_set_output(estimator)
        if not settings:
            return call
        arguments = ", ".join(f"{name}={_write_literal(value)}" for name, value in settings.items())
        return Expression(call.opening, call.parts, f"{call.closing}.set_output({arguments})")

    def write_call(self, kind: Callable[..., object], params: Mapping[str, Any], where: str) -> Expression:
        """Return a call with parameters by name; values that are Expressions are used as they are."""
        parts = [
            (f"{name}=", value if isinstance(value, Expression) else self.write(value, f"{where}.{name}"))
            for name, value in params.items()
        ]
        return Expression(f"{self.resolve_name(kind, where)}(", tuple(parts), ")")

    def find_changed_params(self, estimator: Estimator, params: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parameters that differ from their defaults, in the order of the signature."""
        signature = _get_signature(type(estimator))
        order = [name for name in signature if name in params] + [name for name in params if name not in signature]
        return {
            name: params[name]
            for name in order
            if not (_is_default(params[name], signature[name].default) if name in signature else params[name] is None)
        }

    def resolve_name(self, thing: Callable[..., object], where: str) -> str:
        """Return the name of a class or function in the script, and add its import or definition.

        Raises
        ------
        ValueError
            If it cannot be imported by a name.
        """
        module, name = find_public_value(thing) or _find_public_name(thing, where)
        if module.partition(".")[0] == PACKAGE:
            return self.sources.add_definition(module, name)
        return name if module == "builtins" else self._import_name(module, name)

    def _import_name(self, module: str, name: str) -> str:
        """Add the import of a name, and return the name that it has in the script."""
        top = name.partition(".")[0]
        alias = top if self._imported_modules.setdefault(top, module) == module and top not in TAKEN_NAMES else ""
        alias = alias or f"{module.replace('.', '_')}_{top}"
        self.imports.add(f"from {module} import {top}" + (f" as {alias}" if alias != top else ""))
        return alias + name[len(top) :]

    # -- kinds of values -----------------------------------------------------------------------------------------------

    def _write_kept(self, value: Any, where: str) -> Expression | str:
        """Write a value that is not fitted again; raise ValueError if it contains a fitted model."""
        _refuse_fitted_inside(value, where)
        return self.write(value, where)

    def _write_container(self, value: PythonContainer, where: str) -> Expression:
        if isinstance(value, dict):
            parts = [
                (f"{_render_flat(self.write(key, where))}: ", self._write_kept(item, f"{where}[{key!r}]"))
                for key, item in value.items()
            ]
            return Expression("{", tuple(parts), "}")
        if isinstance(value, slice | range):
            ends = (value.start, value.stop, value.step)
            return Expression(f"{type(value).__name__}(", self._write_items(ends, where), ")")
        items: Iterable[Any] = value if isinstance(value, list | tuple) else sorted(value, key=repr)
        if isinstance(value, list):
            return Expression("[", self._write_items(items, where), "]")
        if isinstance(value, tuple):
            return Expression("(", self._write_items(items, where), ")", needs_comma=len(value) == 1)
        if value and isinstance(value, set):
            return Expression("{", self._write_items(items, where), "}")
        return Expression(f"{type(value).__name__}([", self._write_items(items, where), "])")

    def _write_items(self, items: Iterable[Any], where: str) -> tuple[tuple[str, Expression | str], ...]:
        return tuple(("", self.write(item, f"{where}[{place}]")) for place, item in enumerate(items))

    def _write_numpy(self, value: np.ndarray | np.generic | np.dtype, where: str) -> Expression | str:
        refusal = ValueError(f"{where} is {_shorten_repr(value)}, which cannot be written as code. {_ADVICE}")
        self.imports.add("import numpy as np")
        if isinstance(value, np.dtype):
            return f"np.dtype({self._write_dtype(value, refusal)})"
        if value.dtype.kind not in "biufcUSOmM" or value.dtype in (np.longdouble, np.clongdouble):
            raise refusal
        dtype = self._write_dtype(value.dtype, refusal)
        if isinstance(value, np.generic):
            content = value.astype(np.int64).item() if value.dtype.kind in "mM" else value.item()
            return Expression("np.array(", (("", self.write(content, where)), ("dtype=", dtype)), ")[()]")
        if type(value) not in (np.ndarray, np.memmap):
            raise refusal
        items = value.astype(np.int64).tolist() if value.dtype.kind in "mM" else value.tolist()
        shape = "" if value.size else f".reshape({value.shape})"
        # In an array of objects, lists become rows.
        if value.size and np.array(items, dtype=value.dtype).shape != value.shape:
            raise refusal
        return Expression("np.array(", (("", self._write_kept(items, where)), ("dtype=", dtype)), f"){shape}")

    def _write_dtype(self, dtype: np.dtype, refusal: ValueError) -> str:
        if dtype.kind == "O":
            return "object"
        if np.dtype(dtype.str) != dtype:
            raise refusal
        return repr(dtype.str)

    def _write_object(self, value: Any, where: str) -> Expression | str:
        """Write an object that is not an estimator: by its name, its attributes, or a call that creates it."""
        public = find_public_value(value)
        if public is not None:
            return self._import_name(*public)
        kind = type(value)
        if isinstance(value, Enum):
            names = [name for name, member in kind.__members__.items() if member is value]
            if names:
                return f"{self.resolve_name(kind, where)}.{names[0]}"
        call = find_call(value)
        if call is not None:
            parts = [("", self._write_kept(part, where)) for part in call.args]
            parts += [(f"{name}=", self._write_kept(part, f"{where}.{name}")) for name, part in call.kwargs.items()]
            return Expression(f"{self.resolve_name(call.function, where)}(", tuple(parts), ")")
        is_splitter = isinstance(value, BaseCrossValidator | BaseShuffleSplit)
        if is_splitter or is_dataclass(value) or kind.__module__.partition(".")[0] == "sklearn":
            return self._write_from_attributes(value, where)
        raise ValueError(f"{where} is {_shorten_repr(value)}, which cannot be written as code. {_ADVICE}")

    def _write_from_attributes(self, value: Any, where: str) -> Expression:
        """Write an object that stores each parameter in an attribute of the same name: a splitter or a dataclass."""
        kind = type(value)
        names = [name for name in inspect.signature(kind).parameters if name != "kwargs"]
        # RepeatedKFold and similar splitters keep the parameters of the splitter that they repeat in one attribute.
        repeated = getattr(value, "cvargs", {})
        stored = {name: getattr(value, name, repeated.get(name, _MISSING)) for name in names}
        missing = [name for name, part in stored.items() if part is _MISSING]
        if missing or not _is_made_by(value, stored):
            lacking = f"whose {missing} cannot be told" if missing else "whose constructor call cannot be told"
            raise ValueError(f"{where} is {_shorten_repr(value)}, {lacking}. {_ADVICE}")
        if stored.get("random_state", 0) is None and stored.get("shuffle", True):
            self.unseeded.append(kind.__name__)
        parts = [(f"{name}=", self._write_kept(part, f"{where}.{name}")) for name, part in stored.items()]
        return Expression(f"{self.resolve_name(kind, where)}(", tuple(parts), ")")


# -- what is refused ---------------------------------------------------------------------------------------------------


def _refuse_fitted_before(estimator: object, params: Mapping[str, Any], where: str) -> None:
    """Raise ValueError for an estimator that predicts with a model that was fitted before its own ``fit``."""
    cv, prefit = params.get("cv"), params.get("prefit")
    if isinstance(estimator, FrozenEstimator):
        reason = f"{where} is a FrozenEstimator"
    elif isinstance(cv, str) and cv == "prefit":
        reason = f'{where} is a {type(estimator).__name__} with cv="prefit"'
    elif prefit is True:
        reason = f"{where} is a {type(estimator).__name__} with prefit=True"
    else:
        return
    raise ValueError(f"{reason}. A script fits every model again, and cannot contain a fitted model. {STORE_THE_MODEL}")


def _refuse_fitted_inside(value: Any, where: str) -> None:
    """Raise ValueError if a value is or contains a fitted estimator."""
    if isinstance(value, type):
        return
    if hasattr(value, "get_params"):
        if _is_fitted(value):
            raise ValueError(
                f"{where} is a fitted {type(value).__name__} that nothing fits again. A script cannot contain a fitted "
                f"model. {STORE_THE_MODEL}"
            )
        _refuse_fitted_inside(value.get_params(deep=False), where)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            _refuse_fitted_inside(item, f"{where}[{key!r}]")
    elif isinstance(value, list | tuple | set | frozenset):
        for place, item in enumerate(value):
            _refuse_fitted_inside(item, f"{where}[{place}]")


def _is_fitted(estimator: Any) -> bool:
    if [name for name in getattr(estimator, "__dict__", {}) if name.endswith("_") and not name.startswith("__")]:
        return True
    knows_itself = hasattr(estimator, "__sklearn_is_fitted__") and get_tags(estimator).requires_fit
    return bool(knows_itself and estimator.__sklearn_is_fitted__())


def _is_made_by(value: object, params: Mapping[str, Any]) -> bool:
    """Whether the constructor with these parameters creates an object with the same attributes."""
    try:
        return is_same(type(value)(**params), value)
    except Exception:
        return False


# -- names and defaults ------------------------------------------------------------------------------------------------


def _find_public_name(thing: Callable[..., object], where: str) -> tuple[str, str]:
    """Return the public module of a class or function, and its name there."""
    owner = getattr(thing, "__objclass__", None)  # the class, for methods of built-in classes
    module = str(getattr(thing, "__module__", None) or getattr(owner, "__module__", None) or "builtins")
    name = str(getattr(thing, "__qualname__", None) or getattr(thing, "__name__", ""))
    if "<" in name:
        kind = "a lambda" if "<lambda>" in name else "defined inside a function"
        raise ValueError(f"{where} is {name!r}, {kind}, and cannot be imported by a script. Define it in a module.")
    if module == "__main__":
        raise ValueError(f"{where} is {name!r}, which was defined in a session or script. Move it to a module.")
    parts = module.split(".")
    public = [".".join(parts[:n]) for n in range(1, len(parts) + 1)]
    others = UFUNC_MODULES if isinstance(thing, np.ufunc) else ()
    for candidate in (*(found for found in public if "._" not in f".{found}"), module, *others):
        if _get_attribute(candidate, name) is thing:
            return candidate, name
    raise ValueError(
        f"{where} is {_shorten_repr(thing)}, which cannot be imported as {module}.{name}. Define it in a module."
    )


def _get_attribute(module: str, name: str) -> Any:
    found: Any = import_module(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return found


def _is_default(value: Any, default: Any) -> bool:
    """Whether a parameter is equal to its default. 1 and True are not equal, and neither are 0.0 and -0.0."""
    return value is default or (isinstance(value, (float, list, tuple, *LITERAL_TYPES)) and is_same(value, default))


def _get_signature(kind: type) -> dict[str, inspect.Parameter]:
    """Return the parameters of a constructor, and of the base constructors to which it passes ``**kwargs``."""
    found: dict[str, inspect.Parameter] = {}
    for ancestor in kind.__mro__:
        if "__init__" in vars(ancestor) and ancestor is not object:
            found = dict(inspect.signature(ancestor.__init__).parameters) | found  # type: ignore[misc]
    return found


def _write_literal(value: object) -> str:
    text = repr(value)
    is_simple = isinstance(value, str) and text[0] == "'" and '"' not in text
    return f'"{text[1:-1]}"' if is_simple else text


def _render_flat(node: Expression | str) -> str:
    return node if isinstance(node, str) else node.write_flat()


def _shorten_repr(value: object) -> str:
    text = repr(value)
    return f"{text[:60]} of type {type(value).__name__}"
