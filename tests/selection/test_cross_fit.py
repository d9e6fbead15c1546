"""How models are fitted on the folds, when a candidate fails, and what is returned."""

import pickle
import sys
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_wine
from sklearn.dummy import DummyRegressor
from sklearn.metrics import average_precision_score, get_scorer, make_scorer
from sklearn.model_selection import KFold, StratifiedKFold, cross_validate
from sklearn.naive_bayes import GaussianNB

from sklearn_autotune import AutoModelSelector
from sklearn_autotune._compat.sklearn import get_threadpool_controller
from sklearn_autotune.evaluation import WorkItem, average_folds, measure
from sklearn_autotune.families import FAMILIES
from sklearn_autotune.selection import _cross_fit
from sklearn_autotune.selection._candidates import CrossFitResult, make_candidate
from tests.allocations import measure_peak
from tests.faults.nightly import at_night
from tests.selection.toy_families import LockedNB, LockedXGB, UnreadableNB, family, make_cross_fit

CATALOGUE = {one.name: one for one in FAMILIES}


def n_threads():
    openmp = [one["num_threads"] for one in get_threadpool_controller().info() if one["user_api"] == "openmp"]
    return max(openmp)


class Threaded(GaussianNB):
    """Notes how many threads OpenMP would give it."""

    seen: ClassVar[list[int]] = []

    def fit(self, X, y, sample_weight=None):
        self.seen.append(n_threads())
        return super().fit(X, y, sample_weight)

    def predict_proba(self, X):
        self.seen.append(n_threads())
        return super().predict_proba(X)


@pytest.mark.parametrize("is_bagged", [True, False])
def test_candidates_are_measured_and_fitted_on_one_thread_each(is_bagged):
    threaded = replace(family("threaded"), make=lambda shape: Threaded(), is_bagged=is_bagged)
    with get_threadpool_controller().limit(limits=2, user_api="openmp"):
        selector = AutoModelSelector(families=[threaded], n_trials=1, cv=3, random_state=0)
        Threaded.seen.clear()
        selector.fit(*load_wine(return_X_y=True))
        assert Threaded.seen == [1] * (9 if is_bagged else 10)  # three calls to measure the seconds for a row
        assert n_threads() == 2

        X = np.zeros((50_001, 13))
        for n_rows, expected in ((5, 1), (50_000, 1), (50_001, 2)):
            Threaded.seen.clear()
            selector.predict_proba(X[:n_rows])
            assert set(Threaded.seen) == {expected}


def test_the_mean_that_each_step_had_is_known_where_later_folds_change_the_scores_of_earlier_ones():
    X, y = load_breast_cancer(return_X_y=True)
    cross_fit = make_cross_fit([CATALOGUE["extra_trees"]], X, y)
    work = WorkItem(0, 0, 1, make_candidate(CATALOGUE["extra_trees"], {"min_samples_leaf": 1}))

    seen = [average_folds(progress.folds, None) for progress in cross_fit.measure_steps(work)]
    outcome = measure(cross_fit, work)

    assert outcome.step_means == tuple(seen[:-1])
    assert outcome.step_means[0] != outcome.folds[0].test  # it has another temperature


# -- what costs a candidate ----------------------------------------------------------------------------------------


def refuse_some(estimator, X, y):
    """A score that cannot be computed for predictions of little variance."""
    if estimator.predict_proba(X)[:, 0].std() < 0.3:
        raise ArithmeticError("these cannot be scored")
    return get_scorer("accuracy")(estimator, X, y)


def give_no_number(estimator, X, y):
    return np.inf if estimator.predict_proba(X)[:, 0].std() < 0.3 else get_scorer("accuracy")(estimator, X, y)


@pytest.mark.filterwarnings("ignore:Scoring failed on", "ignore:One or more of the test scores")
@pytest.mark.parametrize(
    ("scoring", "message"), [(refuse_some, "these cannot be scored"), (give_no_number, "not a finite number")]
)
def test_a_scorer_that_fails_costs_the_candidate_alone(scoring, message):
    X, y = load_wine(return_X_y=True)
    families = ["baseline", "naive_bayes", "logistic"]

    selector = AutoModelSelector(families=families, n_trials=3, cv=3, scoring=scoring, random_state=0).fit(X, y)

    assert selector.trials_["status"].tolist() == ["failed", "complete", "complete"]
    assert message in selector.trials_["error"][0]
    assert selector.score(X, y) > 0.9


