"""A tuned booster of another library needs one library object, one constructor, and one class per kind of target."""

import lightgbm
import numpy as np
import pytest
from optuna.distributions import FloatDistribution, IntDistribution
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.model_selection import cross_val_score

from sklearn_autotune import TunedXGBClassifier, TunedXGBRegressor
from sklearn_autotune.boosting._library import BinnedFold, FoldTraining, RoundTrainer, TunedLibrary
from sklearn_autotune.boosting._signature import extend_signature
from sklearn_autotune.boosting._targets import BaseTunedClassifier, BaseTunedRegressor
from sklearn_autotune.boosting._tuned_booster import BaseTunedBooster

# -- a tuned booster of LightGBM, as the one file that it would be -----------------------------------------------------


class LightGBMTrainer:
    def __init__(self, train, X_train, X_test, params):
        self.booster = lightgbm.Booster(params, train)
        self.X_train = X_train
        self.X_test = X_test
        self.n_rounds = 0

    def train_round(self):
        self.booster.update()
        self.n_rounds += 1

    def predict_test_rows(self, n_rounds=None):
        return self.booster.predict(self.X_test, num_iteration=n_rounds, num_threads=1)

    def predict_training_rows(self, n_rounds):
        return self.booster.predict(self.X_train, num_iteration=n_rounds, num_threads=1)

    def predict_rows(self, X):
        return self.booster.predict(X, num_threads=1)

    def release(self):
        self.booster.free_dataset()


class LightGBMFold:
    def __init__(self, rows):
        self.rows = rows

    def estimate_training_bytes(self, model):
        return 8 * self.rows.X_train.size * model.num_leaves

    def make_trainer(self, settings):
        model, classes = settings
        rows = self.rows
        objective = "regression" if classes is None else "binary" if len(classes) == 2 else "multiclass"
        names = ("num_leaves", "learning_rate", "reg_lambda", "colsample_bytree")
        params = {name: value for name, value in model.get_params().items() if name in names and value is not None}
        params |= {"objective": objective, "num_threads": 1, "verbose": -1, "seed": model.random_state or 0}
        params |= {"num_class": len(classes)} if objective == "multiclass" else {}
        train = lightgbm.Dataset(
            rows.X_train, rows.labels, weight=rows.weight, params={"verbose": -1, "num_threads": 1}
        )
        return LightGBMTrainer(train, rows.X_train, rows.X_test, params)


class LightGBMLibrary:
    params = ("num_leaves", "learning_rate", "reg_lambda", "colsample_bytree")
    unsearched_params = ()
    rounds_param = "n_estimators"

    def make_model(self, settings, encoder, column_names, *, is_classifier, seed):
        kind = lightgbm.LGBMClassifier if is_classifier else lightgbm.LGBMRegressor
        given = {name: value for name, value in settings.items() if value is not None}
        return kind(**given, n_jobs=1, verbose=-1, random_state=seed)

    def make_space(self, shape):
        return {
            "learning_rate": FloatDistribution(0.01, 0.3, log=True),
            "num_leaves": IntDistribution(3, 31, log=True),
            "reg_lambda": FloatDistribution(0.01, 10.0, log=True),
        }

    def make_first_candidates(self, space, learning_rate, shape):
        first = {"learning_rate": learning_rate, "num_leaves": 7, "reg_lambda": 1.0}
        return [{name: value for name, value in first.items() if name in space}]

    def get_learning_rate(self, model):
        return model.learning_rate

    def get_binning(self, model):
        return None

    def read_settings(self, model, classes):
        return model, classes

    def bin_fold(self, model, rows):
        return LightGBMFold(rows)


class BaseTunedLGBM(BaseTunedBooster):
    _library = LightGBMLibrary()
    _parameter_constraints = {  # noqa: RUF012
        **BaseTunedBooster._parameter_constraints,
        **dict.fromkeys((*LightGBMLibrary.params, "class_weight"), "no_validation"),
    }

    @extend_signature(BaseTunedBooster)
    def __init__(self, *, num_leaves=None, learning_rate=None, reg_lambda=None, colsample_bytree=None, **params):
        super().__init__(**params)
        self.num_leaves = num_leaves
        self.learning_rate = learning_rate
        self.reg_lambda = reg_lambda
        self.colsample_bytree = colsample_bytree


