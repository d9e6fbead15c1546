"""Rows with three classes of unequal sizes, and estimators to be measured on their folds."""

import numpy as np
from sklearn.datasets import make_classification
from sklearn.metrics import check_scoring
from sklearn.model_selection import StratifiedKFold

from sklearn_autotune.evaluation import Fold, Task, WholeFolds

X, y = make_classification(300, 6, n_classes=3, n_informative=4, weights=[0.6, 0.3, 0.1], random_state=0)


def whole_folds(estimator, X=X, y=y, cv=None, scoring=None, **options):
    cv = cv or StratifiedKFold(3)
    task = Task(
        X=X,
        y=y,
        folds=tuple(Fold(number, *rows) for number, rows in enumerate(cv.split(X, y))),
        scorer=check_scoring(estimator, scoring=scoring),
        fit_params=options.pop("fit_params", {}),
        score_params=options.pop("score_params", {}),
        error_score=options.pop("error_score", np.nan),
        return_train_score=options.pop("return_train_score", False),
    )
    return WholeFolds(estimator, task, **options)
