"""Bugs of optuna-integration's OptunaSearchCV, each of which this package must not have."""

import warnings

import numpy as np
import optuna
import pytest
from scipy.stats import uniform
from sklearn import config_context
from sklearn.base import is_classifier
from sklearn.datasets import load_iris
from sklearn.exceptions import FitFailedWarning
from sklearn.metrics import make_scorer
from sklearn.model_selection import KFold, StratifiedKFold, cross_val_score, cross_validate
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeClassifier

from sklearn_autotune import OptunaSearchCV
from tests.toys import CountingClassifier, FailingClassifier, RowRecorder, WeightedClassifier, read_log


@pytest.fixture
def numbered():
    """Rows that carry their numbers in the first column."""
    rng = np.random.RandomState(0)
    X = np.column_stack([np.arange(40.0), rng.normal(size=(40, 3))])
    return X, rng.permutation(np.arange(40) % 2)


class MedianAfterEachFold(optuna.pruners.MedianPruner):
    """Prunes as early and as often as Optuna's pruner can."""

    def __init__(self):
        super().__init__(n_startup_trials=2, n_warmup_steps=0)


# -- folds -----------------------------------------------------------------------------------------------------------


def test_optuna_integration_317_noise_labels_under_pruning_give_chance():
    """It split again at each step, so that an unseeded shuffled splitter trained on test rows: accuracy 1.00."""
    rng = np.random.RandomState(0)
    X, y = rng.normal(size=(200, 4)), rng.permutation(np.arange(200) % 2)
    np.random.seed(0)  # the splitter below draws from the global generator

    search = OptunaSearchCV(
        KNeighborsClassifier(),
        {"n_neighbors": list(range(1, 30, 2)), "p": [1, 2]},
        n_trials=20,
        cv=StratifiedKFold(3, shuffle=True),
        pruner=MedianAfterEachFold(),
        random_state=0,
    ).fit(X, y)

    assert "pruned" in search.trials_["status"]
    # 20 looks at means with a standard deviation of 0.035 reach about 0.5 + 1.9 * 0.035; 0.64 is four of them.
    assert search.best_score_ < 0.64


def test_optuna_integration_every_candidate_has_the_same_folds(tmp_path, numbered):
    """It drew new folds for every trial: 15 distinct test folds over 5 trials of 3."""
    log = tmp_path / "log"
    pipeline = make_pipeline(RowRecorder(log=str(log)), CountingClassifier())
    unshared = {"cv": KFold(3, shuffle=True), "refit": False, "step_cache": 0}
    search = OptunaSearchCV(pipeline, {"countingclassifier__a": uniform(0, 9)}, n_trials=5, **unshared).fit(*numbered)

    folds = [tuple(entry["rows"]) for entry in read_log(log)]
    assert len(folds) == len(search.cv_results_["params"]) * 3 == 15
    assert len(set(folds)) == 3


# -- the estimator contract ------------------------------------------------------------------------------------------


def test_optuna_integration_is_a_classifier_so_that_nested_folds_are_stratified():
    """It was none, so that `cross_val_score` on sorted iris gave [0, 0, 0]."""
    X, y = load_iris(return_X_y=True)
    search = OptunaSearchCV(KNeighborsClassifier(), {"n_neighbors": [1, 5, 9]}, cv=2)

    assert is_classifier(search)
    assert cross_val_score(search, X, y, cv=3).min() > 0.9


class FailsOnAllRows(CountingClassifier):
    """Can be fitted with a=3 on the folds, and not on all the rows."""

    def fit(self, X, y):
        if self.a == 3 and len(y) == 40:
            raise ValueError("a=3 does not suit all the rows")
        return super().fit(X, y)


def test_optuna_integration_a_failure_of_the_final_fit_is_raised(numbered):
    """It swallowed the error and fitted the default parameters instead."""
    search = OptunaSearchCV(FailsOnAllRows(), {"a": [3]}, cv=2)

    with pytest.raises(ValueError, match="a=3 does not suit all the rows"):
        search.fit(*numbered)

    assert search.best_params_ == {"a": 3}
    assert not hasattr(search, "best_estimator_")


def test_optuna_integration_error_score_raise_lets_the_users_exception_through(numbered):
    """It raised a TypeError about dtypes, in which the user's message was lost."""
    search = OptunaSearchCV(FailingClassifier(above=1), {"a": [0, 2]}, cv=2, error_score="raise")

    with pytest.raises(ValueError, match=r"^the toy fails on purpose$"):
        search.fit(*numbered)


