"""The tables on a fitted search: reading scores with gaps warns once, and a table of trials prints ten rows."""

import copy
import io
import pickle
import warnings

import joblib
import numpy as np
import pandas as pd
import pytest
import sklearn
from scipy.stats import loguniform
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.tree import DecisionTreeClassifier

from sklearn_autotune import AutoModelSelector, FoldRacing, OptunaSearchCV, TunedXGBClassifier
from sklearn_autotune.evaluation._metric import Metric
from sklearn_autotune.search._result_tables import CVResults, Trials
from tests.html_page import read_view

X, y = make_classification(120, 4, flip_y=0.2, random_state=0)
SPACE = {"ccp_alpha": loguniform(1e-4, 0.5), "criterion": ["gini", "entropy"]}


def make_search(**changes):
    params = {"n_trials": 30, "random_state": 0, "scoring": "neg_log_loss"} | changes
    return OptunaSearchCV(DecisionTreeClassifier(random_state=0), SPACE, **params)


@pytest.fixture(scope="module")
def racing_search():
    search = make_search().fit(X, y)
    assert (search.trials_["status"] == "pruned").any()
    return search


@pytest.fixture
def search(racing_search):
    return pickle.loads(pickle.dumps(racing_search))  # one that has not warned yet


def copy_by_joblib(value):
    file = io.BytesIO()
    joblib.dump(value, file)
    file.seek(0)
    return joblib.load(file)


# -- cv_results_ ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("column", ["mean_test_score", "std_test_score", "split4_test_score"])
def test_reading_scores_that_stopped_candidates_lack_warns_with_the_lines_to_write(search, column):
    n_stopped = (search.trials_["status"] == "pruned").sum()

    with pytest.warns(UserWarning, match=f"{n_stopped} of 30 candidates were stopped early") as caught:
        scores = search.cv_results_[column]

    assert np.isnan(scores).any()
    message = str(caught[0].message)
    for line in (
        "search.best_score_",
        "search.best_index_",
        f"np.nanmax(search.cv_results_[{column!r}])",
        "pruner=None",
    ):
        assert line in message
    assert caught[0].filename == __file__


def test_the_lines_that_the_warning_names_give_the_winner(search):
    scores = dict(search.cv_results_)["mean_test_score"]

    assert np.nanmax(scores) == search.best_score_ == scores[search.best_index_]
    assert search.cv_results_["params"][search.best_index_] == search.best_params_
    assert search.cv_results_["rank_test_score"][search.best_index_] == 1


def test_a_search_warns_once(search):
    with pytest.warns(UserWarning, match="stopped early"):
        search.cv_results_["mean_test_score"]

    assert np.isnan(search.cv_results_["mean_test_score"]).any()
    assert np.isnan(search.cv_results_["std_test_score"]).any()


def test_training_scores_with_gaps_warn_too():
    search = make_search(return_train_score=True).fit(X, y)

    with pytest.warns(UserWarning, match="NaN in 'mean_train_score'"):
        search.cv_results_["mean_train_score"]


@pytest.mark.parametrize("pruner", [None, FoldRacing()])
def test_who_has_chosen_the_pruner_is_not_warned(pruner):
    search = make_search(pruner=pruner).fit(X, y)

    assert np.isnan(search.cv_results_["mean_test_score"]).any() == (pruner is not None)


def test_columns_without_gaps_and_whole_tables_are_read_without_a_warning(search):
    frame = pd.DataFrame(search.cv_results_).sort_values("rank_test_score")
    plain = dict(search.cv_results_)

    assert frame.index[0] == search.best_index_
    assert frame["mean_test_score"].iloc[0] == search.best_score_
    assert type(plain) is dict
    assert type(search.cv_results_.copy()) is dict
    assert list(plain) == list(search.cv_results_)
    assert len(search.cv_results_["mean_fit_time"]) == len(search.cv_results_["params"]) == 30
    assert "mean_test_score" in search.cv_results_
    assert search.score(X, y) == pytest.approx(search.best_score_, abs=2)


def test_a_booster_and_a_selector_warn_alike():
    booster = TunedXGBClassifier(n_trials=8, cv=3, random_state=0, learning_rate=0.5, n_estimators=20).fit(X, y)
    selector = AutoModelSelector(families=["logistic"], n_trials=10, cv=5, random_state=0, blend=False).fit(X, y)

    for search in (booster, selector):
        assert isinstance(search.cv_results_, CVResults)
        assert search.cv_results_.n_stopped == (search.trials_["status"] == "pruned").sum() > 0
        with pytest.warns(UserWarning, match="stopped early") as caught:
            search.cv_results_["mean_test_score"]
        assert ("pruner=None" in str(caught[0].message)) == (search is booster)


