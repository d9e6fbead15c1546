"""CatBoost: early stopping."""

import os
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import numpy as np

from sklearn_autotune._compat import clock
from sklearn_autotune._compat.boosters._base import ContinuedPartFit, PartFit

__all__ = ["CATBOOST", "CatBoost", "import_catboost"]


# Parameters whose defaults depend on the number of rounds or on evaluation rows, each with its aliases.
DEFAULTS_THAT_DEPEND_ON_ROUNDS = (("learning_rate", "eta"), ("leaf_estimation_iterations",))

# CatBoost allocates by mimalloc, which reads this variable when it is loaded. By default it keeps what is freed: 160 MB
# after a fit of 900,000 rows and 10 columns. With 0 it gives it back at once, for 2 % of the fit's time.
ALLOCATOR_VARIABLE = "MIMALLOC_PURGE_DELAY"


def import_catboost() -> Any:
    """Import CatBoost, so that it gives freed memory back to the system, unless the user has set its allocator."""
    is_set = ALLOCATOR_VARIABLE in os.environ
    os.environ.setdefault(ALLOCATOR_VARIABLE, "0")
    try:
        return import_module("catboost")
    finally:
        if not is_set:
            del os.environ[ALLOCATOR_VARIABLE]


class CatBoost:
    """What CatBoost's estimators can do."""

    package = "catboost"
    rounds_params: tuple[str, ...] = ("iterations",)
    rounds_aliases: tuple[str, ...] = ("n_estimators", "num_boost_round", "num_trees")
    patience_param = "early_stopping_rounds"
    keeps_training_data = True  # of 900,000 rows and 10 columns, 86 MB

    def find_default_rounds(self, model: Any, param: str) -> int | None:
        """Return None, because ``get_params`` omits parameters that were not set."""
        return None

    def start_continued_fit(self, fit: PartFit, max_rounds: int) -> ContinuedPartFit | None:
        """Return None, because no exact way to continue a fit is known."""
        return None

    def declare_categories(self, model: Any, columns: np.ndarray, n_columns: int) -> dict[str, Any] | None:
        """Return None, because CatBoost receives one-hot columns."""
        return None

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

        class StopAtEndTime:
            def after_iteration(self, info: Any) -> bool:
                return clock.now() <= end_time

        # Rounds after the best one are kept, because other folds may need them.
        model.fit(X, y, eval_set=eval_rows, use_best_model=False, callbacks=[StopAtEndTime()], **fit_params)

    def get_best_rounds(self, model: Any) -> int:
        """Return the number of rounds with the lowest loss on the evaluation rows."""
        return int(model.best_iteration_) + 1

    def get_used_rounds(self, model: Any) -> int:
        """Return the number of rounds that are used for predictions."""
        return int(model.tree_count_)

    def set_prediction_rounds(self, model: Any, n_rounds: int) -> None:
        """Change the number of rounds that are used for predictions."""
        model.shrink(ntree_end=min(n_rounds, model.tree_count_))

    def find_refit_params(self, model: Any) -> dict[str, Any] | None:
        """Return the number of rounds if it was reduced, and the values of parameters that depend on it."""
        if not model.is_fitted():
            return {}
        used_params = model.get_all_params()
        if model.tree_count_ == used_params["iterations"] and not used_params.get("use_best_model"):
            return {}
        own_params = model.get_params()
        defaults = {
            names[0]: used_params[names[0]]
            for names in DEFAULTS_THAT_DEPEND_ON_ROUNDS
            if names[0] in used_params and not own_params.keys() & set(names)
        }
        removed = dict.fromkeys((self.patience_param, "use_best_model", *self.rounds_aliases))
        return {"iterations": self.get_used_rounds(model)} | removed | defaults


CATBOOST = CatBoost()
