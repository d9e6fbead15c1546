"""imbalanced-learn: samplers change the rows that the last step of its Pipeline is fitted on."""

import numpy as np

from sklearn_autotune import OptunaSearchCV
from tests.ecosystem.claims import Case, Claims, make_data


class TestImbalancedLearn(Claims):
    modules = ("imblearn",)

    def make_case(self):
        from imblearn.over_sampling import SMOTE
        from imblearn.pipeline import Pipeline
        from sklearn.linear_model import LogisticRegression
        from sklearn.preprocessing import StandardScaler

        X, y = make_data()
        keep = (y == 0) | (np.arange(len(y)) % 3 == 0)
        model = Pipeline(
            [("scale", StandardScaler()), ("sample", SMOTE(random_state=0)), ("model", LogisticRegression())]
        )
        grid = {"sample__k_neighbors": [1, 3], "model__C": [0.01, 1, 100]}
        return Case(model, X[keep], y[keep], grid, scoring="balanced_accuracy")

    def test_rows_are_resampled_in_training_only(self):
        from imblearn.over_sampling import RandomOverSampler
        from imblearn.pipeline import Pipeline

        from tests.ecosystem.counting import RowCounter

        case = self.make_case()
        model = Pipeline([("sample", RandomOverSampler(random_state=0)), ("model", RowCounter())])
        n_rows, n_rare = len(case.y), int(case.y.sum())

        search = OptunaSearchCV(model, {"model__C": [1.0, 2.0]}, cv=2, scoring=score_rows, refit=True)
        search.fit(case.X, case.y)

        assert search.best_estimator_["model"].n_rows_ == 2 * (n_rows - n_rare)
        trained, scored = np.divmod(search.cv_results_["mean_test_score"], 1000)
        assert set(trained) == {n_rows - n_rare}
        assert set(scored) == {n_rows / 2}


def score_rows(estimator, X, y):
    """Rows that the last step was trained on, in thousands, and rows that it is scored on."""
    return 1000 * estimator[-1].n_rows_ + len(X)
