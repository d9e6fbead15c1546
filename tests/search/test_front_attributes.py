"""A search with several objectives and limits, run on real models."""

import pickle
import warnings
from types import SimpleNamespace

import numpy as np
import optuna
import pytest
from optuna.study import StudyDirection
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_selection import SelectKBest
from sklearn.model_selection import StratifiedKFold, cross_validate
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from sklearn_autotune import BestMean, FoldRacing, NoWorseThanDefault, OneStandardError, OptunaSearchCV, PredictSeconds
from sklearn_autotune.evaluation._status import Status
from sklearn_autotune.exceptions import StudyMismatchError
from sklearn_autotune.objectives._front import find_front, find_knee
from sklearn_autotune.samplers import ForestSampler, RustTPESampler
from sklearn_autotune.search._front_attributes import get_blend_table, get_front
from sklearn_autotune.storage._outcomes import find_row, is_measured
from tests.aimed_searches import search_front, search_limits, select_front
from tests.toys import statuses

X, y = load_breast_cancer(return_X_y=True)
X, y = X[::2], y[::2]
SPACE = {"max_depth": range(1, 9), "min_samples_leaf": range(1, 30), "max_features": [2, 5, 10, 30]}
LIMIT = 2000  # bytes: about half of the trees are smaller
OBJECTIVES = ["neg_log_loss", "bytes"]


def make_search(**changes):
    settings = {"n_trials": 24, "cv": 3, "random_state": 0, "objectives": OBJECTIVES}
    tree = DecisionTreeClassifier(random_state=0)
    return OptunaSearchCV(**({"estimator": tree, "param_distributions": SPACE} | settings | changes))


@pytest.fixture(scope="module")
def search():
    return make_search().fit(X, y)


def columns(search):
    """The table without times, which differ from run to run, as text."""
    return {name: repr(list(values)) for name, values in search.cv_results_.items() if "_time" not in name}


# -- the front -------------------------------------------------------------------------------------------------------


def test_the_front_has_the_candidates_that_no_other_beats(search):
    results = dict(search.cv_results_)
    values = np.column_stack([results["mean_test_neg_log_loss"], results["mean_test_neg_bytes"]])
    rows = np.flatnonzero(find_front(values))

    assert sorted(search.front_["index"]) == rows.tolist()
    assert len(rows) > 1
    assert (np.diff(search.front_["neg_log_loss"]) <= 0).all()
    assert (search.front_["bytes"] == -values[search.front_["index"], 1]).all()
    assert search.front_["params"] == [results["params"][row] for row in search.front_["index"]]


def test_the_study_has_a_value_for_each_objective(search):
    assert search.study_.directions == [StudyDirection.MAXIMIZE, StudyDirection.MINIMIZE]
    assert search.study_.metric_names == OBJECTIVES
    best = [search.cv_results_["params"][find_row(search.study_, trial.number)] for trial in search.study_.best_trials]
    assert all(params in search.front_["params"] for params in best)
    assert len(best) == len(search.front_["params"])


def test_the_front_can_be_created_again(search):
    folds = list(StratifiedKFold(3).split(X, y))
    for params, row in zip(search.front_["params"], search.front_["index"], strict=True):
        again = cross_validate(clone(search.estimator).set_params(**params), X, y, cv=folds, scoring=search.scorer_)
        for name in ("neg_log_loss", "neg_bytes"):
            expected = [dict(search.cv_results_)[f"split{fold}_test_{name}"][row] for fold in range(3)]
            assert again[f"test_{name}"].tolist() == expected


def test_the_size_of_a_pipeline_is_that_of_one_that_shares_no_steps():
    """With shared first steps, the neighbours' tree would hold another copy of the rows."""
    pipeline = make_pipeline(StandardScaler(), SelectKBest(k=1), KNeighborsClassifier())
    space = {"kneighborsclassifier__n_neighbors": [1, 3, 5, 9]}
    search = make_search(estimator=pipeline, param_distributions=space).fit(X, y)
    again = cross_validate(pipeline, X, y, cv=StratifiedKFold(3), scoring=search.scorer_)

    assert dict(search.cv_results_)["split0_test_neg_bytes"][0] == again["test_neg_bytes"][0]


def test_the_front_is_shown_as_a_table(search):
    text = repr(search.front_)

    assert text.splitlines()[0].split() == ["index", "neg_log_loss", "bytes", "params"]
    assert len(search.front_.to_frame()) == len(search.front_["index"])
    assert "bytes" in search._repr_html_() or "log loss" in search._repr_html_()


