"""Models of the classes: naive Bayes, discriminant analysis, and Gaussian processes for classification."""

from optuna.distributions import FloatDistribution

from sklearn_autotune.families._base import Branch, EstimatorSpace, Shape

__all__ = ["SPACES"]


def _make_discrete_space(shape: Shape) -> Branch:
    # auto-sklearn: alpha log 0.01-100, and fit_prior.
    space: Branch = {"alpha": FloatDistribution(1e-3, 100.0, log=True)}
    if shape.params.get("class_prior") is None:
        space["fit_prior"] = [True, False]
    if "norm" in shape.params:  # ComplementNB: Rennie et al. 2003, section 3.2; its prior is used with one class only
        space.pop("fit_prior", None)
        space["norm"] = [False, True]
    return space


# auto-sklearn: none, Ledoit and Wolf's, or 0-1. Few values, so that all are measured once. With less shrinkage than
# this, a class with fewer rows than columns fails.
SHRINKAGES = ("auto", 0.01, 0.03, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9)


def _make_discriminant_space(shape: Shape) -> Branch | list[Branch]:
    """Make a branch of the user's own solver, and one with shrinkage; its solver can transform if the user's can."""
    if shape.params.get("covariance_estimator") is not None:
        return {}
    if "shrinkage" not in shape.params:  # quadratic discriminants in scikit-learn up to 1.7
        return {"reg_param": FloatDistribution(1e-4, 1.0, log=True)}  # auto-sklearn: 0-1
    solver = "lsqr" if shape.params["solver"] == "lsqr" else "eigen"
    return [
        {name: [shape.params[name]] for name in ("solver", "shrinkage")},
        {"solver": [solver], "shrinkage": list(SHRINKAGES)},
    ]


def _make_process_space(shape: Shape) -> Branch:
    """Make the choice of a kernel whose length scale is fitted; a kernel that the user has chosen stays."""
    if shape.params.get("kernel") is not None:
        return {}
    from sklearn.gaussian_process.kernels import RBF, Matern

    # scikit-learn's own kernel has the length scale 1, which is not fitted. Matern: Rasmussen and Williams 2006, 4.2.
    return {"kernel": [None, 1.0 * RBF(1.0), 1.0 * Matern(1.0, nu=1.5), 1.0 * Matern(1.0, nu=0.5)]}


SPACES = (
    EstimatorSpace(
        ("sklearn.MultinomialNB", "sklearn.ComplementNB", "sklearn.BernoulliNB", "sklearn.CategoricalNB"),
        _make_discrete_space,
        known_good=({"alpha": 0.1}, {"alpha": 0.01}),
    ),
    EstimatorSpace(
        ("sklearn.LinearDiscriminantAnalysis", "sklearn.QuadraticDiscriminantAnalysis"), _make_discriminant_space
    ),
    EstimatorSpace(("sklearn.GaussianProcessClassifier",), _make_process_space),
)
