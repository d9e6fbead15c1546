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


def _make_linear_discriminant_space(shape: Shape) -> Branch | list[Branch]:
    """Make a branch for each kind of shrinkage; all of its solvers can transform, as the user's can."""
    if shape.params.get("covariance_estimator") is not None:
        return {}
    # auto-sklearn: none, Ledoit and Wolf's, or 0-1. Without shrinkage the solver "eigen" fails on collinear columns.
    solver = "lsqr" if shape.params.get("solver") == "lsqr" else "eigen"
    return [
        {"solver": [shape.params.get("solver", "svd")], "shrinkage": [shape.params.get("shrinkage")]},
        {"solver": [solver], "shrinkage": ["auto"]},
        {"solver": [solver], "shrinkage": FloatDistribution(1e-3, 1.0, log=True)},
    ]


def _make_quadratic_discriminant_space(shape: Shape) -> Branch:
    # auto-sklearn: 0-1. At 0, a class with fewer rows than columns fails.
    return {"reg_param": FloatDistribution(1e-4, 1.0, log=True)}


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
    EstimatorSpace(("sklearn.LinearDiscriminantAnalysis",), _make_linear_discriminant_space),
    EstimatorSpace(
        ("sklearn.QuadraticDiscriminantAnalysis",),
        _make_quadratic_discriminant_space,
        known_good=({"reg_param": 0.1}, {"reg_param": 0.5}),
    ),
    EstimatorSpace(("sklearn.GaussianProcessClassifier",), _make_process_space),
)
