"""Every advice names an argument that the search has, and following it gives a search that runs."""

import re

import numpy as np
import pytest
from scipy.stats import uniform
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV

from sklearn_autotune import AutoModelSelector, OneStandardError, OptunaSearchCV, TunedXGBClassifier, summarize
from sklearn_autotune.analysis._advice import suggest_next_steps
from sklearn_autotune.analysis._trial_table import read_trial_table
from tests.toys import CountingClassifier, FailingClassifier

X, Y = np.column_stack([np.arange(20.0), np.ones(20)]), np.arange(20) % 2

NOTHING = {
    "counts": {"complete": 3},
    "seconds": {"complete": 1.0},
    "n_trials": 3,
    "is_improving": False,
    "held_out_score": None,
    "best_score": 0.5,
    "std_error": 0.1,
    "n_close": 0,
    "late_gain": 0.0,
    "blend": {},
    "tuning_gain": None,
}
RACED = {"counts": {"complete": 20}, "n_close": 15}

SEARCHES = {
    "OptunaSearchCV": OptunaSearchCV(CountingClassifier(), {"a": uniform(0, 9)}, n_trials=3, cv=2, random_state=0),
    "GridSearchCV": GridSearchCV(CountingClassifier(), {"a": [1, 2, 3]}, cv=2),
    "RandomizedSearchCV": RandomizedSearchCV(CountingClassifier(), {"a": uniform(0, 9)}, n_iter=3, cv=2),
    "TunedXGBClassifier": TunedXGBClassifier(n_trials=3, cv=2, random_state=0),
    "AutoModelSelector": AutoModelSelector(families=["naive_bayes", "logistic"], n_trials=3, cv=2, random_state=0),
}


@pytest.fixture(scope="module")
def fitted():
    return {name: clone(search).fit(X, Y) for name, search in SEARCHES.items()}


def advise(search, **numbers):
    blend = {"blend": getattr(search, "blend_weights_", {})}
    return list(suggest_next_steps(search, read_trial_table(search), NOTHING | blend | numbers, []))


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("OptunaSearchCV", "More candidates, n_trials=6:"),
        ("GridSearchCV", "More candidates: all 3 of the space were measured, so more values in param_grid."),
        ("RandomizedSearchCV", "More candidates, n_iter=6:"),
        ("TunedXGBClassifier", "More candidates, n_trials=6:"),
        ("AutoModelSelector", "More candidates, n_trials=6:"),
    ],
)
def test_a_search_that_still_improves_is_told_which_argument_to_raise(fitted, name, start):
    (advice,) = advise(fitted[name], is_improving=True)

    assert advice.startswith(start)


def test_a_search_that_the_time_has_ended_gets_more_time():
    search = OptunaSearchCV(CountingClassifier(), {"a": uniform(0, 9)}, n_trials=3, timeout=60, cv=2).fit(X, Y)

    (advice,) = advise(search.set_params(n_trials=1000), is_improving=True)

    assert advice.startswith("More time, timeout=120:")


def test_a_grid_that_was_searched_in_full_gets_more_values_and_a_range_more_candidates():
    grid = OptunaSearchCV(CountingClassifier(), {"a": [1, 2, 3]}, cv=2).fit(X, Y)
    ranges = OptunaSearchCV(CountingClassifier(), {"a": uniform(0, 9)}, cv=2, random_state=0).fit(X, Y)

    assert advise(grid, is_improving=True) == [
        "More candidates: all 3 of the space were measured, so more values in param_distributions."
    ]
    assert advise(ranges, is_improving=True, n_trials=50)[0].startswith("More candidates, n_trials=100:")


def test_a_stored_search_can_go_on(fitted):
    search = OptunaSearchCV(CountingClassifier(), {"a": uniform(0, 9)}, n_trials=3, cv=2).fit(X, Y)

    (advice,) = advise(search.set_params(storage="study.db"), is_improving=True)

    assert "n_trials=6 with resume=True" in advice


@pytest.mark.parametrize("name", SEARCHES)
def test_every_advice_names_arguments_that_the_search_has(fitted, name):
    search = fitted[name]
    cases = (
        {"is_improving": True},
        RACED,
        {"held_out_score": 0.0},
        {"n_trials": 100, "seconds": {"complete": 1.0, "sampler": 9.0}},
        {"n_trials": 40},
    )

    advices = [advice for case in cases for advice in advise(search, **case)]

    arguments = {found for advice in advices for found in re.findall(r"\b(\w+)=", advice)} - {"metric"}
    assert len(advices) >= 3
    assert arguments <= set(search.get_params(deep=False))


def test_one_standard_error_is_advised_where_refit_takes_a_rule_and_can_be_written_like_that(fitted):
    assert "refit=OneStandardError" in advise(fitted["GridSearchCV"], **RACED)[0]
    (advice,) = advise(fitted["OptunaSearchCV"], **RACED)
    assert all("OneStandardError" not in one for one in advise(fitted["TunedXGBClassifier"], **RACED))
    assert all("OneStandardError" not in one for one in advise(fitted["AutoModelSelector"], **RACED))

    rule = eval(advice.partition("refit=")[2].partition(":")[0], {"OneStandardError": OneStandardError})

    assert clone(SEARCHES["OptunaSearchCV"]).set_params(refit=rule).fit(X, Y).best_index_ >= 0


def test_a_selector_is_told_which_family_fails(fitted):
    selector = fitted["AutoModelSelector"]
    trial_table = read_trial_table(selector)
    trial_table.status[:] = "failed"

    advices = list(suggest_next_steps(selector, trial_table, NOTHING | {"counts": {"failed": 3}}, []))

    family = max(
        (params["family"] for params in trial_table.params),
        key=[params["family"] for params in trial_table.params].count,
    )
    assert any(advice.startswith(f"families=[...] without {family}: ") for advice in advices)


def test_a_search_of_a_written_space_is_told_to_keep_apart_what_fails():
    with pytest.warns(Warning, match="fits failed|non-finite"):
        search = OptunaSearchCV(FailingClassifier(above=1), {"a": [1, 2, 3]}, cv=2).fit(X, Y)

    assert any(step.startswith("A param_distributions without what fails: ") for step in summarize(search).next_steps)
