"""Linear models beside those of the families. They need scaled features.

``alpha`` multiplies the penalty next to a mean of losses, ``C`` a sum of losses next to the penalty. SVR and quantile
regression compare residuals with the unit of the target: their ranges are for a target with a spread of about 1.
"""

from optuna.distributions import FloatDistribution, IntDistribution

from sklearn_autotune.families._base import Branch, EstimatorSpace, Shape

__all__ = ["SPACES"]

# auto-sklearn: log 2^-5-2^15. The upper part costs liblinear most of the time and rarely converges.
LIBLINEAR_C = FloatDistribution(2**-10, 2**5, log=True)


def _make_linear_svc_space(shape: Shape) -> Branch | list[Branch]:
    """Make one branch for each combination of loss and penalty that liblinear has."""
    common = {"C": LIBLINEAR_C} | shape.class_weight
    if shape.params.get("multi_class") == "crammer_singer":
        return common  # it has a loss of its own
    dual = shape.params.get("dual")
    # auto-sklearn: both losses and both penalties. Only the dual problem has the hinge loss, only the primal one l1.
    branches = [{"penalty": ["l2"], "loss": ["squared_hinge"]}]
    if dual is not False:
        branches.append({"penalty": ["l2"], "loss": ["hinge"]})
    if dual is not True:
        branches.append({"penalty": ["l1"], "loss": ["squared_hinge"]})
    return [branch | common for branch in branches]


def _make_linear_svr_space(shape: Shape) -> Branch:
    # auto-sklearn: both losses, and epsilon log 0.001-1. Only the dual problem has the loss without the square.
    losses = ["epsilon_insensitive", "squared_epsilon_insensitive"]
    return {
        "C": FloatDistribution(2**-10, 2**7, log=True),
        "epsilon": FloatDistribution(1e-3, 1.0, log=True),
        "loss": losses[1:] if shape.params.get("dual") is False else losses,
    }


def _add_penalties(common: Branch) -> list[Branch]:
    # auto-sklearn: l1, l2 and both, with l1_ratio log 1e-9-1 for both only.
    return [
        {"penalty": ["l2"]} | common,
        {"penalty": ["l1"]} | common,
        {"penalty": ["elasticnet"], "l1_ratio": FloatDistribution(0.05, 0.95)} | common,
    ]


def _make_sgd_classifier_space(shape: Shape) -> list[Branch]:
    # Losses without probabilities are searched only if the user's loss has none either.
    probabilistic = ["log_loss", "modified_huber"]
    loss = str(shape.params.get("loss"))
    losses = {"hinge": ["hinge", *probabilistic], "log_loss": probabilistic, "modified_huber": probabilistic}
    return _add_penalties(
        {
            "alpha": FloatDistribution(1e-6, 1e-1, log=True),  # auto-sklearn: log 1e-7-0.1
            "loss": losses.get(loss, [loss]),  # auto-sklearn: these and two more
            "average": shape.add_own("average", False, True),  # auto-sklearn
        }
        | shape.class_weight
    )


def _make_sgd_regressor_space(shape: Shape) -> list[Branch]:
    common: Branch = {
        "alpha": FloatDistribution(1e-6, 1e-1, log=True),  # auto-sklearn: log 1e-7-0.1
        "average": shape.add_own("average", False, True),
    }
    if shape.params.get("learning_rate") != "optimal":
        # auto-sklearn: log 1e-7-0.1. With larger steps than these, the squared loss diverges on 50 scaled columns.
        common["eta0"] = FloatDistribution(1e-4, 0.02, log=True)
    return _add_penalties(common)


def _make_alpha_space(shape: Shape) -> Branch:
    # Generalised linear models: chosen for this package around scikit-learn's 1.
    return {"alpha": FloatDistribution(1e-5, 1e2, log=True)}


def _make_quantile_space(shape: Shape) -> Branch:
    # Chosen for this package. For a target with a spread of 1, from about 1 on no coefficient is left.
    return {"alpha": FloatDistribution(1e-5, 1.0, log=True)}


def _make_pls_space(shape: Shape) -> Branch:
    # scikit-learn refuses more components than rows or columns. The user's own number is valid for the columns.
    own = shape.params.get("n_components", 2)
    most = own if shape.min_columns is None else min(shape.min_columns, 20)
    return {"n_components": IntDistribution(1, max(1, min(most, shape.n_rows // 2)))}


SPACES = (
    EstimatorSpace(
        ("sklearn.LinearSVC",),
        _make_linear_svc_space,
        known_good=({"penalty": "l2", "C": 0.01}, {"penalty": "l1", "C": 0.1}),
    ),
    EstimatorSpace(
        ("sklearn.LinearSVR",), _make_linear_svr_space, known_good=({"C": 0.1, "epsilon": 0.1}, {"C": 0.01})
    ),
    EstimatorSpace(
        ("sklearn.SGDClassifier",),
        _make_sgd_classifier_space,
        known_good=({"alpha": 0.01, "average": True}, {"alpha": 1e-3, "penalty": "elasticnet", "l1_ratio": 0.15}),
    ),
    EstimatorSpace(
        ("sklearn.SGDRegressor",),
        _make_sgd_regressor_space,
        known_good=({"alpha": 0.01, "average": True}, {"alpha": 1e-3, "eta0": 1e-3}),
    ),
    EstimatorSpace(("sklearn.QuantileRegressor",), _make_quantile_space, known_good=({"alpha": 1e-3}, {"alpha": 0.03})),
    EstimatorSpace(
        ("sklearn.PoissonRegressor", "sklearn.GammaRegressor", "sklearn.TweedieRegressor"),
        _make_alpha_space,
        known_good=({"alpha": 1e-3}, {"alpha": 0.1}),
    ),
    EstimatorSpace(("sklearn.PLSRegression",), _make_pls_space),
)
