"""Importances with their noise: PED-ANOVA as Optuna computes it, intervals, and parameters that chance explains."""

import warnings

import numpy as np
import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.importance import (
    MeanDecreaseImpurityImportanceEvaluator,
    PedAnovaImportanceEvaluator,
    get_param_importances,
)
from scipy.stats import uniform
from sklearn.model_selection import GridSearchCV

from sklearn_autotune import OptunaSearchCV
from sklearn_autotune._compat.optuna import quiet_optuna
from sklearn_autotune.plotting import ParameterImportanceDisplay
from sklearn_autotune.plotting._importance_noise import measure_importance_noise, measure_raw_importances
from tests.odd_searches import X, Y, search_branches, search_grid, search_iris, search_many
from tests.toys import CountingClassifier

DISTRIBUTIONS = {
    "float": FloatDistribution(0, 1),
    "float log": FloatDistribution(1e-3, 10, log=True),
    "float step": FloatDistribution(0, 2, step=0.25),
    "int": IntDistribution(0, 7),
    "int many": IntDistribution(0, 300),
    "int step": IntDistribution(2, 200, step=3),
    "int log": IntDistribution(1, 1000, log=True),
    "choice": CategoricalDistribution(("a", None, 3, True)),
    "fixed": CategoricalDistribution((1,)),
}


def draw(distribution, random):
    """A random value of a distribution."""
    if isinstance(distribution, CategoricalDistribution):
        return distribution.choices[random.randint(len(distribution.choices))]
    kind = int if isinstance(distribution, IntDistribution) else float
    if distribution.log:
        value = np.exp(random.uniform(np.log(distribution.low), np.log(distribution.high)))
        return kind(np.round(value) if kind is int else value)
    if distribution.step is None:
        return random.uniform(distribution.low, distribution.high)
    n_steps = round((distribution.high - distribution.low) / distribution.step)
    return kind(distribution.low + distribution.step * random.randint(n_steps + 1))


def make_study(
    n_trials, seed, *, direction="maximize", share=1.0, score=lambda params, noise: params["float"] + noise / 5
):
    """A study of random candidates; a share of them has each parameter but the first, one of two ranges."""
    random = np.random.RandomState(seed)
    with quiet_optuna():
        study = optuna.create_study(direction=direction)
    for _ in range(n_trials):
        own = {name: one for name, one in DISTRIBUTIONS.items() if name == "float" or random.uniform() < share}
        if share < 1 and "int" in own and random.uniform() < 0.3:
            own["int"] = IntDistribution(0, 3)
        params = {name: draw(one, random) for name, one in own.items()}
        value = score(params, random.normal())
        study.add_trial(optuna.trial.create_trial(params=params, distributions=own, value=value))
    return study


@pytest.mark.parametrize("direction", ["maximize", "minimize"])
@pytest.mark.parametrize(("n_trials", "share"), [(2, 1.0), (9, 0.7), (31, 0.6), (100, 1.0)])
def test_importances_are_those_of_optuna(n_trials, share, direction):
    study = make_study(
        n_trials, n_trials, direction=direction, share=share, score=lambda params, noise: round(noise, 1)
    )

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of few trials with a parameter, and of an experimental argument
        expected = get_param_importances(study, evaluator=PedAnovaImportanceEvaluator(), normalize=False)

    found = measure_raw_importances(study)
    assert {name: found.get(name, 0.0) for name in expected} == pytest.approx(expected, rel=1e-9)


def test_a_parameter_that_matters_is_not_flat_and_those_without_effect_are():
    names = [name for name in DISTRIBUTIONS if name != "fixed"]
    flat = [set(measure_importance_noise(make_study(150, seed), names).flat) for seed in range(8)]

    assert not any("float" in one for one in flat)
    n_false = sum(len(names) - 1 - len(one) for one in flat)
    assert n_false <= 8  # of 56; 5 % are 3


def test_of_few_candidates_with_random_scores_nothing_matters():
    noise = measure_importance_noise(make_study(12, 0, score=lambda params, noise: noise), ["float", "choice"])

    assert noise.flat == ["float", "choice"]
    assert all(0 <= low < high <= 1 for low, high in noise.intervals.values())


def test_more_candidates_make_narrower_intervals():
    few, many = (measure_importance_noise(make_study(n, 3), ["float", "int"]).intervals["float"] for n in (30, 400))

    assert many[1] - many[0] < few[1] - few[0]


def test_the_same_search_gives_the_same_noise_and_stays_as_it_is():
    search = search_many()
    before = [(trial.number, trial.params, trial.values, trial.state) for trial in search.study_.trials]
    state = np.random.get_state()[1].tolist()

    one, two = (ParameterImportanceDisplay.from_search(search) for _ in range(2))

    assert (one.intervals, one.flat) == (two.intervals, two.flat)
    assert np.random.get_state()[1].tolist() == state
    assert [(trial.number, trial.params, trial.values, trial.state) for trial in search.study_.trials] == before


@pytest.mark.parametrize(
    "make", [search_many, search_branches, search_grid, search_iris], ids=lambda make: make.__name__
)
def test_every_bar_has_an_interval_and_flat_ones_say_so(make):
    display = ParameterImportanceDisplay.from_search(make())

    display.figure_.canvas.draw()
    assert set(display.intervals) == set(display.importances)
    assert set(display.flat) <= set(display.importances)
    assert len(display.lines_) == sum(low < high for low, high in display.intervals.values())
    assert sum("flat" in text.get_text() for text in display.ax_.texts) == len(display.flat)
    assert ("no more than by chance" in display.ax_.get_xlabel()) == bool(display.flat)


def test_ranges_wider_than_a_float_can_be_are_no_obstacle():
    space = {"a": [-1.7e308, 1.0, 1.7e308], "b": [0.5, 1, 2]}
    search = GridSearchCV(CountingClassifier(), space, scoring=lambda model, X, y: float(model.b > 1), cv=2).fit(X, Y)

    display = ParameterImportanceDisplay.from_search(search)

    assert set(display.intervals) == {"a", "b"}


def test_another_evaluator_has_no_intervals():
    evaluator = MeanDecreaseImpurityImportanceEvaluator(n_trees=4, seed=0)

    display = ParameterImportanceDisplay.from_search(search_many(), evaluator=evaluator)

    assert display.intervals == {}
    assert list(display.flat) == []
    assert display.lines_ == []
    assert display.ax_.get_xlabel() == "importance for score"


def test_importances_of_equal_scores_are_refused_for_searches_with_a_study_too():
    space = {"a": uniform(0, 9), "b": [0, 1]}
    search = OptunaSearchCV(CountingClassifier(), space, scoring=lambda *_: 0.5, n_trials=6, cv=2, random_state=0)

    with pytest.raises(ValueError, match="All complete candidates have the same score, so no parameter matters"):
        ParameterImportanceDisplay.from_search(search.fit(X, Y))
