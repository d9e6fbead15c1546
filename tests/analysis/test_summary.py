"""summarize: the numbers are those of the search, and the words follow from them."""

import numpy as np
import pytest
import sklearn
from optuna.distributions import FloatDistribution
from scipy.stats import uniform
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.tree import DecisionTreeClassifier

from sklearn_autotune import AutoModelSelector, OptunaSearchCV, summarize
from tests.html_page import read_view
from tests.toys import CountingClassifier, FailingClassifier

X, Y = np.column_stack([np.arange(20.0), np.ones(20)]), np.arange(20) % 2


def search_grid(values, **settings):
    return OptunaSearchCV(CountingClassifier(), {"a": values}, cv=2, **settings).fit(X, Y)


def test_the_counts_and_seconds_are_those_of_the_trials():
    search = OptunaSearchCV(CountingClassifier(), {"a": uniform(0, 9)}, n_trials=30, cv=4, random_state=0).fit(X, Y)

    summary = summarize(search)

    assert summary.n_trials == 30 == sum(summary.counts.values())
    assert sum(summary.seconds[status] for status in summary.counts) == pytest.approx(search.trials_["seconds"].sum())
    assert summary.seconds["final fit"] == search.refit_time_
    assert sum(summary.seconds.values()) == pytest.approx(summary.wall_seconds)
    assert "by the clock" not in str(summary)  # of one worker it is the same
    assert summary.best_score == search.best_score_


def test_a_search_that_gains_to_the_end_is_improving():
    summary = summarize(search_grid([0, 1, 1.5, 2, 2.5, 3]))

    assert summary.is_improving
    assert "still improving" in str(summary)
    assert any("More candidates" in step for step in summary.next_steps)


def test_a_search_that_gains_nothing_is_flat():
    summary = summarize(search_grid([3, 2, 1, 0, 5, 6]))

    assert not summary.is_improving
    assert summary.late_gain == 0
    assert "brought nothing better" in str(summary)


def test_the_first_error_is_told():
    with pytest.warns(Warning, match="fits failed|non-finite"):
        search = OptunaSearchCV(FailingClassifier(above=1), {"a": [1, 2, 3]}, cv=2).fit(X, Y)

    summary = summarize(search)

    assert summary.first_error == "ValueError: the toy fails on purpose."
    assert "2 of 3 failed; the first, candidate 1, with ValueError: the toy fails on purpose." in str(summary)
    assert any("a list of dicts" in step for step in summary.next_steps)


def test_a_winner_at_the_end_of_a_range_is_told():
    space = {"a": FloatDistribution(4, 9), "b": [0, 1]}
    search = OptunaSearchCV(
        CountingClassifier(), space, n_trials=3, cv=2, random_state=0, enqueue=[{"a": 4.0, "b": 0}]
    ).fit(X, Y)

    summary = summarize(search)

    assert summary.edges == ["a (smallest)"]
    assert any("A wider range for a in param_distributions" in step for step in summary.next_steps)


def test_the_inner_score_is_held_against_new_rows():
    X_train, X_test, y_train, y_test = train_test_split(*load_iris(return_X_y=True), random_state=0)
    search = OptunaSearchCV(
        LogisticRegression(max_iter=1000), {"C": [0.1, 1]}, scoring=["accuracy", "neg_log_loss"], refit="neg_log_loss"
    ).fit(X_train, y_train)

    summary = summarize(search, X_test, y_test)

    assert summary.held_out_score == pytest.approx(search.score(X_test, y_test))
    assert summary.metric.name == "neg_log_loss"
    assert f"On the rows held out, log loss is {-summary.held_out_score:.5g}" in str(summary)


def test_scikit_learns_searches_and_selectors_have_a_summary_too():
    data = load_iris(return_X_y=True)
    grid = GridSearchCV(DecisionTreeClassifier(random_state=0), {"max_depth": [1, 2, 3]}).fit(*data)
    selector = AutoModelSelector(families=["logistic", "naive_bayes"], n_trials=3, cv=3, random_state=0).fit(*data)

    assert summarize(grid).counts == {"complete": 3}
    assert summarize(selector, *data).held_out_score < 0  # log loss, as the search goes by


def test_the_standard_error_is_corrected_for_training_rows_that_folds_share():
    search = OptunaSearchCV(DecisionTreeClassifier(random_state=0), {"max_depth": [1, 2]}, cv=3)
    search.fit(*load_iris(return_X_y=True))

    folds = [search.cv_results_[f"split{fold}_test_score"][search.best_index_] for fold in range(3)]
    assert summarize(search).std_error == pytest.approx(np.sqrt((1 / 3 + 50 / 100) * np.var(folds, ddof=1)))


def test_one_candidate_and_one_fold_are_enough_for_a_summary():
    cv = [(np.arange(10), np.arange(10, 20))]
    summary = summarize(OptunaSearchCV(CountingClassifier(), {"a": [1]}, cv=cv).fit(X, Y))

    assert np.isnan(summary.std_error)
    assert "1 candidate in" in str(summary)


def test_what_is_not_fitted_has_no_summary():
    with pytest.raises(ValueError, match="pass a search, fitted"):
        summarize(OptunaSearchCV(CountingClassifier(), {"a": [1]}))


# -- in a notebook -------------------------------------------------------------------------------------------------


def test_a_notebook_shows_the_sentences_and_the_next_steps_as_text():
    summary = summarize(search_grid([0, 1, 1.5, 2, 2.5, 3]))
    summary.sentences.append("A parameter is called <b> & more.")

    page = read_view(summary._repr_html_())

    assert page.texts().startswith("Summary of 6 candidates 6 candidates in ")
    assert "A parameter is called <b> & more." in page.texts()
    assert [tag for tag, _ in page.tags].count("li") == len(summary.next_steps) > 0


def test_the_text_of_a_summary_is_its_sentences():
    summary = summarize(search_grid([0, 1, 2]))

    assert repr(summary) == str(summary)
    with sklearn.config_context(display="text"):
        assert summary._repr_html_() is None