NO_SCORES = {
    "nothing can be scored": lambda *args: fail_always(*args),
    "must return a number": lambda *args: 1j,
    "takes one score": lambda *args: {"a": 1.0, "b": 2.0},
}


@pytest.mark.parametrize("message", NO_SCORES)
def test_what_gives_no_score_for_any_predictions_is_refused_before_any_fit(message):
    selector = make_threaded_selector(NO_SCORES[message])

    with pytest.raises((ValueError, TypeError), match=message):
        selector.fit(*load_wine(return_X_y=True))
    assert Threaded.seen == []


@pytest.mark.parametrize("message", NO_SCORES)
def test_if_no_candidate_has_a_score_one_error_says_why_before_any_final_fit(message):
    calls = []

    def score_once(*args):
        calls.append(args)
        return 0.5 if len(calls) == 1 else NO_SCORES[message](*args)

    selector = make_threaded_selector(score_once)
    with pytest.raises(ValueError, match=message):
        selector.fit(*load_wine(return_X_y=True))
    assert len(Threaded.seen) == 2  # one fit and one prediction
    assert message in selector.trials_["error"][0]


def make_threaded_selector(scoring):
    Threaded.seen.clear()
    threaded = replace(family("threaded"), make=lambda shape: Threaded(), is_bagged=False)
    return AutoModelSelector(families=[threaded], n_trials=1, cv=3, scoring=scoring)


def fail_always(estimator, X, y):
    raise ArithmeticError("nothing can be scored")


def test_with_error_score_raise_the_scorers_exception_comes_through():
    selector = AutoModelSelector(families=["baseline"], scoring=refuse_some, error_score="raise", cv=3, n_trials=1)

    with pytest.raises(ArithmeticError, match="these cannot be scored"):
        selector.fit(*load_wine(return_X_y=True))


# -- scores of the order of predictions ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "scoring",
    [
        "roc_auc",
        "roc_auc_ovr",
        "average_precision",
        make_scorer(average_precision_score, response_method="predict_proba"),
    ],
    ids=str,
)
def test_scores_of_the_order_are_those_of_the_probabilities_that_models_give(scoring):
    """Naive Bayes on this table gives probabilities down to 1e-300."""
    X, y = load_breast_cancer(return_X_y=True)
    cv = StratifiedKFold(5)
    selector = AutoModelSelector(families=["naive_bayes"], n_trials=1, cv=cv, scoring=scoring, random_state=0)
    selector.fit(X, y)
    model = clone(selector.best_estimator_[-1].estimators_[0].estimator.models[0])

    expected = cross_validate(model, X, y, cv=cv, scoring=scoring)["test_score"]

    measured = [selector.cv_results_[f"split{fold}_test_score"][0] for fold in range(5)]
    np.testing.assert_allclose(measured, expected, rtol=1e-12)
    assert selector.best_score_ == pytest.approx(expected.mean(), abs=1e-3)


def test_large_values_are_scored_to_the_digit():
    """Seconds since 1970, of which float32 holds every 128th."""
    X = np.arange(60.0)[:, None]
    cross_fit = make_cross_fit([CATALOGUE["ridge"]], X, 1.7e9 + X[:, 0])

    outcome = measure(cross_fit, WorkItem(0, 0, 1, make_candidate(CATALOGUE["ridge"], {"alpha": 1e-4})))

    assert max(abs(fold.test) for fold in outcome.folds) < 0.01


# -- classes that a training part lacks ----------------------------------------------------------------------------


def draw_table(*class_sizes):
    """A table whose first column tells the large classes, and its target."""
    random = np.random.RandomState(0)
    y = np.repeat(np.arange(len(class_sizes)), class_sizes)
    X = random.normal(size=(len(y), 3))
    X[:, 0] += y
    order = random.permutation(len(y))
    return X[order], y[order]


