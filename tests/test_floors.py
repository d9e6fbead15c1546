"""Rules for imports and sizes in the package. A room is a folder, or a single file at the top level.

A room imports only from rooms below it in ``ROOMS``, and the private names of another package are imported in one
module only. The tests read the imports from the source code, also inside functions.
"""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import sklearn_autotune

ROOT = Path(sklearn_autotune.__file__).parent
PACKAGE = ROOT.name

# A room imports only from rooms that are below it in this list.
ROOMS = (
    "__main__",
    "__init__",
    "cli",
    "runner",
    "tracking",
    "report",
    "export",
    "plotting",
    "selection",
    "boosting",
    "analysis",
    "search",
    "statistics",
    "progress",
    "proposals",
    "storage",
    "execution",
    "pruning",
    "evaluation",
    "objectives",
    "space",
    "families",
    "tables",
    "inference",
    "samplers",
    "_compat",
    "exceptions",
)

# Rooms with one file for each family or display, which may have many files.
ROLLS = {"families", "plotting"}

MAX_FILES = 14  # of a room, without its __init__
MAX_TOP_LEVEL_FILES = 8
MAX_ROOMS = 27  # folders and files of the top level together
MAX_LINES = 500  # of a file
MAX_BODY_LINES = 60  # of a function, without signature and docstring

# Packages whose private names must not be used, and the only module that may use them ("door"); None for no module.
DOORS = {
    "sklearn": "_compat/sklearn.py",
    "optuna": "_compat/optuna.py",
    "xgboost": None,
    "joblib": None,
    "loky": None,
    "distributed": None,
    "skl2onnx": "_compat/optional.py",
}

HEAVY = ("xgboost", "matplotlib", "plotly", "mlflow", "dask", "distributed", "rustuna")

# Names of the standard library that look private but are documented.
PUBLIC_IN_SPITE_OF_ITS_NAME = {"os._exit"}


@dataclass(frozen=True)
class Use:
    """A dotted name that a module imports, or an attribute of an imported name."""

    name: str
    line: int


@cache
def files():
    return sorted(path for path in ROOT.rglob("*.py") if "__pycache__" not in path.parts)


def show(path):
    return path.relative_to(ROOT).as_posix()


@cache
def read(path):
    return path.read_text(encoding="utf-8")


def room_of(path):
    """Return the room of a file: its top-level folder in the package, or its own name at the top level."""
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def module_of(path):
    """Return the dotted name of a module."""
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def uses(source):
    """Return all dotted names that a source imports (``a.b`` for ``from a import b``), and their attributes.

    A text that is passed to a function with "import" in its name is an import too.
    """
    tree = ast.parse(source)
    local_names, found = {}, []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                found.append(Use(alias.name, node.lineno))
                top = alias.name.partition(".")[0]
                local_names[alias.asname or top] = alias.name if alias.asname else top
        elif isinstance(node, ast.ImportFrom):
            origin = "." * node.level + (node.module or "")
            for alias in node.names:
                found.append(Use(f"{origin}.{alias.name}", node.lineno))
                local_names[alias.asname or alias.name] = f"{origin}.{alias.name}"
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            parts, inner = split_attributes(node)
            if isinstance(inner, ast.Name) and inner.id in local_names:
                found.append(Use(".".join([local_names[inner.id], *reversed(parts)]), node.lineno))
        elif isinstance(node, ast.Call) and is_named_import(node.func):
            texts = [one.value for one in node.args if isinstance(one, ast.Constant) and isinstance(one.value, str)]
            found += [Use(text, node.lineno) for text in texts if re.fullmatch(r"\w+(\.\w+)*", text)]
    return found


def split_attributes(node):
    """Return the attributes of a dotted name, the last one first, and what they are attributes of."""
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return parts, node


def is_named_import(function):
    parts, inner = split_attributes(function)
    return any("import" in part for part in [*parts, getattr(inner, "id", "")])


def imported_rooms(source, home):
    """Return the other rooms from which a source in the room ``home`` imports."""
    rooms = set()
    for use in uses(source):
        parts = use.name.split(".")
        if parts[0] == PACKAGE:
            room = parts[1] if len(parts) > 1 and parts[1] in ROOMS else "__init__"
            rooms |= {room} - {home}
    return rooms


def misplaced(source, home):
    """Return the imported rooms that are not below ``home``."""
    return {room for room in imported_rooms(source, home) if ROOMS.index(room) < ROOMS.index(home)}


def imported_modules(path):
    """Return the modules of this package that a module imports."""
    known = {module_of(other) for other in files()}
    names = {use.name for use in uses(read(path))}
    found = {name if name in known else name.rpartition(".")[0] for name in names} & known
    return found - {module_of(path)}


