"""The time that a search saves by sharing the first steps of a pipeline: slow preprocessing, 50 candidates after it.

``python -m benchmarks.prefix``: all methods have the same grid, folds and scores, and take turns. Times are CPU seconds
of one process. Three references are measured too:

- "ideal" is GridSearchCV with first steps that return results computed before, plus the seconds of the preprocessing
  once per fold;
- "last step alone" is GridSearchCV without a pipeline on preprocessed rows, plus the same seconds;
- "bare fits" preprocess once per fold, and then fit and score the last step in a loop. No search can be faster.
"""

import argparse
import ast
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import KNNImputer
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks._measure import RESULTS, environment, markdown_table, picture, spread, write_rows
from benchmarks.problems import table
from sklearn_autotune import OptunaSearchCV

PICTURE = picture("prefix", "Times as fast as GridSearchCV, by problem and method")
FOLDS = StratifiedKFold(5)
PACKAGES = ("numpy", "pandas", "scipy", "sklearn")


@dataclass(frozen=True)
class Problem:
    """A table, a pipeline, and 50 values for one parameter of its last step."""

    name: str
    load: Callable[[], tuple[Any, Any]]
    pipeline: Any
    parameter: str
    values: tuple[Any, ...]

    def grid(self, n_candidates):
        places = np.linspace(0, len(self.values) - 1, n_candidates).round().astype(int)
        return [self.values[place] for place in places]

    @property
    def space_name(self):
        return f"{self.pipeline.steps[-1][0]}__{self.parameter}"