def test_optuna_integration_warns_of_failures_once(numbered):
    """It warned for every trial."""
    search = OptunaSearchCV(FailingClassifier(above=3), {"a": list(range(8))}, cv=2)

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        search.fit(*numbered)

    assert [warning.category for warning in caught] == [FitFailedWarning, UserWarning]
    assert "8 fits failed out of a total of 16" in str(caught[0].message)
    assert "non-finite" in str(caught[1].message)


# -- a second fit ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_stored", [False, True])
def test_optuna_integration_118_in_nested_cross_validation_each_fit_starts_anew(tmp_path, numbered, is_stored):
    """Its `study=` went on at the next fit: scores measured on an outer fold's test rows chose the parameters."""
    storage = tmp_path / "study.db" if is_stored else None
    search = OptunaSearchCV(
        CountingClassifier(), {"a": uniform(0, 9)}, n_trials=3, cv=2, random_state=0, storage=storage
    )

    outer = cross_validate(search, *numbered, cv=3, return_estimator=True)["estimator"]
    studies = [inner.study_ for inner in outer]

    assert [len(study.trials) for study in studies] == [3, 3, 3]
    assert len({id(study) for study in studies}) == 3
    scores = [inner.cv_results_["mean_test_score"].tolist() for inner in outer]
    assert scores[0] != scores[1] != scores[2]


# -- metadata --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pruner", [None, MedianAfterEachFold()], ids=["whole", "pruned"])
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_optuna_integration_315_weights_are_cut_to_the_fold_with_and_without_pruning(
    tmp_path, numbered, pruner, n_jobs
):
    """With pruning it passed the weights of all rows to the fit on some."""
    X, y = numbered
    log = tmp_path / "log"
    search = OptunaSearchCV(
        WeightedClassifier(log=str(log)),
        {"a": uniform(0, 9)},
        n_trials=10,
        look_ahead=2,
        cv=KFold(4),
        pruner=pruner,
        n_jobs=n_jobs,
        random_state=0,
    )

    search.fit(X, y, sample_weight=100.0 + X[:, 0])

    entries = read_log(log)
    assert {entry["method"] for entry in entries} == {"fit", "score"}
    for entry in entries:
        assert entry["weights"] == [100 + row for row in entry["rows"]]
    assert ("pruned" in search.trials_["status"]) == (pruner is not None)


def weighted_sum(y_true, y_pred, sample_weight=None, bonus=None):
    return 0.0 if sample_weight is None else float(sample_weight.sum()) + float(bonus[0])


@pytest.mark.parametrize("pruner", [None, MedianAfterEachFold()], ids=["whole", "pruned"])
def test_optuna_integration_194_metadata_for_the_score_alone_does_not_reach_fit(numbered, pruner):
    """Everything that came in went to the estimator's fit, and failed there."""
    X, y = numbered
    with config_context(enable_metadata_routing=True):
        scorer = make_scorer(weighted_sum).set_score_request(sample_weight=True, bonus=True)
        search = OptunaSearchCV(
            CountingClassifier(), {"a": [0, 1, 2]}, cv=KFold(4), scoring=scorer, pruner=pruner, error_score="raise"
        )
        search.fit(X, y, sample_weight=np.ones(40), bonus=X[:, 0])

    # Ten rows a fold, and the bonus of the first of them.
    assert [search.cv_results_[f"split{fold}_test_score"][0] for fold in range(4)] == [10, 20, 30, 40]


# -- several scores --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pruner", [None, MedianAfterEachFold()], ids=["whole", "pruned"])
def test_optuna_integration_187_several_scores_and_refit_by_name(numbered, pruner):
    """It raised KeyError: 'test_score'."""
    search = OptunaSearchCV(
        DecisionTreeClassifier(random_state=0),
        {"max_depth": [1, 2, 3, 4]},
        cv=2,
        scoring=["accuracy", "neg_log_loss"],
        refit="neg_log_loss",
        pruner=pruner,
    ).fit(*numbered)

    losses = search.cv_results_["mean_test_neg_log_loss"]
    assert search.best_score_ == np.nanmax(losses) == losses[search.best_index_]
    assert search.study_.best_value == pytest.approx(search.best_score_)
    assert "mean_test_accuracy" in search.cv_results_


def test_optuna_2935_several_scores_and_refit_by_callable(numbered):
    """It raised KeyError: 'test_score'."""
    search = OptunaSearchCV(
        DecisionTreeClassifier(random_state=0),
        {"max_depth": [1, 2, 3, 4]},
        cv=2,
        scoring={"hits": "accuracy", "loss": "neg_log_loss"},
        refit=lambda results: int(results["mean_test_hits"].argmin()),
    ).fit(*numbered)

    assert search.best_index_ == search.cv_results_["mean_test_hits"].argmin()
    assert search.best_estimator_.max_depth == search.best_params_["max_depth"]
    assert not hasattr(search, "best_score_")
