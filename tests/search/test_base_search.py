"""All searches can be pickled and cloned, and a second fit removes the attributes of the first one."""

import copy
import pickle
import traceback

import cloudpickle
import joblib
import numpy as np
import optuna
import pandas as pd
import pytest
from scipy.stats import uniform
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.utils import estimator_html_repr

from sklearn_autotune import OptunaSearchCV, TunedXGBClassifier
from sklearn_autotune.exceptions import StudyStorageError
from sklearn_autotune.search._base_search import get_fold_digest
from tests.search.small_search import knn_search
from tests.toys import CountingClassifier, table

DUMPS = {"pickle": (pickle.dumps, pickle.loads), "cloudpickle": (cloudpickle.dumps, cloudpickle.loads)}


@pytest.mark.parametrize(("dumps", "loads"), DUMPS.values(), ids=DUMPS)
def test_an_unfitted_search_is_pickled(data, dumps, loads):
    search = knn_search()

    assert table(loads(dumps(search)).fit(*data)) == table(search.fit(*data))


@pytest.mark.parametrize(("dumps", "loads"), DUMPS.values(), ids=DUMPS)
def test_a_fitted_search_is_pickled_with_its_results(data, dumps, loads):
    search = knn_search().fit(*data)

    loaded = loads(dumps(search))

    assert table(loaded) == table(search)
    assert loaded.predict(data[0]).tolist() == search.predict(data[0]).tolist()
    assert loaded.best_params_ == search.best_params_
    assert [trial.params for trial in loaded.study_.trials] == [trial.params for trial in search.study_.trials]
    assert table(loaded.fit(*data)) == table(search)


def test_a_search_with_lambdas_is_pickled_by_cloudpickle(data):
    halve = lambda X: X / 2  # noqa: E731
    search = OptunaSearchCV(
        CountingClassifier(),
        {"a": uniform(0, 9), "b": [halve, lambda X: X]},
        n_trials=5,
        cv=2,
        scoring=lambda estimator, X, y: estimator.a,
        refit=lambda results: int(np.argmax(results["mean_test_score"])),
        random_state=0,
    ).fit(*data)

    loaded = cloudpickle.loads(cloudpickle.dumps(search))

    assert loaded.best_index_ == search.best_index_
    assert loaded.best_params_["b"](np.ones(1)) == search.best_params_["b"](np.ones(1))
    assert loaded.fit(*data).best_index_ == search.best_index_


def test_a_fitted_search_is_dumped_by_joblib(data, tmp_path):
    search = knn_search().fit(*data)
    joblib.dump(search, tmp_path / "search.joblib")

    loaded = joblib.load(tmp_path / "search.joblib")

    assert loaded.predict(data[0]).tolist() == search.predict(data[0]).tolist()


def test_a_deep_copy_of_a_fitted_search_is_fitted(data):
    search = knn_search().fit(*data)

    assert copy.deepcopy(search).predict(data[0]).tolist() == search.predict(data[0]).tolist()


def test_a_clone_of_a_fitted_search_is_unfitted_and_finds_the_same(data):
    search = knn_search(sampler=optuna.samplers.TPESampler(seed=3), enqueue=[{"n_neighbors": 5}]).fit(*data)

    copied = clone(search)

    assert not hasattr(copied, "cv_results_")
    assert copied.get_params(deep=False).keys() == search.get_params(deep=False).keys()
    assert table(copied.fit(*data)) == table(search)


def test_a_second_fit_is_a_new_study_with_the_same_result(data):
    search = knn_search(param_distributions={"n_neighbors": [1, 3, 5], "p": uniform(1, 2)}, n_trials=12)
    first, study = table(search.fit(*data)), search.study_
    second = table(search.fit(*data))

    assert second == first
    assert search.study_ is not study
    assert len(search.study_.trials) == len(study.trials) == 12


def test_a_second_fit_drops_what_does_not_hold_any_more(data):
    X, y = data
    search = knn_search().fit(pd.DataFrame(X, columns=list("abcd")), y)

    search.set_params(refit=False).fit(X, y)
    for name in ("best_estimator_", "refit_time_", "feature_names_in_", "n_features_in_", "classes_"):
        assert not hasattr(search, name)

    search.set_params(refit=lambda results: 0).fit(X, y)
    assert not hasattr(search, "best_score_")
    assert search.best_index_ == 0

    search.set_params(scoring=["accuracy", "f1"], refit=False).fit(X, y)
    for name in ("best_estimator_", "best_score_", "best_index_", "best_params_"):
        assert not hasattr(search, name)


def test_a_fit_that_fails_leaves_nothing_of_the_fit_before(data):
    search = knn_search().fit(*data)

    with pytest.raises(ValueError, match="'cv' parameter"):
        search.set_params(cv=1).fit(*data)

    assert not hasattr(search, "best_estimator_")
    assert not hasattr(search, "cv_results_")


# -- secrets ---------------------------------------------------------------------------------------------------------

URL = "postgresql://me:pa55word@localhost:1/db?sslpassword=pa55word"


def make_holders(search):
    """The search, and what may hold it: nothing of them may show its password."""
    return [search, clone(search), TransformedTargetRegressor(search), make_pipeline(MinMaxScaler(), clone(search))]


@pytest.mark.parametrize("kind", [knn_search, TunedXGBClassifier], ids=["search", "booster"])
def test_a_password_is_in_no_text_and_no_pickle_of_a_search(kind):
    for holder in make_holders(kind(storage=URL)):
        assert "me:***@localhost" in repr(holder)
        assert "pa55word" not in repr(holder) + estimator_html_repr(holder)
        for dumps in (pickle.dumps, cloudpickle.dumps):
            assert b"pa55word" not in dumps(holder)


def test_a_password_stays_in_clones_and_parameters():
    search = knn_search(storage=URL)

    assert search.storage == clone(clone(search)).storage == search.get_params()["storage"] == URL
    assert make_pipeline(search).get_params()["optunasearchcv__storage"] == URL


def test_a_search_whose_password_was_left_out_says_so_before_it_fits(data):
    loaded = pickle.loads(pickle.dumps(knn_search(storage=URL)))

    with pytest.raises(ValueError, match=r"me:\*\*\*@localhost.* came without its password"):
        loaded.fit(*data)
    assert table(loaded.set_params(storage=None).fit(*data)) == table(knn_search().fit(*data))


def test_a_server_that_cannot_be_reached_is_named_without_its_password(data):
    pytest.importorskip("pymysql")

    with pytest.raises(StudyStorageError) as caught:
        knn_search(storage=URL.replace("postgresql", "mysql+pymysql").partition("?")[0]).fit(*data)

    assert "pa55word" not in "".join(traceback.format_exception(caught.value))


def test_a_search_keeps_a_digest_of_its_folds_which_is_that_of_equal_folds_alone():
    folds = list(KFold(3, shuffle=True, random_state=0).split(np.zeros(20)))
    X, y = np.column_stack([np.arange(20.0), np.ones(20)]), np.arange(20) % 2

    def digest(cv):
        return get_fold_digest(OptunaSearchCV(CountingClassifier(), {"a": [1, 2]}, cv=cv).fit(X, y))

    assert digest(folds) == digest(KFold(3, shuffle=True, random_state=0))
    assert digest(folds) != digest(KFold(3))
    assert get_fold_digest(GridSearchCV(CountingClassifier(), {"a": [1, 2]}, cv=2).fit(X, y)) is None
