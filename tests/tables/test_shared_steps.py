"""Steps that families share are fitted once on the same rows, and on those rows only."""

import pickle

import numpy as np
import pytest

from sklearn_autotune.inference._text import TextLayout
from sklearn_autotune.tables import _shared_steps
from sklearn_autotune.tables._shared_steps import SharedSteps, find_texts

N_CATEGORIES = np.array([0, 3, *[-1] * 4])
TEXTS = find_texts(N_CATEGORIES)


@pytest.fixture
def table():
    random = np.random.RandomState(0)
    texts = [" ".join(random.choice(["red", "green", "blue", "grey", "pink"], 4)) for _ in range(200)]
    packed = TextLayout(4, has_characters=False, has_categories=False).pack(texts)
    return np.column_stack([random.normal(size=200), random.randint(0, 3, 200), packed]), random.randint(0, 2, 200)


def test_without_texts_there_are_no_steps(table):
    fitted = SharedSteps(table[0], N_CATEGORIES, [], True).fit(np.arange(100), table[1][:100])

    assert fitted.steps == ()
    np.testing.assert_array_equal(fitted.X, table[0][:100])
    np.testing.assert_array_equal(fitted.n_categories, N_CATEGORIES)


def test_texts_become_numbers_after_the_other_columns(table):
    X, y = table
    fitted = SharedSteps(X, N_CATEGORIES, TEXTS, True).fit(np.arange(100), y[:100])

    assert fitted.n_categories.tolist() == [0, 3] + [0] * (fitted.X.shape[1] - 2)
    assert fitted.X.shape == (100, len(fitted.n_categories))
    assert fitted.transform(X[100:]).shape == (100, len(fitted.n_categories))


def test_the_same_rows_have_the_same_encoder_and_other_rows_another(table):
    X, y = table
    steps = SharedSteps(X, N_CATEGORIES, TEXTS, True)
    first, again = steps.fit(np.arange(100), y[:100]), steps.fit(np.arange(100), y[:100])
    other = steps.fit(np.arange(50, 150), y[50:150])

    assert first.steps[0][1] is again.steps[0][1]
    assert other.steps[0][1] is not first.steps[0][1]
    np.testing.assert_array_equal(first.X, again.X)


def test_what_is_kept_is_bounded_and_not_pickled(table, monkeypatch):
    X, y = table
    steps = SharedSteps(X, N_CATEGORIES, TEXTS, True)
    first = steps.fit(np.arange(100), y[:100]).steps[0][1]
    assert pickle.loads(pickle.dumps(steps)).fit(np.arange(100), y[:100]).steps[0][1] is not first

    monkeypatch.setattr(_shared_steps, "MAX_KEPT_BYTES", 1)
    steps.fit(np.arange(50, 150), y[50:150])
    assert steps.fit(np.arange(100), y[:100]).steps[0][1] is not first


def test_numbers_of_wide_tables_are_screened_on_the_rows_of_the_fit_alone():
    random = np.random.RandomState(0)
    X, y = np.column_stack([random.normal(size=(200, 150)), random.randint(0, 3, 200)]), random.randint(0, 2, 200)
    X[100:, 40] += 5 * y[100:]
    n_categories = np.array([0] * 150 + [3])
    steps = SharedSteps(X, n_categories, [], True)

    first, last = (steps.fit(rows, y[rows], screens=True) for rows in (np.arange(100), np.arange(100, 200)))

    assert 150 in first.steps[0][1].kept_  # categories are kept
    assert 40 in last.steps[0][1].kept_
    assert first.X.shape == (100, len(first.n_categories))
    assert first.n_categories[-1] == 3
    assert steps.fit(np.arange(100), y[:100], screens=True).steps[0][1] is first.steps[0][1]
    assert steps.fit(np.arange(100), y[:100]).steps == ()
    assert SharedSteps(X[:, :100], n_categories[:100], [], True).fit(np.arange(9), y[:9], screens=True).steps == ()
