"""How ensembles are scored, and which candidates are chosen, with limits and without."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import get_scorer, log_loss, recall_score, roc_auc_score, root_mean_squared_error
from sklearn.model_selection import ShuffleSplit

from sklearn_autotune import AutoModelSelector
from sklearn_autotune._compat import clock
from sklearn_autotune.evaluation._row_values import RowMetric
from sklearn_autotune.inference._temperature_scaling import apply_temperature
from sklearn_autotune.selection._blends import BlendCosts, read_blend_aims, select_allowed_candidates
from sklearn_autotune.selection._ensemble_choice import (
    MAX_CELLS,
    MAX_ROWS,
    MAX_SCORER_ROWS,
    N_PARTS,
    BlendChoice,
    ChosenEnsemble,
    EnsembleScorer,
)
from sklearn_autotune.selection._ranking import average_fold_scores
from sklearn_autotune.selection._second_layer import SecondLayer
from sklearn_autotune.statistics._corrected_scores import CandidateRows
from tests.selection.toy_families import N_FOLDS, family, make_cross_fit, predicted

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
    return make_choice(candidates, cross_fit, **params).choose()


def make_choice(candidates, cross_fit, **params):
    own = {"has_default_scoring": True, "allows_blend": True, "deadline": None, "aims": None}
    costs = BlendCosts(cross_fit, {"predict_seconds": 0.0, "bytes": 0.0})
    return BlendChoice(candidates, costs, NO_SECOND_LAYER, **(own | params))


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


def test_of_very_many_classes_fewer_rows_are_scored():
    n_classes, n_rows = 250, 12_000
    y = np.arange(n_rows) % n_classes
    cross_fit = make_cross_fit(FAMILIES, np.zeros((n_rows, 1)), y)
    probabilities = np.full((n_rows, n_classes), 1 / n_classes)
    scorer = EnsembleScorer(
        cross_fit, [predicted(0, "a", cross_fit, probabilities)], has_default_scoring=True, second_layer=NO_SECOND_LAYER
    )

    assert 0 <= sum(map(len, scorer.rows)) - MAX_CELLS // n_classes <= N_FOLDS
    assert scorer.score(np.concatenate(scorer.predictions[0]), range(N_FOLDS)) == pytest.approx(-np.log(n_classes))


@pytest.mark.parametrize("has_default_scoring", [True, False])
def test_the_score_of_the_choice_is_that_of_all_rows_even_if_it_was_made_on_some(has_default_scoring):
    y = np.zeros(2 * MAX_ROWS)
    is_far_off = np.arange(len(y)) % 8 == 0  # the choice is made on every second row, or every eighth: on none of these
    cross_fit = make_cross_fit(
        FAMILIES, np.zeros((len(y), 1)), y, cv=ShuffleSplit(1, test_size=len(y) - 9, random_state=0)
    )
    cross_fit.task.folds[0].test[:] = np.arange(9, len(y))
    prediction = np.where(is_far_off, 3.0, 1.0)

    chosen = choose([predicted(0, "a", cross_fit, prediction)], cross_fit, has_default_scoring=has_default_scoring)

    assert chosen.score == pytest.approx(-root_mean_squared_error(y[9:], prediction[9:]))


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
        predicted(number, name, cross_fit, guess, seconds=0.01, n_bytes=100.0)
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


# -- limits --------------------------------------------------------------------------------------------------------


def limit(cross_fit, limits, *, infeasible="raise", scoring=None):
    """Limits with the confidence of a mean alone."""
    selector = AutoModelSelector(
        "regression" if cross_fit.classes is None else None, limits=limits, infeasible=infeasible, scoring=scoring
    )
    return read_blend_aims(selector).start(cross_fit, cross_fit.task.X, 0.5)


def test_a_blend_that_predicts_too_slowly_has_its_models_fitted_once_the_slowest_first(complementary):
    """A model takes 0.01 seconds. With the models of three folds for each candidate, there are six."""
    cross_fit, candidates = complementary

    for seconds, single_fits in ((0.061, set()), (0.059, {0}), (0.021, {0, 1})):
        chosen = choose(candidates, cross_fit, aims=limit(cross_fit, {"predict_seconds": ("<=", seconds)}))
        assert (numbers_of(chosen), chosen.single_fits) == ([0, 1], single_fits)
    alone = choose(candidates, cross_fit, aims=limit(cross_fit, {"predict_seconds": ("<=", 0.011)}))
    assert (numbers_of(alone), alone.single_fits) == ([0], {0})


def test_a_blend_of_members_that_are_small_enough_is_found(complementary):
    cross_fit, candidates = complementary
    for one, size in zip(candidates, (100.0, 1000.0, 50.0), strict=True):
        one.outcome.artifacts.n_bytes = size

    chosen = choose(candidates, cross_fit, aims=limit(cross_fit, {"bytes": ("<=", 350)}))

    assert numbers_of(chosen) == [0, 2]
    assert chosen.single_fits == set()


def test_candidates_that_keep_to_the_limits_alone_are_left_and_all_if_none_does(complementary):
    cross_fit, candidates = complementary
    candidates[2].outcome.artifacts.seconds_per_row = 0.001
    costs = BlendCosts(cross_fit, {"predict_seconds": 0.0, "bytes": 0.0})

    for seconds, expected in ((0.01, [0, 1, 2]), (0.009, [2]), (0.0001, [0, 1, 2])):
        limits = limit(cross_fit, {"predict_seconds": ("<=", seconds)})
        assert [one.number for one in select_allowed_candidates(candidates, costs, limits)] == expected
    assert len(select_allowed_candidates(candidates, costs, None)) == 3


def test_a_limit_on_a_score_is_that_of_the_blend_and_not_of_its_members():
    """The recall of a blend is higher than that of a better candidate."""
    cross_fit = make_classification()
    guesses = guess_right(0.9, 0.8)
    guesses[1][CODES == 1] = [0.0, 1.0]
    candidates = [predicted(number, "a", cross_fit, guess) for number, guess in enumerate(guesses)]

    unlimited = make_choice(candidates, cross_fit, allows_blend=False)
    limits = limit(cross_fit, {"recall": (">=", 0.99)})
    limited = make_choice(candidates, cross_fit, aims=limits)
    chosen = limited.choose()

    assert numbers_of(unlimited.choose()) == [int(np.argmax([average_fold_scores(one.outcome) for one in candidates]))]
    weights = {one.number: weight for one, weight in chosen.weighted_records}
    blend = sum(weights.get(number, 0.0) * guess for number, guess in enumerate(guesses))
    assert recall_score(CODES, blend.argmax(axis=1)) >= 0.99
    is_high = [recall_score(CODES, blend_of(one, guesses).argmax(axis=1)) >= 0.99 for one in limited.blends]
    table = limited.make_table()
    assert table.meets_limits.tolist() == is_high
    assert table.members[table.best] == {f"a_{number}": weight for number, weight in weights.items()}


def blend_of(blend, guesses):
    return sum(weight * guesses[one.number] for one, weight in blend.weighted_records)


def test_without_a_blend_that_meets_the_limits_the_nearest_is_named_or_chosen(complementary):
    cross_fit, candidates = complementary
    candidates[2].outcome.artifacts.n_bytes = 80.0

    with pytest.raises(ValueError, match=r"No blend .*bytes <= 50\).* nearest is refitted_2: bytes 80 \(limit <= 50\)"):
        choose(candidates, cross_fit, aims=limit(cross_fit, {"bytes": ("<=", 50)}))
    with pytest.warns(UserWarning, match="The nearest is refitted_2"):
        chosen = choose(candidates, cross_fit, aims=limit(cross_fit, {"bytes": ("<=", 50)}, infeasible="nearest"))
    assert (numbers_of(chosen), chosen.is_nearest) == ([2], True)


def test_the_baseline_is_nearest_only_if_there_is_nothing_else(complementary):
    cross_fit, candidates = complementary
    cross_fit = replace(cross_fit, families=cross_fit.families | {"baseline": family("baseline")})
    constant = replace(candidates[0], number=9, params={"family": "baseline"})
    candidates[0].outcome.artifacts.n_bytes = 60.0
    costs = {"aims": limit(cross_fit, {"bytes": ("<=", 50)}, infeasible="nearest")}

    with pytest.warns(UserWarning, match="The nearest is refitted_2"):
        assert numbers_of(choose([candidates[2], constant], cross_fit, **costs)) == [2]
    with pytest.warns(UserWarning, match="The nearest is baseline_9"):
        assert numbers_of(choose([constant], cross_fit, **costs)) == [9]


def test_where_no_final_model_meets_the_limits_what_they_were_measured_to_cost_is_named(complementary):
    cross_fit, candidates = complementary
    choice = make_choice(candidates[2:], cross_fit, aims=limit(cross_fit, {"bytes": ("<=", 620)}))
    chosen = choice.choose()

    assert not choice.accepts(chosen, chosen.weighted_records, Padded(1000), X)
    with pytest.raises(ValueError, match=r"The nearest is refitted_2: bytes 1\d\d\d \(limit <= 620\)"):
        choice.choose()


class Padded:
    """A model whose pickle has about so many bytes."""

    def __init__(self, n_bytes):
        self.content = bytes(n_bytes)


def test_a_final_model_that_breaks_a_limit_gives_way_to_the_next_and_corrects_the_estimates(complementary):
    cross_fit, candidates = complementary
    choice = make_choice(candidates, cross_fit, aims=limit(cross_fit, {"bytes": ("<=", 620)}))

    first = choice.choose()
    assert (numbers_of(first), first.single_fits) == ([0, 1], set())  # 600 bytes, by the estimate
    assert not choice.accepts(first, first.weighted_records, Padded(1000), X)
    second = choice.choose()
    assert (numbers_of(second), second.single_fits) == ([0, 1], {0, 1})  # 400 bytes, corrected, are too many
    assert choice.accepts(second, second.weighted_records, Padded(200), X)
    assert 200 < choice.best_scores["bytes"] < 620
    assert choice.costs.factors["bytes"] == pytest.approx(1000 / 600, rel=0.2)


def test_smaller_blends_and_single_candidates_are_compared_with_the_chosen_one(complementary):
    cross_fit, candidates = complementary
    choice = make_choice(candidates, cross_fit)

    chosen = choice.choose()

    numbers = {tuple(one.number for one in blend.records) for blend in choice.blends}
    assert {(0, 1), (0,), (1,), (2,)} <= numbers
    assert choice.blends[0].weighted_records == tuple(chosen.weighted_records)


def test_without_time_no_smaller_blends_are_looked_for(complementary):
    cross_fit, candidates = complementary
    choice = make_choice(candidates, cross_fit, deadline=0.0)

    choice.choose()

    assert {tuple(one.number for one in blend.records) for blend in choice.blends} == {(0,), (1,), (2,)}


class Counted:
    """A model that counts how often it predicts."""

    n_calls = 0

    def predict(self, rows):
        self.n_calls += 1
        return np.zeros(len(rows))


@pytest.mark.parametrize(
    ("deadline", "bound", "n_measurements"),
    [(None, 1e9, 3), (None, 1e-12, 6), (0.0, 1e-12, 1), (clock.now() + 1e6, 1e9, 1)],
    ids=["met", "broken", "late", "would be late"],
)
def test_a_final_model_that_breaks_a_limit_on_seconds_is_measured_again_if_there_is_time(
    complementary, deadline, bound, n_measurements
):
    cross_fit, candidates = complementary
    limits = limit(cross_fit, {"predict_seconds": ("<=", bound)})
    choice = make_choice(candidates, cross_fit, aims=limits, deadline=deadline)
    chosen = ChosenEnsemble([(candidates[0], 1.0)], -1.0, candidates[0])
    model = Counted()

    assert choice.accepts(chosen, chosen.weighted_records, model, X) == (bound > 1)
    assert model.n_calls == n_measurements * 6  # each is the median of five calls, after one that does not count
