"""XGBoost: pandas categories, weights, and early stopping that is set on the estimator."""

import numpy as np

from tests.ecosystem.claims import Case, Claims, assert_same_tables, drop_times, make_mixed_data


class TestXGBoost(Claims):
    modules = ("xgboost", "pandas")

    def make_case(self, metadata=None):
        from xgboost import XGBClassifier

        X, y = make_mixed_data()
        model = XGBClassifier(n_estimators=10, enable_categorical=True, random_state=0, n_jobs=1)
        grid = {"max_depth": [1, 2, 4], "learning_rate": [0.1, 0.5]}
        return Case(model, X, y, grid, scoring="roc_auc", metadata=metadata or {})

    def test_early_stopping_on_an_eval_set(self):
        from sklearn.model_selection import GridSearchCV

        X, y = make_mixed_data()
        weights = np.linspace(0.1, 2, len(y))
        case = self.make_case({"sample_weight": weights, "eval_set": [(X[:40], y[:40])], "verbose": False})
        case.estimator.set_params(early_stopping_rounds=2)

        search = case.fit(case.search())

        expected = case.fit(GridSearchCV(case.estimator, case.grid, cv=3, scoring="roc_auc"))
        assert_same_tables(drop_times(search.cv_results_), drop_times(expected.cv_results_))
        assert search.best_estimator_.best_iteration == expected.best_estimator_.best_iteration
