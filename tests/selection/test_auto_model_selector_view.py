"""What a notebook shows of a selector: the task, the named score, and the models of the blend with their weights."""

import pytest
from sklearn.datasets import load_iris

from sklearn_autotune import AutoModelSelector
from tests.aimed_searches import select_limits
from tests.html_page import read_view

QUICK = {"families": ["logistic", "naive_bayes"], "n_trials": 3, "cv": 2, "random_state": 0}


@pytest.fixture(scope="module")
def selector():
    return AutoModelSelector("classification", **QUICK).fit(*load_iris(return_X_y=True))


def test_the_view_shows_the_task_the_score_and_the_blend(selector):
    html = selector._repr_html_()
    page = read_view(html)

    assert page.texts().startswith(f"AutoModelSelector: log loss {-selector.best_score_:.5g} (lower is better) ")
    assert "A classification of 3 classes." in page.texts()
    assert {row[0]: float(row[1]) for row in page.rows[1:]} == pytest.approx(selector.blend_weights_, abs=1e-4)
    assert page.rows[0] == ["model", "weight", "log loss", "parameters"]
    assert "3 candidates, all complete, in " in page.texts()
    assert "sk-top-container" in html


def test_the_view_of_a_regression_names_its_score():
    X, _ = load_iris(return_X_y=True)
    found = AutoModelSelector("regression", families=["ridge"], n_trials=1, cv=2, scoring="r2", random_state=0)

    text = read_view(found.fit(X[:, 1:], X[:, 0])._repr_html_()).texts()

    assert text.startswith(f"AutoModelSelector: r2 {found.best_score_:.5g} (higher is better) A regression.")


def test_the_text_of_a_selector_and_of_its_leaderboard_is_short(selector):
    assert len(repr(selector)) < 200
    assert len(repr(selector.leaderboard_)) < 600


def test_the_view_does_not_wait_for_scikit_learns_text_of_the_models(selector, monkeypatch):
    monkeypatch.setattr(type(selector.best_estimator_), "__repr__", None)

    assert "best_estimator_" in dir(selector)
    assert "blend_weights_" in selector._repr_html_()


def test_the_view_has_what_the_final_model_has_of_objectives_and_limits():
    found = select_limits()
    text = read_view(found._repr_html_()).texts()

    assert f"Objectives and limits: bytes {found.best_scores_['bytes']:.5g}." in text
