"""The sentences of a summary name the score, show it with its own sign, and say what it belongs to."""

import re

import numpy as np
import pytest
from scipy.stats import uniform
from sklearn.datasets import load_breast_cancer, load_iris, load_wine
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.tree import DecisionTreeClassifier

from sklearn_autotune import AutoModelSelector, OneStandardError, OptunaSearchCV, summarize
from sklearn_autotune.analysis._aims import read_aim_table
from sklearn_autotune.analysis._summary_words import describe_aims, describe_held_out_aims, describe_winner_aims
from tests.aimed_searches import X as AIM_X
from tests.aimed_searches import Y as AIM_Y
from tests.aimed_searches import (
    make_aimed,
    make_selector,
    search_front,
    search_limits,
    search_three,
    select_front,
    select_plain,
)
from tests.toys import CountingClassifier

X, Y = np.column_stack([np.arange(20.0), np.ones(20)]), np.arange(20) % 2


@pytest.mark.parametrize("kind", [OptunaSearchCV, GridSearchCV])
def test_a_score_is_named(kind):
    search = kind(LogisticRegression(), {"C": [1e-3, 0.1]}, scoring="roc_auc").fit(*load_breast_cancer_columns())

    text = str(summarize(search))

    assert f"The best mean roc_auc is {search.best_score_:.5g} ± " in text
    assert f", of candidate {search.best_index_}." in text


def load_breast_cancer_columns():
    X, y = load_breast_cancer(return_X_y=True)
    return X[::4, :3], y[::4]


def test_a_loss_has_its_own_sign_and_falls():
    X, y = np.arange(30.0)[:, np.newaxis], np.arange(30.0)
    search = OptunaSearchCV(Ridge(), {"alpha": [1e6, 1e5, 1e4, 100, 10, 1]}, scoring="neg_mean_absolute_error", cv=3)

    text = str(summarize(search.fit(X, y), X, y))

    assert f"The best mean absolute error is {-search.best_score_:.5g} ± " in text
    assert "(standard error over the folds; lower is better), of candidate 5." in text
    assert "It was still improving: mean absolute error fell by " in text
    assert re.search(r"On the rows held out, mean absolute error is [\d.]+: [\d.]+ (better|worse) than", text)
    assert not re.search(r"-\d", text)


def test_a_candidate_is_named_by_its_row_in_cv_results():
    search = OptunaSearchCV(
        CountingClassifier(), {"a": [1, 2, 3, 4]}, n_trials=3, cv=2, enqueue=[{"a": 1}, {"a": 1}, {"a": 4}]
    ).fit(X, Y)

    assert max(search.trials_["number"]) >= len(search.cv_results_["params"])  # the duplicate has a number too
    assert f", of candidate {search.best_index_}." in str(summarize(search))


def test_a_winner_that_a_rule_has_chosen_stands_beside_the_best_mean():
    search = OptunaSearchCV(
        DecisionTreeClassifier(random_state=0),
        {"ccp_alpha": [0, 0.01, 0.02, 0.05]},
        refit=OneStandardError("param_ccp_alpha", largest=True),
    ).fit(*load_wine(return_X_y=True))

    text = str(summarize(search))

    assert search.best_index_ != search.cv_results_["mean_test_score"].argmax()
    assert f"The winner, candidate {search.best_index_}, has a mean accuracy of {search.best_score_:.5g} ± " in text
    best = search.cv_results_["mean_test_score"]
    assert f"The best mean accuracy is {best.max():.5g}, of candidate {best.argmax()}." in text


def test_a_blend_has_its_own_score_and_the_best_candidate_has_its_own():
    data = load_iris(return_X_y=True)
    families = ["logistic", "naive_bayes", "neighbors"]
    selector = AutoModelSelector(families=families, n_trials=6, cv=3, random_state=0).fit(*data)

    summary = summarize(selector)

    text = str(summary)
    assert summary.blend == selector.blend_weights_
    assert f"log loss {-selector.best_score_:.5g} (lower is better), on rows that it was not chosen on: " in text
    assert all(f"{name} ({weight:.0%})" in text for name, weight in selector.blend_weights_.items())
    best = selector.cv_results_["mean_test_score"][selector.best_index_]
    assert f"The best single model, candidate {selector.best_index_} (" in text
    assert f") has a mean log loss of {-best:.5g} ± " in text.replace("), has", ") has")


def test_a_search_without_ranges_and_noise_is_described_all_the_same():
    search = OptunaSearchCV(CountingClassifier(), {"a": uniform(0, 9)}, n_trials=3, cv=2, random_state=0).fit(X, Y)

    assert "The best mean score is " in str(summarize(search))


def test_the_gain_over_the_parameters_you_had_is_told():
    weak = LogisticRegression(C=1e-12)
    search = OptunaSearchCV(weak, {"C": uniform(0.5, 1)}, n_trials=3, cv=5, scoring="neg_log_loss", random_state=0)

    summary = summarize(search.fit(*load_breast_cancer_columns()))

    assert summary.tuning_gain == search.tuning_gain_
    assert summary.default_score == search.default_score_
    assert "Tuning: -" in str(summary)
    assert "over the parameters you had. The choice of the winner is taken into account." in str(summary)
    assert re.search(r"Of that, .*the default \d+ %", str(summary))