# Those that number the classes, or divide their rows by class.
PARTICULAR = ["lightgbm", "xgboost", "hist_gradient_boosting", "svm"]
OTHERS = ["baseline", "logistic", "neural", "neighbors", "naive_bayes"]


@pytest.mark.parametrize(
    ("name", "class_sizes"),
    [*product(PARTICULAR, [(40, 1, 40), (40, 40, 2), (3, 40, 40)]), *product(OTHERS, [(40, 1, 40)])],
)
def test_no_family_is_lost_to_a_class_of_few_rows(name, class_sizes):
    X, y = draw_table(*class_sizes)

    selector = AutoModelSelector(families=[name], n_trials=1, cv=KFold(3), random_state=0).fit(X, y)

    probabilities = selector.predict_proba(X)
    assert probabilities.shape == (len(y), 3)
    large = y != np.argmin(class_sizes)
    is_better_than_chance = (probabilities.argmax(axis=1) == y)[large].mean() > 0.6
    assert is_better_than_chance or name == "baseline"


@pytest.mark.parametrize("one", ["xgboost", "hist_gradient_boosting"])
def test_a_class_that_the_training_part_lacks_has_the_probability_0(one):
    X, y = draw_table(40, 1, 40)
    cross_fit = make_cross_fit([CATALOGUE[one]], X, y)
    rows = np.flatnonzero(y != 1)

    model = cross_fit.fit_on(
        CATALOGUE[one], make_candidate(CATALOGUE[one], {}), rows, early_stopping_rows=np.arange(81)
    )

    assert model[-1].classes_.tolist() == [0, 2]
    assert (model[-1].classes_[model.predict_proba(X).argmax(axis=1)] == y).mean() > 0.8


def test_early_stopping_uses_training_rows_if_all_test_rows_are_of_classes_that_training_lacks():
    X, y = draw_table(40, 4, 40)
    cross_fit = make_cross_fit([CATALOGUE["xgboost"]], X, y)
    candidate = make_candidate(CATALOGUE["xgboost"], {"learning_rate": 0.3})
    train, test = np.flatnonzero(y != 1), np.flatnonzero(y == 1)

    model = cross_fit.fit_on(CATALOGUE["xgboost"], candidate, train, early_stopping_rows=test)

    assert model[-1].classes_.tolist() == [0, 2]
    assert model[-1].model_.best_iteration < 500


def test_many_small_classes_are_no_trouble_for_early_stopping():
    """A tenth of the rows is fewer than there are classes."""
    X, y = draw_table(*[7] * 8)

    selector = AutoModelSelector(families=["hist_gradient_boosting"], n_trials=1, cv=3, random_state=0).fit(X, y)

    assert selector.trials_["status"].tolist() == ["complete"]


def test_two_rows_of_one_of_two_classes_are_enough_for_a_support_vector_machine():
    X, y = draw_table(40, 3)

    selector = AutoModelSelector(families=["svm"], n_trials=1, cv=3, random_state=0).fit(X, y)

    assert selector.trials_["status"].tolist() == ["complete"]


# -- models that cannot be pickled ---------------------------------------------------------------------------------


def make_own_family(kind):
    if kind is LockedXGB:
        return replace(
            CATALOGUE["xgboost"], make=lambda shape: LockedXGB(n_estimators=40, early_stopping_rounds=5, n_jobs=1)
        )
    return replace(family("own"), make=lambda shape: kind())


@pytest.mark.parametrize("kind", [LockedNB, LockedXGB])
def test_models_that_cannot_be_pickled_give_the_same_selector_with_several_jobs(kind):
    X, y = load_breast_cancer(return_X_y=True)
    alone, parallel = (
        AutoModelSelector(families=[make_own_family(kind)], n_trials=2, cv=3, n_jobs=n_jobs, random_state=0).fit(X, y)
        for n_jobs in (1, 2)
    )

    assert parallel.blend_weights_ == alone.blend_weights_
    np.testing.assert_array_equal(parallel.predict_proba(X), alone.predict_proba(X))