def test_racing_stops_candidates_that_cannot_be_on_the_front(search):
    full = make_search(pruner=None).fit(X, y)

    assert Status.PRUNED in statuses(search)
    assert set(statuses(full)) == {Status.COMPLETE}


@pytest.mark.parametrize(
    "changes", [{"n_jobs": 2}, {"n_jobs": 2, "look_ahead": 3}, {"pruner": FoldRacing(0.2), "n_jobs": 2}]
)
def test_the_table_is_the_same_for_any_n_jobs(changes):
    alone = make_search(**(changes | {"n_jobs": None})).fit(X, y)

    assert columns(make_search(**changes).fit(X, y)) == columns(alone)


def test_a_fitted_search_is_pickled_and_cloned(search):
    copied = pickle.loads(pickle.dumps(search))

    assert copied.front_["index"].tolist() == search.front_["index"].tolist()
    assert (copied.predict(X) == search.predict(X)).all()
    assert clone(search).objectives == OBJECTIVES


# -- the winner ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("refit", "choose"),
    [
        (True, lambda front: front["neg_log_loss"].argmax()),
        ("neg_log_loss", lambda front: front["neg_log_loss"].argmax()),
        ("bytes", lambda front: front["bytes"].argmin()),
        (False, lambda front: front["neg_log_loss"].argmax()),
        (BestMean("neg_bytes"), lambda front: front["bytes"].argmin()),
    ],
)
def test_refit_chooses_on_the_front(refit, choose):
    search = make_search(refit=refit).fit(X, y)
    position = int(choose(search.front_))

    assert search.best_index_ == search.front_["index"][position]
    assert search.best_params_ == search.front_["params"][position]
    assert search.best_score_ == search.front_["neg_log_loss"][position]
    assert search.best_scores_ == {name: search.front_[name][position] for name in OBJECTIVES}
    assert hasattr(search, "best_estimator_") == (refit is not False)


def test_the_knee_of_the_front_may_win():
    search = make_search(refit="knee").fit(X, y)
    values = np.column_stack([search.front_["neg_log_loss"], -search.front_["bytes"]])

    assert search.best_index_ == search.front_["index"][find_knee(values)]


def test_a_function_chooses_from_the_table():
    search = make_search(refit=lambda results: int(np.nanargmin(results["mean_fit_time"]))).fit(X, y)

    assert search.best_params_ == search.cv_results_["params"][search.best_index_]


def test_score_is_that_of_the_first_score(search):
    assert search.score(X, y) == search.scorer_["neg_log_loss"](search.best_estimator_, X, y)


# -- limits ----------------------------------------------------------------------------------------------------------


def fit_with_limits(**changes):
    settings = {"objectives": None, "scoring": "neg_log_loss", "limits": {"bytes": ("<=", LIMIT)}}
    return make_search(**(settings | changes)).fit(X, y)


def test_the_winner_is_the_best_that_meets_the_limits():
    search = fit_with_limits(limit_confidence=0.5, pruner=None)
    results = dict(search.cv_results_)
    meets = results["mean_test_neg_bytes"] >= -LIMIT

    assert 0 < meets.sum() < len(meets)
    assert search.best_score_ == results["mean_test_score"][meets].max()
    assert search.best_scores_ == {
        "score": search.best_score_,
        "bytes": -results["mean_test_neg_bytes"][search.best_index_],
    }
    assert not hasattr(search, "front_")
    assert search.score(X, y) == search.scorer_["score"](search.best_estimator_, X, y)


def test_the_final_model_meets_limits_that_can_be_counted():
    search = fit_with_limits()

    assert len(pickle.dumps(search.best_estimator_, protocol=5)) <= 1.02 * LIMIT


class Growing(ClassifierMixin, BaseEstimator):
    """A classifier that is larger with all rows than with those of a fold, from a size on."""

    def __init__(self, size=1):
        self.size = size

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.held_ = np.zeros(self.size * (10 if len(X) > 200 and self.size > 5 else 1))
        return self

    def predict_proba(self, X):
        share = 0.5 + self.size / 1000
        return np.column_stack([np.full(len(X), 1 - share), np.full(len(X), share)])

    def predict(self, X):
        return self.classes_[np.ones(len(X), dtype=int)]


def test_the_next_candidate_is_fitted_if_the_final_model_is_too_large():
    settings = {"estimator": Growing(), "param_distributions": {"size": [1, 3, 5, 50, 70]}, "scoring": "neg_log_loss"}
    search = fit_with_limits(**settings, limits={"bytes": ("<=", 1500)})

    assert search.best_params_ == {"size": 5}
    assert search.best_score_ == search.cv_results_["mean_test_score"][2]


