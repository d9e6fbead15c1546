"""Ridge regression with a kernel, for small tables. It needs scaled features and a centred target."""

from functools import partial
from typing import Any

from optuna.distributions import FloatDistribution

from sklearn_autotune.families._base import Branch, Family, Shape, scale_target

__all__ = ["KERNEL_RIDGE"]

# The matrix of rows times rows takes 72 MB for so many.
MAX_ROWS = 3000

ALPHA = FloatDistribution(1e-5, 1e2, log=True)


def _make_space(shape: Shape) -> Branch | list[Branch]:
    # As for the SVM: the kernel is searched unless the user has set another one than the default.
    kernel = shape.params.get("kernel", "linear")
    gamma = FloatDistribution(2**-15, 2**3, log=True)
    if kernel == "linear":
        return [
            {"kernel": ["rbf"], "gamma": gamma, "alpha": ALPHA},
            {"kernel": ["laplacian"], "gamma": gamma, "alpha": ALPHA},
            {"kernel": ["linear"], "alpha": ALPHA},
        ]
    return {"alpha": ALPHA} | ({"gamma": gamma} if kernel in ("rbf", "laplacian") else {})


def _make_model(shape: Shape) -> Any:
    from sklearn.kernel_ridge import KernelRidge

    return scale_target(KernelRidge())


def _estimate_seconds(shape: Shape) -> float:
    # Measured on 300, 1,000 and 3,000 rows of 10 and 60 columns: 0.004 to 0.5 s.
    return 0.01 + 1e-8 * shape.n_rows**2 + 1.2e-11 * shape.n_rows**3 + 1e-8 * shape.cells


def _compute_gamma(shape: Shape, share: float) -> float:
    return share / shape.n_columns


KERNEL_RIDGE = Family(
    name="kernel_ridge",
    screens=True,
    is_local=True,
    aliases=("krr",),
    estimators=("sklearn.KernelRidge",),
    space=_make_space,
    make=_make_model,
    first=(
        {"kernel": "rbf", "gamma": partial(_compute_gamma, share=0.3), "alpha": 0.3},
        {"kernel": "laplacian", "gamma": partial(_compute_gamma, share=0.3), "alpha": 0.1},
    ),
    seconds=_estimate_seconds,
    tasks=("regression",),
    max_rows=MAX_ROWS,
)