@pytest.mark.parametrize("kind", [LockedNB, UnreadableNB, GaussianNB])
def test_a_result_goes_without_the_models_that_cannot_be_pickled(kind):
    X, y = load_wine(return_X_y=True)

    sent = pickle.loads(pickle.dumps(CrossFitResult([y], models=[kind().fit(X, y)], temperature=2.0)))

    np.testing.assert_array_equal(sent.predictions[0], y)
    assert sent.temperature == 2.0
    assert sent.has_lost_models == (kind is not GaussianNB)
    assert [type(model) for model in sent.models or ()] == ([kind] if kind is GaussianNB else [])


# -- texts -------------------------------------------------------------------------------------------------------------


def write_reviews(n_rows, seed=0):
    random = np.random.RandomState(seed)
    y = random.randint(0, 2, n_rows)
    words = [f"word{'abcdefghij'[number]}" for number in range(10)]
    texts = [" ".join([*random.choice(words, 5), "splendid" if good else "dreadful"]) for good in y]
    X = pd.DataFrame({"size": random.normal(size=n_rows), "kind": random.choice(["a", "b"], n_rows), "review": texts})
    return X.assign(review=[f"{text} {row}x" for row, text in enumerate(texts)]), y


@pytest.mark.parametrize("families", [["logistic", "extra_trees"], ["hist_gradient_boosting", "lightgbm", "xgboost"]])
def test_every_kind_of_family_reads_texts_that_are_new_in_prediction(families):
    X, y = write_reviews(200)
    selector = AutoModelSelector(families=families, n_trials=3, cv=3, random_state=0).fit(X, y)
    X_new, y_new = write_reviews(100, seed=1)

    assert selector.text_columns_ == ["review"]
    assert selector.score(X_new, y_new) > 0.95
    again = pickle.loads(pickle.dumps(selector.best_estimator_))
    np.testing.assert_array_equal(again.predict_proba(X_new), selector.predict_proba(X_new))
    gaps = X_new.assign(review=None)
    assert np.isfinite(selector.predict_proba(gaps)).all()


def test_the_second_layer_works_beside_texts():
    X, y = write_reviews(800)
    y = np.where(np.random.RandomState(0).uniform(size=800) < 0.2, 1 - y, y)
    families = ["logistic", "naive_bayes", "extra_trees"]
    selector = AutoModelSelector(families=families, n_trials=3, cv=3, random_state=0).fit(X, y)

    assert any("stacked_trees" in str(name) for name in selector.leaderboard_["family"])
    assert np.isfinite(selector.predict_proba(X.head(5))).all()


@at_night
def test_on_texts_of_noise_the_score_is_that_of_chance():
    X, _ = write_reviews(300)
    y = np.random.RandomState(5).randint(0, 2, 300)
    selector = AutoModelSelector(
        families=["logistic", "extra_trees"], n_trials=4, cv=4, scoring="roc_auc", random_state=0
    ).fit(X[["review"]], y)

    assert 0.35 < selector.best_score_ < 0.62


# -- wide tables -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_of_wide_tables_models_that_suffer_from_useless_columns_get_fewer(task):
    random = np.random.RandomState(0)
    X = random.normal(size=(300, 400))
    y = X[:, 0] - X[:, 1] + X[:, 2]
    y = (y > 0).astype(int) if task == "classification" else y
    linear = "logistic" if task == "classification" else "ridge"
    selector = AutoModelSelector(task, [linear, "svm"], n_trials=3, cv=3, random_state=0).fit(X[:200], y[:200])

    assert set(selector.leaderboard_["family"]) >= {linear, f"{linear}_screened", "svm"}
    assert selector.score(X[200:], y[200:]) > 0.85
    assert selector.text_columns_ == []


def test_on_a_wide_table_of_noise_the_score_is_that_of_chance():
    random = np.random.RandomState(0)
    X, y = random.normal(size=(160, 500)), random.randint(0, 2, 160)
    families = ["logistic", "naive_bayes", "neighbors"]
    selector = AutoModelSelector(families=families, n_trials=4, cv=4, scoring="roc_auc", random_state=0).fit(X, y)

    assert 0.35 < selector.best_score_ < 0.62


# -- large tables ------------------------------------------------------------------------------------------------------


