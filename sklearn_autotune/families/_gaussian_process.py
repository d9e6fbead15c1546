"""Gaussian processes, for small tables. They need scaled features."""

from typing import Any

from optuna.distributions import FloatDistribution

from sklearn_autotune.families._base import Branch, Family, Shape

__all__ = ["GAUSSIAN_PROCESS"]

SMOOTHNESS = "kernel__k1__k2__nu"  # of the kernel that `_make_model` makes

# The model holds a matrix of rows times rows: 32 MB for so many.
MAX_ROWS = 2000


def _make_space(shape: Shape) -> Branch:
    if SMOOTHNESS in shape.params:
        # Besides the noise that the kernel learns. It keeps the process from passing through every row.
        return {SMOOTHNESS: [0.5, 1.5, 2.5], "alpha": FloatDistribution(1e-6, 0.1, log=True)}
    # A user's kernel stays. The estimator's own one is not optimised before scikit-learn 1.9. Where the target is
    # normalised, alpha is the share of the variance that is noise.
    return {"alpha": FloatDistribution(1e-6, 1.0, log=True), "normalize_y": [True]}


def _make_model(shape: Shape) -> Any:
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

    from sklearn_autotune.inference._sampled_kernel import SampledKernelRegressor

    # With a length for each column, the process took ten times as long and was better on half of the tables.
    smooth = Matern(length_scale=float(shape.n_columns**0.5), length_scale_bounds=(0.1, 1e4), nu=2.5)
    kernel = ConstantKernel(1.0, (1e-2, 1e3)) * smooth + WhiteKernel(0.3, (1e-4, 10.0))
    return SampledKernelRegressor(GaussianProcessRegressor(kernel, normalize_y=True))


def _estimate_seconds(shape: Shape) -> float:
    # Measured on 300, 1,000 and 2,000 rows of 10 and 60 columns; the first term is the kernel's.
    n_sample_rows = min(shape.n_rows, 300)
    return 0.01 + 1e-8 * n_sample_rows**3 + 1e-7 * shape.n_rows**2 + 2e-11 * shape.n_rows**3


GAUSSIAN_PROCESS = Family(
    name="gaussian_process",
    screens=True,
    is_local=True,
    aliases=("gp", "gpr", "kriging"),
    estimators=("sklearn.GaussianProcessRegressor",),
    space=_make_space,
    make=_make_model,
    first=({SMOOTHNESS: 2.5, "alpha": 1e-6}, {SMOOTHNESS: 0.5, "alpha": 1e-3}),
    known_good=({"alpha": 0.1, "normalize_y": True}, {"alpha": 1e-3, "normalize_y": True}),
    seconds=_estimate_seconds,
    is_bagged=False,
    tasks=("regression",),
    max_rows=MAX_ROWS,
)
