"""Support vector machines with a kernel. They need scaled features, and SVR a scaled target."""

from functools import partial
from typing import Any

from optuna.distributions import FloatDistribution, IntDistribution

from sklearn_autotune.families._base import Branch, Family, Shape, scale_target

__all__ = ["SVM"]


def _make_space(shape: Shape) -> Branch | list[Branch]:
    kernel = shape.params.get("kernel", "rbf")
    common = shape.class_weight
    if not shape.is_classifier:
        # auto-sklearn: log 0.001-1.
        common["epsilon"] = FloatDistribution(1e-3, 1.0, log=True)
    if kernel == "linear":
        # Where features are not scaled, libsvm takes minutes for a large C: on scikit-learn's breast cancer table
        # 0.6 s for C=1 and 10 s for C=100.
        return {"C": FloatDistribution(2**-10, 2**4, log=True)} | common
    # Hsu, Chang and Lin, "A practical guide to support vector classification", and so auto-sklearn: C log 2^-5-2^15
    # and gamma log 2^-15-2^3. The largest values of C cost much time and gain little.
    common["C"] = FloatDistribution(2**-5, 2**10, log=True)
    if kernel not in ("rbf", "poly"):  # sigmoid, precomputed, a function: the user's own choice
        return common
    rbf: Branch = {"kernel": ["rbf"], "gamma": FloatDistribution(2**-15, 2**3, log=True)}
    # auto-sklearn: degree 1-5. The first degree is the linear kernel; with gamma="scale" it ends soon on any features.
    poly: Branch = {
        "kernel": ["poly"],
        "gamma": ["scale"],
        "degree": IntDistribution(1, 5),
        "coef0": FloatDistribution(0.0, 1.0),
    }
    return [rbf | common, poly | common] if kernel == "rbf" else poly | common


# On four tables of 1,800 to 7,000 rows, good models took libsvm 0.1 to 5 iterations per row; those with C = 1000 or a
# polynomial kernel 50 to over 300, which is 24 s instead of 1.
ITERATIONS_PER_ROW = 20
MIN_ITERATIONS = 5000

CALIBRATION_FOLDS = 3
MIN_CALIBRATION_FOLDS = 2


def _make_model(shape: Shape) -> Any:
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.svm import SVC, SVR

    max_iter = max(MIN_ITERATIONS, ITERATIONS_PER_ROW * shape.n_rows)
    if shape.is_classifier:
        # Each class needs a row in each part.
        n_folds = (
            CALIBRATION_FOLDS if shape.rarest_class_rows is None else min(CALIBRATION_FOLDS, shape.rarest_class_rows)
        )
        return CalibratedClassifierCV(SVC(max_iter=max_iter), cv=max(MIN_CALIBRATION_FOLDS, n_folds), ensemble=False)
    return scale_target(SVR(max_iter=max_iter))


def _estimate_seconds(shape: Shape) -> float:
    # libsvm's time grows with the square of the rows, and calibration takes three more fits. Each class more costs a
    # little too: 2,400 rows took 0.1, 1.2 and 3.5 s with 2, 50 and 150 classes.
    per_class = 1e-5 * shape.n_rows * (shape.n_classes - 2) if shape.is_classifier else 0.0
    return 0.02 + 6e-10 * shape.n_rows * shape.cells * (4 if shape.is_classifier else 1) + per_class


def _compute_scaled_gamma(shape: Shape, share: float = 1.0) -> float:
    """Compute a share of the gamma that scikit-learn's "scale" gives for scaled columns."""
    return share / shape.n_columns


SVM = Family(
    name="svm",
    generates=True,
    aliases=("support_vector_machine", "svc", "svr"),
    estimators=("sklearn.SVC", "sklearn.SVR"),
    space=_make_space,
    make=_make_model,
    first=tuple({"kernel": "rbf", "C": C, "gamma": _compute_scaled_gamma} for C in (1.0, 10.0)),
    # With eleven tables and AUC, these four with the default have a third of the default's regret. A tenth of the
    # default's gamma is the best one; the last ones are nearly linear.
    known_good=tuple(
        {"kernel": "rbf", "C": C, "gamma": partial(_compute_scaled_gamma, share=share)}
        for C, share in ((1.0, 0.1), (0.1, 0.01), (10.0, 0.3), (100.0, 0.01))
    ),
    meanings={"gamma": {"scale": _compute_scaled_gamma, "auto": _compute_scaled_gamma}},
    seconds=_estimate_seconds,
    screens=True,
    is_local=True,
    min_class_rows=MIN_CALIBRATION_FOLDS,
)
