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


@pytest.fixture
def product():
    """The first number times the second, on a table with a category and a text."""
    random = np.random.RandomState(0)
    texts = [" ".join(random.choice(["red", "green", "blue", "grey", "pink"], 4)) for _ in range(300)]
    packed = TextLayout(4, has_characters=False, has_categories=False).pack(texts)
    X = np.column_stack([random.normal(size=(300, 2)), packed, random.randint(0, 3, 300)])
    return X, X[:, 0] * X[:, 1], np.array([0, 0, *[-1] * 4, 3])


def test_generated_columns_are_made_of_the_tables_own_and_come_after_texts(product):
    X, y, n_categories = product
    steps = SharedSteps(X, n_categories, find_texts(n_categories), False)
    rows = np.arange(200)

    plain, fitted = steps.fit(rows, y[rows]), steps.fit(rows, y[rows], generates=True)

    n_plain = plain.X.shape[1]
    np.testing.assert_array_equal(fitted.X[:, :n_plain], plain.X)
    names = fitted.steps[1][1].get_feature_names_out()[n_plain:]
    assert "x0 * x1" in names
    assert not [name for name in names if "x3" in name]  # texts follow the three other columns
    assert fitted.transform(X[200:]).shape == (100, len(fitted.n_categories))
    assert steps.fit(rows, y[rows], generates=True).steps[1][1] is fitted.steps[1][1]


def test_texts_that_are_not_read_are_no_parts_of_columns(product):
    X, y, n_categories = product

    fitted = SharedSteps(X, n_categories, [], False).fit(np.arange(200), y[:200], generates=True)

    assert "x0 * x1" in fitted.steps[0][1].get_feature_names_out()
    assert not [name for name in fitted.steps[0][1].get_feature_names_out()[7:] if "x3" in name]


def test_generated_columns_of_wide_tables_are_screened(product):
    X, y, _ = product
    wide = np.hstack([X[:, :2], np.random.RandomState(1).normal(size=(300, 120))])
    y = y + wide[:, 0] + wide[:, 1]
    steps = SharedSteps(wide, np.zeros(122, dtype=int), [], False)

    given, generated = (steps.fit(np.arange(300), y, screens=True, generates=made) for made in (False, True))

    assert [name for name, _ in generated.steps] == ["generated", "screen"]
    assert max(generated.steps[1][1].kept_) >= 122
    assert max(given.steps[0][1].kept_) < 122


def test_columns_can_be_generated_where_some_part_has_some_and_there_is_time(product):
    X, y, n_categories = product
    X, n_categories = X[:, [0, 1, 6]], n_categories[[0, 1, 6]]
    parts, noise = np.array_split(np.arange(300), 2), np.random.RandomState(2).normal(size=300)

    def can_generate(targets, timeout):
        pairs = [(rows, target[rows]) for rows, target in zip(parts, targets, strict=True)]
        return SharedSteps(X, n_categories, [], False).can_generate(pairs, timeout)

    assert can_generate([noise, y], None)
    assert can_generate([noise, y], 1e6)
    assert not can_generate([noise, y], 1e-9)
    assert not can_generate([noise, noise], None)
