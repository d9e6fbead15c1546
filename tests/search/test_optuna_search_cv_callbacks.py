"""scikit-learn's callbacks work on a search as on scikit-learn's own, in any process, and may stop it."""

import os
import threading
from collections import Counter

import joblib
import numpy as np
import pytest
import rich
from scipy.stats import uniform
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_autotune import OptunaSearchCV
from sklearn_autotune._compat.sklearn import HAS_CALLBACKS
from tests.toys import CountingClassifier, FailingClassifier, SleepingClassifier, note, read_log, statuses, table

pytestmark = pytest.mark.skipif(not HAS_CALLBACKS, reason="scikit-learn before 1.9 has no callbacks")


class Recorder:
    """Notes every call, also those of its copies in other processes; may ask to stop after a candidate's fold."""

    def __init__(self, log, stop_at=None):
        self.log = str(log)
        self.stop_at = stop_at

    def setup(self, estimator, context):
        self._note("setup", estimator, context)

    def on_fit_task_begin(self, estimator, context, *, X=None, y=None, metadata=None):
        self._note("begin", estimator, context, X=X, y=y, metadata=metadata)

    def on_fit_task_end(self, estimator, context, *, X=None, y=None, metadata=None):
        self._note("end", estimator, context, X=X, y=y, metadata=metadata)
        return context.task_name == "candidate-split-evaluation" and context.task_id == self.stop_at

    def teardown(self, estimator, context):
        self._note("teardown", estimator, context)

    def _note(self, hook, estimator, context, **data):
        note(
            self.log,
            hook=hook,
            estimator=type(estimator).__name__,
            holder=context.estimator_name,
            task=context.task_name,
            id=context.task_id,
            n_subtasks=context.max_subtasks,
            rows=None if data.get("X") is None else len(data["X"]),
            has_weights=bool(data.get("metadata")),
            pid=os.getpid(),
        )


class EverywhereRecorder(Recorder):
    """Is handed down to every estimator that supports callbacks."""

    max_propagation_depth = None


@pytest.fixture
def data():
    rng = np.random.RandomState(0)
    return rng.normal(size=(24, 3)), np.arange(24) % 2


@pytest.fixture
def log(tmp_path):
    return tmp_path / "log"


def calls(log, *names):
    """How often each hook was called for each task."""
    return Counter(tuple(str(entry[name]) for name in names) for entry in read_log(log))


# -- what they see ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("refit", [True, False])
def test_callbacks_see_the_tasks_of_grid_search(tmp_path, data, refit):
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    grid = {"a": [1, 2, 3, 4, 5]}

    OptunaSearchCV(CountingClassifier(), grid, cv=3, refit=refit).set_callbacks(Recorder(ours)).fit(*data)
    GridSearchCV(CountingClassifier(), grid, cv=3, refit=refit).set_callbacks(Recorder(theirs)).fit(*data)

    names = ("hook", "task", "id", "n_subtasks", "rows")
    assert calls(ours, *names) == calls(theirs, *names)
    assert calls(ours, "hook")[("begin",)] == 2 + 15 + refit


@pytest.mark.parametrize(("backend", "n_jobs"), [("threading", 3), pytest.param("loky", 2, marks=pytest.mark.slow)])
def test_callbacks_see_the_same_for_any_n_jobs(tmp_path, data, backend, n_jobs):
    one, several = tmp_path / "one", tmp_path / "several"
    search = OptunaSearchCV(CountingClassifier(), {"a": uniform(0, 9)}, n_trials=8, cv=2, random_state=0)

    first = table(search.set_callbacks(Recorder(one)).fit(*data))
    with joblib.parallel_config(backend=backend, n_jobs=n_jobs):
        second = table(search.set_callbacks(Recorder(several)).fit(*data))

    names = ("hook", "estimator", "holder", "task", "id", "n_subtasks", "rows")
    assert calls(one, *names) == calls(several, *names)
    assert first == second
    for hook in ("setup", "teardown"):
        (entry,) = [entry for entry in read_log(several) if entry["hook"] == hook]
        assert entry["pid"] == os.getpid()
    folds = [entry for entry in read_log(several) if entry["task"] == "candidate-split-evaluation"]
    assert len({entry["pid"] for entry in folds} - {os.getpid()}) == (n_jobs if backend == "loky" else 0)


def test_every_fold_of_every_candidate_is_a_task_with_a_number_of_its_own(log, data):
    search = OptunaSearchCV(CountingClassifier(), {"a": uniform(0, 9)}, n_trials=7, cv=3)

    search.set_callbacks(Recorder(log)).fit(*data)

    folds = [entry for entry in read_log(log) if entry["task"] == "candidate-split-evaluation"]
    assert [entry["id"] for entry in folds if entry["hook"] == "begin"] == list(range(21))
    assert [entry["id"] for entry in folds if entry["hook"] == "end"] == list(range(21))
    assert {entry["rows"] for entry in folds} == {16}


