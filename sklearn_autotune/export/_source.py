"""Write values as Python code: parameters, estimators, functions, and definitions that are copied from this package."""

import ast
import inspect
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, is_dataclass
from functools import partial
from importlib import import_module
from typing import Any, TypeAlias

import numpy as np

from sklearn_autotune._compat.types import Estimator

__all__ = ["Expression", "ExpressionWriter", "SourceCollector", "render"]

PACKAGE = __name__.partition(".")[0]
MAX_WIDTH = 110

# Python's own types, and NumPy's types that can be converted to one without loss.
PLAIN_TYPES = (bool, int, str, bytes, type(None), type(...))
NUMPY_TYPES_AS_PYTHON = (np.bool_, np.integer, np.float64, np.str_)

PythonContainer: TypeAlias = list[Any] | tuple[Any, ...] | dict[Any, Any] | set[Any] | frozenset[Any] | slice | range

# What the script itself defines.
SCRIPT_NAMES = ("COLUMNS", "X", "argparse", "fit", "main", "make_model", "pd", "predict", "y")


@dataclass(frozen=True, slots=True)
class Expression:
    """An expression with parts: opening text, parts with a prefix each (such as ``name=``), and closing text."""

    opening: str
    parts: tuple[tuple[str, "Expression | str"], ...]
    closing: str
    needs_comma: bool = False

    def write_flat(self) -> str:
        """Write it on one line."""
        inner = ", ".join(
            before + (part if isinstance(part, str) else part.write_flat()) for before, part in self.parts
        )
        return self.opening + inner + ("," if self.needs_comma else "") + self.closing


def render(node: Expression | str, indent: int = 0, before: int = 0) -> str:
    """Return an expression as code: on one line if it fits, else with one part a line.

    Parameters
    ----------
    node : Expression or str
    indent : int, default=0
        Spaces in front of the line on which it begins.
    before : int, default=0
        Characters that stand before it on that line, after the indent.

    Returns
    -------
    code : str

    Examples
    --------
    >>> print(render(Expression("f(", (("a=", "1"), ("b=", Expression("[", (("", "2"), ("", "3")), "]"))), ")")))
    f(a=1, b=[2, 3])
    """
    if isinstance(node, str):
        return node
    write_flat = node.write_flat()
    if indent + before + len(write_flat) < MAX_WIDTH or not node.parts:
        return write_flat
    pad = " " * (indent + 4)
    lines = [f"{pad}{name}{render(part, indent + 4, len(name))},\n" for name, part in node.parts]
    return f"{node.opening}\n{''.join(lines)}{' ' * indent}{node.closing}"


class SourceCollector:
    """Collects definitions of this package that are copied into a script, with all that they use and import.

    Attributes
    ----------
    definitions : list of str
        Source code, each after what it uses.
    imports : set of str
        Import statements that they need.
    """

    def __init__(self) -> None:
        self.definitions: list[str] = []
        self.imports: set[str] = set()
        self._module_of_name: dict[str, str] = {}

    def add_definition(self, module: str, name: str) -> str:
        """Add a definition and all that it uses, and return its name.

        Raises
        ------
        ValueError
            If a definition of that name has been added from another module.
        """
        if name in self._module_of_name:
            if self._module_of_name[name] != module:
                raise ValueError(
                    f"Both {module} and {self._module_of_name[name]} define {name}: a script can hold only one."
                )
            return name
        text = inspect.getsource(import_module(module))
        tree = ast.parse(text)
        statement = _find_imports(tree).get(name)
        if statement is not None:
            self._add_import(statement, name)
            return name
        self._module_of_name[name] = module
        definition = _find_definitions(tree)[name]
        self._add_used_definitions(definition, tree, module, name)
        self.definitions.append(_extract_source(text, definition))
        return name

    def _add_used_definitions(self, definition: ast.stmt, tree: ast.Module, module: str, own_name: str) -> None:
        defined, imported = _find_definitions(tree), _find_imports(tree)
        used = {node.id for node in ast.walk(definition) if isinstance(node, ast.Name)}
        for name in sorted(used - {own_name}):
            if name in defined:
                self.add_definition(module, name)
            elif name in imported:
                self._add_import(imported[name], name)

    def _add_import(self, statement: ast.Import | ast.ImportFrom, name: str) -> None:
        (alias,) = [alias for alias in statement.names if (alias.asname or alias.name) == name]
        renamed = f" as {alias.asname}" if alias.asname else ""
        if isinstance(statement, ast.Import):
            self.imports.add(f"import {alias.name}{renamed}")
        elif (statement.module or "").partition(".")[0] == PACKAGE:
            self.add_definition(statement.module or "", alias.name)
        else:
            self.imports.add(f"from {statement.module} import {alias.name}{renamed}")


