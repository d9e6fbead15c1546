"""scikit-survival: a structured target, and scorers that are wrapped around the estimator."""

import numpy as np

from tests.ecosystem.claims import Case, Claims, assert_same_tables, drop_times, make_data


def make_times():
    from sksurv.util import Surv

    X, risk = make_data(is_regression=True)
    random = np.random.RandomState(2)
    times, censored = random.exponential(np.exp(-risk)), random.exponential(2.0, len(risk))
    return X, Surv.from_arrays(times <= censored, np.minimum(times, censored) + 0.01)


class TestScikitSurvival(Claims):
    modules = ("sksurv",)

    def make_case(self):
        from sksurv.ensemble import RandomSurvivalForest

        X, y = make_times()
        model = RandomSurvivalForest(10, random_state=0)
        return Case(model, X, y, {"min_samples_leaf": [3, 10, 30], "max_features": [0.5, 1.0]})

    def test_a_scorer_wrapped_around_the_estimator(self):
        from sklearn.model_selection import GridSearchCV
        from sksurv.linear_model import CoxPHSurvivalAnalysis
        from sksurv.metrics import as_concordance_index_ipcw_scorer

        X, y = make_times()
        model = as_concordance_index_ipcw_scorer(CoxPHSurvivalAnalysis(), tau=float(np.quantile(y["time"], 0.7)))
        case = Case(model, X, y, {"estimator__alpha": [0.01, 1.0, 100.0]})

        search = case.fit(case.search())

        expected = case.fit(GridSearchCV(model, case.grid, cv=3))
        assert_same_tables(drop_times(search.cv_results_), drop_times(expected.cv_results_))
        assert len(search.best_estimator_.estimator_.predict_survival_function(X)) == len(X)
