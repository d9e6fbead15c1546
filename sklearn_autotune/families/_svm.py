"""Support vector machines with a kernel. They want scaled features."""

from optuna.distributions import FloatDistribution, IntDistribution

from sklearn_autotune.families._base import Branch, Family, Shape

__all__ = ["SVM"]

NAMED_KERNELS = ("linear", "poly", "rbf", "sigmoid")


def _space(shape: Shape) -> list[Branch]:
    # Hsu, Chang and Lin, "A practical guide to support vector classification": C log 2^-5 to 2^15, gamma log 2^-15 to
    # 2^3, and so auto-sklearn.
    common: Branch = {"C": FloatDistribution(2**-5, 2**10, log=True)} | shape.class_weight
    if not shape.is_classifier:
        # auto-sklearn: log 0.001-1.
        common["epsilon"] = FloatDistribution(1e-3, 1.0, log=True)
    if shape.params.get("kernel") not in NAMED_KERNELS:  # precomputed, or the user's own function
        return [common]
    return [
        {"kernel": ["rbf"], "gamma": FloatDistribution(2**-15, 2**3, log=True)} | common,
        {"kernel": ["rbf"], "gamma": ["scale"]} | common,
        {"kernel": ["poly"], "degree": IntDistribution(2, 5), "coef0": FloatDistribution(0.0, 1.0)} | common,
        {"kernel": ["linear"]} | common,
    ]


SVM = Family(name="svm", estimators=("sklearn.SVC", "sklearn.SVR"), space=_space)
