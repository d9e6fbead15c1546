"""Builders for the searches of this and other packages, which have different parameters for space, budget and seed.

Each builder is called as ``build(model, space, n_candidates, seed, **shared)``, with a space of the form that
`RandomizedSearchCV` accepts. It returns an unfitted search. A package is imported only when its builder is called.
"""

import logging
import math
from inspect import signature
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.model_selection import cross_val_score

__all__ = ["SEARCHES", "halving_rungs", "levels"]


def levels(space: dict[str, Any], n_candidates: int) -> dict[str, list[Any]]:
    """Make the largest grid with at most this many candidates.

    The parameter with the fewest levels has one more, in the order of the space, as long as the product allows it. The
    levels of a distribution are the middles of parts of equal probability; those of a list are its first choices.
    """
    counts = dict.fromkeys(space, 1)

    def can_grow(name: str) -> bool:
        grown = counts | {name: counts[name] + 1}
        return counts[name] < n_values(space[name]) and math.prod(grown.values()) <= n_candidates

    while growing := [name for name in space if can_grow(name)]:
        counts[min(growing, key=counts.__getitem__)] += 1
    return {name: level(values, counts[name]) for name, values in space.items()}


def n_values(values: Any) -> float:
    if isinstance(values, list):
        return len(values)
    low, high = values.support()
    return high - low + 1 if is_integer(values) else math.inf


def level(values: Any, count: int) -> list[Any]:
    if isinstance(values, list):
        return values[:count]
    found = values.ppf((np.arange(count) + 0.5) / count)
    return [int(value) if is_integer(values) else float(value) for value in found]


def halving_rungs(n_candidates: int, factor: int = 3, most_rungs: int = 3) -> tuple[int, int]:
    """Return the numbers of first candidates and of rungs with which halving costs as much as so many candidates.

    The last rung has all rows, each one before it a third of the next; with three rungs, the first has a ninth.
    """

    def rungs(first: int) -> int:
        return min(most_rungs, 1 + int(math.log(first, factor) + 1e-9))

    def cost(first: int) -> float:
        spent, own = 0.0, first
        for rung in reversed(range(rungs(first))):
            spent += own / factor**rung
            own = math.ceil(own / factor)
        return spent

    first = 1
    while cost(first + 1) <= n_candidates:
        first += 1
    return first, rungs(first)


def is_integer(values: Any) -> bool:
    return values.dist.name == "randint"


def is_log(values: Any) -> bool:
    return values.dist.name == "loguniform"


def optuna_distribution(values: Any) -> Any:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if isinstance(values, list):
        return CategoricalDistribution(values)
    low, high = values.support()
    return (
        IntDistribution(int(low), int(high)) if is_integer(values) else FloatDistribution(low, high, log=is_log(values))
    )


def skopt_dimension(values: Any) -> Any:
    from skopt.space import Categorical, Integer, Real

    if isinstance(values, list):
        return Categorical(values)
    low, high = values.support()
    return Integer(int(low), int(high)) if is_integer(values) else Real(low, high, prior=log_uniform(values))


def genetic_dimension(values: Any, seed: int) -> Any:
    from sklearn_genetic.space import Categorical, Continuous, Integer

    if isinstance(values, list):
        return Categorical(values, random_state=seed)
    low, high = values.support()
    if is_integer(values):
        return Integer(int(low), int(high), random_state=seed)
    return Continuous(float(low), float(high), distribution=log_uniform(values), random_state=seed)


def smac_dimension(name: str, values: Any) -> Any:
    from ConfigSpace import CategoricalHyperparameter, UniformFloatHyperparameter, UniformIntegerHyperparameter

    if isinstance(values, list):
        return CategoricalHyperparameter(name, list(range(len(values))))
    low, high = values.support()
    if is_integer(values):
        return UniformIntegerHyperparameter(name, int(low), int(high))
    return UniformFloatHyperparameter(name, float(low), float(high), log=is_log(values))


def log_uniform(values: Any) -> str:
    return "log-uniform" if is_log(values) else "uniform"


def hyperopt_dimension(name: str, values: Any) -> Any:
    from hyperopt import hp

    if isinstance(values, list):
        return hp.choice(name, values)
    low, high = values.support()
    if is_integer(values):
        return hp.uniformint(name, int(low), int(high))
    return hp.loguniform(name, np.log(low), np.log(high)) if is_log(values) else hp.uniform(name, low, high)


def grid(model: Any, space: dict[str, Any], n_candidates: int, seed: int, **shared: Any) -> Any:
    from sklearn.model_selection import GridSearchCV

    return GridSearchCV(model, levels(space, n_candidates), **shared)


def randomized(model: Any, space: dict[str, Any], n_candidates: int, seed: int, **shared: Any) -> Any:
    from sklearn.model_selection import RandomizedSearchCV

    return RandomizedSearchCV(model, space, n_iter=n_candidates, random_state=seed, **shared)


def halving(model: Any, space: dict[str, Any], n_candidates: Any, seed: int, **shared: Any) -> Any:
    from sklearn.experimental import enable_halving_search_cv  # noqa: F401
    from sklearn.model_selection import HalvingRandomSearchCV

    return HalvingRandomSearchCV(model, space, n_candidates=n_candidates, random_state=seed, **shared)


