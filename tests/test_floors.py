"""The house keeps its floors: a module imports only from below its own, and private names come in by one door.

The imports are read from the source, wherever in a module they stand.
"""

import ast
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

import sklearn_autotune

ROOT = Path(sklearn_autotune.__file__).parent
PACKAGE = ROOT.name

# A room that is a folder stands on one floor; inside it, modules import one another as they like.
FLOORS = {
    0: (
        "_sklearn",
        "_optional",
        "_optuna",
        "exceptions",
        "_dimensions",
        "_columns",
        "_temperature",
        "_early_stopping",
        "_code",
        "_clock",
    ),
    1: (
        "_lock",
        "_journal",
        "_signals",
        "_space",
        "evaluation",
        "_delegate",
        "_routing",
        "_refit_rules",
        "samplers",
        "_table",
        "_script_parts",
        "_drift",
        "_run_folder",
    ),
    2: ("racing", "halving", "families", "_study", "_records", "_blend", "_script_blend"),
    3: ("pruning", "executors", "_logbook", "_run_config", "_candidates"),
    4: ("_trials", "_measuring", "_cluster", "_sharing", "_run_data"),
    5: ("_results", "_polish", "_members", "_costs", "_run_scores", "progress"),
    6: ("_base_search", "_plan"),
    7: ("_search", "_booster_search", "_stack"),
    8: ("_tuned_xgb", "_winners", "_final_fits"),
    9: ("_selector",),
    # Upstairs: what reads finished searches; nothing below knows it exists.
    10: ("_finished", "_export_blend", "_kept_model", "_run_model"),
    11: ("_outer_fold", "_summary"),
    12: ("comparison", "testing"),
    13: ("plotting", "export", "tracking", "_html", "_demo"),
    14: ("report", "_run_tracking"),
    15: ("_run_papers",),
    16: ("_run_compare",),
    17: ("runner",),
    18: ("cli",),
    19: ("__init__", "__main__"),
}
FLOOR_OF = {room: floor for floor, rooms in FLOORS.items() for room in rooms}

# Whose private names are out of bounds, and which module of ours is the door to them.
DOORS = {"sklearn": "_sklearn.py", "optuna": None, "xgboost": None, "joblib": None}

HEAVY = ("xgboost", "matplotlib", "plotly", "mlflow", "dask", "distributed", "rustuna")


@dataclass(frozen=True)
class Use:
    """A dotted name that a module imports or reaches by attributes of what it imported."""

    name: str
    line: int


def files():
    return sorted(path for path in ROOT.rglob("*.py") if "__pycache__" not in path.parts)


def place(path):
    return path.relative_to(ROOT).as_posix()


def room_of(path):
    """The first part of a module's path inside the package: a file without its ending, or a folder."""
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def uses(source):
    """All dotted names that a source imports, those of ``from a import b`` as ``a.b``, and attributes of them."""
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
            parts, inner = [], node
            while isinstance(inner, ast.Attribute):
                parts.append(inner.attr)
                inner = inner.value
            if isinstance(inner, ast.Name) and inner.id in local_names:
                found.append(Use(".".join([local_names[inner.id], *reversed(parts)]), node.lineno))
    return found


def imported_rooms(source, home):
    """Rooms of this package that a source in the room ``home`` imports from, other than its own."""
    rooms = set()
    for use in uses(source):
        parts = use.name.split(".")
        if parts[0] == PACKAGE:
            room = parts[1] if len(parts) > 1 and parts[1] in all_rooms() else "__init__"
            rooms |= {room} - {home}
    return rooms


def all_rooms():
    return {room_of(path) for path in files()} | set(FLOOR_OF)


def misplaced(source, home):
    """Rooms that stand on the same floor as ``home`` or above, and are imported all the same."""
    return {room for room in imported_rooms(source, home) if FLOOR_OF.get(room, 99) >= FLOOR_OF[home]}


def private_uses(source, package):
    """Names of another package that it keeps to itself."""
    return [
        f"line {use.line}: {use.name}"
        for use in uses(source)
        if use.name.split(".")[0] == package and any(is_private(part) for part in use.name.split("."))
    ]


