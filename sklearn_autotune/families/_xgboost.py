"""XGBoost with trees."""

from optuna.distributions import FloatDistribution, IntDistribution

from sklearn_autotune.families._base import Branch, Family, Shape

__all__ = ["XGBOOST"]


def _space(shape: Shape) -> Branch:
    # AutoGluon: log 0.005-0.2; TabArena: log 0.005-0.1; XGBoost's own value is 0.3. The slowest need more rounds than
    # can be searched.
    slowest = 0.01
    rounds: Branch = {"n_estimators": IntDistribution(50, 500, log=True)}
    if shape.params.get("early_stopping_rounds") is not None:  # it chooses, up to the user's own limit
        slowest, rounds = 0.005, {}
    return rounds | {
        "learning_rate": FloatDistribution(slowest, 0.3, log=True),
        # AutoGluon: 3-10; FLAML: 1-16.
        "max_depth": IntDistribution(2, 12),
        # TabArena: log 0.001-5; FLAML: log 0.001-128. Bounded so that small tables can still be split.
        "min_child_weight": FloatDistribution(1e-3, float(shape.one_row_in(20, at_most=20)), log=True),
        # TabArena: 0.6-1; pytabkit: 0.5-1.
        "subsample": FloatDistribution(0.5, 1.0),
        # TabArena: by level 0.6-1, by node 0.6-1; FLAML's portfolios go lower.
        "colsample_bylevel": FloatDistribution(0.4, 1.0),
        "colsample_bynode": FloatDistribution(0.5, 1.0),
        # TabArena and pytabkit: up to 5 each; FLAML's portfolios reach a lambda of 25.
        "reg_alpha": FloatDistribution(1e-4, 5.0, log=True),
        "reg_lambda": FloatDistribution(1e-3, 25.0, log=True),
    }


XGBOOST = Family(name="xgboost", estimators=("xgboost.XGBClassifier", "xgboost.XGBRegressor"), space=_space)
