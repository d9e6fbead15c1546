"""Weights, groups and other metadata reach the right methods, with and without scikit-learn's routing."""

import numpy as np
import optuna
import pytest
from scipy.sparse import csr_array
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.linear_model import SGDClassifier
from sklearn.metrics import accuracy_score, make_scorer
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    LeaveOneGroupOut,
    StratifiedKFold,
    cross_validate,
)
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from sklearn_autotune import AutoModelSelector, OptunaSearchCV, TunedXGBClassifier, compare
from sklearn_autotune._compat.sklearn import get_scorers
from sklearn_autotune.search._routing import resolve_scorer
from tests.toys import CountingClassifier, WeightedClassifier, read_log, table

PRUNERS = [None, optuna.pruners.MedianPruner(n_startup_trials=1)]
IDS = ["whole", "pruned"]


@pytest.fixture
def data():
    """Rows that carry their numbers in the first column."""
    return np.column_stack([np.arange(24.0), np.ones((24, 2))]), np.arange(24) % 2


@pytest.fixture
def log(tmp_path):
    return tmp_path / "log"


def weights_seen(log, method):
    """Row number to weight, over all calls of a method; None where there was no weight."""
    seen = {}
    for entry in read_log(log):
        if entry["method"] == method:
            weights = entry["weights"] or [None] * len(entry["rows"])
            seen.update(zip(entry["rows"], weights, strict=True))
    return seen


# -- scores ----------------------------------------------------------------------------------------------------------


def test_the_names_of_a_set_come_in_alphabetical_order_whatever_the_order_of_the_set():
    names = ["accuracy", "balanced_accuracy", "f1", "jaccard", "precision", "recall"]  # one of 720 orders
    scorer = resolve_scorer(DecisionTreeClassifier(), set(names), refit="f1")

    assert list(get_scorers(scorer)) == names


def test_a_set_of_scores_gives_the_table_of_the_sorted_list(data):
    names = ["neg_log_loss", "neg_brier_score", "balanced_accuracy", "accuracy"]
    settings = {"estimator": DecisionTreeClassifier(random_state=0), "param_distributions": {"max_depth": [1, 2]}}

    def fit(scoring):
        refit = {"refit": lambda results: 0, "scoring": scoring}
        return table(OptunaSearchCV(**settings, **refit, cv=2).fit(*data))

    assert list(fit(set(names)).items()) == list(fit(sorted(names)).items())


# -- the winner measured again ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("requests", "is_grid_search_only"),
    [(None, True), ({"fit": True, "score": True}, False), ({"fit": True, "score": False}, False)],
    ids=["without routing", "routed to fit and score", "routed to fit"],
)
def test_with_weights_the_winners_row_is_grid_searchs_and_with_routing_also_that_of_cross_validate(
    requests, is_grid_search_only
):
    X, y = make_classification(n_samples=90, flip_y=0.2, random_state=0)
    weight = np.random.RandomState(0).uniform(0.1, 3.0, len(y))
    tree, space = DecisionTreeClassifier(random_state=0), {"max_depth": [1, 2, 4]}
    if requests is not None:
        with config_context(enable_metadata_routing=True):
            tree.set_fit_request(sample_weight=requests["fit"]).set_score_request(sample_weight=requests["score"])

    with config_context(enable_metadata_routing=requests is not None):
        ours, theirs = (
            kind(tree, space, cv=3).fit(X, y, sample_weight=weight) for kind in (OptunaSearchCV, GridSearchCV)
        )
        best = clone(tree).set_params(**ours.best_params_)
        again = cross_validate(best, X, y, cv=3, params={"sample_weight": weight})["test_score"]

    row = [ours.cv_results_[f"split{fold}_test_score"][ours.best_index_] for fold in range(3)]
    assert row == [theirs.cv_results_[f"split{fold}_test_score"][theirs.best_index_] for fold in range(3)]
    assert (row != again.tolist()) is is_grid_search_only


