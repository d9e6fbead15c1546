"""Load scikit-learn's own test modules with OptunaSearchCV instead of its searches.

The tests are part of the installed scikit-learn, so they always belong to its version. They are loaded with two
subclasses of OptunaSearchCV that only have the names of scikit-learn's classes.
"""

import ast
import importlib.util
import sys
import warnings
from pathlib import Path

import pytest

from sklearn_autotune import OptunaSearchCV


class GridSearchCV(OptunaSearchCV):
    """Ours, by a name that scikit-learn's tests look for."""


class RandomizedSearchCV(OptunaSearchCV):
    """Ours, by a name that scikit-learn's tests look for."""


def load_tests(module_name, not_ours=None, only=None):
    """Return scikit-learn's tests by name, all or only those listed.

    Those in ``not_ours`` are shown as skipped, with the reason given there.
    """
    not_ours = not_ours or {}
    spec = importlib.util.find_spec(module_name)
    module = importlib.util.module_from_spec(spec)
    module.__name__ = f"ours_{module_name.rpartition('.')[2]}"
    sys.modules[module.__name__] = module
    ours = {"GridSearchCV": GridSearchCV, "RandomizedSearchCV": RandomizedSearchCV}
    vars(module).update(ours)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exec(_compile_without_imports_of(ours, spec.origin), vars(module))
    tests = {name: value for name, value in vars(module).items() if name.startswith("test_")}
    unknown = {*not_ours, *(only or ())} - set(tests)
    if unknown:
        raise LookupError(f"{module_name} has no tests named {sorted(unknown)}")
    tests = {name: tests[name] for name in only or tests}
    return tests | {name: pytest.mark.skip(reason=why)(_not_run(name)) for name, why in not_ours.items()}


def _compile_without_imports_of(names, path):
    """Compile a module that finds these names already there."""
    tree = ast.parse(Path(path).read_text(), path)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "sklearn.model_selection":
            node.names = [alias for alias in node.names if alias.name not in names] or [ast.alias("KFold")]
    return compile(ast.fix_missing_locations(tree), path, "exec")


def _not_run(name):
    def test():
        raise AssertionError("skipped")

    test.__name__ = name
    return test