def fit_first(name, X, y):
    """Fit a family on two thirds of a table."""
    one = CATALOGUE[name]
    evaluation = make_cross_fit([one], X, y)
    candidate = make_candidate(one, {"max_iter": 3} if name == "hist_gradient_boosting" else {})
    return evaluation.fit_on(one, candidate, evaluation.task.folds[0].train)


@pytest.mark.parametrize(
    ("name", "n_copies"), [("baseline", 1.5), ("extra_trees", 2.0), ("ridge", 3.0), ("hist_gradient_boosting", 4.5)]
)
def test_a_fit_holds_few_copies_of_the_rows_of_a_large_table(name, n_copies, monkeypatch):
    monkeypatch.setattr(_cross_fit, "LARGE_CELLS", 1)
    random = np.random.RandomState(0)
    X = random.normal(size=(120_000, 20)).astype(np.float32)
    monkeypatch.setitem(CATALOGUE, "extra_trees", replace(CATALOGUE["extra_trees"], make=lambda shape: Few()))

    peak = measure_peak(lambda: fit_first(name, X, X[:, 0] + X[:, 1]))

    assert peak < n_copies * X.nbytes * 2 / 3 + 3e6  # the rest: numbers of the rows, and the target


class Few(DummyRegressor):
    """Takes no memory itself, and notes how much of a mapped table the process holds."""

    path = None
    held: ClassVar[list[int]] = []

    def fit(self, X, y):
        if self.path is not None:
            self.held.append(read_held_bytes(self.path))
        return super().fit(X, y)


def read_held_bytes(path):
    """Return how many bytes of a mapped file this process holds."""
    lines = Path("/proc/self/smaps").read_text().splitlines()
    first = next(number for number, line in enumerate(lines) if line.endswith(str(path)))
    return next(int(line.split()[1]) for line in lines[first:] if line.startswith("Rss:")) * 1024


@pytest.mark.skipif(sys.platform != "linux", reason="Linux")
def test_a_process_holds_no_pages_of_a_mapped_table_while_a_model_is_fitted(tmp_path, monkeypatch):
    path = tmp_path / "table.npy"
    np.save(path, np.random.RandomState(0).normal(size=(100_000, 20)).astype(np.float32))
    X = np.load(path, mmap_mode="r")
    monkeypatch.setattr(Few, "path", path)
    Few.held.clear()
    one = replace(CATALOGUE["baseline"], make=lambda shape: Few())
    evaluation = make_cross_fit([one], X, X[:, 0] * 1.0)
    assert read_held_bytes(path) > 1_000_000

    measure(evaluation, WorkItem(0, 0, 1, make_candidate(one, {})))

    assert Few.held == [0, 0, 0]
    assert read_held_bytes(path) == 0


@pytest.mark.parametrize("name", ["hist_gradient_boosting", "catboost", "ridge"])
def test_a_candidate_is_measured_the_same_whether_its_table_counts_as_large_or_not(name, monkeypatch):
    if name == "catboost":
        pytest.importorskip("catboost")
    X = np.random.RandomState(0).normal(size=(600, 4))
    one = CATALOGUE[name]
    found = []
    for n_cells in (1, 10**9):
        monkeypatch.setattr(_cross_fit, "LARGE_CELLS", n_cells)
        evaluation = make_cross_fit([one], X, X[:, 0] * X[:, 1] + X[:, 2])
        settings = {} if name == "ridge" else {"learning_rate": 0.3}
        outcome = measure(evaluation, WorkItem(0, 0, 1, make_candidate(one, settings)))
        found.append((outcome.folds[-1].test, np.concatenate(outcome.artifacts.predictions).tolist()))

    assert found[0] == found[1]


def test_with_one_row_of_each_class_boosting_is_fitted_without_early_stopping():
    y = np.repeat(np.arange(10), 2)
    X = np.column_stack([y + np.tile([0.0, 0.1], 10), np.tile([0, 1], 10)])
    selector = AutoModelSelector(families=["hgb"], n_trials=1, cv=2, random_state=0).fit(X, y)

    assert selector.trials_["status"].tolist() == ["complete"]
    assert selector.score(X, y) > 0.9
