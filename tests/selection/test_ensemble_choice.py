"""How ensembles are scored, which candidates are chosen, and what the leaderboard shows."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import get_scorer, log_loss, roc_auc_score, root_mean_squared_error
from sklearn.model_selection import ShuffleSplit

from sklearn_autotune._compat import clock
from sklearn_autotune.evaluation._metric import Metric
from sklearn_autotune.evaluation._row_values import RowMetric
from sklearn_autotune.inference._temperature_scaling import apply_temperature
from sklearn_autotune.selection._ensemble_choice import (
    MAX_ROWS,
    MAX_SCORER_ROWS,
    N_PARTS,
    EnsembleScorer,
    choose_ensemble,
    estimate_seconds_per_row,
    make_leaderboard,
    select_fast_candidates,
)
from sklearn_autotune.selection._ranking import average_fold_scores
from sklearn_autotune.selection._second_layer import SecondLayer
from sklearn_autotune.statistics._corrected_scores import CandidateRows
from tests.selection.toy_families import N_FOLDS, family, make_cross_fit, predicted, record

N_ROWS = 300
RANDOM = np.random.RandomState(0)
X = np.zeros((N_ROWS, 1))
VALUES = RANDOM.normal(size=N_ROWS)
NOISE = RANDOM.normal(size=(4, N_ROWS))
CODES = (VALUES > 0).astype(int)
NO_SECOND_LAYER = SecondLayer((), (), {}, np.arange(0))
FAMILIES = [family("a"), family("b"), replace(family("refitted"), is_bagged=False)]


def make_regression(**params):
    return make_cross_fit(FAMILIES, X, VALUES, **params)


def make_classification(**params):
    return make_cross_fit(FAMILIES, X, CODES, **params)


def draw_probabilities(seed, n_rows=N_ROWS, n_classes=2):
    return np.random.RandomState(seed).dirichlet(np.ones(n_classes), n_rows)


def choose(candidates, cross_fit, **params):
    own = {"has_default_scoring": True, "allows_blend": True, "deadline": None, "max_predict_time": None}
    return choose_ensemble(candidates, cross_fit, NO_SECOND_LAYER, **(own | params))


# -- scores --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("has_default_scoring", [True, False], ids=["computed here", "by the scorer"])
@pytest.mark.parametrize("weight", [None, np.linspace(0.1, 3, N_ROWS)], ids=["plain", "weighted"])
def test_the_score_of_some_parts_is_that_of_scikit_learn_on_their_rows(has_default_scoring, weight):
    probabilities, guess = draw_probabilities(1), VALUES + NOISE[0]
    rows = np.r_[0:100, 200:300]
    rows_weight = None if weight is None else weight[rows]

    for cross_fit, prediction, loss in (
        (make_classification(weight=weight), probabilities, log_loss),
        (make_regression(weight=weight), guess, root_mean_squared_error),
    ):
        candidate = predicted(0, "a", cross_fit, prediction)
        scorer = EnsembleScorer(
            cross_fit, [candidate], has_default_scoring=has_default_scoring, second_layer=NO_SECOND_LAYER
        )
        expected = -loss(np.asarray(cross_fit.task.y)[rows], prediction[rows], sample_weight=rows_weight)
        assert scorer.score(np.concatenate([scorer.predictions[0][0], scorer.predictions[0][2]]), [0, 2]) == (
            pytest.approx(expected)
        )


def test_three_classes_are_scored_too():
    y = np.arange(N_ROWS) % 3
    cross_fit = make_cross_fit(FAMILIES, X, y)
    probabilities = draw_probabilities(1, n_classes=3)
    scorer = EnsembleScorer(
        cross_fit, [predicted(0, "a", cross_fit, probabilities)], has_default_scoring=True, second_layer=NO_SECOND_LAYER
    )

    assert scorer.score(probabilities, range(N_FOLDS)) == pytest.approx(-log_loss(y, probabilities))


def test_probabilities_are_scaled_by_their_own_temperature_before_they_are_averaged():
    cross_fit, probabilities = make_classification(), draw_probabilities(1)
    records = [predicted(number, "a", cross_fit, probabilities, temperature=1.0 + number) for number in range(2)]
    scorer = EnsembleScorer(cross_fit, records, has_default_scoring=True, second_layer=NO_SECOND_LAYER)

    np.testing.assert_allclose(np.concatenate(scorer.predictions[0]), probabilities)
    np.testing.assert_allclose(np.concatenate(scorer.predictions[1]), apply_temperature(probabilities, 2.0))


def test_the_rows_of_a_single_split_are_divided_into_parts():
    cross_fit = make_regression(cv=ShuffleSplit(1, test_size=100, random_state=0))
    scorer = EnsembleScorer(
        cross_fit, [predicted(0, "a", cross_fit, VALUES)], has_default_scoring=True, second_layer=NO_SECOND_LAYER
    )

    assert [len(rows) for rows in scorer.rows] == [20] * N_PARTS
    assert scorer.score(np.concatenate(scorer.predictions[0]), range(N_PARTS)) == 0


@pytest.mark.parametrize(("has_default_scoring", "most"), [(True, MAX_ROWS), (False, MAX_SCORER_ROWS)])
def test_of_many_rows_some_of_every_fold_are_scored_and_predictions_belong_to_them(has_default_scoring, most):
    y = np.arange(2.0 * MAX_ROWS)
    cross_fit = make_cross_fit(FAMILIES, np.zeros((len(y), 1)), y)
    scorer = EnsembleScorer(
        cross_fit,
        [predicted(0, "a", cross_fit, y)],
        has_default_scoring=has_default_scoring,
        second_layer=NO_SECOND_LAYER,
    )

    assert most * 0.9 < sum(map(len, scorer.rows)) <= most + N_FOLDS
    assert [len(rows) for rows in scorer.rows] == [len(values) for values in scorer.predictions[0]]
    assert scorer.score(np.concatenate(scorer.predictions[0]), range(N_FOLDS)) == 0


def test_there_is_time_without_a_deadline_and_none_after_it():
    cross_fit = make_regression()
    scorer = EnsembleScorer(
        cross_fit, [predicted(0, "a", cross_fit, VALUES)], has_default_scoring=True, second_layer=NO_SECOND_LAYER
    )

    assert scorer.has_time(None)
    assert scorer.has_time(clock.now() + 1e6)
    assert not scorer.has_time(clock.now() - 1)


# -- choices -------------------------------------------------------------------------------------------------------


@pytest.fixture
def complementary():
    """Two candidates whose errors cancel out, and one that is worse; the best first."""
    cross_fit = make_regression()
    guesses = [VALUES + NOISE[0], VALUES - 1.1 * NOISE[0], VALUES + 9 + NOISE[1]]
    return cross_fit, [
        predicted(number, name, cross_fit, guess, seconds=1.0)
        for number, (name, guess) in enumerate(zip(("a", "b", "refitted"), guesses, strict=True))
    ]


def numbers_of(chosen):
    return [one.number for one, _ in chosen.weighted_records]


def test_candidates_that_complement_each_other_are_blended(complementary):
    cross_fit, candidates = complementary

    chosen = choose(candidates, cross_fit)

    assert numbers_of(chosen) == [0, 1]
    assert sum(weight for _, weight in chosen.weighted_records) == pytest.approx(1)
    best_alone = np.mean([fold.test for fold in candidates[0].outcome.folds])
    assert chosen.score > best_alone / 2
    assert chosen.best_record is candidates[0]


@pytest.mark.parametrize("params", [{"allows_blend": False}, {"deadline": 0.0}], ids=["unwanted", "no time"])
def test_the_best_candidate_is_chosen_alone_where_there_is_no_blend(complementary, params):
    cross_fit, candidates = complementary

    chosen = choose(candidates, cross_fit, **params)

    assert chosen.weighted_records == [(candidates[0], 1.0)]
    assert chosen.score == pytest.approx(np.mean([fold.test for fold in candidates[0].outcome.folds]))


def test_the_flattering_score_is_that_of_the_best_candidate_with_what_the_blend_gains(complementary):
    cross_fit, candidates = complementary
    alone = choose(candidates, cross_fit, allows_blend=False)
    blend = choose(candidates, cross_fit)

    assert alone.flattering_score == average_fold_scores(candidates[0].outcome)
    assert blend.flattering_score - alone.flattering_score == pytest.approx(blend.score - alone.score)
    assert blend.score > alone.score


def test_candidates_of_the_second_layer_take_part_in_the_choice(complementary):
    cross_fit, candidates = complementary
    kept = CandidateRows(RowMetric(log_loss, -1, {}), [None] * N_FOLDS, {0: {0: "rows"}}, True)
    folds = tuple(replace(fold, row_values=np.arange(3)) for fold in candidates[0].outcome.folds[1:])  # follow time
    stacked = replace(candidates[0], number=7, outcome=replace(candidates[0].outcome, folds=folds))

    completed = choose(candidates, cross_fit).complete_candidate_rows(kept, [stacked])

    assert list(completed.values) == [0, 7]
    assert list(completed.values[7]) == [1, 2]
    assert completed.best_score == choose(candidates, cross_fit).flattering_score
    assert choose(candidates, cross_fit).complete_candidate_rows("no rows", [stacked]) == "no rows"


def test_a_users_own_scorer_decides_what_is_best():
    """By its ranks the second is better, by its log loss the first."""
    cross_fit = make_classification(scoring="roc_auc")
    ranked = np.column_stack([1 - CODES, CODES]) * 0.001 + 0.4995
    # Right nine times of ten.
    sure = np.where(np.arange(N_ROWS) % 10 == 0, 1 - CODES, CODES) * 0.8 + 0.1
    guesses = [np.column_stack([1 - sure, sure]), ranked]
    assert roc_auc_score(CODES, sure) < roc_auc_score(CODES, ranked[:, 1]) == 1
    assert log_loss(CODES, guesses[0]) < log_loss(CODES, ranked)
    candidates = [predicted(number, "a", cross_fit, guess) for number, guess in enumerate(guesses)]

    by_scorer = choose(candidates, cross_fit, has_default_scoring=False, allows_blend=False)
    by_loss = choose(candidates, cross_fit, allows_blend=False)

    assert (numbers_of(by_scorer), by_scorer.score) == ([1], 1.0)
    assert numbers_of(by_loss) == [0]


def fail_on_blends(estimator, X, y):
    """Score whole candidates alone: their probabilities are 0.25 and 0.75."""
    if not np.isin(estimator.predict_proba(X), (0.25, 0.75)).all():
        raise ArithmeticError("blends cannot be scored")
    return get_scorer("accuracy")(estimator, X, y)


def fail_on_parts(estimator, X, y):
    raise ArithmeticError("nothing can be scored")


def guess_right(*shares):
    """Candidates that are right on these shares of the rows, each on other rows."""
    right = [np.roll(np.arange(N_ROWS) % 10 < 10 * share, 5 * number) for number, share in enumerate(shares)]
    second = [np.where(is_right, CODES, 1 - CODES) * 0.5 + 0.25 for is_right in right]
    return [np.column_stack([1 - values, values]) for values in second]


def test_what_the_scorer_fails_on_is_not_blended():
    cross_fit = make_classification(scoring=fail_on_blends)
    candidates = [predicted(number, "a", cross_fit, guess) for number, guess in enumerate(guess_right(0.7, 0.8))]

    chosen = choose(candidates, cross_fit, has_default_scoring=False)

    assert numbers_of(chosen) == [1]
    assert chosen.score == pytest.approx(0.8)


def test_the_scores_on_the_folds_decide_where_the_scorer_fails_on_all_else():
    cross_fit = make_classification(scoring="accuracy")
    candidates = [predicted(number, "a", cross_fit, guess) for number, guess in enumerate(guess_right(0.8, 0.7))]
    failing = make_classification(scoring=fail_on_parts)

    chosen = choose(candidates, failing, has_default_scoring=False)

    assert numbers_of(chosen) == [0]
    assert chosen.score == pytest.approx(0.8)


def test_with_error_score_raise_the_exception_on_a_blend_comes_through():
    cross_fit = make_classification(scoring=fail_on_parts)
    cross_fit = replace(cross_fit, task=replace(cross_fit.task, error_score="raise"))
    candidates = [predicted(0, "a", make_classification(scoring="accuracy"), guess_right(0.8)[0])]

    with pytest.raises(ArithmeticError, match="nothing can be scored"):
        choose(candidates, cross_fit, has_default_scoring=False)


# -- time of prediction --------------------------------------------------------------------------------------------


def test_all_fold_models_of_a_bagged_candidate_have_to_predict_a_row(complementary):
    cross_fit, (bagged, _, refitted) = complementary

    # Each of three folds took a second for 100 rows.
    assert estimate_seconds_per_row(bagged, cross_fit) == pytest.approx(0.03)
    assert estimate_seconds_per_row(refitted, cross_fit) == pytest.approx(0.01)


def test_a_blend_that_predicts_too_slowly_gives_way_to_one_candidate(complementary):
    cross_fit, candidates = complementary

    assert numbers_of(choose(candidates, cross_fit, max_predict_time=0.061)) == [0, 1]
    assert numbers_of(choose(candidates, cross_fit, max_predict_time=0.059)) == [0]


def test_candidates_that_predict_fast_enough_are_left_and_the_best_if_none_does(complementary):
    cross_fit, candidates = complementary

    for limit, expected in ((None, [0, 1, 2]), (0.031, [0, 1, 2]), (0.02, [2]), (0.001, [0])):
        found = select_fast_candidates(candidates, cross_fit, limit)
        assert [one.number for one in found] == expected


# -- the leaderboard -----------------------------------------------------------------------------------------------


def test_the_leaderboard_has_the_best_first_and_incomplete_candidates_last():
    records = [
        record(0, "a", -0.2, status="pruned", seconds=2.0),
        record(1, "b", -0.5, -0.7, seconds=1.0),
        record(2, "a", -0.3, -0.3),
        record(3, "b", status="timeout"),
        record(4, "b", np.nan, status="failed"),
    ]

    board = make_leaderboard(records, {"b_1": 0.4, "a_2": 0.6, "a_0": 0.5}, Metric("neg_log_loss"), 0.5)

    assert board["rank"].tolist() == [1, 2, 3, 4]
    assert board["number"].tolist() == [2, 1, 0, 4]  # what was running when time was up was not measured
    assert board["status"].tolist() == ["complete", "complete", "pruned", "failed"]
    np.testing.assert_allclose(board["mean_score"], [-0.3, -0.6, np.nan, np.nan])
    error = np.sqrt((1 / 2 + 0.5) * np.var([-0.5, -0.7], ddof=1))  # corrected for training rows that folds share
    np.testing.assert_allclose(board["std_error"], [0.0, error, np.nan, np.nan], atol=1e-12)
    np.testing.assert_allclose(board["fit_seconds"][1:3], [2.0, 2.0])
    assert board["blend_weight"].tolist() == [0.6, 0.4, 0.0, 0.0]
    assert board["family"].tolist() == ["a", "b", "a", "b"]
    assert board["params"][1] == {"var_smoothing": 0.1}