# -- without routing -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pruner", PRUNERS, ids=IDS)
def test_weights_reach_fit_and_score_row_by_row(data, log, pruner):
    X, y = data
    weight = 100 + X[:, 0]
    search = OptunaSearchCV(
        WeightedClassifier(log=str(log)), {"a": [1, 2, 3, 4]}, cv=3, pruner=pruner, look_ahead=1, refit=False
    )

    search.fit(X, y, sample_weight=weight)

    by_row = dict(zip(X[:, 0], weight, strict=True))
    assert weights_seen(log, "fit") == by_row
    assert weights_seen(log, "score") == by_row


def test_weights_reach_the_final_fit(data, log):
    X, y = data
    OptunaSearchCV(WeightedClassifier(log=str(log)), {"a": [1]}, cv=3).fit(X, y, sample_weight=100 + X[:, 0])

    last = read_log(log)[-1]
    assert last == {"method": "fit", "rows": X[:, 0].tolist(), "weights": (100 + X[:, 0]).tolist()}


@pytest.mark.parametrize("kind", [list, np.asarray, lambda weight: np.asarray(weight, dtype=np.float32)])
def test_weights_may_come_as_lists(data, kind):
    X, y = data
    weight = np.where(y == 1, 5.0, 1.0)
    listed = OptunaSearchCV(DecisionTreeClassifier(max_depth=1, random_state=0), {"ccp_alpha": [0.0]}, cv=3)

    listed.fit(X, y, sample_weight=kind(weight))

    grid = GridSearchCV(listed.estimator, {"ccp_alpha": [0.0]}, cv=3).fit(X, y, sample_weight=weight)
    assert listed.best_score_ == grid.best_score_


def test_a_weight_of_zero_is_a_row_left_out(data):
    """The score of a fold does not change with what the ignored rows say."""
    X, y = data
    weight = np.where(np.arange(24) % 3 == 0, 0.0, 1.0)
    wrong = np.where(weight == 0, 1 - y, y)
    search = OptunaSearchCV(DecisionTreeClassifier(random_state=0), {"max_depth": [1, 3]}, cv=KFold(3))

    first = search.fit(X, y, sample_weight=weight).cv_results_["mean_test_score"]
    second = search.fit(X, wrong, sample_weight=weight).cv_results_["mean_test_score"]

    assert first.tolist() == second.tolist()


def without_weights(estimator, X, y):
    return 0.5


@pytest.mark.parametrize(
    "scoring", [without_weights, {"only": make_scorer(lambda y, predicted: 0.5)}], ids=["one", "several"]
)
def test_a_scorer_that_ignores_the_weights_is_warned_of_once(data, scoring):
    X, y = data
    search = OptunaSearchCV(WeightedClassifier(), {"a": [1, 2]}, cv=3, scoring=scoring, refit=False)

    with pytest.warns(UserWarning, match="does not support sample_weight") as caught:
        search.fit(X, y, sample_weight=np.ones(24))

    assert len(caught) == 1


def test_of_several_scorers_those_that_take_weights_get_them(data):
    X, y = data
    weight = np.r_[np.full(12, 3.0), np.ones(12)]

    def total(y_true, y_pred, sample_weight=None):
        return -1.0 if sample_weight is None else float(sample_weight.sum())

    def number(y_true, y_pred):
        return float(len(y_true))

    scoring = {"total": make_scorer(total), "number": make_scorer(number)}
    search = OptunaSearchCV(CountingWeighted(), {"a": [1]}, cv=KFold(2), scoring=scoring, refit="total")
    with pytest.warns(UserWarning, match="number=.* does not support sample_weight"):
        search.fit(X, y, sample_weight=weight)

    assert [search.cv_results_[f"split{fold}_test_total"][0] for fold in range(2)] == [36.0, 12.0]
    assert [search.cv_results_[f"split{fold}_test_number"][0] for fold in range(2)] == [12.0, 12.0]


class CountingWeighted(CountingClassifier):
    def fit(self, X, y, sample_weight=None):
        return super().fit(X, y)


def test_groups_go_to_the_splitter(data):
    X, y = data
    groups = np.arange(24) % 3
    search = OptunaSearchCV(CountingClassifier(a=3), {"b": [1, 2]}, cv=LeaveOneGroupOut()).fit(X, y, groups=groups)

    assert search.n_splits_ == 3
    expected = [0.01 * X[groups == group, 0].mean() for group in range(3)]
    assert [search.cv_results_[f"split{fold}_test_score"][0] for fold in range(3)] == pytest.approx(expected)


