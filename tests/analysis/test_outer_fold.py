"""One method on one outer fold: where metadata go, and what is read of what was fitted."""

import numpy as np
import pytest
from scipy.stats import randint
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.datasets import load_iris
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import FitFailedWarning, UnsetMetadataPassedError
from sklearn.metrics import accuracy_score, make_scorer
from sklearn.model_selection import (
    GridSearchCV,
    StratifiedKFold,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from sklearn_autotune import AutoModelSelector, NoWorseThanDefault, OptunaSearchCV, compare
from tests.aimed_searches import X as AIMED_X
from tests.aimed_searches import Y as AIMED_Y
from tests.aimed_searches import make_aimed, search_front, search_limits
from tests.toys import MisbehavingClassifier


def _seed_of(random_state):
    from sklearn_autotune.storage._study import draw_seed

    return draw_seed(random_state) % 2**31


TREE = DecisionTreeClassifier(random_state=0)


SPACE = {"max_depth": [1, 2, 3]}


@pytest.fixture(scope="module")
def iris():
    return load_iris(return_X_y=True)


def test_weights_reach_the_fit_and_the_score_of_every_method(iris):
    X, y = iris
    weight = np.random.RandomState(0).randint(0, 3, len(y)).astype(float)
    methods = {"ours": OptunaSearchCV(TREE, SPACE, cv=3), "grid": GridSearchCV(TREE, SPACE, cv=3), "tree": TREE}

    comparison = compare(methods, X, y, cv=3, params={"sample_weight": weight}, random_state=0)

    expected = []
    for train, test in StratifiedKFold(3, shuffle=True, random_state=_seed_of(0)).split(X, y):
        tree = DecisionTreeClassifier(random_state=0).fit(X[train], y[train], weight[train])
        expected.append(tree.score(X[test], y[test], weight[test]))
    assert comparison.column("score", "tree").tolist() == expected
    assert comparison.column("score", "untuned").tolist() == expected
    assert comparison.column("score", "ours").tolist() == comparison.column("score", "grid").tolist()
    assert comparison.column("inner_score", "ours").tolist() == comparison.column("inner_score", "grid").tolist()
    assert comparison.column("own_score", "ours").tolist() == comparison.column("score", "ours").tolist()
    unweighted = compare(methods, X, y, cv=3, random_state=0)
    assert unweighted.column("score", "tree").tolist() != expected


def test_weights_go_into_a_pipeline_by_the_name_of_the_step(iris):
    X, y = iris
    weight = np.arange(len(y)) % 2.0
    pipeline = make_pipeline(StandardScaler(), TREE)
    search = OptunaSearchCV(pipeline, {"decisiontreeclassifier__max_depth": [1, 2]}, cv=2)

    with pytest.raises(TypeError, match="'search': The fit of OptunaSearchCV takes no sample_weight"):
        compare({"search": search}, X, y, params={"sample_weight": weight})

    name = "decisiontreeclassifier__sample_weight"
    comparison = compare({"search": search}, X, y, cv=2, params={name: weight}, baselines=False, random_state=0)
    train, test = next(StratifiedKFold(2, shuffle=True, random_state=_seed_of(0)).split(X, y))
    again = clone(search).set_params(random_state=_seed_of(0)).fit(X[train], y[train], **{name: weight[train]})
    assert comparison.column("score", "search")[0] == again.score(X[test], y[test])


def test_with_routing_metadata_goes_where_it_is_asked_for(iris):
    X, y = iris
    weight = np.random.RandomState(1).randint(0, 3, len(y)).astype(float)
    with config_context(enable_metadata_routing=True):
        asks = DecisionTreeClassifier(random_state=0).set_fit_request(sample_weight=True)
        declines = DecisionTreeClassifier(random_state=0).set_fit_request(sample_weight=False)
        scorer = make_scorer(accuracy_score).set_score_request(sample_weight=True)
        methods = {
            "ours": OptunaSearchCV(asks, SPACE, cv=2, scoring=scorer),
            "asks": asks,
            "declines": declines,
        }
        settings = {"cv": 3, "params": {"sample_weight": weight}, "random_state": 0}
        comparison = compare(methods, X, y, scoring=scorer, **settings)
        with pytest.raises(UnsetMetadataPassedError, match="sample_weight"):
            compare({"tree": TREE}, X, y, scoring=scorer, **settings)

    train, test = next(StratifiedKFold(3, shuffle=True, random_state=_seed_of(0)).split(X, y))
    for name, fitted in (("asks", TREE.fit(X[train], y[train], weight[train])), ("declines", TREE)):
        if name == "declines":
            fitted = clone(TREE).fit(X[train], y[train])
        assert comparison.column("score", name)[0] == fitted.score(X[test], y[test], weight[test])
    assert comparison.column("own_score", "ours").tolist() == comparison.column("score", "ours").tolist()


@pytest.mark.parametrize(
    ("methods", "params", "error", "message"),
    [
        ({"svc": SVC()}, {"sample_weight": np.ones(3)}, ValueError, "inconsistent numbers of samples"),
        ({"svc": SVC()}, {"groups": np.ones(150)}, ValueError, "pass them as groups="),
        ({"terse": "Terse"}, {"sample_weight": np.ones(150)}, TypeError, "'terse': The fit of Terse takes no"),
    ],
)
def test_metadata_that_cannot_be_used_is_refused_before_anything_is_fitted(methods, params, error, message, iris):
    methods = {name: Terse() if method == "Terse" else method for name, method in methods.items()}

    with pytest.raises(error, match=message):
        compare(methods, *iris, params=params)


class Terse(ClassifierMixin, BaseEstimator):
    """A method of few words: fit returns nothing, and there is no table of results."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.best_config = {"depth": 3}
        self._tree = DecisionTreeClassifier(max_depth=3, random_state=0).fit(X, y)

    def predict(self, X):
        return self._tree.predict(X)


def test_methods_that_tell_little_can_take_part(iris):
    comparison = compare({"terse": Terse(), "tree": TREE}, *iris, cv=3, random_state=0)

    assert comparison.column("score", "terse").mean() > 0.9
    assert comparison.rows[0]["best_params"] == {"depth": 3}
    assert comparison.rows[0]["n_trials"] is None


@pytest.mark.parametrize("what", [ValueError, SystemExit, np.nan, 1j, 1e308], ids=str)
def test_a_score_that_is_no_finite_number_is_a_failure_of_the_method(what):
    X, y = np.column_stack([np.arange(8.0), np.ones(8)]), np.arange(8) % 2
    methods = {"good": MisbehavingClassifier(a=1), "bad": MisbehavingClassifier(a=4, what=what)}

    with pytest.warns(FitFailedWarning, match="'bad' failed"):
        comparison = compare(methods, X, y, cv=2, scoring=own_score, error_score=np.nan, random_state=0)

    assert all(row["error"] is None for row in comparison.rows if row["method"] == "good")
    assert all(row["error"] for row in comparison.rows if row["method"] == "bad")


def own_score(estimator, X, y):
    return 0.5 if isinstance(estimator, DummyClassifier) else estimator.score(X, y) + 20


def test_a_long_error_is_cut(iris):
    class Long(BaseEstimator, ClassifierMixin):
        def fit(self, X, y):
            raise ValueError("x" * 1_000_000)

    with pytest.warns(FitFailedWarning, match="'long' failed"):
        comparison = compare({"long": Long(), "tree": TREE}, *iris, cv=2, random_state=0)

    assert {len(row["error"]) < 5_000 for row in comparison.rows if row["error"]} == {True}


def test_a_search_whose_last_row_is_no_trial_is_traced(iris):
    space = {"max_depth": randint(1, 4), "min_samples_leaf": randint(20, 40)}
    search = OptunaSearchCV(TREE, space, n_trials=3, cv=3, refit=NoWorseThanDefault(), random_state=0)

    comparison = compare({"kept": search}, *iris, cv=2)

    assert [row["error"] for row in comparison.rows if row["method"] == "kept"] == [None, None]


def test_objectives_and_limits_of_a_search_are_measured_on_the_models_of_all_methods():
    search = make_aimed(objectives=["bytes", "neg_log_loss"], limits={"n_features": ("<=", 20)}, n_trials=4)
    methods = {"ours": search, "tree": TREE, "one score": make_aimed(n_trials=2)}

    comparison = compare(methods, AIMED_X, AIMED_Y, cv=2, random_state=0)
    summary = {
        name: dict(zip(comparison.summary["method"], column, strict=True))
        for name, column in comparison.summary.items()
    }

    assert comparison.aims == ["bytes", "neg_log_loss", "n_features"]
    for method in ("ours", "tree", "one score", "dummy"):
        values = [row["aims"] for row in comparison.rows if row["method"] == method]
        assert all(value["bytes"] > 0 > value["neg_log_loss"] for value in values)
        for name in comparison.aims:
            assert summary[name][method] == pytest.approx(np.mean([value[name] for value in values]))
    assert summary["bytes"]["dummy"] < summary["bytes"]["tree"]
    (header, *_) = str(comparison).splitlines()
    assert header.split("  ")[-1].strip() == "failed"
    assert "bytes" in header
    assert "log loss" in header
    assert {row["inner_metric"] for row in comparison.rows if row["method"] == "ours"} == {"neg_log_loss"}
    assert all(row["own_score"] < 0 for row in comparison.rows if row["method"] == "ours")


def test_a_method_without_such_a_score_has_none():
    methods = {"ours": make_aimed(objectives=["roc_auc", "bytes"], n_trials=2), "svm": SVC()}

    comparison = compare(methods, AIMED_X, AIMED_Y, cv=2, scoring="accuracy", random_state=0, baselines=False)

    assert comparison.aims == ["roc_auc", "bytes"]
    methods["ridge"] = make_aimed(objectives=["neg_log_loss", "bytes"], n_trials=2)
    comparison = compare(methods, AIMED_X, AIMED_Y, cv=2, random_state=0, baselines=False)
    assert {row["aims"]["neg_log_loss"] for row in comparison.rows if row["method"] == "svm"} == {None}
    assert "–" in str(comparison)


def test_limits_of_one_score_and_wrong_ones(iris):
    comparison = compare({"ours": search_limits()}, AIMED_X, AIMED_Y, cv=2, random_state=0)
    assert comparison.aims == ["bytes", "recall"]
    wrong = make_aimed(limits={"byte": ("<=", 5)})
    with pytest.raises(ValueError, match="did you mean bytes"):
        compare({"ours": wrong}, *iris)


def test_objectives_and_limits_of_a_selector_are_measured_on_the_models_of_all_methods():
    selector = AutoModelSelector(
        families=["logistic", "naive_bayes"], n_trials=2, cv=2, objectives=["neg_log_loss", "bytes"], refit="bytes"
    )
    selector.set_params(limits={"recall": (">=", 0.1)})
    comparison = compare({"ours": selector, "tree": TREE}, AIMED_X, AIMED_Y, cv=2, random_state=0, baselines=False)

    assert comparison.aims == ["neg_log_loss", "bytes", "recall"]
    assert comparison.rows[0]["error"] is None
    for row in comparison.rows:
        assert row["aims"]["bytes"] > 0 > row["aims"]["neg_log_loss"]
        assert 0 < row["aims"]["recall"] <= 1
    assert "log loss" in str(comparison).splitlines()[0]
    with pytest.raises(ValueError, match="did you mean bytes"):
        compare({"ours": selector.set_params(limits={"byte": ("<=", 5)})}, AIMED_X, AIMED_Y)


def test_fitted_searches_have_what_their_winners_reached():
    search = search_front()
    comparison = compare({"ours": search, "again": search})

    assert comparison.aims == ["bytes", "neg_log_loss"]
    assert comparison.summary["bytes"] == pytest.approx([search.best_scores_["bytes"]] * 2)
    assert comparison.metric == "neg_log_loss"


def test_the_trace_leaves_out_who_breaks_a_limit():
    search = search_limits()
    comparison = compare({"ours": search}, AIMED_X, AIMED_Y, scoring="roc_auc", cv=2, random_state=0, baselines=False)

    for row in comparison.rows:
        assert row["trace"][1][-1] == pytest.approx(row["inner_score"])
        assert np.isfinite(row["trace"][1]).all()
