"""Steps that select columns or make fewer of them.

How many columns such a step gets is known only if no step before it can leave any out. Where it is not known, numbers
of columns are at most the user's own one, which has to be valid.
"""

from optuna.distributions import IntDistribution

from sklearn_autotune.families._base import Branch, EstimatorSpace, Shape

__all__ = ["SPACES"]


def _make_number_space(shape: Shape) -> Branch:
    own = shape.params.get("k")
    most = shape.min_columns or (own if isinstance(own, int) else 1)
    numbers = [number for number in (2, 5, 10, 20, 50, 100, 200, 500, 1000) if number <= most]
    return {"k": shape.add_own("k", *numbers, "all")} if numbers else {}


def _make_share_space(shape: Shape) -> Branch:
    # auto-sklearn: 1-99 % of the columns.
    return {"percentile": IntDistribution(5, 100, log=True)}


def _make_threshold_space(shape: Shape) -> Branch:
    # auto-sklearn selects by extremely randomised trees at the mean, which is scikit-learn's own threshold for them.
    own = shape.params.get("threshold")
    return (
        {"threshold": shape.add_own("threshold", "0.1*mean", "median")} if own is None or isinstance(own, str) else {}
    )


def _make_components_space(shape: Shape) -> Branch:
    """Make the space of PCA: a share of the variance, or numbers of components where the user has given one."""
    own = shape.params.get("n_components")
    if isinstance(own, int):
        most = min(
            own if shape.min_columns is None else max(own, min(shape.min_columns, 100)), max(own, shape.n_rows // 2)
        )
        return {"n_components": IntDistribution(1, most, log=True)}
    if own == "mle" or shape.params.get("svd_solver") not in ("auto", "full", "covariance_eigh"):
        return {}
    # auto-sklearn: 50-99.99 % of the variance.
    return {"n_components": shape.add_own("n_components", 0.5, 0.7, 0.8, 0.9, 0.95, 0.99), "whiten": [False, True]}


def _make_decomposition_space(shape: Shape) -> Branch:
    # auto-sklearn: 10-256 components. scikit-learn's user guide: 100 for texts, which have more words than a tenth of
    # their number.
    own = shape.params.get("n_components", 2)
    most = min(100, shape.n_rows // 10)
    if shape.min_columns is not None:
        most = min(most, shape.min_columns)
    return {"n_components": IntDistribution(min(own, 2), max(own, most), log=True)}


SPACES = (
    EstimatorSpace(("sklearn.SelectKBest",), _make_number_space),
    EstimatorSpace(("sklearn.SelectPercentile",), _make_share_space),
    EstimatorSpace(("sklearn.SelectFromModel",), _make_threshold_space),
    EstimatorSpace(("sklearn.PCA",), _make_components_space),
    EstimatorSpace(("sklearn.TruncatedSVD",), _make_decomposition_space),
)
