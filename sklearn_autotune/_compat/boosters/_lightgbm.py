"""LightGBM: early stopping and categories."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.utils.validation import has_fit_parameter

from sklearn_autotune._compat import clock
from sklearn_autotune._compat.boosters._base import ContinuedPartFit, PartFit

__all__ = ["LIGHTGBM", "LightGBM"]


PATIENCE_ALIASES = ("early_stopping_round", "early_stopping_rounds", "early_stopping", "n_iter_no_change")


class LightGBM:
    """What LightGBM's estimators can do."""

    package = "lightgbm"
    rounds_params: tuple[str, ...] = ("n_estimators",)
    rounds_aliases: tuple[str, ...] = ()
    patience_param = "early_stopping_round"
    keeps_training_data = False

    def find_default_rounds(self, model: Any, param: str) -> int | None:
        """Return None, because the parameter is always a number."""
        return None

    def start_continued_fit(self, fit: PartFit, max_rounds: int) -> ContinuedPartFit | None:
        """Return None, because no exact way to continue a fit is known."""
        return None

    def declare_categories(self, model: Any, columns: np.ndarray, n_columns: int) -> dict[str, Any] | None:
        """Return ``categorical_feature`` if the model's ``fit`` has this argument."""
        if not has_fit_parameter(model, "categorical_feature"):
            return None
        return {"categorical_feature": columns.tolist()}

    def fit_until(
        self,
        model: Any,
        X: Any,
        y: Any,
        eval_rows: tuple[Any, Any],
        end_time: float,
        fit_params: Mapping[str, Any],
    ) -> None:
        """Fit with early stopping until the time by `clock.now` reaches ``end_time``."""
        from lightgbm.callback import EarlyStopException

        patience = model.get_params()[self.patience_param]
        losses: list[float] = []

        class StopInTime:
            def __init__(self) -> None:
                self.order = 30  # LightGBM's own early stopping has the same: after the losses are recorded

            def __call__(self, state: Any) -> None:
                _name, _metric, value, is_higher_better = state.evaluation_result_list[0][:4]
                losses.append(-value if is_higher_better else value)
                if len(losses) - np.argmin(losses) > patience or clock.now() > end_time:
                    raise EarlyStopException(state.iteration, state.evaluation_result_list)

        # LightGBM's own early stopping deletes the rounds after the best one, but other folds may need them.
        model.set_params(**{self.patience_param: None})
        # LightGBM 4.7 has new parameters for the evaluation rows, and warns of the old one.
        has_eval_X = has_fit_parameter(model, "eval_X")
        eval_params = {"eval_X": eval_rows[0], "eval_y": eval_rows[1]} if has_eval_X else {"eval_set": [eval_rows]}
        model.fit(X, y, callbacks=[StopInTime()], **eval_params, **fit_params)
        model.set_params(**{self.patience_param: patience})
        model.booster_.best_iteration = int(np.argmin(losses)) + 1

    def get_best_rounds(self, model: Any) -> int:
        """Return the number of rounds with the lowest loss on the evaluation rows."""
        return int(model.booster_.best_iteration)

    def get_used_rounds(self, model: Any) -> int:
        """Return the number of rounds that predictions are made with."""
        booster = model.booster_
        return int(booster.best_iteration) if booster.best_iteration > 0 else int(booster.current_iteration())

    def set_prediction_rounds(self, model: Any, n_rounds: int) -> None:
        """Drop all rounds after the first ``n_rounds``.

        A deep copy of a booster forgets ``best_iteration`` and predicts with all its rounds.
        """
        booster = model.booster_
        if n_rounds < booster.current_iteration():
            booster.model_from_string(booster.model_to_string(num_iteration=n_rounds))
        booster.best_iteration = booster.current_iteration()

    def find_refit_params(self, model: Any) -> dict[str, Any] | None:
        """Return the number of rounds if early stopping has reduced it."""
        if not model.__sklearn_is_fitted__() or not _has_stopped_early(model):
            return {}
        # With dart, a later round changes the weights of earlier trees.
        has_independent_rounds = "dart" not in map(model.get_params().get, ("boosting_type", "boosting"))
        n_rounds = _find_rounds_for_trees(model)
        if n_rounds is None or not has_independent_rounds:
            return None
        return {"n_estimators": n_rounds, **dict.fromkeys(PATIENCE_ALIASES)}


def _has_stopped_early(model: Any) -> bool:
    """Whether early stopping chose the number of rounds of a fitted model, which a deep copy of it forgets."""
    params = model.get_params()
    asks_for_it = any(params.get(name) is not None for name in PATIENCE_ALIASES)
    return model.booster_.best_iteration > 0 or (asks_for_it and bool(model.evals_result_))


def _find_rounds_for_trees(model: Any) -> int | None:
    """Return after how many rounds a model had the trees that it uses for predictions; None if this is not known.

    A round without a split adds no tree, but the next round may find a split in other columns. A round without a tree
    does not change the losses on the evaluation rows, so the losses show which rounds added one.
    """
    losses = [values for metrics in model.evals_result_.values() for values in metrics.values()]
    n_trees = model.booster_.current_iteration()
    n_used = min(model.booster_.best_iteration, n_trees) if model.booster_.best_iteration > 0 else n_trees
    adds_tree = np.append(True, (np.diff(losses) != 0).any(axis=0)) if losses else np.array([])
    if adds_tree.sum() < n_trees:
        return None
    return int(np.searchsorted(adds_tree.cumsum(), n_used)) + 1


LIGHTGBM = LightGBM()