def _find_definitions(tree: ast.Module) -> dict[str, ast.stmt]:
    defined: dict[str, ast.stmt] = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            defined[node.name] = node
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                defined |= {part.id: node for part in ast.walk(target) if isinstance(part, ast.Name)}
    return defined


def _find_imports(tree: ast.Module) -> dict[str, ast.Import | ast.ImportFrom]:
    statements = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    return {alias.asname or alias.name: node for node in statements for alias in node.names}


def _extract_source(text: str, definition: ast.stmt) -> str:
    """Return a definition's text, with its decorators."""
    decorators = getattr(definition, "decorator_list", [])
    first = min([definition.lineno, *(decorator.lineno for decorator in decorators)])
    return "\n".join(text.splitlines()[first - 1 : definition.end_lineno])


@dataclass
class ExpressionWriter:
    """Writes values as expressions, and collects the imports and definitions that they need.

    Attributes
    ----------
    imports : set of str
        Import statements.
    sources : SourceCollector
    unseeded : list of str
        Names of estimators whose ``random_state`` is None.
    """

    imports: set[str] = field(default_factory=set)
    sources: SourceCollector = field(default_factory=SourceCollector)
    unseeded: list[str] = field(default_factory=list)
    _imported_modules: dict[str, str] = field(default_factory=dict)

    def write(self, value: Any, where: str) -> Expression | str:
        """Return an expression that gives an equal value.

        Parameters
        ----------
        value : object
        where : str
            What it is, for the error.

        Returns
        -------
        expression : Expression or str

        Raises
        ------
        ValueError
            If it cannot be written: a lambda, a fitted model, an object whose constructor call cannot be found.
        """
        if isinstance(value, NUMPY_TYPES_AS_PYTHON):
            value = value.item()
        if isinstance(value, float):
            return self._write_float(value)
        if isinstance(value, PLAIN_TYPES):
            return _write_literal(value)
        if isinstance(value, type) or (callable(value) and hasattr(value, "__name__")):
            return self.resolve_name(value, where)
        if isinstance(value, partial):
            named = [(f"{name}=", self.write(part, where)) for name, part in value.keywords.items()]
            positional = [("", self.write(part, where)) for part in (value.func, *value.args)]
            return Expression(f"{self.resolve_name(partial, where)}(", (*positional, *named), ")")
        if isinstance(value, list | tuple | dict | set | frozenset | slice | range):
            return self._write_container(value, where)
        if isinstance(value, np.ndarray | np.generic | np.dtype):
            return self._write_numpy(value, where)
        if hasattr(value, "get_params"):
            return self.write_estimator(value, where)
        if type(value).__module__.partition(".")[0] == "sklearn" or is_dataclass(value):
            return self._write_from_attributes(value, where)
        raise ValueError(f"{where} is {_shorten_repr(value)}, which cannot be written as code. {_ADVICE}")

    def write_estimator(self, estimator: Estimator, where: str) -> Expression | str:
        """Return the constructor call with the parameters that differ from the defaults."""
        if type(estimator).__name__ == "FrozenEstimator":
            raise ValueError(f"{where} is a FrozenEstimator: a model that is fitted already is not written as code.")
        if "random_state" in (params := estimator.get_params(deep=False)) and params["random_state"] is None:
            self.unseeded.append(type(estimator).__name__)
        return self.write_call(type(estimator), self.find_changed_params(estimator, params), where)

    def write_call(self, kind: Callable[..., object], params: Mapping[str, Any], where: str) -> Expression:
        """Return a call with parameters by name; values that are Expressions are used as they are."""
        parts = [
            (f"{name}=", value if isinstance(value, Expression) else self.write(value, f"{where}.{name}"))
            for name, value in params.items()
        ]
        return Expression(f"{self.resolve_name(kind, where)}(", tuple(parts), ")")

    def find_changed_params(self, estimator: Estimator, params: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parameters that are not at their defaults, in the signature's order."""
        signature = _get_signature(type(estimator))
        order = [name for name in signature if name in params] + [name for name in params if name not in signature]
        return {
            name: params[name]
            for name in order
            if not (_is_equal(params[name], signature[name].default) if name in signature else params[name] is None)
        }

    def resolve_name(self, thing: Callable[..., object], where: str) -> str:
        """Return the name of a class or function in the script, and add its import or definition.

        Raises
        ------
        ValueError
            If it has no name that can be imported.
        """
        module, name = _find_public_name(thing, where)
        if module.partition(".")[0] == PACKAGE:
            return self.sources.add_definition(module, name)
        if module == "builtins":
            return name
        top = name.partition(".")[0]
        alias = top if self._imported_modules.setdefault(top, module) == module and top not in SCRIPT_NAMES else ""
        alias = alias or f"{module.replace('.', '_')}_{top}"
        self.imports.add(f"from {module} import {top}" + (f" as {alias}" if alias != top else ""))
        return alias + name[len(top) :]

    # -- kinds of values -----------------------------------------------------------------------------------------------

    def _write_float(self, value: float) -> str:
        return repr(value) if math.isfinite(value) else f'float("{value}")'

    def _write_container(self, value: PythonContainer, where: str) -> Expression:
        if isinstance(value, dict):
            keys = [(self.write(key, where), self.write(item, f"{where}[{key!r}]")) for key, item in value.items()]
            return Expression("{", tuple((f"{_render_flat(key)}: ", item) for key, item in keys), "}")
        if isinstance(value, slice | range):
            ends = (value.start, value.stop, value.step)
            return Expression(f"{type(value).__name__}(", self._write_items(ends, where), ")")
        items: Iterable[Any] = value if isinstance(value, list | tuple) else sorted(value, key=repr)
        if isinstance(value, list):
            return Expression("[", self._write_items(items, where), "]")
        if isinstance(value, tuple) and type(value) is not tuple:
            raise ValueError(f"{where} is a {type(value).__name__}, which cannot be written as code. {_ADVICE}")
        if isinstance(value, tuple):
            return Expression("(", self._write_items(items, where), ")", needs_comma=len(value) == 1)
        if value and isinstance(value, set):
            return Expression("{", self._write_items(items, where), "}")
        return Expression(f"{type(value).__name__}([", self._write_items(items, where), "])")

    def _write_items(self, items: Iterable[Any], where: str) -> tuple[tuple[str, Expression | str], ...]:
        return tuple(("", self.write(item, f"{where}[{place}]")) for place, item in enumerate(items))

    def _write_numpy(self, value: np.ndarray | np.generic | np.dtype, where: str) -> Expression | str:
        if isinstance(value, np.dtype):
            self.imports.add("import numpy as np")
            return f"np.dtype({value.str!r})"
        if value.dtype.kind not in "biufcUSO":
            raise ValueError(f"{where} is an array of {value.dtype}, which cannot be written as code. {_ADVICE}")
        self.imports.add("import numpy as np")
        dtype = "object" if value.dtype.kind == "O" else repr(value.dtype.str)
        if isinstance(value, np.generic):
            return f"np.dtype({dtype}).type({value.item()!r})"
        return Expression("np.array(", (("", self.write(value.tolist(), where)), ("dtype=", dtype)), ")")

    def _write_from_attributes(self, value: object, where: str) -> Expression:
        """Write a splitter, a selector of columns, a dataclass: what stores parameters under their own names."""
        names = [name for name in inspect.signature(type(value).__init__).parameters if name not in ("self", "kwargs")]
        missing = [name for name in names if not hasattr(value, name)]
        if missing:
            raise ValueError(f"{where} is {_shorten_repr(value)}, whose {missing} cannot be told. {_ADVICE}")
        return self.write_call(type(value), {name: getattr(value, name) for name in names}, where)


_ADVICE = (
    "Use numbers, strings, lists, arrays, scikit-learn's objects, or functions and classes that can be imported from a "
    "module."
)


def _find_public_name(thing: Callable[..., object], where: str) -> tuple[str, str]:
    """Return the public module of a class or function, and its name there."""
    module = getattr(thing, "__module__", None) or "numpy"
    name = getattr(thing, "__qualname__", None) or thing.__name__
    if "<" in name:
        kind = "a lambda" if "<lambda>" in name else "defined inside a function"
        raise ValueError(f"{where} is {name!r}, {kind}, and cannot be imported by a script. Define it in a module.")
    if module == "__main__":
        raise ValueError(f"{where} is {name!r}, which was defined in a session or script. Move it to a module.")
    parts = module.split(".")
    public = [".".join(parts[:n]) for n in range(1, len(parts) + 1)]
    for candidate in [found for found in public if "._" not in f".{found}"] + [module]:
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


def _is_equal(value: Any, default: Any) -> bool:
    """Whether a parameter is at its default; 1 and True are not the same."""
    if value is default:
        return True
    if type(value) is not type(default):
        return False
    if isinstance(value, float) and math.isnan(value) and math.isnan(default):
        return True
    if isinstance(value, list | tuple):
        return len(value) == len(default) and all(map(_is_equal, value, default))
    return isinstance(value, (float, *PLAIN_TYPES)) and value == default


def _get_signature(kind: type) -> dict[str, inspect.Parameter]:
    """Return the parameters of a constructor and of the base classes' constructors that it passes ``**kwargs`` to."""
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