def docstrings(n_per_package=150, shortest=300):
    """Return docstrings of functions and classes, with their package as the label."""
    texts, labels = [], []
    for label, package in enumerate(PACKAGES):
        found = []
        for path in sorted(Path(find_spec(package).origin).parent.rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if (
                    isinstance(node, ast.FunctionDef | ast.ClassDef)
                    and len(text := ast.get_docstring(node) or "") >= shortest
                ):
                    found.append(text)
        some = np.random.RandomState(0).permutation(len(found))[:n_per_package]
        texts += [found[place] for place in some]
        labels += [label] * len(some)
    return texts, np.array(labels)


def credit():
    X, y = table("modeldata", "credit_data", "Status")
    return X.select_dtypes("number"), y


def cells():
    return table("modeldata", "cells", "class", drop=("case",))


def problems():
    C = tuple(np.geomspace(1e-3, 1e1, 50))
    words = TfidfVectorizer(sublinear_tf=True)
    sgd = SGDClassifier(loss="log_loss", random_state=0, max_iter=30, tol=None)
    boosting = HistGradientBoostingClassifier(max_iter=30, random_state=0)
    logistic = LogisticRegression(max_iter=300)
    return (
        Problem(
            "docstrings, TF-IDF, SGD",
            docstrings,
            make_pipeline(words, sgd),
            "alpha",
            tuple(np.geomspace(1e-7, 1e-2, 50)),
        ),
        Problem("docstrings, TF-IDF, logistic regression", docstrings, make_pipeline(words, logistic), "C", C),
        Problem(
            "cells, Nystroem, logistic regression",
            cells,
            make_pipeline(StandardScaler(), Nystroem(gamma=0.01, n_components=300, random_state=0), logistic),
            "C",
            C,
        ),
        Problem(
            "credit, KNN imputer, logistic regression",
            credit,
            make_pipeline(KNNImputer(), StandardScaler(), logistic),
            "C",
            C,
        ),
        Problem(
            "credit, KNN imputer, histogram boosting",
            credit,
            make_pipeline(KNNImputer(), boosting),
            "learning_rate",
            tuple(np.geomspace(0.01, 0.5, 50)),
        ),
    )


# -- methods -----------------------------------------------------------------------------------------------------------


def grid(problem, values, X, y):
    search = GridSearchCV(problem.pipeline, {problem.space_name: values}, cv=FOLDS, refit=False)
    return search.fit(X, y).cv_results_["mean_test_score"]


def grid_with_memory(problem, values, X, y):
    with tempfile.TemporaryDirectory() as folder:
        pipeline = clone(problem.pipeline).set_params(memory=folder)
        search = GridSearchCV(pipeline, {problem.space_name: values}, cv=FOLDS, refit=False)
        return search.fit(X, y).cv_results_["mean_test_score"]


def ours(problem, values, X, y):
    space = {problem.space_name: values}
    search = OptunaSearchCV(
        problem.pipeline, space, n_trials=len(values), cv=FOLDS, pruner=None, refit=False, step_cache=2**30
    )
    results = search.fit(X, y).cv_results_
    column = [float(value) for value in results[f"param_{problem.space_name}"]]
    return results["mean_test_score"][np.argsort(column)]


class Free(TransformerMixin, BaseEstimator):
    """A step that takes no time: it returns what was computed before from the same rows."""

    known: ClassVar[dict] = {}

    def __init__(self, place=0):
        self.place = place

    def fit(self, X, y=None):
        self.fitted_ = True
        return self

    def transform(self, X):
        return self.known[self.place, rows_of(X)]


def rows_of(X):
    """Return a key of rows that is fast to compute: from the content of parts of X, from the identity of other rows."""
    if isinstance(X, list):
        return hash(tuple(map(id, X)))
    return X.index.to_numpy().tobytes() if hasattr(X, "index") else id(X)


def preprocess(problem, X, y):
    """Fit and apply the first steps once per fold, and store the results for `Free`; return the CPU seconds."""
    *prefix, _ = problem.pipeline.steps
    Free.known.clear()
    spent = 0.0
    for train, test in FOLDS.split(X, y):
        rows = cut(X, train), cut(X, test)
        for place, (_, step) in enumerate(prefix):
            start = time.process_time()
            step = clone(step)
            out = step.fit_transform(rows[0], y[train]), step.transform(rows[1])
            spent += time.process_time() - start
            Free.known.update({(place, rows_of(rows[n])): out[n] for n in (0, 1)})
            rows = out
    return spent


def ideal(problem, values, X, y):
    spent = preprocess(problem, X, y)
    free = [(name, Free(place)) for place, (name, _) in enumerate(problem.pipeline.steps[:-1])]
    start = time.process_time()
    pipeline = Pipeline([*free, problem.pipeline.steps[-1]])
    search = GridSearchCV(pipeline, {problem.space_name: values}, cv=FOLDS, refit=False).fit(X, y)
    return spent + time.process_time() - start, search.cv_results_["mean_test_score"]


def last_alone(problem, values, X, y):
    *prefix, (_, last) = problem.pipeline.steps
    rows = make_pipeline(*(clone(step) for _, step in prefix)).fit_transform(X, y)
    spent = preprocess(problem, X, y)
    start = time.process_time()
    GridSearchCV(last, {problem.parameter: values}, cv=FOLDS, refit=False).fit(rows, y)
    return spent + time.process_time() - start, None  # the scores differ: these rows were preprocessed together


def bare_fits(problem, values, X, y):
    *prefix, (_, last) = problem.pipeline.steps
    scores = []
    for train, test in FOLDS.split(X, y):
        steps = make_pipeline(*(clone(step) for _, step in prefix))
        X_train, X_test = steps.fit_transform(cut(X, train), y[train]), steps.transform(cut(X, test))
        models = [clone(last).set_params(**{problem.parameter: value}) for value in values]
        scores.append([model.fit(X_train, y[train]).score(X_test, y[test]) for model in models])
    return np.mean(scores, axis=0)


def cut(X, rows):
    return [X[row] for row in rows] if isinstance(X, list) else X.iloc[rows]


def timed(method, *args):
    start = time.process_time()
    scores = method(*args)
    return time.process_time() - start, scores


METHODS = {
    "GridSearchCV": partial(timed, grid),
    "with memory=": partial(timed, grid_with_memory),
    "ours": partial(timed, ours),
    "ideal": ideal,
    "last step alone": last_alone,
    "bare fits": partial(timed, bare_fits),
}


# -- figures -----------------------------------------------------------------------------------------------------------


def measure(problem, n_candidates, repeats):
    """Return the CPU seconds of each method in each repeat, and check that all methods find the same scores."""
    X, y = problem.load()
    values, found = problem.grid(n_candidates), {}
    seconds = {name: [] for name in METHODS}
    for _ in range(repeats):
        for name, method in METHODS.items():
            spent, found[name] = method(problem, values, X, y)
            seconds[name].append(spent)
    for name, scores in found.items():
        is_same = scores is None or np.array_equal(scores, found["GridSearchCV"])
        assert is_same, f"{problem.name}: {name} has other scores"
    return seconds


def line(problem, seconds):
    def times(slower, faster):
        return spread([slow / fast for slow, fast in zip(seconds[slower], seconds[faster], strict=True)])

    faster = [times("GridSearchCV", name) for name in ("with memory=", "ours", "ideal")]
    return [
        problem.name,
        spread(seconds["GridSearchCV"]),
        *faster,
        times("ideal", "ours"),
        times("last step alone", "ours"),
        times("bare fits", "ours"),
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a smoke test: nothing is written")
    quick = parser.parse_args().quick
    n_candidates, repeats = (4 if quick else 50), (1 if quick else 3)
    lines, rows = [], []
    for problem in problems()[2:3] if quick else problems():
        seconds = measure(problem, n_candidates, repeats)
        lines.append(line(problem, seconds))
        for name, values in seconds.items():
            rows += [
                {"problem": problem.name, "method": name, "repeat": n, "cpu_seconds": round(value, 4)}
                for n, value in enumerate(values)
            ]
    header = [
        "problem",
        "GridSearchCV, CPU s",
        "Pipeline(memory=), times faster",
        "ours, times faster",
        "ideal, times faster",
        "ours, share of the ideal",
        "share of the last step alone",
        "share of bare fits",
    ]
    text = (
        f"# Prefixes once\n\n{PICTURE}\n\n{environment()}\n\n"
        f"{n_candidates} candidates for the last step, 5 folds; median (smallest "
        f"to largest) of {repeats} repeats in which the methods took turns.\n\n{markdown_table(header, lines)}\n"
    )
    print(text)
    if not quick:
        (RESULTS / "prefix.md").write_text(text)
        write_rows("prefix", rows)


if __name__ == "__main__":
    main()
