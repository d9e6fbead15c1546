"""Texts become numbers that say something of the target, and nothing of a row's own target."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone

from sklearn_autotune.inference._text import N_GRAMS, TextLayout, unpack_grams
from sklearn_autotune.inference._text_encoder import MAX_VOCABULARY, N_TOPICS, TextEncoder

N_ROWS = 400
WORDS = [f"word{'abcdefghij'[number % 10]}{'klmnopqrst'[number // 10 % 10]}" for number in range(100)]


def write(random, is_good):
    """Return texts of ten words, of which one says whether the row is good."""
    return [" ".join([*random.choice(WORDS, 9), "splendid" if good else "dreadful"]) for good in is_good]


@pytest.fixture(scope="module")
def table():
    random = np.random.RandomState(0)
    is_good = random.randint(0, 2, N_ROWS)
    packed = TextLayout(10, has_characters=False, has_categories=False).pack(write(random, is_good))
    return np.column_stack([np.arange(N_ROWS), packed, np.ones(N_ROWS)]), is_good


@pytest.mark.parametrize("is_classification", [True, False])
def test_the_columns_say_what_the_words_say(table, is_classification):
    X, y = table
    train, test = np.arange(300), np.arange(300, N_ROWS)
    encoder = TextEncoder([(1, 10)], is_classification)

    encoded = encoder.fit_transform(X[train], y[train])
    new = encoder.transform(X[test])

    np.testing.assert_array_equal(new[:, :2], np.column_stack([test, np.ones(100)]))  # the other columns come first
    assert encoded.shape[1] == new.shape[1] == 2 + 15 + 2  # a topic for 20 rows, two ridge regressions
    assert abs(np.corrcoef(encoded[:, -1], y[train])[0, 1]) > 0.8
    assert abs(np.corrcoef(new[:, -1], y[test])[0, 1]) > 0.8


def test_a_training_rows_own_target_has_no_part_in_its_numbers(table):
    X, _ = table
    y = np.random.RandomState(1).permutation(np.arange(N_ROWS) % 2)
    encoder = TextEncoder([(1, 10)], True)

    encoded = encoder.fit_transform(X, y)

    assert all(abs(np.corrcoef(column, y)[0, 1]) < 0.2 for column in encoded[:, -2:].T)
    assert np.corrcoef(encoder.transform(X)[:, -2], y)[0, 1] > 0.5


def test_the_numbers_of_topics_and_n_grams_are_bounded():
    random = np.random.RandomState(0)
    texts = [" ".join(f"w{number}" for number in random.randint(0, 30_000, 200)) for _ in range(800)]
    packed = TextLayout.find(texts).pack(texts)
    encoder = TextEncoder([(0, packed.shape[1])], False)

    encoded = encoder.fit_transform(packed, random.normal(size=800))

    assert encoded.shape == (800, N_TOPICS + 2)
    assert len(encoder.encodings_[0].vocabulary) == MAX_VOCABULARY


def test_for_each_of_more_classes_there_is_a_column_and_for_very_many_none(table):
    X, _ = table
    for n_classes, n_columns in ((3, 3), (40, 0)):
        encoded = TextEncoder([(1, 10)], True).fit_transform(X, np.arange(N_ROWS) % n_classes)
        assert encoded.shape[1] == 2 + 20 + n_columns


def test_texts_without_a_word_in_common_and_missing_texts_are_no_hindrance():
    layout = TextLayout(2, has_characters=False, has_categories=False)
    for texts in ([f"unique{number}" for number in range(30)], [None] * 30):
        encoder = TextEncoder([(0, 2)], True)
        assert encoder.fit_transform(layout.pack(texts), np.arange(30) % 2).shape == (30, 0)
        assert encoder.transform(layout.pack(["new words", None])).shape == (2, 0)


def test_it_can_be_cloned_pickled_and_fitted_again_with_the_same_result(table):
    X, y = table
    encoder = TextEncoder([(1, 10)], True).fit(X, y)

    again = clone(encoder).fit(X, y)

    np.testing.assert_array_equal(pickle.loads(pickle.dumps(encoder)).transform(X), again.transform(X))


def test_predictions_come_from_the_folds_that_are_given_and_say_nothing_of_rows_in_no_test_part(table):
    X, y = table
    folds = [(np.arange(100), np.arange(100, 300))]
    encoder = TextEncoder([(1, 10)], True)

    (described,) = encoder.fit_describe(X[:300], y[:300], folds)
    (changed,) = encoder.fit_describe(X[:300], np.where(np.arange(300) < 100, y[:300], 1 - y[:300]), folds)

    assert (described[:100, -2:] == 0).all()
    assert np.corrcoef(described[100:, -1], y[100:300])[0, 1] > 0.8
    # Of the others, only the mean of their targets matters.
    assert np.corrcoef(described[100:, -1], changed[100:, -1])[0, 1] > 0.999


def test_a_few_texts_get_the_numbers_that_they_get_among_many(table):
    X, y = table
    encoder = TextEncoder([(1, 10)], is_classification=True).fit(X[:200], y[:200])
    many = np.vstack([X] * 5)
    assert len(unpack_grams(many[:, 1:11]).indices) > N_GRAMS // 100 > len(unpack_grams(X[:3, 1:11]).indices)

    np.testing.assert_array_equal(encoder.transform(X[:3]), encoder.transform(many)[:3])