def test_groups_that_the_splitter_needs_are_asked_for(data):
    with pytest.raises(ValueError, match="'groups' parameter should not be None"):
        OptunaSearchCV(CountingClassifier(), {"a": [1]}, cv=GroupKFold(3)).fit(*data)


class TakesAnything(CountingClassifier):
    def fit(self, X, y, **params):
        self.params_ = params
        for name in ("per_row", "listed"):
            if name in params and len(params[name]) != len(y):
                raise ValueError(f"{name} has {len(params[name])} entries for {len(y)} rows")
        return super().fit(X, y)


@pytest.mark.parametrize("pruner", PRUNERS, ids=IDS)
def test_what_has_an_entry_per_row_is_cut_and_the_rest_is_left_alone(data, pruner):
    X, y = data
    search = OptunaSearchCV(TakesAnything(), {"a": [1, 2, 3]}, cv=3, pruner=pruner, error_score="raise")
    given = {"per_row": np.arange(24), "listed": list(range(24)), "short": np.arange(5), "text": "text", "none": None}

    search.fit(X, y, **given)

    arrived = search.best_estimator_.params_
    assert arrived.keys() == given.keys()
    assert arrived["short"].tolist() == [0, 1, 2, 3, 4]
    assert arrived["text"] == "text"


def test_metadata_of_the_score_method_needs_routing(data):
    search = OptunaSearchCV(WeightedClassifier(), {"a": [1]}, cv=2).fit(*data)

    with pytest.raises(ValueError, match="enable_metadata_routing=True"):
        search.score(*data, sample_weight=np.ones(24))


# -- with routing ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pruner", PRUNERS, ids=IDS)
@pytest.mark.parametrize(("in_fit", "in_score"), [(True, False), (False, True), (True, True)])
def test_with_routing_weights_go_where_they_are_requested(data, log, pruner, in_fit, in_score):
    X, y = data
    with config_context(enable_metadata_routing=True):
        estimator = WeightedClassifier(log=str(log))
        estimator.set_fit_request(sample_weight=in_fit).set_score_request(sample_weight=in_score)
        search = OptunaSearchCV(estimator, {"a": [1, 2, 3]}, cv=3, pruner=pruner, look_ahead=1, refit=False)
        search.fit(X, y, sample_weight=100 + X[:, 0])

    with_weights = dict(zip(X[:, 0], 100 + X[:, 0], strict=True))
    without = dict.fromkeys(X[:, 0])
    assert weights_seen(log, "fit") == (with_weights if in_fit else without)
    assert weights_seen(log, "score") == (with_weights if in_score else without)


def test_with_routing_weights_that_nobody_asked_for_are_an_error(data, log):
    with config_context(enable_metadata_routing=True):
        search = OptunaSearchCV(WeightedClassifier(log=str(log)), {"a": [1]}, cv=2)
        with pytest.raises(UnsetMetadataPassedError, match="sample_weight"):
            search.fit(*data, sample_weight=np.ones(24))

    assert read_log(log) == []


def test_with_routing_groups_and_weights_go_apart_under_other_names(data, log):
    X, y = data
    groups = np.arange(24) % 2
    with config_context(enable_metadata_routing=True):
        estimator = WeightedClassifier(log=str(log)).set_fit_request(sample_weight="importance")
        estimator.set_score_request(sample_weight=False)
        splitter = GroupKFold(2).set_split_request(groups="household")
        search = OptunaSearchCV(estimator, {"a": [1, 2]}, cv=splitter, refit=False)
        search.fit(X, y, importance=100 + X[:, 0], household=groups)

    for entry in read_log(log):
        assert len({row % 2 for row in entry["rows"]}) == 1  # one household on each side
    assert weights_seen(log, "fit") == dict(zip(X[:, 0], 100 + X[:, 0], strict=True))
    assert set(weights_seen(log, "score").values()) == {None}


