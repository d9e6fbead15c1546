"""What `OptunaSearchCV` promises beside any other library: tests from which those of each partner derive.

A claim is run through `GridSearchCV` first. If that fails, the claim is skipped as "GridSearchCV fails too".
What a test finds beside passing is its property `verdict`, from which `tests.ecosystem.page` writes a page.
"""

import pickle
import re
import warnings
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_validate

from sklearn_autotune import OptunaSearchCV
from sklearn_autotune.export import export_code
from sklearn_autotune.pruning import FoldRacing


@dataclass(frozen=True)
class Case:
    """An estimator of a partner, data, and a grid of six candidates or more.

    Parameters
    ----------
    estimator : estimator
    X : table of n_rows rows
    y : array-like of n_rows values or None
    grid : dict
        Lists of values.
    cv : int or splitter
    scoring : str, callable or None
    metadata : dict
        Passed to ``fit`` of the searches.
    method : str
        What the fitted model predicts with.
    """

    estimator: Any
    X: Any
    y: Any
    grid: dict
    cv: Any = 3
    scoring: Any = None
    metadata: dict = field(default_factory=dict)
    method: str = "predict"

    def search(self, **params):
        """An `OptunaSearchCV` of the whole grid, not fitted; ``params`` come instead of those of the case."""
        own = {"estimator": self.estimator, "param_distributions": self.grid, "cv": self.cv, "scoring": self.scoring}
        return OptunaSearchCV(**own | {"pruner": None, "random_state": 0} | params)

    def fit(self, search):
        return search.fit(self.X, self.y, **self.metadata)

    def predict(self, model):
        return np.asarray(getattr(model, self.method)(self.X))


def drop_times(results):
    """The table without seconds, which nobody can repeat."""
    return {name: values for name, values in results.items() if "_time" not in name}


def assert_same_tables(actual, expected):
    assert list(actual) == list(expected)
    for name, values in expected.items():
        np.testing.assert_array_equal(np.asarray(actual[name]), np.asarray(values), err_msg=name, strict=False)


def make_data(n_rows=120, n_columns=5, *, is_regression=False, names=True):
    """A small table with signal, and its target: two classes, or numbers."""
    import pandas as pd

    random = np.random.RandomState(0)
    X = random.normal(size=(n_rows, n_columns))
    signal = X[:, 0] + X[:, 1] * X[:, 2] + random.normal(scale=0.5, size=n_rows)
    frame = pd.DataFrame(X, columns=[f"x{number}" for number in range(n_columns)])
    return (frame if names else X), (signal if is_regression else (signal > 0.3).astype(int))


def make_mixed_data(n_rows=120, *, is_regression=False, categorical="category"):
    """As `make_data`, with missing values and a column of categories, one of which is in a single row."""
    import pandas as pd

    X, y = make_data(n_rows, is_regression=is_regression)
    city = np.random.RandomState(1).choice(["Bern", "Paris", "Rome"], n_rows)
    city[0] = "Oslo"
    X = X.assign(city=pd.Series(city).astype(categorical))
    X.loc[::9, "x3"] = np.nan
    y = y + 2.0 * (city == "Rome") if is_regression else np.where(city == "Rome", 1 - y, y)
    return X, y


