"""scikit-learn's check_estimator passes for all usual combinations of a search and an estimator."""

import numpy as np
import pytest
from scipy.sparse import issparse
from scipy.stats import loguniform, randint
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from sklearn_autotune import OptunaSearchCV
from tests.faults.nightly import IS_NIGHT
from tests.names import parametrize_with_checks


def search(estimator, space, **params):
    # Checks look for the estimator's own exceptions, so scikit-learn runs them on its searches in this way too.
    fixed = {"n_trials": 2, "cv": 2, "random_state": 0, "error_score": "raise"}
    return OptunaSearchCV(estimator, space, **(fixed | params))


def minus_mean_square(transformer, X, y=None):
    transformed = transformer.transform(X)
    squares = transformed.multiply(transformed).mean() if issparse(transformed) else np.nanmean(transformed**2)
    return -float(squares)


def mean_normality(detector, X, y=None):
    return float(detector.score_samples(X).mean())


# One of each kind: classifier, regressor, pipeline, transformer, clusterer, outlier detector, a search in a search.
SEARCHES = [
    search(DecisionTreeClassifier(random_state=0), {"max_depth": randint(1, 5)}),
    search(KNeighborsRegressor(), {"n_neighbors": [1, 2]}),
    search(make_pipeline(StandardScaler(), LogisticRegression()), {"logisticregression__C": [0.1, 1.0]}),
    search(StandardScaler(with_mean=False), {"with_std": [True, False]}, scoring=minus_mean_square),
    search(KMeans(n_clusters=2, n_init=1, random_state=0), {"max_iter": [10, 20]}),
    search(IsolationForest(n_estimators=5, random_state=0), {"max_samples": [0.5, 1.0]}, scoring=mean_normality),
    search(search(Ridge(), {"alpha": [0.1]}, n_trials=1), {"estimator__fit_intercept": [True, False]}),
]
OTHERS_OF_THE_SAME_KINDS = [
    search(LogisticRegression(), {"C": loguniform(1e-2, 1e2)}),
    search(Ridge(), {"alpha": loguniform(1e-2, 1e2)}),
    search(make_pipeline(StandardScaler(), Ridge()), {"ridge__alpha": loguniform(0.1, 10)}),
    search(make_pipeline(StandardScaler(), PCA(n_components=1)), {"pca__whiten": [True, False]}),
]


@parametrize_with_checks(SEARCHES + OTHERS_OF_THE_SAME_KINDS * IS_NIGHT)
@pytest.mark.filterwarnings("ignore:The least populated class:UserWarning")
@pytest.mark.filterwarnings("ignore:invalid value encountered in cast:RuntimeWarning")  # type_of_target, y infinite
def test_check_estimator(estimator, check):
    check(estimator)