def test_with_routing_metadata_passes_through_a_pipeline(data, log):
    X, y = data
    with config_context(enable_metadata_routing=True):
        model = WeightedClassifier(log=str(log)).set_fit_request(sample_weight=True)
        scorer = make_scorer(accuracy_score).set_score_request(sample_weight=False)
        scale = StandardScaler(with_mean=False, with_std=False).set_fit_request(sample_weight=False)
        pipeline = Pipeline([("scale", scale), ("model", model)])
        search = OptunaSearchCV(pipeline, {"model__a": [1, 2]}, cv=2, scoring=scorer)
        search.fit(X, y, sample_weight=100 + X[:, 0])

    assert weights_seen(log, "fit") == dict(zip(X[:, 0], 100 + X[:, 0], strict=True))


def test_with_routing_the_score_method_passes_weights_on(data):
    X, y = data
    weight = np.where(y == 1, 3.0, 1.0)
    with config_context(enable_metadata_routing=True):
        scorer = make_scorer(accuracy_score).set_score_request(sample_weight=True)
        estimator = CountingClassifier()
        search = OptunaSearchCV(estimator, {"a": [1]}, cv=2, scoring=scorer).fit(X, y, sample_weight=weight)

        assert search.score(X, y, sample_weight=weight) == accuracy_score(y, search.predict(X), sample_weight=weight)


# -- what X may be ---------------------------------------------------------------------------------------------------


def test_weights_are_cut_for_sparse_rows_too(data, log):
    X, y = data
    dense = OptunaSearchCV(DecisionTreeClassifier(random_state=0), {"max_depth": [1, 2]}, cv=3)
    weight = np.where(y == 1, 5.0, 1.0)

    scores = dense.fit(X, y, sample_weight=weight).cv_results_["mean_test_score"].tolist()

    assert dense.fit(csr_array(X), y, sample_weight=weight).cv_results_["mean_test_score"].tolist() == scores


# -- names of scorers --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scoring", ["log_loss", ["accuracy", "log_loss"], {"loss": "log_loss"}])
def test_a_name_that_is_no_scorer_is_refused_with_the_nearest_one(data, scoring):
    X, y = data
    with pytest.raises(ValueError, match="'log_loss' is not known: did you mean neg_log_loss"):
        OptunaSearchCV(CountingClassifier(), {"depth": [1]}, scoring=scoring, refit=False).fit(X, y)


@pytest.mark.parametrize(
    "use",
    [
        lambda X, y: AutoModelSelector(scoring="roc_auk").fit(X, y),
        lambda X, y: TunedXGBClassifier(scoring="roc_auk").fit(X, y),
        lambda X, y: compare({"tree": DecisionTreeClassifier()}, X, y, scoring="roc_auk"),
    ],
    ids=["AutoModelSelector", "TunedXGBClassifier", "compare"],
)
def test_all_that_take_a_scoring_refuse_a_misspelt_one_alike(data, use):
    with pytest.raises(ValueError, match="'roc_auk' is not known: did you mean roc_auc"):
        use(*data)


# -- arrays that are not one per row ---------------------------------------------------------------------------------


def score_from_zeros(X, y, alpha):
    """Accuracies of the folds if each fit starts from zeros."""
    return [
        SGDClassifier(alpha=alpha, random_state=0)
        .fit(X[train], y[train], coef_init=np.zeros((1, 6)))
        .score(X[test], y[test])
        for train, test in StratifiedKFold(3).split(X, y)
    ]


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_an_array_that_a_fit_writes_into_is_not_that_of_another_fit_or_of_the_user(n_jobs):
    X, y = make_classification(90, 6, flip_y=0.1, random_state=0)
    start = np.zeros((1, 6))
    search = OptunaSearchCV(SGDClassifier(random_state=0), {"alpha": [1e-3, 1.0]}, cv=3, n_jobs=n_jobs)
    search.fit(X, y, coef_init=start)

    assert not start.any()
    for number, alpha in enumerate(search.cv_results_["param_alpha"]):
        scores = [search.cv_results_[f"split{fold}_test_score"][number] for fold in range(3)]
        assert scores == score_from_zeros(X, y, alpha)
    alone = SGDClassifier(random_state=0, **search.best_params_).fit(X, y, coef_init=np.zeros((1, 6)))
    assert np.array_equal(search.best_estimator_.coef_, alone.coef_)