@pytest.mark.filterwarnings(
    "default"
)  # libraries warn of one another; `test_grid` compares the warnings of the two searches
class Claims:
    """What is tested of every partner. Classes that derive from it set ``modules`` and define ``make_case``."""

    modules: tuple[str, ...] = ()

    @pytest.fixture(autouse=True)
    def _partner(self, tmp_path, monkeypatch):
        for module in self.modules:
            pytest.importorskip(module, exc_type=ImportError)
        monkeypatch.chdir(tmp_path)  # some libraries write logs into the working directory

    @pytest.fixture
    def case(self):
        return self.make_case()

    @pytest.fixture
    def grid_search(self, case):
        """A fitted `GridSearchCV`, and the warnings it gave."""
        search = GridSearchCV(case.estimator, case.grid, cv=case.cv, scoring=case.scoring, error_score="raise")
        try:
            return fit_and_listen(case, search)
        except Exception as error:
            skip_as_there(error)

    def make_case(self) -> Case:
        raise NotImplementedError

    def test_grid(self, case, grid_search):
        expected, expected_warnings = grid_search

        search, warned = fit_and_listen(case, case.search(error_score="raise"))

        assert_same_tables(drop_times(search.cv_results_), drop_times(expected.cv_results_))
        assert search.best_params_ == expected.best_params_
        np.testing.assert_array_equal(case.predict(search), case.predict(expected))
        assert warned <= expected_warnings

    def test_racing(self, case, grid_search):
        search = case.fit(case.search(pruner=FoldRacing(), error_score="raise"))

        assert set(search.trials_["status"]) <= {"complete", "pruned"}
        again = clone(case.estimator).set_params(**clone_values(search.best_params_))
        folds = cross_validate(again, case.X, case.y, cv=case.cv, scoring=case.scoring, params=case.metadata)
        row = {name: values[search.best_index_] for name, values in search.cv_results_.items()}
        measured = [row[f"split{number}_test_score"] for number in range(search.n_splits_)]
        np.testing.assert_array_equal(measured, folds["test_score"])

    def test_two_jobs(self, case, grid_search):
        alone = case.fit(case.search(pruner=FoldRacing()))
        together = case.fit(case.search(pruner=FoldRacing(), n_jobs=2))

        assert_same_tables(drop_times(together.cv_results_), drop_times(alone.cv_results_))
        np.testing.assert_array_equal(case.predict(together), case.predict(alone))

    def test_copies(self, case, grid_search):
        search = case.fit(case.search())
        expected = case.predict(search)

        np.testing.assert_array_equal(case.predict(case.fit(clone(search))), expected)
        np.testing.assert_array_equal(case.predict(pickle.loads(pickle.dumps(search))), expected)

    def test_code(self, case, grid_search, record_property):
        search = case.fit(case.search())
        try:
            code = export_code(search, check=None if case.metadata else (case.X, case.y))
        except ValueError as error:
            if "model differs from" in str(error):  # a script was written, and it is wrong
                raise
            record_property("verdict", f"refuses: {first_line(error)}")
            assert_is_sentence(error)
            return
        namespace = {"__name__": "script"}
        exec(compile(code, "script.py", "exec"), namespace)
        assert "sklearn_autotune" not in re.sub(r"#.*|\"\"\".*?\"\"\"", "", code, flags=re.DOTALL)

    def test_ready_space(self, case, grid_search, record_property):
        search = case.search(param_distributions="auto", n_trials=2)
        try:
            case.fit(search)
        except ValueError as error:
            record_property("verdict", f"refuses: {first_line(error)}")
            if "No space is known for" not in str(error):
                raise
            return
        assert len(search.cv_results_["params"]) == 2
        assert np.isfinite(search.best_score_)

    def test_html(self, case, grid_search):
        try:
            grid_search[0]._repr_html_()
        except Exception as error:
            skip_as_there(error)
        search = case.search()
        assert type(search).__name__ in search._repr_html_()

        page = case.fit(search)._repr_html_()

        assert type(case.estimator).__name__ in page
        assert all(name in page for name in search.best_params_)


def clone_values(params):
    """Parameters with estimators among them cloned, as `set_params` keeps what it is given."""
    return {name: clone(value, safe=False) for name, value in params.items()}


def fit_and_listen(case, search):
    """A fitted search, and the kinds and first words of the warnings that it gave."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        case.fit(search)
    return search, {(entry.category, str(entry.message)[:60]) for entry in caught}


def skip_as_there(error):
    pytest.skip(f"GridSearchCV fails too: {type(error).__name__}: {first_line(error)}")


def first_line(error):
    return re.sub(" at 0x[0-9a-fA-F]+", "", " ".join(str(error).split()))[:300]


def assert_is_sentence(error):
    """A refusal says in words what it is about, and is more than what some library raised."""
    assert re.match(r"[A-Z0-9'\"].*\s.*\.", first_line(error) + "."), error
    assert len(str(error)) > 40