def test_callbacks_change_no_result(log, data):
    search = OptunaSearchCV(CountingClassifier(), {"a": uniform(0, 9)}, n_trials=8, cv=2, random_state=0)
    plain = table(search.fit(*data))

    assert table(search.set_callbacks(Recorder(log)).fit(*data)) == plain


def test_weights_are_shown_to_callbacks(log, data):
    class Weighted(CountingClassifier):
        def fit(self, X, y, sample_weight=None):
            return super().fit(X, y)

    search = OptunaSearchCV(Weighted(), {"a": [1, 2]}, cv=2, scoring="accuracy").set_callbacks(Recorder(log))

    search.fit(*data, sample_weight=np.ones(24))

    folds = [entry for entry in read_log(log) if entry["task"] == "candidate-split-evaluation"]
    assert len(folds) == 8
    assert all(entry["has_weights"] for entry in folds)


def test_callbacks_that_propagate_reach_the_fits_on_the_folds(log, data):
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(max_iter=20))
    search = OptunaSearchCV(pipeline, {"logisticregression__C": [0.1, 1.0]}, cv=2)

    search.set_callbacks(EverywhereRecorder(log)).fit(*data)

    begun = Counter(entry["holder"] for entry in read_log(log) if entry["hook"] == "begin" and entry["task"] == "fit")
    assert begun["LogisticRegression"] >= 5  # four folds and the final fit


def test_callbacks_of_the_estimator_itself_are_called_in_every_fold_and_in_the_final_fit(log, data):
    model = LogisticRegression(max_iter=20).set_callbacks(Recorder(log))

    OptunaSearchCV(model, {"C": [0.1, 1.0]}, cv=3).fit(*data)

    assert calls(log, "hook", "estimator")[("setup", "LogisticRegression")] == 2 * 3 + 1


# -- stopping --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("backend", "n_jobs"), [("loky", 1), ("threading", 3), pytest.param("loky", 2, marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("fold", [0, 1])
def test_a_callback_stops_the_search_after_its_candidate(log, data, backend, n_jobs, fold):
    sleepy = SleepingClassifier(seconds=0.01)
    settings = {"n_trials": 12, "cv": KFold(2), "random_state": 0}
    whole = OptunaSearchCV(sleepy, {"a": uniform(0, 9)}, **settings).fit(*data)
    search = OptunaSearchCV(sleepy, {"a": uniform(0, 9)}, **settings)
    search.set_callbacks(Recorder(log, stop_at=2 * 4 + fold))  # the fifth candidate

    with joblib.parallel_config(backend=backend, n_jobs=n_jobs):
        search.fit(*data)

    assert search.cv_results_["params"] == whole.cv_results_["params"][:5]
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert set(statuses(search)[5:]) == {"cancelled"}
    assert search.best_estimator_.a == search.best_params_["a"]
    assert calls(log, "hook")[("teardown",)] == 1


# -- leaving in good order -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["ZeroDivisionError", "KeyboardInterrupt"])
def test_callbacks_are_torn_down_when_the_fit_fails(log, data, mode):
    search = OptunaSearchCV(FailingClassifier(above=1, mode=mode), {"a": [1, 2]}, cv=2, error_score="raise")
    search.set_callbacks(Recorder(log))

    with pytest.raises((ZeroDivisionError, KeyboardInterrupt)):
        search.fit(*data)

    assert calls(log, "hook")[("setup",)] == calls(log, "hook")[("teardown",)] == 1


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.FitFailedWarning")
@pytest.mark.filterwarnings("ignore:One or more of the test scores are non-finite:UserWarning")
def test_folds_that_fail_have_an_end_too(log, data):
    search = OptunaSearchCV(FailingClassifier(above=1), {"a": [1, 2]}, cv=2).set_callbacks(Recorder(log))

    search.fit(*data)

    ended = calls(log, "hook", "task")
    assert ended[("begin", "candidate-split-evaluation")] == ended[("end", "candidate-split-evaluation")] == 4


@pytest.mark.parametrize(("n_jobs", "depth"), [(1, 0), (1, 1), pytest.param(2, 1, marks=pytest.mark.slow)])
def test_the_progress_bar_shows_the_search(capfd, monkeypatch, data, n_jobs, depth):
    monkeypatch.setattr(rich.get_console(), "width", 200)  # there is one for all tests, as wide as it was made
    from sklearn.callback import ProgressBar

    model = LogisticRegression(max_iter=20)
    search = OptunaSearchCV(model, {"C": uniform(0.1, 9)}, n_trials=6, cv=2, n_jobs=n_jobs)

    search.set_callbacks(ProgressBar(max_propagation_depth=depth)).fit(*data)

    out, err = capfd.readouterr()
    assert "OptunaSearchCV" in out
    assert "100%" in out
    assert ("LogisticRegression" in out) == (depth == 1)
    assert err == ""
    assert not [thread for thread in threading.enumerate() if "Monitor" in type(thread).__name__]
    assert len(search.cv_results_["params"]) == 6
