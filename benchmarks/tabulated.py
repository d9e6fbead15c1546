"""Real problems that are measured once, so that later searches need no fits.

``python -m benchmarks.tabulated``: for each problem, random candidates are measured on five folds and written to
``benchmarks/results/tabulated/``. `Tabulated` is an estimator whose fits take no time: a forest of extremely randomised
trees, trained on these candidates, predicts the mean score of any other candidate. This is a surrogate benchmark as in
Eggensperger et al., 2015, *Efficient benchmarking of hyperparameter optimizers via surrogates*. The deviations of the
folds from the mean are those of one measured candidate nearby. An average of several would make the folds too similar,
and racing too easy.
"""

import argparse
import json
import warnings
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.model_selection import KFold, ParameterSampler, StratifiedKFold, cross_val_score

from benchmarks._measure import RESULTS, markdown_table
from benchmarks.conditional_problems import CONDITIONAL_PROBLEMS
from benchmarks.counting import CountsFits
from benchmarks.problems import PROBLEMS, Problem
from benchmarks.shared_spaces import N_SHARED_CANDIDATES, SHARED_PROBLEMS
from benchmarks.small_problems import SMALL_PROBLEMS

__all__ = ["FOLDS", "N_FOLDS", "SHARED", "Surrogate", "Tabulated", "X", "Y", "names", "surrogate"]

FOLDER = RESULTS / "tabulated"
TOO_SLOW = ("ames, XGBoost", "ames, histogram boosting")
CHOSEN = {
    problem.name: problem
    for problem in (*PROBLEMS, *SMALL_PROBLEMS, *CONDITIONAL_PROBLEMS)
    if problem.name not in TOO_SLOW
}
SHARED = {problem.name: problem for problem in SHARED_PROBLEMS}
ALL = CHOSEN | SHARED
N_CANDIDATES = 200
N_ROWS = 1000  # maximum number of rows of a problem
N_FOLDS = 5
N_TREES = 100
NO_VALUE = -1e3  # of a number that a candidate does not have

# The data that a search receives. The test rows tell the estimator which fold it is.
X = np.arange(2.0 * N_FOLDS).reshape(-1, 1)
Y = np.arange(2 * N_FOLDS) % 2
FOLDS = [(np.setdiff1d(np.arange(2 * N_FOLDS), test), test) for test in np.arange(2 * N_FOLDS).reshape(N_FOLDS, 2)]


def path_of(name: str) -> Path:
    return FOLDER / f"{name.replace(', ', ' ').replace(' ', '_')}.json"


def names() -> list[str]:
    """Return the problems that have been measured, without those that share a model and a space."""
    return [name for name in CHOSEN if path_of(name).exists()]


def branches(space: Any) -> list[dict[str, Any]]:
    """Return the dicts of a space: one, or several if some parameters depend on others."""
    return [space] if isinstance(space, dict) else list(space)


def dimensions(space: Any) -> dict[str, Any]:
    """Return the values of each parameter of a space; choices are those of all dicts together, as strings."""
    found: dict[str, Any] = {}
    for branch in branches(space):
        for name, values in branch.items():
            choices = spelled(values)
            if choices is None:
                found.setdefault(name, values)
            else:
                found[name] = list(dict.fromkeys([*found.get(name, []), *choices]))
    return found


def spelled(values: Any) -> list[str] | None:
    """Return the choices of a dimension as strings; None if it is a distribution."""
    return [repr(value) for value in values] if isinstance(values, list) else None


def written(value: Any, choices: list[str] | None) -> Any:
    """Return a value as it is stored."""
    return float(f"{value:.5g}") if choices is None else repr(value)


def measure(problem: Problem, n_candidates: int = N_CANDIDATES) -> dict[str, Any]:
    """Measure random candidates on all folds of one split."""
    rows, _, y, _ = problem.split(0)
    rows, y = rows[:N_ROWS], y[:N_ROWS]
    splitter = StratifiedKFold if problem.is_classification else KFold
    folds = list(splitter(N_FOLDS, shuffle=True, random_state=0).split(rows, y))
    model = problem.make(0)
    params, scores = [], []
    for candidate in ParameterSampler(problem.space, n_candidates, random_state=0):
        own = {name: clone(value, safe=False) for name, value in candidate.items()}  # a model in a space stays as it is
        found = cross_val_score(clone(model).set_params(**own), rows, y, cv=folds, scoring=problem.scoring)
        params.append(
            [
                written(candidate[name], spelled(values)) if name in candidate else None
                for name, values in dimensions(problem.space).items()
            ]
        )
        scores.append([float(f"{score:.6g}") if np.isfinite(score) else None for score in found])
    return {"problem": problem.name, "scoring": problem.scoring, "params": params, "scores": scores}


@cache
def surrogate(name: str) -> "Surrogate":
    """Return the surrogate of a measured problem; it is trained only once."""
    return Surrogate(ALL[name].space, json.loads(path_of(name).read_text()))


