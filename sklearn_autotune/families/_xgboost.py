"""XGBoost with trees."""

from typing import Any

from optuna.distributions import FloatDistribution, IntDistribution

from sklearn_autotune.families._base import Branch, ByRows, Family, Shape, estimate_boosting_seconds

__all__ = ["MAX_CACHED_NODES", "XGBOOST", "make_first_xgboost_settings", "make_tuned_xgboost_space"]

# The number of nodes of a tree whose histograms XGBoost keeps; its own default is 65,536. With fewer, it gives the same
# trees in less memory. On 400 rows and 5,000 columns, depth 10: 880 MB with 64, 310 MB with 16, in the same time. On
# 60,000 rows and 30 columns, 16 takes 0 to 5 % more CPU time.
MAX_CACHED_NODES = 16

# Models of more columns have fewer bins: on 437 rows and 5,000 columns, ten rounds of depth 10 took 26 s and 920 MB
# with 256 bins, and 7 s and 310 MB with 64.
MAX_FINELY_BINNED, COARSE_BINS = 500, 64


# What `Shape` calls losses, and XGBoost objectives.
OBJECTIVES = {
    "squared": "reg:squarederror",
    "absolute": "reg:absoluteerror",
    "quantile": "reg:quantileerror",
    "poisson": "count:poisson",
    "gamma": "reg:gamma",
    "tweedie": "reg:tweedie",
}
LEVEL_PARAMETERS = {"quantile": "quantile_alpha", "tweedie": "tweedie_variance_power"}


def _make_space(shape: Shape) -> Branch:
    # AutoGluon: log 0.005-0.2; TabArena: log 0.005-0.1; XGBoost's own value is 0.3. The slowest need more rounds than
    # can be searched.
    slowest = 0.01
    rounds: Branch = {"n_estimators": IntDistribution(50, 500, log=True)}
    if shape.params.get("early_stopping_rounds") is not None:  # it chooses, up to the user's own limit
        slowest, rounds = 0.005, {}
    return (
        shape.make_loss_space(OBJECTIVES, parameter="objective", level_parameters=LEVEL_PARAMETERS)
        | rounds
        | {
            "learning_rate": FloatDistribution(slowest, 0.3, log=True),
            # AutoGluon: 3-10; FLAML: 1-16.
            "max_depth": IntDistribution(2, 12),
            # TabArena: log 0.001-5; FLAML: log 0.001-128. Bounded so that small tables can still be split.
            "min_child_weight": FloatDistribution(1e-3, float(shape.divide_rows(20, max_value=20)), log=True),
            # TabArena: 0.6-1; pytabkit: 0.5-1.
            "subsample": FloatDistribution(0.5, 1.0),
            # TabArena: by level 0.6-1, by node 0.6-1; FLAML's portfolios go lower.
            "colsample_bylevel": FloatDistribution(0.4, 1.0),
            "colsample_bynode": FloatDistribution(0.5, 1.0),
            # TabArena and pytabkit: up to 5 each; FLAML's portfolios reach a lambda of 25.
            "reg_alpha": FloatDistribution(1e-4, 5.0, log=True),
            "reg_lambda": FloatDistribution(1e-3, 25.0, log=True),
        }
    )


def _make_model(shape: Shape) -> Any:
    from xgboost import XGBClassifier, XGBRegressor

    kind = XGBClassifier if shape.is_classifier else XGBRegressor
    wide = {}
    if shape.n_screened_columns is not None and shape.n_columns > MAX_FINELY_BINNED:
        wide = {"max_bin": COARSE_BINS, "max_cached_hist_node": MAX_CACHED_NODES}
    return kind(
        n_estimators=2000, learning_rate=0.1, early_stopping_rounds=40, n_jobs=1, enable_categorical=True, **wide
    )