def test_no_other_candidate_is_an_error():
    settings = {"estimator": Growing(), "param_distributions": {"size": [50, 70]}}
    with pytest.raises(ValueError, match=r"not fitted on all rows.*No other candidate"):
        fit_with_limits(**settings, limits={"bytes": ("<=", 1500)})
    with pytest.warns(UserWarning, match="not fitted on all rows"):
        search = fit_with_limits(**settings, limits={"bytes": ("<=", 1500)}, infeasible="nearest")
    assert search.best_params_ in ({"size": 50}, {"size": 70})


def test_a_limit_that_no_candidate_meets_names_the_nearest():
    search = make_search(objectives=None, scoring="roc_auc", limits={"bytes": ("<=", 10), "recall": (">=", 0.2)})
    with pytest.raises(ValueError, match=r"No candidate meets all limits \(bytes <= 10, recall >= 0.2\)") as caught:
        search.fit(X, y)

    smallest = int(np.nanargmax(dict(search.cv_results_)["mean_test_neg_bytes"]))
    assert f"The nearest is candidate {smallest}: bytes " in str(caught.value)
    assert "recall 0" not in str(caught.value)
    assert len(search.cv_results_["params"]) == 24

    with pytest.warns(UserWarning, match="No candidate meets all limits"):
        search.set_params(infeasible="nearest").fit(X, y)
    assert search.best_index_ == smallest


def test_a_confidence_asks_for_more_than_the_mean():
    means, sure = (
        fit_with_limits(limits={"recall": (">=", 0.91)}, limit_confidence=level, pruner=None) for level in (0.5, 0.9)
    )

    results = dict(sure.cv_results_)
    assert results["mean_test_recall"][means.best_index_] >= 0.91
    folds = [results[f"split{fold}_test_recall"][sure.best_index_] for fold in range(3)]
    assert np.mean(folds) - np.std(folds) / 2 > 0.91


def test_the_sampler_knows_what_breaks_a_limit():
    search = fit_with_limits(limit_confidence=0.5, pruner=None)
    told = search.study_.get_trials(states=[optuna.trial.TrialState.COMPLETE])
    for trial, score in zip(told, search.cv_results_["mean_test_neg_bytes"], strict=True):
        assert trial.constraints == {"bytes": pytest.approx((-score - LIMIT) / LIMIT)}


def test_objectives_keep_to_limits_too():
    search = make_search(limits={"recall": (">=", 0.9), "bytes": ("<=", 2300)}, limit_confidence=0.5).fit(X, y)

    assert list(search.front_) == ["index", "neg_log_loss", "bytes", "recall", "params"]
    assert (search.front_["bytes"] <= 2300).all()
    assert (search.front_["recall"] >= 0.9).all()


# -- what is measured ------------------------------------------------------------------------------------------------


def test_seconds_are_measured():
    pipeline = make_pipeline(StandardScaler(), RandomForestClassifier(random_state=0))
    search = make_search(
        estimator=pipeline,
        param_distributions={"randomforestclassifier__n_estimators": [2, 30]},
        objectives={"auc": "roc_auc", "fit": "fit_seconds", "latency": PredictSeconds(batch_size=1, n_calls=3)},
    )
    results = dict(search.fit(X, y).cv_results_)

    assert results["mean_test_neg_fit"].tolist() == (-results["mean_fit_time"]).tolist()
    assert results["mean_test_neg_fit"].argmax() == 0
    assert (results["mean_test_neg_latency"] < 0).all()


class Unpicklable(DecisionTreeClassifier):
    """Cannot be pickled if it is deep."""

    def __getstate__(self):
        if self.max_depth > 4:
            raise TypeError("too deep to be pickled")
        return super().__getstate__()


def test_a_candidate_whose_cost_cannot_be_measured_fails():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        search = make_search(estimator=Unpicklable(random_state=0), pruner=None, enqueue=None).fit(X, y)

    for status, params in zip(statuses(search), search.cv_results_["params"], strict=True):
        assert status == (Status.FAILED if params["max_depth"] > 4 else Status.COMPLETE)
    assert "too deep to be pickled" in next(error for error in search.trials_["error"] if error)


# -- storage ---------------------------------------------------------------------------------------------------------


def test_a_search_is_resumed(tmp_path):
    settings = {"storage": tmp_path / "study.db", "resume": True, "limits": {"recall": (">=", 0.5)}}
    make_search(**settings, n_trials=9).fit(X, y)
    resumed = make_search(**settings).fit(X, y)

    assert columns(resumed) == columns(make_search(limits={"recall": (">=", 0.5)}).fit(X, y))
    stored = optuna.load_study(study_name=None, storage=f"sqlite:///{tmp_path / 'study.db'}")
    assert stored.directions == [StudyDirection.MAXIMIZE, StudyDirection.MINIMIZE]
    assert sum(is_measured(trial) for trial in stored.trials) == 24
    assert stored.trials[0].constraints.keys() == {"recall"}