def is_private(part):
    return part.startswith("_") and not (part.startswith("__") and part.endswith("__"))


# -- the package ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", files(), ids=place)
def test_every_module_stands_on_a_floor(path):
    assert room_of(path) in FLOOR_OF, f"{place(path)} stands on no floor: give it one in FLOORS and in DESIGN.md"


@pytest.mark.parametrize("path", files(), ids=place)
def test_a_module_imports_only_from_floors_below_its_own(path):
    assert misplaced(path.read_text(encoding="utf-8"), room_of(path)) == set()


@pytest.mark.parametrize("package", DOORS)
@pytest.mark.parametrize("path", files(), ids=place)
def test_private_names_of_other_packages_come_in_by_one_door(path, package):
    if place(path) == DOORS[package]:
        return

    assert private_uses(path.read_text(encoding="utf-8"), package) == []


@pytest.mark.parametrize("path", files(), ids=place)
def test_imports_are_absolute(path):
    assert not [use for use in uses(path.read_text(encoding="utf-8")) if use.name.startswith(".")]


@pytest.mark.parametrize("path", sorted((ROOT / "evaluation").glob("*.py")), ids=place)
def test_measuring_a_candidate_never_needs_optuna(path):
    assert not [use for use in uses(path.read_text(encoding="utf-8")) if use.name.split(".")[0] == "optuna"]


def test_the_door_is_used():
    # If the way sklearn is imported escaped the reader, every test above would pass for nothing.
    assert len(private_uses((ROOT / "_sklearn.py").read_text(encoding="utf-8"), "sklearn")) > 5


# -- what an import costs ------------------------------------------------------------------------------------------


def loaded_after(statement):
    """Top-level packages in ``sys.modules`` after a statement in a fresh process."""
    code = f"{statement}\nimport sys\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT.parent)
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "statement",
    [
        "import sklearn_autotune",
        "from sklearn_autotune import OptunaSearchCV",
        "import sklearn_autotune; dir(sklearn_autotune)",
        "import sklearn_autotune.report, sklearn_autotune.progress, sklearn_autotune.tracking",
    ],
)
def test_importing_the_package_loads_nothing_heavy(statement):
    loaded = loaded_after(statement)

    assert "sklearn_autotune" in loaded
    assert loaded.isdisjoint(HEAVY)


def test_importing_the_package_alone_does_not_even_load_optuna():
    assert loaded_after("import sklearn_autotune").isdisjoint({"optuna", "sklearn"})


def test_a_worker_process_does_not_load_optuna():
    loaded = loaded_after("import sklearn_autotune.evaluation._worker")

    assert "sklearn" in loaded
    assert loaded.isdisjoint({"optuna", *HEAVY})


# -- the reader of imports -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("from sklearn_autotune._search import OptunaSearchCV", {"_search"}),
        ("from sklearn_autotune import _search", {"_search"}),
        ("import sklearn_autotune._search", {"_search"}),
        ("import sklearn_autotune._search as s", {"_search"}),
        ("def f():\n    from sklearn_autotune._search import OptunaSearchCV", {"_search"}),
        ("if TYPE_CHECKING:\n    import sklearn_autotune._search", {"_search"}),
        ("from sklearn_autotune import OptunaSearchCV", {"__init__"}),
        ("import sklearn_autotune\nsklearn_autotune._search.OptunaSearchCV", {"__init__", "_search"}),
        ("from sklearn_autotune.evaluation._folds import WholeFolds", {"evaluation"}),
        ("from sklearn_autotune._space import Space", set()),
        ("import sklearn", set()),
    ],
)
def test_the_reader_finds_rooms_however_they_are_imported(source, expected):
    assert imported_rooms(source, "_space") == expected


@pytest.mark.parametrize("room", ["_space", "_routing", "pruning", "_search", "__init__"])
def test_the_reader_finds_a_misplaced_import(room):
    assert misplaced(f"from sklearn_autotune import {room}\nimport sklearn_autotune.{room}", "_delegate")


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
        "from sklearn_autotune._sklearn import take_rows",
        "from sklearn.svm import SVC\nSVC().fit(X)",
    ],
)
def test_the_reader_leaves_public_names_alone(source):
    assert not private_uses(source, "sklearn")
