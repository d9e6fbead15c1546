"""Support vector machines with a kernel. They want scaled features, and SVR a scaled target."""

from typing import Any

from optuna.distributions import FloatDistribution, IntDistribution

from sklearn_autotune.families._base import Branch, Family, Shape

__all__ = ["SVM"]


def _space(shape: Shape) -> Branch | list[Branch]:
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


# libsvm took 0.1 to 5 iterations a row where the model was good, on four tables of 1,800 to 7,000 rows; with C = 1000
# or a polynomial kernel 50 to over 300, which is 24 s where a good one takes 1.
ITERATIONS_A_ROW = 20
LEAST_ITERATIONS = 5000


def _make(shape: Shape) -> Any:
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.compose import TransformedTargetRegressor
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC, SVR

    most = max(LEAST_ITERATIONS, ITERATIONS_A_ROW * shape.n_rows)
    if shape.is_classifier:
        return CalibratedClassifierCV(SVC(max_iter=most), cv=3, ensemble=False)
    return TransformedTargetRegressor(SVR(max_iter=most), transformer=StandardScaler())


def _seconds(shape: Shape) -> float:
    # libsvm grows with the square of the rows, and the calibration takes three fits more.
    return 0.02 + 6e-10 * shape.n_rows * shape.cells * (4 if shape.is_classifier else 1)


SVM = Family(
    name="svm",
    estimators=("sklearn.SVC", "sklearn.SVR"),
    space=_space,
    make=_make,
    # The gamma that scikit-learn's "scale" gives for scaled columns.
    first=tuple({"kernel": "rbf", "C": C, "gamma": lambda shape: 1 / shape.n_columns} for C in (1.0, 10.0)),
    seconds=_seconds,
)