def private_uses(source, package):
    """Return the private names of another package that a source uses."""
    return [
        f"line {use.line}: {use.name}"
        for use in uses(source)
        if use.name.split(".")[0] == package and any(is_private(part) for part in use.name.split("."))
    ]


def is_private(part):
    return part.startswith("_") and not (part.startswith("__") and part.endswith("__"))


def private_attributes(source):
    """Return the private attributes that a source reads but does not define."""
    tree = ast.parse(source)
    own = set(defined_names(tree))
    return [
        f"line {node.lineno}: {ast.unparse(node)}"
        for node, owner, name in read_attributes(tree)
        # An attribute of the object itself may be defined by its base class.
        if is_private(name)
        and name not in own
        and ast.unparse(owner) not in ("self", "cls")
        and ast.unparse(node) not in PUBLIC_IN_SPITE_OF_ITS_NAME
    ]


def read_attributes(tree):
    """Yield the attributes that are read by a dot, ``getattr`` or ``hasattr``, as node, owner and name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            yield node, node.value, node.attr
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("getattr", "hasattr"):
            owner, name = node.args[:2]
            if isinstance(name, ast.Constant):
                yield node, owner, name.value


def defined_names(tree) -> Iterator[str]:
    """Yield the functions, classes, variables and attributes that a source defines."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.alias):
            yield (node.asname or node.name).split(".")[0]


def count_body_lines(function):
    """Return the number of lines of a function without its signature and docstring."""
    body = function.body
    has_docstring = isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant)
    if has_docstring and len(body) > 1:
        body = body[1:]
    return function.end_lineno - body[0].lineno + 1


# -- the package ---------------------------------------------------------------------------------------------------


def test_rooms_exist_and_every_file_belongs_to_one():
    assert {room_of(path) for path in files()} == set(ROOMS)
    assert all((ROOT / room / "__init__.py").exists() for room in ROOMS if (ROOT / room).is_dir())


def test_there_are_few_rooms_and_none_has_too_many_files():
    top_level = [path for path in files() if path.parent == ROOT]
    crowded = {
        room: len(list((ROOT / room).glob("[!_]*.py")) + list((ROOT / room).glob("_[!_]*.py")))
        for room in ROOMS
        if room not in ROLLS
    }

    assert len(top_level) <= MAX_TOP_LEVEL_FILES
    assert len(ROOMS) <= MAX_ROOMS
    assert not {room: n_files for room, n_files in crowded.items() if n_files > MAX_FILES}


def test_files_and_functions_are_short():
    long_files = {show(path) for path in files() if len(read(path).splitlines()) > MAX_LINES}
    long_functions = {
        f"{show(path)}:{node.name}"
        for path in files()
        for node in ast.walk(ast.parse(read(path)))
        if isinstance(node, ast.FunctionDef) and count_body_lines(node) > MAX_BODY_LINES
    }

    assert not long_files
    assert not long_functions


def test_a_room_imports_only_from_rooms_below_it():
    found = {show(path): misplaced(read(path), room_of(path)) for path in files()}

    assert not {name: rooms for name, rooms in found.items() if rooms}


def test_there_is_no_import_cycle():
    graph = {module_of(path): imported_modules(path) for path in files()}

    assert set(TopologicalSorter(graph).static_order()) == set(graph)  # a CycleError names the cycle


@pytest.mark.parametrize("package", DOORS)
def test_private_names_of_another_package_are_imported_in_one_module_only(package):
    found = {show(path): private_uses(read(path), package) for path in files() if show(path) != DOORS[package]}

    assert not {name: lines for name, lines in found.items() if lines}


def test_private_attributes_of_other_objects_are_read_only_in_compat():
    found = {show(path): private_attributes(read(path)) for path in files() if room_of(path) != "_compat"}

    assert not {name: lines for name, lines in found.items() if lines}


def test_imports_are_absolute():
    assert not [show(path) for path in files() if any(use.name.startswith(".") for use in uses(read(path)))]


def test_measuring_a_candidate_never_needs_optuna():
    evaluation = [path for path in files() if room_of(path) == "evaluation"]

    assert evaluation
    assert not [
        show(path) for path in evaluation if any(use.name.split(".")[0] == "optuna" for use in uses(read(path)))
    ]


def test_inference_imports_nothing_but_compat():
    found = {show(path): imported_rooms(read(path), "inference") for path in files() if room_of(path) == "inference"}

    assert found
    assert set().union(*found.values()) <= {"_compat"}


def test_the_checks_find_the_private_names_in_compat():
    # If the checks overlooked these imports, the tests above would pass without checking anything.
    door = ROOT / DOORS["sklearn"]

    assert len(private_uses(read(door), "sklearn")) > 5
    assert private_attributes(read(door))
    assert private_uses(read(ROOT / DOORS["skl2onnx"]), "skl2onnx")