def make_tuned_xgboost_space(shape: Shape) -> Branch:
    """Make the space that `TunedXGBClassifier` searches: all parameters but the number of rounds.

    It includes the learning rate for `LearningRateRefinement`; it is not searched like the other parameters.
    """
    space = _make_space(Shape(shape.n_rows, shape.is_classifier, {"early_stopping_rounds": 1}))
    # Usual ranges are 0 to 5; on small tables 2 and more were best, on large ones it should not matter.
    space["gamma"] = FloatDistribution(0.0, 5.0)
    if _has_squared_error(shape):
        # XGBoost compares gamma with gains, and alpha with gradients. Gains are squares of the target's unit, and
        # gradients have its unit.
        space["gamma"] = FloatDistribution(1e-4 * shape.target_spread**2, 5.0 * shape.target_spread**2, log=True)
        space["reg_alpha"] = FloatDistribution(1e-4 * shape.target_spread, 5.0 * shape.target_spread, log=True)
    if shape.params.get("tree_method") == "exact":
        del space["colsample_bynode"]  # XGBoost does not support both
    return space


def _has_squared_error(shape: Shape) -> bool:
    return not shape.is_classifier and shape.params.get("objective") in (None, "reg:squarederror")


# First settings, for a target with a spread of 1. The deep ones come from AutoGluon's portfolio (r33, r89) and
# TabArena's defaults (XGB-TD); the others are shallow, strongly sampled and strongly regularised ones for small tables.
# They have no learning rate, since early stopping adapts the number of rounds to it.
_FIRST_SETTINGS: tuple[Branch, ...] = (
    {"max_depth": 6, "gamma": 2.5, "subsample": 0.8, "colsample_bylevel": 0.8},
    {"max_depth": 3, "subsample": 0.8, "colsample_bylevel": 0.8},
    {"max_depth": 2, "subsample": 0.8, "colsample_bylevel": 0.8, "colsample_bynode": 0.65, "reg_lambda": 10.0},
    {
        "max_depth": 5,
        "gamma": 2.5,
        "reg_alpha": 0.5,
        "subsample": 0.6,
        "colsample_bylevel": 0.7,
    },
    {
        "max_depth": 3,
        "subsample": 0.5,
        "colsample_bylevel": 0.5,
        "colsample_bynode": 0.6,
        "min_child_weight": 0.01,
        "reg_alpha": 0.5,
    },
    {"max_depth": 10, "gamma": 2.5, "subsample": 0.9, "colsample_bylevel": 0.6},
    {"max_depth": 4, "reg_lambda": 20.0, "subsample": 0.5},
    {"max_depth": 6, "min_child_weight": 0.001, "subsample": 0.65, "colsample_bylevel": 0.9},
    {"max_depth": 10, "min_child_weight": 0.6, "colsample_bylevel": 0.69},
    {"max_depth": 5, "min_child_weight": 0.63, "colsample_bylevel": 0.66},
)
# What XGBoost uses for parameters that are None.
_LIBRARY_DEFAULTS: Branch = {
    "n_estimators": 100,
    "learning_rate": 0.3,
    "max_depth": 6,
    "max_leaves": float("inf"),
    "min_child_weight": 1.0,
    "subsample": 1.0,
    "colsample_bytree": 1.0,
    "colsample_bylevel": 1.0,
    "colsample_bynode": 1.0,
    "reg_alpha": 0.0,
    "reg_lambda": 1.0,
    "gamma": 0.0,
    "max_bin": 256,
}
_DEFAULT_SETTINGS: Branch = {
    "min_child_weight": 1.0,
    "subsample": 1.0,
    "colsample_bylevel": 1.0,
    "colsample_bynode": 1.0,
    "reg_alpha": 1e-4,
    "reg_lambda": 1.0,
    "gamma": 0.0,
}


def _estimate_seconds(shape: Shape) -> float:
    depth = shape.params.get("max_depth", 3) / 3
    return estimate_boosting_seconds(
        shape, fixed_seconds=0.02, seconds_per_output=0.03 * depth, seconds_per_cell=5e-7 * depth
    )


