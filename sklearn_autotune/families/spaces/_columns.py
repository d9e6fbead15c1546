"""Steps that prepare columns: imputers, scalers, encoders, and steps that make columns of columns."""

from typing import Any

from optuna.distributions import IntDistribution

from sklearn_autotune.families._base import Branch, EstimatorSpace, Shape

__all__ = ["SPACES"]


def _make_simple_imputer_space(shape: Shape) -> Branch:
    # auto-sklearn: mean, median and most frequent. The other strategies may be for words, which have no mean.
    if shape.params.get("strategy") not in ("mean", "median"):
        return {}
    return {"strategy": ["mean", "median"], "add_indicator": [False, True]}


def _make_neighbours_imputer_space(shape: Shape) -> Branch:
    # Troyanskaya et al. 2001: 10 to 20 neighbours.
    return {
        "n_neighbors": IntDistribution(1, shape.divide_rows(5, max_value=30), log=True),
        "weights": ["uniform", "distance"],
    }


def _make_no_space(shape: Shape) -> Branch:
    return {}


def _make_scalers(shape: Shape) -> list[Any]:
    """Make the scalers that may take the place of a StandardScaler; auto-sklearn has these and more."""
    from sklearn.preprocessing import QuantileTransformer, RobustScaler

    if shape.params.get("with_mean") is False:  # the columns may be sparse
        return []
    n_quantiles = shape.divide_rows(2, max_value=500)
    normal = QuantileTransformer(n_quantiles=n_quantiles, output_distribution="normal", random_state=0)
    return [RobustScaler(), normal]


def _make_robust_scaler_space(shape: Shape) -> Branch:
    # auto-sklearn: from the 0.1 to 30 % quantile to the 70 to 99.9 % one.
    return {"quantile_range": shape.add_own("quantile_range", (25.0, 75.0), (10.0, 90.0), (5.0, 95.0))}


def _make_quantile_transformer_space(shape: Shape) -> Branch:
    # auto-sklearn: 10 to 2,000 quantiles.
    return {
        "n_quantiles": IntDistribution(
            shape.divide_rows(2, max_value=10), shape.divide_rows(1, max_value=1000), log=True
        ),
        "output_distribution": ["uniform", "normal"],
    }


def _make_encoder_space(shape: Shape) -> Branch:
    # auto-sklearn gathers rare categories below a share of log 0.0001-0.5 of the rows. Few rows: those of a single row.
    counts = [count for count in (5, 20, 100) if count <= shape.n_rows // 20]
    return {"min_frequency": shape.add_own("min_frequency", None, *(counts or [2]))}


def _make_target_encoder_space(shape: Shape) -> Branch:
    # Chosen for this package: the weight of the mean of all rows, in rows.
    return {"smooth": shape.add_own("smooth", "auto", 1.0, 10.0, 100.0)}


def _make_polynomial_space(shape: Shape) -> Branch:
    # auto-sklearn: degree 2-3. No more than the user's degree, because the number of columns grows with its power.
    own = shape.params.get("degree", 2)
    space: Branch = {"interaction_only": [False, True]}
    return space | ({"degree": IntDistribution(1, own)} if isinstance(own, int) and own > 1 else {})


def _make_spline_space(shape: Shape) -> Branch:
    # As of the family of splines: 3 to 16 knots. scikit-learn's user guide: degree 3 as a rule.
    space: Branch = {"degree": [1, 2, 3]} if shape.params.get("degree", 3) in (1, 2, 3) else {}
    return space | ({"n_knots": IntDistribution(3, 16, log=True)} if isinstance(shape.params.get("knots"), str) else {})


def _make_bins_space(shape: Shape) -> Branch:
    # Chosen for this package. Few bins for few rows, because empty ones are removed with a warning.
    space: Branch = {"strategy": shape.add_own("strategy", "uniform")}
    if isinstance(shape.params.get("n_bins"), int):
        space["n_bins"] = IntDistribution(2, max(2, shape.divide_rows(10, max_value=20)), log=True)
    return space


SPACES = (
    EstimatorSpace(("sklearn.SimpleImputer",), _make_simple_imputer_space),
    EstimatorSpace(("sklearn.KNNImputer",), _make_neighbours_imputer_space),
    EstimatorSpace(("sklearn.StandardScaler",), _make_no_space, make_replacements=_make_scalers),
    EstimatorSpace(("sklearn.RobustScaler",), _make_robust_scaler_space),
    EstimatorSpace(("sklearn.QuantileTransformer",), _make_quantile_transformer_space),
    EstimatorSpace(("sklearn.OneHotEncoder", "sklearn.OrdinalEncoder"), _make_encoder_space),
    EstimatorSpace(("sklearn.TargetEncoder",), _make_target_encoder_space),
    EstimatorSpace(("sklearn.PolynomialFeatures",), _make_polynomial_space),
    EstimatorSpace(("sklearn.SplineTransformer",), _make_spline_space),
    EstimatorSpace(("sklearn.KBinsDiscretizer",), _make_bins_space),
)
