"""Failed candidates and stopped searches: what is recorded, warned about, raised and kept."""

import warnings

import joblib
import numpy as np
import optuna
import pytest
from optuna.trial import TrialState
from scipy.stats import uniform
from sklearn.exceptions import FitFailedWarning
from sklearn.model_selection import GridSearchCV, KFold

from sklearn_autotune import OptunaSearchCV
from tests.toys import (
    CountingClassifier,
    FailingClassifier,
    MisbehavingClassifier,
    OddlyFailingClassifier,
    PickyClassifier,
    SleepingClassifier,
    UnpicklableError,
    read_log,
    statuses,
    table,
)


@pytest.fixture
def data():
    X = np.column_stack([np.arange(30.0), np.ones((30, 2))])
    return X, np.arange(30) % 2


def fit_and_catch(search, data):
    """Fit, and return what was warned of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        search.fit(*data)
    return caught


# -- recorded failures -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_jobs", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_an_exception_in_fit_is_a_failed_candidate(data, n_jobs):
    modes = ["Exception", "ValueError", "MemoryError", "SystemExit"]
    search = OptunaSearchCV(FailingClassifier(above=3), {"a": [1, 3, 4], "mode": modes}, cv=2, n_jobs=n_jobs)

    fit_and_catch(search, data)

    assert statuses(search) == ["complete"] * 8 + ["failed"] * 4
    assert np.isnan(search.cv_results_["mean_test_score"]).tolist() == [False] * 8 + [True] * 4
    assert search.cv_results_["rank_test_score"].tolist() == [5] * 4 + [1] * 4 + [9] * 4
    for mode, error in zip(modes, search.trials_["error"][8:], strict=True):
        assert error.strip().endswith(f"{mode}: the toy fails on purpose")
    assert search.best_params_ == {"a": 3, "mode": "Exception"}


@pytest.mark.parametrize("mode", ["nan", "inf", "-inf"])
def test_a_score_that_is_not_finite_is_a_failed_candidate_and_never_wins(data, mode):
    search = OptunaSearchCV(FailingClassifier(above=3, mode=mode), {"a": [1, 2, 3, 4, 5]}, cv=2)

    caught = fit_and_catch(search, data)

    assert statuses(search) == ["complete"] * 3 + ["failed"] * 2
    assert search.best_params_ == {"a": 3}
    assert np.isfinite(search.best_score_)
    assert search.cv_results_["rank_test_score"].tolist() == [3, 2, 1, 4, 4]
    assert [w.category for w in caught] == [UserWarning]
    assert str(caught[0].message).startswith("One or more of the test scores are non-finite")


def test_train_scores_that_are_not_finite_are_warned_of_once_too(data):
    search = OptunaSearchCV(FailingClassifier(above=3, mode="inf"), {"a": [1, 4]}, cv=2, return_train_score=True)

    caught = fit_and_catch(search, data)

    warned = [str(w.message).split(" scores")[0] for w in caught]
    assert warned == ["One or more of the test", "One or more of the train"]


def test_a_candidate_that_fails_on_some_folds_has_no_mean_and_ranks_last(data):
    search = OptunaSearchCV(PickyClassifier(above=3), {"a": [1, 3, 4, 5]}, cv=KFold(3))

    caught = fit_and_catch(search, data)

    results = search.cv_results_
    assert np.isnan(results["split0_test_score"]).tolist() == [False, False, True, True]
    assert np.isfinite(results["split1_test_score"]).all()
    assert np.isnan(results["mean_test_score"]).tolist() == [False, False, True, True]
    assert results["rank_test_score"].tolist() == [2, 1, 3, 3]
    assert statuses(search) == ["complete"] * 2 + ["failed"] * 2
    assert [w.category for w in caught] == [FitFailedWarning, UserWarning]
    assert "2 fits failed out of a total of 12" in str(caught[0].message)


def test_failures_are_counted_over_the_whole_search_in_one_warning(data):
    search = OptunaSearchCV(FailingClassifier(above=3), {"a": uniform(0, 9)}, n_trials=30, cv=2, random_state=0)

    caught = fit_and_catch(search, data)

    n_failed = statuses(search).count("failed")
    assert n_failed > 2
    assert [w.category for w in caught] == [FitFailedWarning, UserWarning]
    assert f"\n{2 * n_failed} fits failed out of a total of 60." in str(caught[0].message)


def test_the_warning_is_the_one_of_grid_search(data):
    grid = {"a": [1, 2, 4, 5]}
    ours = fit_and_catch(OptunaSearchCV(FailingClassifier(), grid, cv=2), data)
    theirs = fit_and_catch(GridSearchCV(FailingClassifier(), grid, cv=2), data)

    assert [w.category for w in ours] == [w.category for w in theirs]
    for text in ("4 fits failed out of a total of 8", "will be set to nan", "the toy fails on purpose"):
        assert text in str(ours[0].message)
        assert text in str(theirs[0].message)


def test_a_numeric_error_score_stands_in_the_table(data):
    search = OptunaSearchCV(FailingClassifier(above=3), {"a": [1, 3, 4]}, cv=2, error_score=-100.0)

    caught = fit_and_catch(search, data)

    assert search.cv_results_["mean_test_score"][2] == -100.0
    assert search.cv_results_["rank_test_score"].tolist() == [2, 1, 3]
    assert [w.category for w in caught] == [FitFailedWarning]


@pytest.mark.parametrize("error_score", [np.nan, 0.0])
def test_if_nothing_fits_the_error_is_scikit_learns(data, error_score):
    search = OptunaSearchCV(FailingClassifier(above=0), {"a": [1, 2]}, cv=2, error_score=error_score)

    with pytest.raises(ValueError, match=r"All the 4 fits failed\.\nIt is very likely that your model is misconfig"):
        search.fit(*data)

    assert not hasattr(search, "best_estimator_")


@pytest.mark.parametrize("error_score", [np.nan, 0.0, 1e9])
@pytest.mark.parametrize("scoring", [None, "accuracy", ["accuracy", "f1"]], ids=str)
@pytest.mark.parametrize("rows", [-np.inf, 15], ids=["every fold", "one fold"])
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_candidate_that_cannot_predict_never_wins_whatever_the_error_score(data, error_score, scoring, rows, n_jobs):
    toy = MisbehavingClassifier(where="predict", rows=rows)
    refit = "accuracy" if isinstance(scoring, list) else True
    search = OptunaSearchCV(
        toy, {"a": [5, 1, 4, 3]}, cv=KFold(3), error_score=error_score, scoring=scoring, refit=refit, n_jobs=n_jobs
    )

    with joblib.parallel_config(backend="threading"):
        caught = fit_and_catch(search, data)

    name = "score" if refit is True else refit
    assert statuses(search) == ["failed", "complete", "failed", "complete"]
    assert search.best_params_["a"] in (1, 3)
    assert np.isfinite(search.best_score_)
    assert search.best_score_ == search.cv_results_[f"mean_test_{name}"][search.best_index_]
    assert all("ValueError: the toy misbehaves" in search.trials_["error"][row] for row in (0, 2))
    assert sum("Scoring failed" in str(w.message) for w in caught) == 1
    assert all(search.study_.trials[row].value is None for row in (0, 2))


@pytest.mark.parametrize("error_score", [np.nan, 0.0])
@pytest.mark.parametrize("refit", [True, False])
def test_if_no_candidate_can_predict_one_error_says_why_and_nothing_is_fitted_on_all_rows(
    data, error_score, refit, tmp_path
):
    toy = MisbehavingClassifier(where="predict", log=str(tmp_path / "log"))
    search = OptunaSearchCV(toy, {"a": [4, 5]}, cv=2, error_score=error_score, refit=refit)

    with pytest.raises(
        ValueError, match=r"No candidate has a score.*2 failed[\s\S]*candidate 0:[\s\S]*the toy misbehaves"
    ):
        search.fit(*data)

    assert {entry["rows"] for entry in read_log(tmp_path / "log")} == {15}
    assert statuses(search) == ["failed", "failed"]
    np.testing.assert_array_equal(search.cv_results_["mean_test_score"], [error_score] * 2)
    assert not hasattr(search, "best_index_")


def test_of_several_scores_one_that_does_not_decide_fails_nobody(data):
    scoring = {"good": "accuracy", "bad": lambda estimator, X, y: 1 / 0}
    search = OptunaSearchCV(CountingClassifier(), {"a": [1, 2]}, cv=2, scoring=scoring, refit="good", error_score=0.5)

    caught = fit_and_catch(search, data)

    assert statuses(search) == ["complete", "complete"]
    assert search.cv_results_["mean_test_bad"].tolist() == [0.5, 0.5]
    assert "ZeroDivisionError" in search.trials_["error"][0]
    assert [str(w.message).split(". ")[0] for w in caught] == [
        "Scoring failed on 4 train-test partitions out of a total of 4"
    ]


def test_a_rung_with_a_failed_fold_is_told_to_neither_the_sampler_nor_the_pruner(data):
    """With the error score, which no score reaches, nobody would be promoted."""
    space = {"a": [5, 4, 3, 2, 1], "where": ["fit"]}
    search = OptunaSearchCV(MisbehavingClassifier(), space, cv=2, resource="n_samples", error_score=1e9, look_ahead=1)

    fit_and_catch(search, data)

    assert statuses(search)[:3] == ["failed", "failed", "complete"]
    assert [trial.intermediate_values for trial in search.study_.trials[:2]] == [{}, {}]
    assert search.best_params_["a"] == 3


def test_parameters_that_cannot_be_set_are_a_failed_candidate(data):
    class Strict(CountingClassifier):
        def set_params(self, **params):
            if params.get("a") == 2:
                raise ValueError("a=2 cannot be set")
            return super().set_params(**params)

    search = OptunaSearchCV(Strict(), {"a": [1, 2, 3]}, cv=2)

    fit_and_catch(search, data)

    assert statuses(search) == ["complete", "failed", "complete"]
    assert "a=2 cannot be set" in search.trials_["error"][1]


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_score_of_the_wrong_type_costs_one_candidate(data, n_jobs):
    search = OptunaSearchCV(FailingClassifier(above=1, mode="text"), {"a": [1, 2]}, cv=2, n_jobs=n_jobs)

    with joblib.parallel_config(backend="threading"):
        fit_and_catch(search, data)

    assert statuses(search) == ["complete", "failed"]
    assert "scoring must return a number" in search.trials_["error"][1]


def test_if_no_score_is_a_number_the_error_says_so(data):
    search = OptunaSearchCV(FailingClassifier(above=1, mode="text"), {"a": [2]}, cv=2)

    with pytest.raises(ValueError, match="scoring must return a number"):
        search.fit(*data)


# -- error_score="raise" ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["ZeroDivisionError", "SystemExit"])
@pytest.mark.parametrize("n_jobs", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_error_score_raise_shows_the_users_own_exception(data, mode, n_jobs):
    toy = FailingClassifier(above=2, mode=mode)
    search = OptunaSearchCV(toy, {"a": [1, 2, 3]}, cv=2, error_score="raise", n_jobs=n_jobs)

    with pytest.raises(BaseException, match=r"^the toy fails on purpose$") as caught:
        search.fit(*data)

    assert type(caught.value).__name__ == mode


@pytest.mark.slow
def test_error_score_raise_shows_an_exception_that_no_other_process_can_read(data):
    search = OptunaSearchCV(OddlyFailingClassifier(), {"a": [1, 2]}, cv=2, error_score="raise")

    with pytest.raises(UnpicklableError, match="the toy fails in fit"):
        search.fit(*data)
    with pytest.raises(Exception, match="the toy fails in fit"):  # what it said has to arrive
        search.set_params(n_jobs=2).fit(*data)


@pytest.mark.parametrize("backend", ["sequential", "threading"])
def test_error_score_raise_leaves_no_trial_running(data, backend):
    storage = optuna.storages.InMemoryStorage()
    search = OptunaSearchCV(
        FailingClassifier(above=2), {"a": [1, 2, 3]}, cv=2, error_score="raise", n_jobs=2, storage=storage
    )

    with joblib.parallel_config(backend=backend), pytest.raises(ValueError, match="on purpose"):
        search.fit(*data)

    assert TrialState.RUNNING not in states_in(storage)


def states_in(storage):
    (name,) = optuna.get_all_study_names(storage)
    return [trial.state for trial in optuna.load_study(study_name=name, storage=storage).trials]


# -- interruption ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_jobs", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_ctrl_c_in_a_fit_leaves_the_results_so_far_and_is_raised_again(data, n_jobs):
    toy = FailingClassifier(above=5, mode="KeyboardInterrupt")
    search = OptunaSearchCV(toy, {"a": [1, 3, 5, 2, 9, 4]}, cv=2, n_jobs=n_jobs, look_ahead=2)

    with pytest.raises(KeyboardInterrupt):
        search.fit(*data)

    # With two jobs the one asked next to the interrupted one may have arrived before it.
    params = search.cv_results_["params"]
    assert params[:3] == [{"a": 1}, {"a": 3}, {"a": 5}]
    assert {"a": 9} not in params
    if n_jobs == 1:
        assert len(params) == 4
    assert search.best_params_ == {"a": 3}
    assert search.best_score_ == search.cv_results_["mean_test_score"].max()
    assert set(search.trials_["status"]) == {"complete", "cancelled"}
    assert all(trial.state.is_finished() for trial in search.study_.trials)
    assert not hasattr(search, "best_estimator_")


def test_ctrl_c_before_the_first_result_is_raised_as_it_is(data):
    toy = FailingClassifier(above=0, mode="KeyboardInterrupt")
    search = OptunaSearchCV(toy, {"a": [1, 2]}, cv=2)

    with pytest.raises(KeyboardInterrupt):
        search.fit(*data)

    assert not hasattr(search, "cv_results_")
    assert all(trial.state.is_finished() for trial in search.study_.trials)


def test_a_search_that_was_interrupted_can_be_fitted_again(data):
    toy = FailingClassifier(above=3, mode="KeyboardInterrupt")
    search = OptunaSearchCV(toy, {"a": [1, 2, 4]}, cv=2)
    with pytest.raises(KeyboardInterrupt):
        search.fit(*data)

    search.set_params(param_distributions={"a": [1, 2]}).fit(*data)

    assert search.predict(data[0]).shape == (30,)
    assert statuses(search) == ["complete", "complete"]


# -- running out of time ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_time_limit_stops_early_and_still_gives_a_fitted_search(data, n_jobs):
    toy = SleepingClassifier(seconds=0.1)
    search = OptunaSearchCV(toy, {"a": uniform(0, 9)}, n_trials=5_000, cv=2, timeout=1.5, n_jobs=n_jobs, refit=True)

    with joblib.parallel_config(backend="threading"):
        search.fit(*data)

    n_measured = len(search.cv_results_["params"])
    assert 1 <= n_measured < 500
    measured = np.isin(search.trials_["status"], ["complete", "pruned"])
    assert np.isfinite(search.cv_results_["split0_test_score"]).all()
    assert search.predict(data[0]).shape == (30,)
    assert set(search.trials_["status"][~measured]) <= {"timeout"}
    assert all(trial.state.is_finished() for trial in search.study_.trials)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_the_first_candidate_is_always_finished(data, tmp_path, n_jobs):
    log = tmp_path / "log"
    toy = SleepingClassifier(log=str(log), seconds=0.2)
    search = OptunaSearchCV(toy, {"a": uniform(0, 9)}, n_trials=100, cv=4, timeout=1e-3, n_jobs=n_jobs)

    with joblib.parallel_config(backend="threading"):
        search.fit(*data)

    assert statuses(search)[0] == "complete"
    assert len(search.cv_results_["params"]) == 1
    assert read_log(log)[-1]["rows"] == 30  # the final fit


@pytest.mark.slow
def test_the_first_candidate_is_always_finished_in_a_worker_process_too(data):
    toy = SleepingClassifier(seconds=0.2)
    search = OptunaSearchCV(toy, {"a": uniform(0, 9)}, n_trials=100, cv=4, timeout=1e-3, n_jobs=2).fit(*data)

    assert statuses(search)[0] == "complete"
    assert len(search.cv_results_["params"]) == 1
    assert search.predict(data[0]).shape == (30,)


# -- what the user's own functions raise -----------------------------------------------------------------------------


@pytest.mark.parametrize("n_jobs", [1, 4])
def test_an_exception_in_a_callback_is_raised_and_no_trial_is_left_running(data, n_jobs):
    calls = []

    def callback(study, trial):
        calls.append(trial.number)
        if len(calls) == 2:
            raise LookupError("the callback fails")

    storage = optuna.storages.InMemoryStorage()
    space = {"seconds": [3.0, 0.01, 0.02, 0.03]}  # the others have arrived when the first has
    search = OptunaSearchCV(SleepingClassifier(), space, cv=2, callbacks=[callback], storage=storage, n_jobs=n_jobs)

    with joblib.parallel_config(backend="threading"), pytest.raises(LookupError, match="the callback fails"):
        search.fit(*data)

    assert calls == [0, 1]
    assert TrialState.RUNNING not in states_in(storage)


def test_an_exception_in_a_callable_refit_is_raised_and_the_table_is_on_the_search(data):
    calls = []

    def refit(results):
        calls.append(results)
        raise LookupError("the choice fails")

    search = OptunaSearchCV(CountingClassifier(), {"a": [1, 2]}, cv=2, refit=refit)

    with pytest.raises(LookupError, match="the choice fails"):
        search.fit(*data)

    assert len(calls) == 1
    assert statuses(search) == ["complete", "complete"]
    assert len(search.cv_results_["params"]) == 2


def test_a_callable_refit_leaves_no_best_score(data):
    search = OptunaSearchCV(CountingClassifier(), {"a": [1, 3, 5]}, cv=2, refit=lambda results: 2).fit(*data)

    assert not hasattr(search, "best_score_")
    assert search.best_index_ == 2
    assert search.best_params_ == {"a": 5}
    assert search.best_estimator_.a == 5


def test_the_table_with_failures_does_not_depend_on_n_jobs(data):
    def fit(n_jobs):
        search = OptunaSearchCV(
            FailingClassifier(above=4), {"a": uniform(0, 9)}, n_trials=24, cv=2, n_jobs=n_jobs, random_state=0
        )
        with joblib.parallel_config(backend="threading"):
            fit_and_catch(search, data)
        return search

    one, three = fit(1), fit(3)

    assert "failed" in statuses(one)
    assert table(one) == table(three)
    assert statuses(one) == statuses(three)
