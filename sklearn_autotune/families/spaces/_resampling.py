"""Steps of imbalanced-learn that draw rows, in its pipelines."""

from optuna.distributions import IntDistribution

from sklearn_autotune.families._base import Branch, EstimatorSpace, Shape

__all__ = ["SPACES"]


def _add_strategies(shape: Shape, strategy: str) -> list[object]:
    """List the user's strategy and another one; "auto" alone where the user has chosen numbers of rows."""
    own = shape.params.get("sampling_strategy")
    return shape.add_own("sampling_strategy", "auto", strategy) if isinstance(own, str) else [own]


def _make_smote_space(shape: Shape) -> Branch:
    # Chawla et al. 2002: 5 neighbours. The rarest class has more rows than the user's own number, or that fails too.
    own = shape.params.get("k_neighbors")
    space: Branch = {"sampling_strategy": _add_strategies(shape, "minority")}
    return space | ({"k_neighbors": IntDistribution(1, own)} if isinstance(own, int) else {})


def _make_over_sampler_space(shape: Shape) -> Branch:
    return {"sampling_strategy": _add_strategies(shape, "minority")}


def _make_under_sampler_space(shape: Shape) -> Branch:
    return {"sampling_strategy": _add_strategies(shape, "majority"), "replacement": [False, True]}


SPACES = (
    EstimatorSpace(("imblearn.SMOTE", "imblearn.BorderlineSMOTE"), _make_smote_space),
    EstimatorSpace(("imblearn.RandomOverSampler",), _make_over_sampler_space),
    EstimatorSpace(("imblearn.RandomUnderSampler",), _make_under_sampler_space),
)