# -- what an import costs ------------------------------------------------------------------------------------------


def loaded_after(statement):
    """Return the top-level packages in ``sys.modules`` after a statement in a new process."""
    code = f"{statement}\nimport sys\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT.parent)
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "statement",
    [
        "import sklearn_autotune",
        "from sklearn_autotune import OptunaSearchCV",
        "import sklearn_autotune; dir(sklearn_autotune)",
        "import sklearn_autotune as sa; sa.report, sa.progress, sa.tracking, sa.exceptions, sa.export, sa.samplers",
    ],
)
def test_importing_the_package_loads_nothing_heavy(statement):
    loaded = loaded_after(statement)

    assert "sklearn_autotune" in loaded
    assert loaded.isdisjoint(HEAVY)


def test_importing_the_package_alone_does_not_even_load_optuna():
    assert loaded_after("import sklearn_autotune").isdisjoint({"optuna", "sklearn"})


def test_public_modules_are_attributes_of_the_package():
    modules = [name for name in dir(sklearn_autotune) if (ROOT / name).is_dir() or (ROOT / f"{name}.py").exists()]

    assert {"plotting", "progress", "samplers", "tracking", "exceptions", "export", "report"} <= set(modules)
    for name in modules:
        assert getattr(sklearn_autotune, name).__all__
    with pytest.raises(AttributeError, match="has no attribute 'plots'"):
        sklearn_autotune.plots  # noqa: B018


def test_a_worker_process_does_not_load_optuna():
    loaded = loaded_after("import sklearn_autotune.execution._worker")

    assert "sklearn" in loaded
    assert loaded.isdisjoint({"optuna", *HEAVY})


# -- the reader of imports -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("from sklearn_autotune.search._engine import run", {"search"}),
        ("from sklearn_autotune import search", {"search"}),
        ("import sklearn_autotune.search", {"search"}),
        ("import sklearn_autotune.search as s", {"search"}),
        ("def f():\n    from sklearn_autotune.search._engine import run", {"search"}),
        ("if TYPE_CHECKING:\n    import sklearn_autotune.search", {"search"}),
        ("from sklearn_autotune import OptunaSearchCV", {"__init__"}),
        ("import sklearn_autotune\nsklearn_autotune.search.OptunaSearchCV", {"__init__", "search"}),
        ("from sklearn_autotune.space._space import Space", set()),
        ("import sklearn", set()),
    ],
)
def test_the_reader_finds_rooms_however_they_are_imported(source, expected):
    assert imported_rooms(source, "space") == expected


@pytest.mark.parametrize("room", ["evaluation", "pruning", "search", "__init__"])
def test_the_reader_finds_a_misplaced_import(room):
    assert misplaced(f"from sklearn_autotune import {room}\nimport sklearn_autotune.{room}", "space")


@pytest.mark.parametrize(
    "source",
    [
        "from sklearn.utils import _safe_indexing",
        "from sklearn.utils import _safe_indexing as take",
        "from sklearn.metrics._scorer import get_scorer",
        "import sklearn.metrics._scorer",
        "import sklearn.metrics._scorer as scorer",
        "def f():\n    from sklearn.utils import _safe_indexing",
        "import sklearn\nsklearn.utils._safe_indexing(X, rows)",
        "from sklearn import utils\nutils._safe_indexing(X, rows)",
    ],
)
def test_the_reader_finds_private_names_however_they_are_reached(source):
    assert private_uses(source, "sklearn")


@pytest.mark.parametrize(
    "source",
    [
        "from sklearn.base import clone",
        "import sklearn\nsklearn.__version__",
        "from sklearn_autotune._compat.sklearn import take_rows",
        "from sklearn.svm import SVC\nSVC().fit(X)",
    ],
)
def test_the_reader_leaves_public_names_alone(source):
    assert not private_uses(source, "sklearn")


@pytest.mark.parametrize(
    ("source", "is_found"),
    [
        ("study._storage", True),
        ("def f(study):\n    return study.trials[0]._trial_id", True),
        ("class A:\n    def f(self):\n        return self.scorer._scorers", True),
        ("class A:\n    def f(self, other):\n        self._x = 1\n        return other._x", False),
        ("class A(B):\n    def f(self):\n        return self._of_the_base_class", False),
        ("getattr(study, '_storage', None)", True),
        ("study.storage", False),
        ("study.__dict__", False),
        ("import os\nos._exit(1)", False),
    ],
)
def test_the_reader_finds_private_attributes_of_other_objects(source, is_found):
    assert bool(private_attributes(source)) == is_found
