"""A new family, ready space or display needs one new file and one line in another, tested on a copy of the package.

Other additions are tested elsewhere: an executor in execution/test_base.py, a storage in storage/test_base.py, a
pruning rule in pruning/test_choose_rule.py, a library of boosters in _compat/test_boosters.py, and a tuned booster in
boosting/test_tuned_booster.py.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import sklearn_autotune
from tests.faults.nightly import at_night

PACKAGE = Path(sklearn_autotune.__file__).parent

FAMILY = """
from optuna.distributions import IntDistribution

from sklearn_autotune.families._base import Family


def make_model(shape):
    from sklearn.tree import DecisionTreeClassifier

    return DecisionTreeClassifier(random_state=0)


TREE = Family(
    name="tree",
    estimators=("sklearn.DecisionTreeClassifier",),
    space=lambda shape: {"max_depth": IntDistribution(1, 5)},
    make=make_model,
    first=({"max_depth": 3},),
    tasks=("classification",),
)
"""

USE_FAMILY = """
from sklearn.datasets import load_iris
from sklearn.tree import DecisionTreeClassifier
from sklearn_autotune import AutoModelSelector
from sklearn_autotune.families import auto_space

assert list(auto_space(DecisionTreeClassifier(), n_rows=100)) == ["max_depth"]
selector = AutoModelSelector(families=["tree"], n_trials=2, cv=3, random_state=0).fit(*load_iris(return_X_y=True))
assert set(selector.leaderboard_["family"]) == {"tree"}
"""

SPACE = """
from sklearn_autotune.families._base import EstimatorSpace

SPACES = (
    EstimatorSpace(("sklearn.NearestCentroid",), lambda shape: {"shrink_threshold": [None, 0.1, 0.5]}),
)
"""

USE_SPACE = """
from sklearn.datasets import load_iris
from sklearn.neighbors import NearestCentroid
from sklearn_autotune import OptunaSearchCV
from sklearn_autotune.families import FAMILIES

search = OptunaSearchCV(NearestCentroid(), "auto", cv=3, random_state=0).fit(*load_iris(return_X_y=True))
assert {params["shrink_threshold"] for params in search.cv_results_["params"]} == {None, 0.1, 0.5}
assert not any(family.includes(NearestCentroid) for family in FAMILIES)
"""

DISPLAY = """
class CountDisplay:
    def __init__(self, *, n_candidates):
        self.n_candidates = n_candidates

    @classmethod
    def from_search(cls, search):
        return cls(n_candidates=len(search.cv_results_["params"]))
"""

USE_DISPLAY = """
from sklearn.datasets import load_iris
from sklearn.tree import DecisionTreeClassifier
from sklearn_autotune import OptunaSearchCV, plotting

search = OptunaSearchCV(DecisionTreeClassifier(), {"max_depth": [1, 2]}).fit(*load_iris(return_X_y=True))
assert plotting.CountDisplay.from_search(search).n_candidates == 2
assert "CountDisplay" in plotting.__all__
"""


@pytest.mark.parametrize(
    ("file", "content", "roll", "before", "line", "program"),
    [
        (
            "families/_tree.py",
            FAMILY,
            "families/__init__.py",
            '    "_naive_bayes.NAIVE_BAYES",\n',
            '    "_tree.TREE",\n',
            USE_FAMILY,
        ),
        pytest.param(
            "families/spaces/_centroids.py",
            SPACE,
            "families/spaces/__init__.py",
            '            "_bayes.SPACES",\n',
            '            "_centroids.SPACES",\n',
            USE_SPACE,
            marks=at_night,
        ),
        pytest.param(
            "plotting/_count.py",
            DISPLAY,
            "plotting/__init__.py",
            "from sklearn_autotune.plotting._curves import",
            "from sklearn_autotune.plotting._count import CountDisplay as CountDisplay\n",
            USE_DISPLAY,
            marks=at_night,
        ),
    ],
    ids=["family", "space", "display"],
)
def test_one_file_and_one_line_are_enough(tmp_path, file, content, roll, before, line, program):
    copy = tmp_path / "sklearn_autotune"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    text = (copy / roll).read_text(encoding="utf-8")
    assert text.count(before) == 1

    (copy / file).write_text(content, encoding="utf-8")
    (copy / roll).write_text(text.replace(before, line + before), encoding="utf-8")

    is_copy = f"import sklearn_autotune\nassert sklearn_autotune.__file__.startswith({str(tmp_path)!r})\n"
    environment = os.environ | {"PYTHONPATH": str(tmp_path), "MPLBACKEND": "Agg"}
    subprocess.run([sys.executable, "-c", is_copy + program], cwd=tmp_path, env=environment, check=True, timeout=300)