def test_no_evidence_is_said_and_searches_without_a_default_say_nothing():
    search = OptunaSearchCV(LogisticRegression(C=0.02), {"C": uniform(0.1, 1)}, n_trials=3, cv=3, random_state=0)
    search.set_params(scoring="neg_log_loss")
    helped = summarize(search.fit(*load_breast_cancer_columns()))
    assert "There is no evidence that tuning helped: " in str(helped)
    assert any("refit=NoWorseThanDefault()" in step for step in helped.next_steps)

    grid = summarize(GridSearchCV(LogisticRegression(), {"C": [0.1, 1]}, cv=3).fit(*load_breast_cancer_columns()))
    assert (grid.tuning_gain, grid.default_score) == (None, None)
    assert "parameters you had" not in str(grid)


# -- objectives and limits ---------------------------------------------------------------------------------------------


def test_the_front_and_its_size():
    search = search_front()
    (sentence,) = describe_aims(read_aim_table(search), search.front_["index"])

    assert sentence.startswith(
        f"The front by bytes (lower is better) and log loss (lower is better) has {len(search.front_['index'])} "
    )


def test_the_limits_and_how_many_meet_them():
    table = read_aim_table(search_limits())
    (sentence,) = describe_aims(table, None)

    n_complete = np.isfinite(table.trial_table.score).sum()
    found = (
        f"{table.may_win.sum()} of {n_complete} complete candidates meet the limits bytes <= 2700 and recall >= 0.88"
    )
    assert sentence == f"{found}."


def test_the_winner_with_limits_behind_the_values():
    search = search_limits()
    (sentence,) = describe_winner_aims(read_aim_table(search))

    assert f"bytes {search.best_scores_['bytes']:.5g} (limit <= 2700)" in sentence


def test_rows_held_out_are_told_with_their_signs():
    table = read_aim_table(search_front())

    assert list(describe_held_out_aims(table.aims, {})) == []
    assert list(describe_held_out_aims(table.aims, {"bytes": 5000.0, "neg_log_loss": -0.2})) == [
        "There, it has bytes 5000 and log loss 0.2."
    ]


def test_a_winner_that_does_not_meet_the_limits_is_called_so():
    search = make_aimed(limits={"bytes": ("<=", 10)}, infeasible="nearest", n_trials=3)
    with pytest.warns(UserWarning, match="No candidate meets all limits"):
        search.fit(AIM_X, AIM_Y)

    text = str(summarize(search))

    assert "0 of 3 complete candidates meet the limit bytes <= 10 at 90% confidence." in text
    assert "It does not meet the limits" in text


def test_the_summary_of_all():
    search = search_three()
    summary = summarize(search, AIM_X, AIM_Y)

    assert summary.n_front == len(search.front_["index"])
    assert summary.n_meeting_limits == read_aim_table(search).may_win.sum()
    assert summary.best_scores == search.best_scores_
    assert set(summary.held_out_scores) == {"size", "loss", "accuracy", "n_features"}
    assert summary.held_out_scores["size"] > 0 > summary.held_out_scores["loss"]
    assert summary.metric.label == "roc_auc"
    assert "brought nothing better" not in str(summary)
    assert not any("NoWorseThanDefault" in step or "OneStandardError" in step for step in summary.next_steps)


def test_searches_with_one_score_say_nothing_of_it():
    summary = summarize(make_aimed(n_trials=3).fit(AIM_X, AIM_Y), AIM_X, AIM_Y)

    assert (summary.n_front, summary.n_meeting_limits, summary.best_scores) == (None, None, {})
    assert "limit" not in str(summary)


def test_a_better_candidate_that_breaks_a_limit_is_named():
    search = search_limits()

    text = str(summarize(search))

    assert f"The winner, candidate {search.best_index_}, has a mean roc_auc of " in text
    assert ", which does not meet the limits.\n" in text


def test_a_better_candidate_that_breaks_a_limit_only_on_all_rows_is_named():
    limits = {"bytes": ("<=", 2200), "recall": (">=", 0.8)}
    search = make_aimed(scoring="roc_auc", limits=limits, limit_confidence=0.5).fit(AIM_X, AIM_Y)

    assert ", which does not meet the limits when it is fitted on all rows.\n" in str(summarize(search))


def test_the_front_of_blends_and_what_the_final_model_has():
    selector = select_front()
    summary = summarize(selector, AIM_X[:, :6], AIM_Y)
    text = str(summary)

    names = "roc_auc (higher is better), size (bytes) (lower is better) and loss (lower is better)"
    n_front = selector.front_.n_rows
    assert f"The front by {names} has {n_front} of the " in text
    assert "blends and single models meet the limit recall >= 0.9.\n" in text
    assert f"The final model has roc_auc {selector.best_scores_['auc']:.5g}, size (bytes) " in text
    assert (summary.n_front, summary.objectives["size"]) == (n_front, "minimize")
    assert set(summary.held_out_scores) == {"size", "loss", "recall"}
    assert f"There, it has size (bytes) {selector.best_scores_['size']:.5g}, loss " in text
    assert "It is flat" in text  # the search is guided by one score


def test_a_blend_that_does_not_meet_the_limits_is_called_so():
    selector = make_selector(limits={"recall": (">=", 0.999)}, infeasible="nearest", n_trials=2)
    with pytest.warns(UserWarning, match="No blend and no single model meets all limits"):
        selector.fit(AIM_X[:, :6], AIM_Y)
    summary = summarize(selector)

    assert "It does not meet the limits: no blend and no single model does, and it violates them least." in str(summary)
    assert summary.n_meeting_limits == 0


def test_a_selector_with_one_score_says_nothing_of_limits():
    summary = summarize(select_plain(), AIM_X[:, :6], AIM_Y)

    assert summary.n_front == select_plain().front_.n_rows
    assert (summary.n_meeting_limits, summary.held_out_scores, summary.objectives) == (None, {}, {})
    assert "limit" not in str(summary)
    assert "The front by" not in str(summary)