@pytest.mark.parametrize(
    "changes",
    [{"objectives": ["neg_log_loss", "n_features"]}, {"limits": {"recall": (">=", 0.6)}}, {"objectives": None}],
)
def test_a_study_of_other_objectives_is_refused(changes, tmp_path):
    settings = {"storage": tmp_path / "study.db", "n_trials": 3, "limits": {"recall": (">=", 0.5)}}
    make_search(**settings).fit(X, y)

    with pytest.raises(StudyMismatchError, match="scoring"):
        make_search(**(settings | changes), resume=True).fit(X, y)


# -- samplers, and what is refused ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "make",
    [
        lambda: optuna.samplers.NSGAIISampler(seed=0, population_size=8),
        lambda: optuna.samplers.NSGAIIISampler(seed=0, population_size=8),
        lambda: optuna.samplers.RandomSampler(seed=0),
        lambda: ForestSampler(seed=0),
    ],
    ids=["NSGA-II", "NSGA-III", "random", "forest"],
)
@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_samplers_of_several_objectives_propose(make):
    search = make_search(sampler=make(), limits={"recall": (">=", 0.5)}).fit(X, y)

    assert len(search.cv_results_["params"]) == 24
    assert len(search.front_["index"]) > 1


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_patience_ends_a_search_that_finds_nothing_more_for_its_front(n_jobs):
    settings = {"n_trials": 60, "pruner": None, "sampler": optuna.samplers.RandomSampler(seed=0), "look_ahead": 2}
    search = make_search(patience=8, n_jobs=n_jobs, **settings).fit(X, y)

    results = dict(search.cv_results_)
    values = np.column_stack([results["mean_test_neg_log_loss"], results["mean_test_neg_bytes"]])
    entered = [not (values[:row] >= values[row]).all(axis=1).any() for row in range(len(values))]
    assert len(values) < 60
    assert not any(entered[-8:])
    assert entered[-9]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pruner": optuna.pruners.MedianPruner()}, "MedianPruner compares candidates by one score"),
        ({"resource": "n_samples"}, "resource='n_samples' compares"),
        ({"target_score": 0.3}, "target_score=0.3 stops a search"),
        ({"sampler": optuna.samplers.CmaEsSampler()}, "CmaEsSampler works for one objective only"),
        ({"sampler": RustTPESampler()}, "RustTPESampler works for one objective only"),
        (
            {"objectives": None, "limits": {"bytes": ("<=", 9)}, "sampler": optuna.samplers.CmaEsSampler()},
            "not know limits",
        ),
        ({"refit": "roc_auc"}, "none of the objectives"),
        ({"refit": NoWorseThanDefault()}, "NoWorseThanDefault compares by one score"),
        ({"limit_confidence": 1.0}, "limit_confidence"),
        ({"infeasible": "warn"}, "infeasible"),
    ],
)
def test_what_works_with_one_objective_only_is_refused_before_any_fit(changes, message):
    with pytest.raises(ValueError, match=message):
        make_search(**changes).fit(X, y)


def test_limits_alone_leave_the_rest_as_it_is():
    search = fit_with_limits(
        patience=4, sampler=optuna.samplers.TPESampler(seed=0), refit=OneStandardError("param_max_depth")
    )

    assert len(search.cv_results_["params"]) <= 24
    assert search.best_params_["max_depth"] <= 8


# -- with a threshold ------------------------------------------------------------------------------------------------


def test_a_threshold_keeps_to_limits_on_labels():
    settings = {"objectives": None, "scoring": "recall", "threshold": "recall", "limit_confidence": 0.5}
    free = make_search(**settings).fit(X, y)
    limits = {"precision": (">=", 0.97), "bytes": ("<=", 2300)}
    limited = make_search(**settings, limits=limits).fit(X, y)

    assert free.threshold_ < limited.threshold_
    assert limited.best_scores_["precision"] >= 0.97
    assert free.best_score_ > limited.best_score_
    assert limited.best_scores_["bytes"] <= 2300


def test_a_front_is_one_of_candidates_or_of_blends_and_only_a_selector_has_blends():
    assert get_front(search_front()) is search_front().front_
    assert get_front(select_front()) is select_front().front_
    assert get_front(search_limits()) is None
    assert get_front(SimpleNamespace(front_={"score": [1.0]})) is None  # of another package
    assert get_blend_table(search_front()) is None
    assert get_blend_table(select_front()).best is not None