def ours(model: Any, space: dict[str, Any], n_candidates: int, seed: int, **shared: Any) -> Any:
    from sklearn_autotune import OptunaSearchCV

    return OptunaSearchCV(model, space, n_trials=n_candidates, random_state=seed, **shared)


def integration(model: Any, space: dict[str, Any], n_candidates: int, seed: int, **shared: Any) -> Any:
    """Build optuna-integration's class; its pruning needs ``partial_fit`` outside of a Pipeline."""
    from optuna_integration import OptunaSearchCV

    dimensions = {name: optuna_distribution(values) for name, values in space.items()}
    return OptunaSearchCV(model, dimensions, n_trials=n_candidates, random_state=seed, **shared)


def bayes(model: Any, space: dict[str, Any], n_candidates: int, seed: int, **shared: Any) -> Any:
    from skopt import BayesSearchCV

    dimensions = {name: skopt_dimension(values) for name, values in space.items()}
    return BayesSearchCV(model, dimensions, n_iter=n_candidates, random_state=seed, **shared)


def genetic(
    model: Any, space: dict[str, Any], n_candidates: int, seed: int, population_size: int = 10, **shared: Any
) -> Any:
    """Build a genetic search whose generations come to so many candidates, those included that it has measured before.

    Versions before 0.13 draw from the global generators of Python and NumPy, which are whoever runs it to seed.
    """
    from sklearn_genetic import GASearchCV

    if "random_state" in signature(GASearchCV).parameters:
        shared["random_state"] = seed
    return GASearchCV(
        model,
        param_grid={name: genetic_dimension(values, seed) for name, values in space.items()},
        population_size=population_size,
        # Each generation has twice as many children as the population.
        generations=max(1, math.ceil((n_candidates - population_size) / (2 * population_size))),
        verbose=False,
        **shared,
    )


class Smac:
    """SMAC's facade for hyperparameters around ``cross_val_score``, as its examples write it.

    Its surrogate is a random forest, and its first candidates, a quarter at most, are a Sobol design.
    """

    def __init__(self, model: Any, space: dict[str, Any], n_candidates: int, seed: int, **shared: Any) -> None:
        self.model, self.space, self.n_candidates, self.seed = model, space, n_candidates, seed
        self.shared = {name: value for name, value in shared.items() if name != "refit"}

    def params_of(self, found: Any) -> dict[str, Any]:
        """Return a candidate of SMAC as parameters; a choice of a list is stored by its index."""
        plain = {name: value.item() if isinstance(value, np.generic) else value for name, value in found.items()}
        return {
            name: values[plain[name]] if isinstance(values, list) else plain[name]
            for name, values in self.space.items()
        }

    def fit(self, X: Any, y: Any) -> "Smac":
        from ConfigSpace import ConfigurationSpace
        from smac import HyperparameterOptimizationFacade, Scenario

        def cost(config: Any, seed: int = 0) -> float:
            model = clone(self.model).set_params(**self.params_of(config))
            return -float(cross_val_score(model, X, y, **self.shared).mean())

        space = ConfigurationSpace(seed=self.seed)
        space.add([smac_dimension(name, values) for name, values in self.space.items()])
        with TemporaryDirectory() as folder:
            # Folds and models do not change, so a candidate needs to be measured only once.
            scenario = Scenario(
                space, output_directory=Path(folder), deterministic=True, n_trials=self.n_candidates, seed=self.seed
            )
            facade = HyperparameterOptimizationFacade(scenario, cost, overwrite=True, logging_level=logging.ERROR)
            self.best_params_ = self.params_of(facade.optimize())
        return self


class Hyperopt:
    """Hyperopt's ``fmin`` around ``cross_val_score``, as its users write it."""

    def __init__(self, model: Any, space: dict[str, Any], n_candidates: int, seed: int, **shared: Any) -> None:
        self.model, self.space, self.n_candidates, self.seed = model, space, n_candidates, seed
        self.shared = {name: value for name, value in shared.items() if name != "refit"}

    def fit(self, X: Any, y: Any) -> "Hyperopt":
        from hyperopt import fmin, space_eval, tpe

        def loss(params: dict[str, Any]) -> float:
            return -cross_val_score(clone(self.model).set_params(**params), X, y, **self.shared).mean()

        space = {name: hyperopt_dimension(name, values) for name, values in self.space.items()}
        found = fmin(
            loss,
            space,
            algo=tpe.suggest,
            max_evals=self.n_candidates,
            rstate=np.random.default_rng(self.seed),
            show_progressbar=False,
        )
        self.best_params_ = space_eval(space, found)
        return self


SEARCHES = {
    "OptunaSearchCV": ours,
    "GridSearchCV": grid,
    "RandomizedSearchCV": randomized,
    "HalvingRandomSearchCV": halving,
    "optuna-integration": integration,
    "BayesSearchCV": bayes,
    "hyperopt": Hyperopt,
    "GASearchCV": genetic,
    "SMAC": Smac,
}
