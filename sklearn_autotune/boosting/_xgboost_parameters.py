"""The parameters of XGBoost's estimators that the tuned estimators take too."""

__all__ = ["XGBOOST_PARAMS"]

# They are handed on as they are; one that is set is not searched.
XGBOOST_PARAMS = (
    "max_depth",
    "max_leaves",
    "max_bin",
    "grow_policy",
    "learning_rate",
    "verbosity",
    "objective",
    "tree_method",
    "gamma",
    "min_child_weight",
    "max_delta_step",
    "subsample",
    "sampling_method",
    "colsample_bytree",
    "colsample_bylevel",
    "colsample_bynode",
    "reg_alpha",
    "reg_lambda",
    "scale_pos_weight",
    "base_score",
    "missing",
    "num_parallel_tree",
    "monotone_constraints",
    "interaction_constraints",
    "importance_type",
    "device",
    "validate_parameters",
    "feature_weights",
    "max_cat_to_onehot",
    "max_cat_threshold",
    "multi_strategy",
)
