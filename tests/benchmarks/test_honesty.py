"""What the benchmark of honesty adds up, because a mistake there would make a reported bias wrong."""

import numpy as np
import pytest
from sklearn.tree import DecisionTreeClassifier

from benchmarks.honesty_cost import draw_table, keeping_nothing
from benchmarks.honesty_noise import search_numbers
from benchmarks.honesty_real import NAMES, SOURCES, bias_lines, coverage_lines, in_half_widths, real_section, split
from sklearn_autotune import OptunaSearchCV


def real_row(**changes):
    row = {"problem": "a", "seed": 0, "metric": "AUC", "model": "tree", "searched": 500, "rows_held_out": 500}
    row |= {"best": 0.8, "corrected": 0.75, "low": 0.65, "high": 0.85, "nested": 0.72}
    return row | {"held_out": 0.75, "held_out_folds": 0.7} | changes


def test_a_bias_is_a_score_minus_the_held_out_one_in_half_widths_of_the_interval():
    rows = [real_row(), real_row(held_out=0.65, held_out_folds=0.6)]

    (line,) = bias_lines({"AUC": rows}, in_half_widths, 2)

    assert line[:2] == ["AUC", 2]
    assert [cell.split(" ")[0] for cell in line[2:5]] == ["1.00", "0.50", "0.20"]
    assert [cell.split(" ")[0] for cell in line[5:7]] == ["1.50", "1.00"]
    roots = [np.sqrt(np.mean(np.square(errors))) for errors in ([0.5, 1.5], [0.0, 1.0], [-0.3, 0.7])]
    assert [cell.split(" ")[0] for cell in line[7:]] == [f"{root:.2f}" for root in roots]


def test_an_interval_is_widened_by_the_noise_of_as_many_held_out_rows_as_searched_ones():
    rows = [real_row(held_out=0.75 + 0.1 * distance) for distance in (0.9, 1.1, 1.3, 1.5)]

    (line,) = coverage_lines({"AUC": rows})

    assert [cell.split(" ")[0] for cell in line[2:4]] == ["25", "75"]
    assert line[-1] == "83 %"


def test_tables_whose_interval_has_no_width_count_only_in_plain_numbers():
    perfect = dict.fromkeys(("best", "corrected", "low", "high", "nested", "held_out", "held_out_folds"), 1.0)

    page = real_section([real_row(), real_row(), real_row(**perfect)])

    assert "of 1 tables the interval has no width" in page
    assert "| AUC | 2 | 0.50" in page
    assert "| AUC | 3 | 0.033" in page
    assert "nan" not in page


def test_there_are_sixty_tables_at_least_of_which_twenty_are_regression():
    names = [*NAMES[True], *NAMES[False]]

    assert len(set(names)) == len(names) >= 60
    assert len(NAMES[False]) >= 20
    assert set(names) <= set(SOURCES)


@pytest.mark.parametrize("name", ["seats", "olive oils", "wages"])
def test_at_least_as_many_rows_are_held_out_as_searched(name):
    X, X_held_out, y, y_held_out = split(name)

    assert len(X) == len(y) <= 500
    assert len(X_held_out) == len(y_held_out) >= len(y)
    assert X.dtype == float
    assert np.isfinite(X).all()


def test_the_true_r2_of_noise_is_that_of_a_constant_or_less():
    search, truth, _ = search_numbers("R2, ridge", seed=0)

    mean_of_240_rows = -(1 + 60 / 240) / 57  # on 60 rows; 57 because of the mean of 1 / chi-squared
    assert mean_of_240_rows - 0.1 < truth < mean_of_240_rows + 0.01
    assert len(search.fold_estimators_) == 5


def test_a_search_that_keeps_nothing_has_no_corrected_score():
    X, y = draw_table(100)
    search = OptunaSearchCV(
        DecisionTreeClassifier(random_state=0), {"max_depth": [1, 2, 3]}, n_trials=2, random_state=0
    )

    with keeping_nothing():
        search.fit(X, y)
    with pytest.raises(AttributeError, match="keeps no test rows"):
        search.corrected_score_  # noqa: B018

    assert search.fit(X, y).corrected_score_ <= search.best_score_
