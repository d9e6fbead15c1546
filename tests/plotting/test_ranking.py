"""The order of parameters: by importance for the score, whatever they are called."""

import numpy as np

from sklearn_autotune.plotting._axes import ParameterAxis
from sklearn_autotune.plotting._ranking import rank_by_importance

RNG = np.random.RandomState(0)
USELESS = ParameterAxis("a_useless", RNG.uniform(size=300))
USEFUL = ParameterAxis("z_useful", RNG.uniform(size=300))
CHOICE = ParameterAxis("m_choice", RNG.randint(0, 3, size=300).astype(float), labels=["a", "b", "c"])


def test_the_parameter_that_matters_comes_first_and_not_the_first_of_the_alphabet():
    ranked = rank_by_importance([USELESS, CHOICE, USEFUL], -((USEFUL.positions - 0.3) ** 2))

    assert ranked[0] is USEFUL


def test_a_choice_can_come_first():
    ranked = rank_by_importance([USELESS, CHOICE, USEFUL], (CHOICE.positions == 1) + 0.01 * RNG.normal(size=300))

    assert ranked[0] is CHOICE


def test_candidates_without_a_parameter_or_a_score_are_no_obstacle():
    positions, score = USEFUL.positions.copy(), -((USEFUL.positions - 0.3) ** 2)
    positions[::3], score[::5] = np.nan, np.nan
    conditional = ParameterAxis("z_useful", positions)

    assert rank_by_importance([USELESS, conditional], score)[0] is conditional


def test_the_order_is_kept_where_nothing_can_be_measured():
    constant = ParameterAxis("b", np.ones(300))

    assert rank_by_importance([CHOICE, USEFUL], np.full(300, np.nan)) == [CHOICE, USEFUL]
    assert rank_by_importance([CHOICE, constant], np.zeros(300)) == [CHOICE, constant]
    assert rank_by_importance([CHOICE, USEFUL], np.zeros(300)) == [CHOICE, USEFUL]
