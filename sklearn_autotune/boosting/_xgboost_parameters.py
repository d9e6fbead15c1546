"""The parameters of XGBoost's estimators that the tuned estimators take too."""

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["XGBOOST_PARAMS", "resolve_constraints"]

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


def resolve_constraints(
    monotone: Mapping[str, int] | Sequence[int] | str | None,
    interaction: Sequence[Sequence[str]] | Sequence[Sequence[int]] | str | None,
    names: Sequence[str],
) -> dict[str, Any]:
    """Replace column names in constraints by column indices: XGBoost is given no names.

    Parameters
    ----------
    monotone, interaction
        ``monotone_constraints`` and ``interaction_constraints``, as the user gave them.
    names : sequence of str
        Of the columns.

    Returns
    -------
    constraints : dict of str to object
        Those that name columns, as XGBoost's parameters.

    Raises
    ------
    ValueError
        If a constraint names a column that there is not.
    """
    constraints: dict[str, Any] = {}
    if isinstance(monotone, dict):
        unknown = sorted(set(monotone) - set(names))
        if unknown:
            raise ValueError(f"monotone_constraints names {unknown}, which X does not have as columns.")
        constraints["monotone_constraints"] = tuple(monotone.get(name, 0) for name in names)
    if interaction is not None and not isinstance(interaction, str):
        try:
            indices = [
                [names.index(column) if isinstance(column, str) else int(column) for column in group]
                for group in interaction
            ]
        except ValueError as error:
            raise ValueError(f"interaction_constraints: {error}, the columns of X.") from None
        constraints["interaction_constraints"] = str(indices)
    return constraints
