"""quantile-forest, NGBoost, interpret and skglm: estimators with the interface of scikit-learn."""

import numpy as np
import pytest

from tests.ecosystem.claims import Case, Claims, make_data, make_mixed_data


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
    modules = ("ngboost",)

    def make_case(self):
        from ngboost import NGBRegressor

        X, y = make_data(is_regression=True)
        model = NGBRegressor(n_estimators=5, random_state=0, verbose=False)
        return Case(model, X, y, {"learning_rate": [0.05, 0.2, 0.5], "minibatch_frac": [0.5, 1.0]}, scoring="r2")

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
        model = ExplainableBoostingClassifier(
            max_rounds=20, outer_bags=2, interactions=0, random_state=0, n_jobs=1, validation_size=0
        )
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
        from skglm import GeneralizedLinearEstimator
        from skglm.datafits import Quadratic
        from skglm.penalties import L1
        from skglm.solvers import AndersonCD

        X, y = make_data(is_regression=True, names=False)
        model = GeneralizedLinearEstimator(Quadratic(), L1(0.1), AndersonCD())
        grid = {"penalty": [L1(alpha) for alpha in (0.01, 0.03, 0.1, 0.3, 1.0, 3.0)]}
        return Case(model, X, y, grid, scoring="r2")

    @pytest.mark.parametrize("n_jobs", [1, 2])
    def test_a_plain_lasso(self, n_jobs):
        from skglm import Lasso
        from sklearn.model_selection import GridSearchCV

        X, y = make_data(is_regression=True, names=False)
        case = Case(Lasso(), X, y, {"alpha": [0.01, 0.1, 1.0]}, scoring="r2")

        search = case.fit(case.search(n_jobs=n_jobs))

        expected = case.fit(GridSearchCV(case.estimator, case.grid, cv=3, scoring="r2"))
        np.testing.assert_array_equal(search.cv_results_["mean_test_score"], expected.cv_results_["mean_test_score"])