@pytest.mark.parametrize(
    "copy_of", [copy.copy, copy.deepcopy, copy_by_joblib, lambda table: pickle.loads(pickle.dumps(table))]
)
def test_tables_can_be_copied_and_stored(search, copy_of):
    results, trials = copy_of(search.cv_results_), copy_of(search.trials_)

    assert isinstance(results, CVResults)
    assert list(results) == list(search.cv_results_)
    assert repr(trials) == repr(search.trials_)
    with pytest.warns(UserWarning, match="stopped early"):
        results["mean_test_score"]


def test_a_clone_has_no_tables(search):
    assert not hasattr(clone(search), "cv_results_")


# -- trials_ -------------------------------------------------------------------------------------------------------


def test_trials_print_ten_rows_with_the_metric_and_the_winner(search):
    search.trials_.best_row = 25
    lines = repr(search.trials_).splitlines()

    assert lines == str(search.trials_).splitlines()
    assert len(lines) == 12
    assert lines[0].split() == ["candidate", "status", "log", "loss", "folds", "seconds", "params"]
    assert lines[-1] == "… 20 more; the winner is candidate 25"
    assert f"{-search.trials_['mean_test_score'][0]:.5g}" in lines[1]
    assert max(map(len, lines)) <= 120


def test_few_trials_are_all_printed_and_a_star_marks_the_winner():
    search = make_search(n_trials=3, scoring=None).fit(X, y)
    lines = repr(search.trials_).splitlines()

    assert len(lines) == 4
    assert "accuracy" in lines[0]
    assert [line.strip().startswith("*") for line in lines[1:]].index(True) == search.best_index_


def test_trials_are_numbered_by_their_rows_in_cv_results():
    trials = Trials(
        {
            "number": np.arange(4),
            "status": np.array(["complete", "duplicate", "failed", "timeout"], dtype=object),
            "params": [{"a": 1}, {"a": 1}, {"a": "x" * 100}, {"a": 0.1 + 0.2}],
            "mean_test_b": np.array([0.5, np.nan, np.nan, np.nan]),
        },
        {"mean_test_b": Metric("b")},
        best_row=0,
    )
    header, rows = trials.preview()

    assert header == ["candidate", "status", "b", "params"]
    assert [row[0] for row in rows] == ["* 0", "-", "1", "-"]
    assert [row[2] for row in rows] == ["0.5", "-", "-", "-"]
    assert rows[3][3] == "a=0.3"
    assert rows[2][3] == f"a='{'x' * 100}'"
    assert max(map(len, repr(trials).splitlines())) < 100  # where it is printed, it is cut


def test_an_empty_table_can_be_printed():
    assert repr(Trials()) == ""


def test_trials_become_a_data_frame(search):
    frame = search.trials_.to_frame()

    pd.testing.assert_frame_equal(frame, pd.DataFrame(search.trials_))
    assert len(frame) == search.trials_.n_rows == 30
    assert list(frame) == list(search.trials_)


def test_several_scores_have_their_own_columns():
    search = make_search(n_trials=3, scoring=["roc_auc", "neg_log_loss"], refit="roc_auc").fit(X, y)

    assert search.trials_.preview()[0][2:4] == ["roc_auc", "log loss"]


def test_columns_read_by_warnings_as_errors_are_read_at_the_second_time(search):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UserWarning, match="stopped early"):
            search.cv_results_["mean_test_score"]
        assert len(search.cv_results_["mean_test_score"]) == 30


# -- in a notebook -------------------------------------------------------------------------------------------------


def test_a_notebook_shows_ten_trials_and_how_many_more_there_are(search):
    search.trials_.best_row = 25

    page = read_view(search.trials_._repr_html_())

    assert page.rows[0] == ["candidate", "status", "log loss", "folds", "seconds", "params"]
    assert len(page.rows) == 11
    assert page.texts().startswith("Trials: 30 rows ")
    assert page.texts().endswith("… 20 more; the winner is candidate 25. to_frame() is the whole table.")
    assert {attributes.get("scope") for tag, attributes in page.tags if tag == "th"} == {"col"}


def test_a_notebook_shows_parameters_and_metrics_as_text():
    nasty = "<img src=http://example.org/x.png> & more"
    columns = {"status": ["complete"], "params": [{"<b>": nasty * 3}], "mean_test_a": [0.5]}

    page = read_view(Trials(columns, {"mean_test_a": Metric("<i>_&")})._repr_html_())

    assert page.rows[0] == ["candidate", "status", "<i>_&", "params"]
    assert page.rows[1][3].startswith("<b>='<img src=http")
    assert page.rows[1][3].endswith("…")
    assert any(attributes.get("title") == f"<b>='{nasty * 3}'" for _, attributes in page.tags)


def test_a_notebook_shows_text_where_scikit_learns_configuration_asks_for_it(search):
    with sklearn.config_context(display="text"):
        assert search.trials_._repr_html_() is None
    assert read_view(Trials()._repr_html_()).texts() == "Trials: 0 rows"