XGBOOST = Family(
    name="xgboost",
    generates=True,
    aliases=("xgb",),
    estimators=("xgboost.XGBClassifier", "xgboost.XGBRegressor"),
    space=_make_space,
    make=_make_model,
    # A shallow one, AutoGluon's r89, TabArena's XGB-TD, a strongly regularised one. On large tables the first two are
    # deeper: on births by state (235,000 training rows) depth 3 had an RMSE of 20.4 after 20 s, depth 6 18.1 after 8 s.
    first=tuple(
        _DEFAULT_SETTINGS | setting
        for setting in (
            {
                "max_depth": ByRows(3, 6),
                "learning_rate": 0.08,
                "subsample": 0.8,
                "colsample_bylevel": 0.8,
            },
            {
                "max_depth": ByRows(5, 9),
                "learning_rate": 0.088,
                "min_child_weight": 0.63,
                "colsample_bylevel": 0.66,
            },
            _FIRST_SETTINGS[7] | {"learning_rate": 0.05},
            _FIRST_SETTINGS[6] | {"learning_rate": 0.03, "min_child_weight": 6.0},
        )
    ),
    # Without early stopping. On eight tables of 420 rows, shallow trees with few rounds had a third of the regret of
    # the library's defaults. The first is scikit-learn's gradient boosting with sampled rows and columns, the third
    # AutoGluon's r89.
    known_good=(
        {"max_depth": 3, "learning_rate": 0.1, "subsample": 0.8, "colsample_bytree": 0.8},
        {
            "n_estimators": 50,
            "max_depth": 2,
            "learning_rate": 0.2,
            "subsample": 0.6,
            "colsample_bytree": 0.6,
            "min_child_weight": 1.0,
        },
        {"max_depth": 5, "learning_rate": 0.088, "min_child_weight": 0.63, "colsample_bytree": 0.66},
        {"max_depth": 4, "learning_rate": 0.1, "subsample": 0.5, "reg_lambda": 20.0, "min_child_weight": 6.0},
    ),
    meanings={name: {None: value} for name, value in _LIBRARY_DEFAULTS.items()},
    columns="native",
    seconds=_estimate_seconds,
    rounds="n_estimators",
)


# From this number of rows on, gamma prevents useful splits: on diamonds (30,000 rows, five classes) a gamma of 2.5
# increased the log loss by a tenth.
MANY_ROWS = 10_000


def make_first_xgboost_settings(space: Branch, learning_rate: float, shape: Shape) -> list[Branch]:
    """Make the first settings of a search, restricted to the parameters and ranges of a space.

    Parameters
    ----------
    space : dict of str to Optuna distribution
    learning_rate : float
    shape : Shape
        If there are many rows, settings with gamma come last and deep ones first.

    Returns
    -------
    candidates : list of dict
    """
    candidates = []
    ordered = _FIRST_SETTINGS if shape.n_rows < MANY_ROWS else sorted(_FIRST_SETTINGS, key=_rank_for_many_rows)
    spread = shape.target_spread if _has_squared_error(shape) else 1.0
    for setting in ordered:
        complete = _DEFAULT_SETTINGS | setting | {"learning_rate": learning_rate}
        complete |= {"gamma": complete["gamma"] * spread**2, "reg_alpha": complete["reg_alpha"] * spread}
        candidate = {name: _clip_to_range(value, space[name]) for name, value in complete.items() if name in space}
        if candidate and candidate not in candidates:
            candidates.append(candidate)
    return candidates


def _rank_for_many_rows(setting: Branch) -> tuple[bool, bool]:
    return "gamma" in setting, setting["max_depth"] < 5


def _clip_to_range(value: float, distribution: FloatDistribution | IntDistribution) -> float:
    return min(max(value, distribution.low), distribution.high)
