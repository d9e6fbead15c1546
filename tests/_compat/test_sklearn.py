"""scikit-learn's private names behave as the package expects of every supported version."""

import numpy as np
import pytest
from sklearn import config_context
from sklearn.base import BaseEstimator
from sklearn.compose import TransformedTargetRegressor
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import BaggingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import check_scoring, get_scorer, make_scorer, max_error
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVR

from sklearn_autotune._compat.sklearn import (
    HAS_CALLBACKS,
    CallbackContexts,
    accepts_sample_weight,
    find_weight_parameter,
    forget_requests,
    get_scorers,
    get_threadpool_controller,
    has_callbacks,
    is_rank_scorer,
    make_callback_arguments,
    set_params,
    take_metadata_rows,
    take_rows,
)
from tests.names import named


def test_several_scorers_are_known_by_name_and_one_is_itself():
    several = check_scoring(DummyClassifier(), scoring=["accuracy", "f1"])

    assert set(get_scorers(several)) == {"accuracy", "f1"}
    one = get_scorer("accuracy")
    assert get_scorers(one) is one


@pytest.mark.parametrize(
    ("scorer", "accepts"),
    [
        (get_scorer("accuracy"), True),
        (make_scorer(max_error), False),
        (lambda model, X, y: 0.0, False),
        (lambda model, X, y, sample_weight=None: 0.0, True),
    ],
    ids=["accuracy", "max_error", "function", "function with weights"],
)
def test_it_is_known_which_scorers_take_weights(scorer, accepts):
    assert accepts_sample_weight(scorer) is accepts


@pytest.mark.parametrize(
    ("scorer", "is_rank"),
    [
        (get_scorer("roc_auc"), True),
        (get_scorer("roc_auc_ovr"), True),
        (get_scorer("average_precision"), True),
        (get_scorer("top_k_accuracy"), True),
        (make_scorer(max_error, response_method=("decision_function", "predict_proba")), True),
        (get_scorer("accuracy"), False),
        (get_scorer("neg_log_loss"), False),
        (get_scorer("neg_brier_score"), False),
        (lambda model, X, y: 0.0, False),
    ],
    ids=named,
)
def test_it_is_known_which_scorers_score_the_order_alone(scorer, is_rank):
    assert is_rank_scorer(scorer) is is_rank


def test_rows_are_taken_of_data_and_of_what_has_one_entry_per_row():
    X, rows = np.arange(8).reshape(4, 2), np.array([2, 0])

    assert take_rows(X, rows).tolist() == [[4, 5], [0, 1]]
    assert take_rows([10, 11, 12, 13], rows) == [12, 10]
    taken = take_metadata_rows(X, params={"sample_weight": np.arange(4.0), "name": "ab"}, indices=rows)
    assert taken["sample_weight"].tolist() == [2.0, 0.0]
    assert taken["name"] == "ab"


@pytest.mark.parametrize(
    ("estimator", "name"),
    [
        (Ridge(), "sample_weight"),
        (make_pipeline(StandardScaler(), Ridge()), "ridge__sample_weight"),
        (TransformedTargetRegressor(SVR()), "sample_weight"),
        (TransformedTargetRegressor(make_pipeline(SVR())), "svr__sample_weight"),
        (make_pipeline(KNeighborsRegressor()), None),
    ],
)
def test_weights_reach_the_model_at_the_end(estimator, name):
    assert find_weight_parameter(estimator) == name

    X, y = np.arange(10.0)[:, None], np.arange(10.0)
    estimator.fit(X, y, **({} if name is None else {name: np.ones(10)}))


def test_threads_are_limited_inside_and_as_before_outside():
    controller = get_threadpool_controller()

    def count_threads():
        return [pool["num_threads"] for pool in controller.info() if pool["user_api"] == "openmp"]

    before = count_threads()
    with controller.limit(limits=2, user_api="openmp"):
        assert set(count_threads()) == {2}

    assert count_threads() == before


def test_callbacks_are_told_of_weights_alone():
    estimator, weight = LogisticRegression(), np.ones(2)

    arguments = make_callback_arguments(estimator, [[0], [1]], [0, 1], {"sample_weight": weight, "other": 1})

    assert arguments["metadata"] == {"sample_weight": weight}
    assert make_callback_arguments(estimator, None, None, {})["metadata"] is None


def test_without_callbacks_there_are_no_tasks_to_send():
    pipeline = make_pipeline(StandardScaler(), LogisticRegression())
    contexts = CallbackContexts(pipeline, None, n_folds=3)

    contexts.begin(4)

    assert not has_callbacks(pipeline)
    assert contexts.open(0) == ()
    contexts.close(0)
    contexts.end()


@pytest.mark.skipif(not HAS_CALLBACKS, reason="scikit-learn before 1.9 has no callbacks")
def test_callbacks_of_a_step_are_found():
    scaler = StandardScaler()
    scaler._skl_callbacks = [object()]

    assert has_callbacks(make_pipeline(scaler, LogisticRegression()))


class CountsItsSettings(BaseEstimator):
    """Does more in ``set_params`` than set attributes."""

    def __init__(self, depth=1):
        self.depth = depth

    def set_params(self, **params):
        self.n_set = getattr(self, "n_set", 0) + 1
        return super().set_params(**params)


@pytest.mark.parametrize(
    ("make", "params"),
    [
        (LogisticRegression, {"C": 3.0, "solver": "saga"}),
        (LogisticRegression, {}),
        (CountsItsSettings, {"depth": 4}),
        (lambda: make_pipeline(StandardScaler(), LogisticRegression()), {"logisticregression__C": 3.0}),
        (lambda: make_pipeline(StandardScaler(), LogisticRegression()), {"standardscaler": "passthrough"}),
    ],
)
def test_parameters_are_set_as_scikit_learn_sets_them(make, params):
    ours, theirs = make(), make()

    set_params(ours, params)

    assert repr(theirs.set_params(**params)) == repr(ours)
    assert {name: value for name, value in vars(ours).items() if name == "n_set"} == {
        name: value for name, value in vars(theirs).items() if name == "n_set"
    }


def test_an_unknown_parameter_is_refused_as_scikit_learn_refuses_it():
    with pytest.raises(ValueError, match="Invalid parameter 'c' for estimator LogisticRegression"):
        set_params(LogisticRegression(), {"C": 1.0, "c": 1.0})


def test_requests_are_forgotten_at_every_depth_and_the_model_can_be_written(tmp_path):
    skops_io = pytest.importorskip("skops.io")
    X, y = np.arange(12.0).reshape(-1, 1), np.arange(12) % 2
    with config_context(enable_metadata_routing=True):
        forest = RandomForestClassifier(2, random_state=0).set_fit_request(sample_weight=True)
        inner = BaggingClassifier(forest, n_estimators=2, random_state=0).set_fit_request(sample_weight=True)
        model = make_pipeline(StandardScaler().set_fit_request(sample_weight=False), inner)
        model.fit(X, y, sample_weight=np.ones(12))
    predictions = model.predict_proba(X)

    assert forget_requests(model) is model

    skops_io.dump(model, tmp_path / "model.skops")
    np.testing.assert_array_equal(model.predict_proba(X), predictions)
    for part in (model[0], model[1].estimator, model[1].estimators_[0]):
        assert part.get_metadata_routing().fit.requests.get("sample_weight") is None
