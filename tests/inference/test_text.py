"""Free text is told from categories, and what is written of a text can be read again."""

import numpy as np
import pandas as pd
import pytest

from sklearn_autotune.inference._column_encoder import ColumnEncoder
from sklearn_autotune.inference._text import N_GRAMS, TextLayout, is_text, measure_texts, unpack_grams

ROWS = range(200)
FIRST, LAST = ("Anna", "Owen", "Ida", "Carl"), ("Braund", "Allen", "Meyer", "Olsen", "Smith")


def make_names(form):
    return [
        form.format(first=FIRST[row % 4], last=f"{LAST[row % 5]}{'abcdefghijklm'[row % 13]}", row=row) for row in ROWS
    ]


@pytest.mark.parametrize(
    "values",
    [
        make_names("{last}, Mr. {first} Harris {row}"),
        make_names("{row} {last} Street, Springfield"),
        make_names("Wireless headphones {last}-{row} black"),
        make_names("I liked this one, {first}, but number {row} was better."),
        [*make_names("The tale of {last} {row}"), None, None],
    ],
    ids=["full names", "addresses", "product titles", "sentences", "with gaps"],
)
def test_strings_of_several_words_that_differ_are_text(values):
    assert is_text(values)


@pytest.mark.parametrize(
    "values",
    [
        make_names("{first} {last}"),
        make_names("{last}{row}"),
        [f"2024-{1 + row % 12:02}-{1 + row % 28:02} 10:{row % 60:02}:00" for row in ROWS],
        [f"{1 + row % 28} March {1800 + row}" for row in ROWS],
        [f"AB-{row}-550e8400-e29b" for row in ROWS],
        [str(row) for row in ROWS],
        ["never been married", "married or living together", "lost the partner early"] * 70,
        make_names("{last} of a few")[:13] * 200,
        [*make_names("The tale of {last} {row}"), 7],
        [None] * 100,
    ],
    ids=[
        *("two names", "words", "times", "dates", "identifiers", "numbers"),
        *("few categories", "a small share differs", "mixed", "nothing"),
    ],
)
def test_other_columns_are_not_text(values):
    assert not is_text(values)


def test_a_categorical_type_says_that_there_are_categories():
    texts = pd.Series(make_names("The tale of {last} {row}"))

    for column, holds in ((texts, "text"), (texts.astype("category"), "categories")):
        encoder = ColumnEncoder(reads_text=True)
        encoder.fit_transform(pd.DataFrame({"title": column}))
        assert encoder.holds == [holds]


def test_what_is_written_of_a_text_are_the_counts_of_its_n_grams():
    texts = ["be or be or be", "be", "or", "be or", "or be"]
    layout = TextLayout(width=4, has_characters=False, has_categories=False)
    packed = layout.pack(texts)
    counts = unpack_grams(packed)

    assert counts.shape == (5, N_GRAMS)
    assert sorted(counts[0].data.tolist()) == [2, 2, 2, 3]  # or, be or, or be, be
    np.testing.assert_array_equal(counts[3].toarray() > 0, (counts[1] + counts[2]).toarray() + counts[3].toarray() > 0)
    np.testing.assert_array_equal(packed, np.round(packed))
    assert packed.max() < 2**53  # a float holds it exactly


@pytest.mark.parametrize("piece", ["1", "a1", "1-", "ab"])
def test_words_of_a_long_text_without_spaces_are_counted_at_once(piece):
    """With a pattern that looks for the beginning of a piece too, this took hours."""
    assert measure_texts([piece * 500_000])["words"][0] == pytest.approx(np.log1p(int(piece == "ab")))


@pytest.mark.parametrize(
    ("text", "n_words"),
    [("two words", 2), ("2 March 2020", 1), ("x1ab, 7-up é à-la", 3), ("ßß\u00a0été", 2), ("a b c 1 2", 0), ("", 0)],
)
def test_a_word_is_a_piece_between_spaces_with_two_letters_in_a_row(text, n_words):
    assert measure_texts([text])["words"][0] == pytest.approx(np.log1p(n_words))


def test_a_missing_text_has_no_n_grams_and_no_length():
    layout = TextLayout.find(["three little words", None])

    assert unpack_grams(layout.pack([None, ""])).nnz == 0
    assert measure_texts([None])["length"].tolist() == pytest.approx([np.nan], nan_ok=True)
    assert measure_texts([""])["length"].tolist() == [0]


def test_the_columns_that_texts_take_are_bounded_and_a_long_one_loses_n_grams():
    long = " ".join(f"word{number}" for number in range(5000))
    layout = TextLayout.find([long] * 60)

    assert layout.width == 256
    assert unpack_grams(layout.pack([long])).nnz == 512
    assert TextLayout.find(["two words"] * 99 + ["a longer text of many words"]).width < 20


def test_texts_that_are_repeated_are_categories_too():
    texts = make_names("The tale of {last} {row}")

    for column, has_codes in ((texts * 3, True), (texts, False)):
        encoder = ColumnEncoder(reads_text=True)
        encoder.fit_transform(pd.DataFrame({"title": column}))
        assert (encoder.n_categories > 0).sum() == has_codes
        assert (encoder.n_categories == 0).sum() == 2  # characters and words