class Surrogate:
    """Predicts the scores of a problem from its parameters.

    Attributes
    ----------
    space : dict or list of dict
        In the form that `RandomizedSearchCV` accepts: distributions and lists of strings. The names are those of
        `Tabulated`.
    dimensions : dict
        The values of each parameter of the space, by name.
    typical, best : float
        The median and the best mean score of the measured candidates. No other candidate has a better one.
    """

    def __init__(self, space: Any, found: dict[str, Any]) -> None:
        short = {name: f"p{place}" for place, name in enumerate(dimensions(space))}
        dicts = [
            {short[name]: spelled(values) or values for name, values in branch.items()} for branch in branches(space)
        ]
        self.space = dicts[0] if isinstance(space, dict) else dicts
        self.dimensions = {short[name]: values for name, values in dimensions(space).items()}
        self.is_log = [
            getattr(getattr(values, "dist", None), "name", "") == "loguniform" for values in self.dimensions.values()
        ]
        scores = np.array(found["scores"], dtype=float)
        means = scores.mean(axis=1)
        self.typical, self.best = float(np.nanmedian(means)), float(np.nanmax(means))
        # Without a lower limit, the trees would only learn which candidates are very bad or failed.
        raised = np.fmax(means, self.typical - 3 * (self.best - self.typical))
        scores = np.nan_to_num(scores - means[:, np.newaxis]) + raised[:, np.newaxis]
        coded = np.array([self.coded(row) for row in found["params"]])
        self.forest = ExtraTreesRegressor(N_TREES, random_state=0).fit(coded, scores)
        self.known: dict[tuple[float, ...], np.ndarray] = {}

    def coded(self, values: Any) -> list[float]:
        """Convert a candidate to numbers; it is given as values in the order of the dimensions, None if it has none."""
        coded: list[float] = []
        for value, choices, is_log in zip(values, self.dimensions.values(), self.is_log, strict=True):
            if isinstance(choices, list):
                coded += [float(value == choice) for choice in choices]
            elif value is None:
                coded.append(NO_VALUE)
            else:
                coded.append(float(np.log(value)) if is_log else float(value))
        return coded

    def scores(self, values: Any) -> np.ndarray:
        """Return a candidate's score on each fold."""
        key = tuple(self.coded(values))
        if key not in self.known:
            row = np.array([key], dtype=np.float32)
            by_tree = np.array([tree.tree_.predict(row).ravel() for tree in self.forest.estimators_])
            nearby = by_tree[0]  # one leaf, which is one measured candidate
            self.known[key] = by_tree.mean() + nearby - nearby.mean()
        return self.known[key]


class Tabulated(CountsFits, ClassifierMixin, BaseEstimator):
    """A candidate of a measured problem; it records its fits."""

    def __init__(
        self,
        problem="",
        p0=None,
        p1=None,
        p2=None,
        p3=None,
        p4=None,
        p5=None,
        p6=None,
        p7=None,
        p8=None,
        p9=None,
        p10=None,
    ):
        self.problem = problem
        self.p0 = p0
        self.p1 = p1
        self.p2 = p2
        self.p3 = p3
        self.p4 = p4
        self.p5 = p5
        self.p6 = p6
        self.p7 = p7
        self.p8 = p8
        self.p9 = p9
        self.p10 = p10

    def fit(self, X, y):
        self.classes_ = np.array([0, 1])
        self.note_fit(tuple(getattr(self, name) for name in surrogate(self.problem).dimensions), len(X))
        return self

    def predict(self, X):
        return np.zeros(len(X), dtype=int)

    def score(self, X, y):
        fold = int(X[0, 0]) // 2
        score = float(surrogate(self.problem).scores(self.fit_.candidate)[fold])
        return self.note_score(fold if len(X) == 2 else None, score)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a smoke test: nothing is written")
    parser.add_argument("--problems", nargs="+", default=list(ALL), choices=list(ALL), metavar="PROBLEM")
    args = parser.parse_args()
    warnings.simplefilter("ignore")  # of models that do not converge with some candidates
    if args.quick:
        args.problems = ["diabetes, SVR"]
    FOLDER.mkdir(parents=True, exist_ok=True)
    rows = []
    for name in args.problems:
        problem = ALL[name]
        n_candidates = N_SHARED_CANDIDATES if name in SHARED else N_CANDIDATES
        found = measure(problem, 10 if args.quick else n_candidates)
        made = Surrogate(problem.space, found)
        rows.append([name, f"{made.typical:.4f}", f"{made.best:.4f}"])
        print(name, flush=True)
        if not args.quick:
            path_of(name).write_text(json.dumps(found, separators=(",", ":")) + "\n")
    print(markdown_table(["problem", "median score", "best"], rows))


if __name__ == "__main__":
    main()
