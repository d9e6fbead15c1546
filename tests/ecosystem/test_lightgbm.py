"""LightGBM: pandas categories, weights, and early stopping that is passed to ``fit``."""

import numpy as np
import pytest

from tests.ecosystem.claims import Case, Claims, assert_same_tables, drop_times, make_mixed_data


class TestLightGBM(Claims):
    modules = ("lightgbm", "pandas")

    def make_case(self, metadata=None):
        from lightgbm import LGBMClassifier

        X, y = make_mixed_data()
        X.index = X.index[::-1]
        model = LGBMClassifier(n_estimators=10, min_child_samples=5, random_state=0, n_jobs=1, verbose=-1)
        grid = {"num_leaves": [3, 7, 15], "learning_rate": [0.1, 0.3]}
        return Case(model, X, y, grid, scoring="roc_auc", metadata=metadata or {})

    @pytest.mark.parametrize("n_jobs", [1, 2])
    def test_early_stopping_passed_to_fit(self, n_jobs):
        from lightgbm import early_stopping
        from sklearn.model_selection import GridSearchCV

        X, y = make_mixed_data()
        metadata = {
            "sample_weight": np.linspace(0.1, 2, len(y)),
            "eval_set": [(X[:40], y[:40])],
            "callbacks": [early_stopping(2, verbose=False)],
        }
        case = self.make_case(metadata)

        search = case.fit(case.search(n_jobs=n_jobs))

        expected = case.fit(GridSearchCV(case.estimator, case.grid, cv=3, scoring="roc_auc"))
        assert_same_tables(drop_times(search.cv_results_), drop_times(expected.cv_results_))
        assert search.best_estimator_.best_iteration_ == expected.best_estimator_.best_iteration_
