"""XGBoost: early stopping, fits that pause after some rounds, and categories."""

import threading
from collections.abc import Container, Mapping
from queue import SimpleQueue
from typing import Any

import numpy as np
from sklearn import config_context, get_config
from sklearn.base import clone

from sklearn_autotune._compat import clock
from sklearn_autotune._compat.boosters._base import PartFit, has_repeatable_seed, is_exact_class

__all__ = ["XGBOOST", "PausedBoosterFit", "XGBoost", "make_feature_types"]

# The estimators with boosting rounds. XGBoost's random forests have only one round.
BOOSTERS = ("XGBClassifier", "XGBRegressor", "XGBRanker")


class PausedBoosterFit:
    """One fit of XGBoost, in its own thread, that waits whenever a requested number of rounds is reached.

    The booster is then copied into a clone of the estimator. The thread makes the result exact: XGBoost draws its
    samples from one generator per thread, and several boosters in one thread would share it.
    """

    def __init__(self, fit: PartFit, max_rounds: int) -> None:
        self.part_fit = fit
        self.template = clone(fit.estimator)
        self.max_rounds = max_rounds
        self.requests: SimpleQueue[int | None] = SimpleQueue()
        self.results: SimpleQueue[bytearray | BaseException] = SimpleQueue()
        # A daemon thread, so that Python can exit even if a search is abandoned.
        self.thread = threading.Thread(target=self._fit, args=(get_config(),), daemon=True)
        self.thread.start()

    def continue_to(self, amount: int) -> Any:
        """Return the estimator fitted with this number of rounds."""
        self.requests.put(amount)
        result = self.results.get()
        if isinstance(result, BaseException):
            raise result
        part = clone(self.template).set_params(**{self.part_fit.rounds_param: amount})
        part.load_model(result)
        return part

    def close(self) -> None:
        """End the thread, after the round that is being computed."""
        self.requests.put(None)
        self.thread.join()

    def _fit(self, config: dict[str, Any]) -> None:
        """Fit until the last round or until `close` is called; if the fit fails, put its exception into the results."""
        try:
            self._fit_with_pauses(config)
            self.results.put(RuntimeError("XGBoost ended its training before the requested round."))
        except BaseException as error:
            self.results.put(error)

    def _fit_with_pauses(self, config: dict[str, Any]) -> None:
        from xgboost.callback import TrainingCallback

        requests, results, wanted = self.requests, self.results, self.requests.get()
        if wanted is None:
            return

        class PauseAtRequests(TrainingCallback):
            def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
                nonlocal wanted
                if epoch + 1 == wanted:
                    results.put(model.save_raw("ubj"))
                    wanted = requests.get()
                return wanted is None

        rounds = {self.part_fit.rounds_param: self.max_rounds}
        part = clone(self.template).set_params(**rounds, callbacks=[PauseAtRequests()])
        with config_context(**config):  # every thread has its own settings
            part.fit(*self.part_fit.args, **self.part_fit.fit_params)


class XGBoost:
    """What XGBoost's estimators can do."""

    package = "xgboost"
    rounds_params: tuple[str, ...] = ("n_estimators",)
    rounds_aliases: tuple[str, ...] = ()
    patience_param = "early_stopping_rounds"
    keeps_training_data = False

    def find_default_rounds(self, model: Any, param: str) -> int | None:
        """Return XGBoost's default number of rounds."""
        if param != "n_estimators" or not is_exact_class(model, "xgboost", BOOSTERS):
            return None
        return int(model.get_num_boosting_rounds())

    def start_continued_fit(self, fit: PartFit, max_rounds: int) -> PausedBoosterFit | None:
        """Start a paused fit if it is known to give the same model as a fit with fewer rounds."""
        return PausedBoosterFit(fit, max_rounds) if _can_be_paused(fit) else None

    def declare_categories(self, model: Any, columns: np.ndarray, n_columns: int) -> dict[str, Any] | None:
        """Set ``feature_types`` if the model has this parameter."""
        if "feature_types" not in model.get_params():
            return None
        model.set_params(feature_types=make_feature_types(columns, n_columns))
        return {}

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
        from xgboost.callback import TrainingCallback

        class StopAtEndTime(TrainingCallback):
            def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
                # If a callback ends training in a round, XGBoost's early stopping does not see this round, but it
                # needs at least one.
                return epoch > 0 and clock.now() > end_time

        model.set_params(callbacks=[StopAtEndTime()])
        model.fit(X, y, eval_set=[eval_rows], verbose=False, **fit_params)
        model.set_params(callbacks=None)

    def get_best_rounds(self, model: Any) -> int:
        """Return the number of rounds with the lowest loss on the evaluation rows."""
        return int(model.best_iteration) + 1

    def get_used_rounds(self, model: Any) -> int:
        """Return the number of rounds that are used for predictions."""
        return self.get_best_rounds(model)

    def set_prediction_rounds(self, model: Any, n_rounds: int) -> None:
        """Change the number of rounds that are used for predictions."""
        booster = model.get_booster()
        booster.set_attr(best_iteration=str(min(n_rounds, booster.num_boosted_rounds()) - 1))

    def find_refit_params(self, model: Any) -> dict[str, Any] | None:
        """Return the number of rounds if early stopping has chosen it."""
        if not model.__sklearn_is_fitted__() or model.get_booster().attr("best_iteration") is None:
            return {}
        # With dart, a later round changes the weights of earlier trees. A linear model always uses all its rounds.
        has_independent_rounds = model.get_params().get("booster") in (None, "gbtree")
        changes = {"n_estimators": self.get_used_rounds(model), self.patience_param: None}
        return changes if has_independent_rounds else None


def make_feature_types(columns: Container[int], n_columns: int) -> list[str]:
    """Make XGBoost's ``feature_types``: "c" for columns of categories, "q" for numbers.

    Examples
    --------
    >>> make_feature_types([1], 3)
    ['q', 'c', 'q']
    """
    return ["c" if index in columns else "q" for index in range(n_columns)]


def _can_be_paused(fit: PartFit) -> bool:
    """Whether a paused fit is known to give the same model as a fit with fewer rounds."""
    if not is_exact_class(fit.estimator, "xgboost", BOOSTERS) or fit.rounds_param != "n_estimators":
        return False
    params = fit.estimator.get_params(deep=False)
    return (
        has_repeatable_seed(params)
        and params.get("booster") in (None, "gbtree")
        and params.get("early_stopping_rounds") is None
        and not params.get("callbacks")
        and not callable(params.get("objective"))
        and fit.fit_params.get("xgb_model") is None
    )


XGBOOST = XGBoost()
