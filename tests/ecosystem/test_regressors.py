"""quantile-forest, NGBoost, interpret and skglm: estimators with the interface of scikit-learn."""

import numpy as np
import pytest

from tests.ecosystem.claims import Case, Claims, make_data, make_mixed_data, skip_as_there


class TestQuantileForest(Claims):
    modules = ("quantile_forest",)

    def make_case(self):
        from quantile_forest import RandomForestQuantileRegressor

        X, y = make_data(is_regression=True)
        model = RandomForestQuantileRegressor(10, default_quantiles=0.5, random_state=0)
        return Case(model, X, y, {"min_samples_leaf": [1, 5, 20], "max_features": [0.5, 1.0]}, scoring="r2")

    def test_quantiles_of_the_best_estimator(self):
        case = self.make_case()
        search = case.fit(case.search())

        low, high = search.best_estimator_.predict(case.X, quantiles=[0.1, 0.9]).T

        assert np.all(low <= high)
        assert np.mean((low <= case.y) & (case.y <= high)) > 0.7

    def test_a_quantile_can_be_searched_with_its_own_loss(self):
        from sklearn.metrics import make_scorer, mean_pinball_loss

        case = self.make_case()
        case.estimator.set_params(default_quantiles=0.9)
        loss = make_scorer(mean_pinball_loss, alpha=0.9, greater_is_better=False)

        search = case.fit(case.search(scoring=loss))

        assert np.mean(case.y <= search.predict(case.X)) > 0.7


class TestNGBoost(Claims):
    """Its default tree draws from NumPy's global random state whatever ``random_state`` is, so the case seeds it."""

    modules = ("ngboost",)

    def make_case(self):
        from ngboost import NGBRegressor
        from sklearn.tree import DecisionTreeRegressor

        X, y = make_data(is_regression=True)
        model = NGBRegressor(
            Base=DecisionTreeRegressor(max_depth=3, random_state=0), n_estimators=5, random_state=0, verbose=False
        )
        return Case(model, X, y, {"learning_rate": [0.05, 0.2, 0.5], "minibatch_frac": [0.5, 1.0]}, scoring="r2")

    def test_its_own_score_is_a_loss(self):
        """So a search without ``scoring`` looks for the worst candidate, as `GridSearchCV` does."""
        case = self.make_case()
        search = case.fit(case.search(scoring=None))

        losses = [-score_likelihood(search.best_estimator_, case.X, case.y), search.score(case.X, case.y)]

        assert losses[0] == pytest.approx(losses[1])

    def test_the_likelihood_as_score(self):
        case = self.make_case()
        search = case.fit(case.search(scoring=score_likelihood))

        assert search.best_score_ == max(search.cv_results_["mean_test_score"])
        assert search.best_estimator_.pred_dist(case.X).loc.shape == (len(case.y),)


def score_likelihood(estimator, X, y):
    return float(estimator.pred_dist(X).logpdf(y).mean())


class TestInterpret(Claims):
    modules = ("interpret", "pandas")

    def make_case(self):
        from interpret.glassbox import ExplainableBoostingClassifier

        X, y = make_mixed_data(categorical="str")
        model = ExplainableBoostingClassifier(max_rounds=20, outer_bags=2, interactions=0, random_state=0, n_jobs=1)
        return Case(model, X, y, {"learning_rate": [0.01, 0.1, 0.3], "max_bins": [16, 64]})

    def test_its_own_processes_inside_ours(self):
        case = self.make_case()
        expected = case.fit(case.search()).cv_results_["mean_test_score"]
        case.estimator.set_params(n_jobs=2)

        search = case.fit(case.search(n_jobs=2))

        np.testing.assert_array_equal(search.cv_results_["mean_test_score"], expected)


class TestSkglm(Claims):
    modules = ("skglm",)

    def make_case(self):
        from skglm import Lasso

        X, y = make_data(is_regression=True, names=False)
        grid = {"alpha": [0.01, 0.1, 1.0], "fit_intercept": [True, False]}
        return Case(Lasso(), X, y, grid, scoring="r2")

    def test_an_estimator_made_of_parts(self):
        """Its ``get_params`` lists ``penalty__alpha``, which its constructor does not take."""
        from skglm import GeneralizedLinearEstimator
        from skglm.penalties import L1
        from sklearn.base import clone

        case = self.make_case()
        model = GeneralizedLinearEstimator(penalty=L1(0.1))
        try:
            clone(model)
        except TypeError as error:
            skip_as_there(error)

        case.search(estimator=model, param_distributions={"penalty__alpha": [0.1, 1.0]}).fit(case.X, case.y)
