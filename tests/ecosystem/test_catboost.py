"""CatBoost: its own categories, and an ``eval_set`` that is passed to ``fit``."""

import pytest

from tests.ecosystem.claims import Case, Claims, assert_same_tables, drop_times, make_mixed_data


class TestCatBoost(Claims):
    modules = ("catboost", "pandas")

    def make_case(self, metadata=None):
        from catboost import CatBoostClassifier

        X, y = make_mixed_data(categorical="str")
        model = CatBoostClassifier(
            iterations=10,
            cat_features=("city",),
            random_seed=0,
            thread_count=1,
            verbose=False,
            allow_writing_files=False,
        )
        grid = {"depth": [2, 4], "learning_rate": [0.03, 0.1, 0.3]}
        return Case(model, X, y, grid, metadata=metadata or {})

    def test_early_stopping_passed_to_fit(self):
        from sklearn.model_selection import GridSearchCV

        X, y = make_mixed_data(categorical="str")
        case = self.make_case({"eval_set": (X[:40], y[:40]), "early_stopping_rounds": 2})

        search = case.fit(case.search())

        expected = case.fit(GridSearchCV(case.estimator, case.grid, cv=3))
        assert_same_tables(drop_times(search.cv_results_), drop_times(expected.cv_results_))
        assert search.best_estimator_.tree_count_ == expected.best_estimator_.tree_count_

    def test_categories_passed_to_fit(self):
        from catboost import CatBoostClassifier
        from sklearn.model_selection import GridSearchCV

        X, y = make_mixed_data(categorical="str")
        model = CatBoostClassifier(
            iterations=10, random_seed=0, thread_count=1, verbose=False, allow_writing_files=False
        )
        case = Case(model, X, y, {"depth": [2, 4]}, metadata={"cat_features": ["city"]})

        search = case.fit(case.search())

        expected = case.fit(GridSearchCV(model, case.grid, cv=3))
        assert_same_tables(drop_times(search.cv_results_), drop_times(expected.cv_results_))

    def test_a_list_of_categories_is_refused_with_what_to_write(self):
        case = self.make_case()
        case.estimator.set_params(cat_features=["city"])

        with pytest.raises(RuntimeError, match="Cannot clone object CatBoostClassifier") as caught:
            case.fit(case.search())

        assert "cat_features=('city',)" in "".join(caught.value.__notes__)