class TunedLGBMClassifier(BaseTunedClassifier, BaseTunedLGBM):
    @extend_signature(BaseTunedLGBM)
    def __init__(self, *, class_weight=None, **params):
        super().__init__(**params)
        self.class_weight = class_weight


class TunedLGBMRegressor(BaseTunedRegressor, BaseTunedLGBM):
    pass


# -- what it gives -----------------------------------------------------------------------------------------------------


def list_members(protocol):
    """The names that a protocol and those that it extends ask for."""
    return {
        name
        for kind in protocol.__mro__
        if kind.__module__ == protocol.__module__
        for name in vars(kind)
        if not name.startswith("_")
    }


def test_a_library_has_to_write_these_members_and_no_others():
    assert list_members(RoundTrainer) == {
        "n_rounds",
        "predict_rows",
        "predict_test_rows",
        "predict_training_rows",
        "release",
        "train_round",
    }
    assert list_members(BinnedFold) == {"estimate_training_bytes", "make_trainer"}
    assert list_members(FoldTraining) == {
        "bin_fold",
        "get_binning",
        "get_learning_rate",
        "read_settings",
        "rounds_param",
    }
    assert list_members(TunedLibrary) - list_members(FoldTraining) == {
        "make_first_candidates",
        "make_model",
        "make_space",
        "params",
        "unsearched_params",
    }
    own = {name for name in vars(LightGBMLibrary) if not name.startswith("_")}
    assert own == list_members(TunedLibrary)


def test_another_library_is_tuned_and_its_winner_scores_what_its_own_estimator_scores():
    X, y = load_breast_cancer(return_X_y=True)
    labels = np.array(["malignant", "benign"])[y]

    search = TunedLGBMClassifier(n_trials=3, cv=3, random_state=0).fit(X, labels)

    assert type(search.best_estimator_) is lightgbm.LGBMClassifier
    assert search.best_estimator_.n_estimators == search.n_estimators_ > 1
    codes = np.searchsorted(search.classes_, labels)
    again = cross_val_score(clone(search.best_estimator_), X, codes, cv=3, scoring="neg_log_loss")
    row = [search.cv_results_[f"split{fold}_test_score"][search.best_index_] for fold in range(3)]
    np.testing.assert_allclose(row, again, rtol=1e-6)
    assert set(search.predict(X)) == {"malignant", "benign"}
    assert search.score(X, labels) > 0.95
    np.testing.assert_array_equal(search.deployed_model().predict(X), search.predict(X))


def test_another_library_refines_its_learning_rate_and_keeps_what_is_set():
    X, y = load_diabetes(return_X_y=True)

    refined = TunedLGBMRegressor(n_trials=10, cv=2, random_state=0).fit(X, y)
    fixed = TunedLGBMRegressor(n_trials=2, cv=2, random_state=0, learning_rate=0.3, num_leaves=4).fit(X, y)

    assert [params["learning_rate"] for params in refined.cv_results_["params"]][-1] == pytest.approx(0.05)
    assert {"learning_rate", "num_leaves"}.isdisjoint(fixed.best_params_)
    assert fixed.best_estimator_.get_params()["num_leaves"] == 4


def test_the_space_of_another_library_is_checked_against_its_own_parameters():
    X, y = load_diabetes(return_X_y=True)

    with pytest.raises(
        ValueError, match=r"max_depht.*LGBMRegressor has no such parameters.*colsample_bytree, learning_rate"
    ):
        TunedLGBMRegressor(space={"max_depht": [1, 2]}).fit(X, y)
    with pytest.raises(ValueError, match="n_estimators cannot be in the space"):
        TunedLGBMRegressor(space={"n_estimators": [1, 2]}).fit(X, y)


@pytest.mark.parametrize("kind", [TunedXGBClassifier, TunedXGBRegressor, TunedLGBMClassifier])
def test_the_constructor_stores_each_parameter_under_its_name(kind):
    params = kind().get_params()
    changed = {name: object() for name in params}

    assert set(BaseTunedBooster._get_param_names()) < set(params)
    assert kind(**changed).get_params(deep=False) == changed
