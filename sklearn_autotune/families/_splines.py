"""A ridge regression on splines: the sum of one curve for each column. It needs scaled features."""

from typing import Any

from optuna.distributions import FloatDistribution, IntDistribution

from sklearn_autotune.families._base import Branch, Family, Shape

__all__ = ["SPLINES"]

N_KNOTS = "columns__splines__n_knots"
ALPHA = "ridge__alpha"

# A column becomes a curve of several columns in double precision: 500 MB for a million rows of 10 columns, twelve times
# the table. With so many rows boosting is the better additive model.
MAX_ROWS = 300_000


def _make_space(shape: Shape) -> Branch:
    return {
        N_KNOTS: IntDistribution(3, 16, log=True),
        "columns__splines__knots": ["quantile", "uniform"],
        # As for ridge regression.
        ALPHA: FloatDistribution(1e-3, 1e4, log=True),
    }


def _make_model(shape: Shape) -> Any:
    from sklearn.compose import ColumnTransformer
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import SplineTransformer

    from sklearn_autotune.inference._column_values import find_many_valued_columns

    splines = SplineTransformer(knots="quantile", extrapolation="linear")
    columns = ColumnTransformer([("splines", splines, find_many_valued_columns)], remainder="passthrough")
    columns.set_output(transform="default")  # arrays, whatever ``sklearn.set_config`` asks for
    return Pipeline([("columns", columns), ("ridge", Ridge())])


def _estimate_seconds(shape: Shape) -> float:
    # Measured on 300, 3,000 and 20,000 rows of 10 and 60 columns: 0.004 to 0.7 s.
    return 0.01 + 1.5e-7 * shape.cells + 8e-9 * shape.cells * shape.n_columns


SPLINES = Family(
    name="splines",
    screens=True,
    aliases=("spline", "gam", "additive"),
    estimators=(),  # a SplineTransformer in a user's pipeline need not stand before a ridge regression
    space=_make_space,
    make=_make_model,
    first=({N_KNOTS: 6, ALPHA: 1.0}, {N_KNOTS: 4, ALPHA: 30.0}),
    seconds=_estimate_seconds,
    tasks=("regression",),
    max_rows=MAX_ROWS,
)
