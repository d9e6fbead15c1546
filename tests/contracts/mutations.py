"""Randomly drawn searches: an estimator, a grid, scores, folds, a type of table, a storage.

Each must give the same results as ``GridSearchCV`` on the same folds, or a clear error.
"""

import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import scipy.sparse as sp
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.cross_decomposition import PLSRegression
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import (
    BaggingClassifier,
    ExtraTreesRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.feature_selection import RFE, SelectKBest
from sklearn.linear_model import (
    GammaRegressor,
    HuberRegressor,
    Lasso,
    LogisticRegression,
    Perceptron,
    QuantileRegressor,
    Ridge,
    RidgeClassifier,
    SGDClassifier,
)
from sklearn.metrics import make_scorer
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    LeaveOneGroupOut,
    PredefinedSplit,
    RepeatedKFold,
    RepeatedStratifiedKFold,
    ShuffleSplit,
    StratifiedGroupKFold,
    StratifiedKFold,
    StratifiedShuffleSplit,
    TimeSeriesSplit,
    TunedThresholdClassifierCV,
)
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.naive_bayes import BernoulliNB, GaussianNB
from sklearn.neighbors import KernelDensity, KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import KBinsDiscretizer, OneHotEncoder, PolynomialFeatures, StandardScaler
from sklearn.semi_supervised import SelfTrainingClassifier
from sklearn.svm import SVC, SVR, LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from sklearn.utils.validation import has_fit_parameter, validate_data
from xgboost import XGBClassifier, XGBRegressor


class OddClassifier(ClassifierMixin, BaseEstimator):
    """Predicts the first class; fails where and how it is told to."""

    def __init__(self, fault="none"):
        self.fault = fault

    def fit(self, X, y):
        X, y = validate_data(self, X, y, dtype=None, ensure_all_finite=False, accept_sparse=True)
        if self.fault == "fit":
            raise ValueError("this candidate cannot be fitted")
        if self.fault == "fit_memory":
            raise MemoryError("this candidate needs too much memory")
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        if self.fault == "predict":
            raise RuntimeError("this candidate cannot predict")
        return np.full(X.shape[0], self.classes_[0])

    def predict_proba(self, X):
        if self.fault == "predict_proba":
            raise AttributeError("this candidate has no probabilities")
        fill = np.nan if self.fault == "nan" else 1 / len(self.classes_)
        return np.full((X.shape[0], len(self.classes_)), fill)


def score_two_ways(estimator, X, y):
    """A scorer that gives a dict."""
    hits = np.asarray(estimator.predict(X)) == np.asarray(y)
    return {"hits": float(hits.mean()), "misses": -float((~hits).sum())}


def count_hits(estimator, X, y):
    """A scorer that gives a NumPy integer."""
    return (np.asarray(estimator.predict(X)) == np.asarray(y)).sum()


def mean_of_scores(estimator, X, y=None):
    """A score without targets."""
    return float(np.mean(estimator.score_samples(X)))


def root_absolute_error(y_true, y_pred):
    """A metric of the user's own."""
    return float(np.sqrt(np.mean(np.abs(np.asarray(y_true) - np.asarray(y_pred)))))


CLASSIFIERS = [
    (LogisticRegression(max_iter=500), {"C": [0.01, 1.0, 100.0]}),
    (LogisticRegression(max_iter=500), [{"C": [0.1]}, {"C": [1.0], "fit_intercept": [True, False]}]),
    (RidgeClassifier(), {"alpha": [0.1, 10]}),
    (LinearSVC(dual=False), {"C": np.logspace(-2, 0, 3)}),
    (SVC(), {"C": [0.1, 1], "kernel": ["linear", "rbf"]}),
    (SVC(kernel="precomputed"), {"C": [0.1, 1]}),
    (DecisionTreeClassifier(random_state=0), {"max_depth": [1, None], "criterion": ["gini", "entropy"]}),
    (RandomForestClassifier(n_estimators=6, random_state=0), {"max_features": ["sqrt", 1.0, 2]}),
    (HistGradientBoostingClassifier(max_iter=5, random_state=0), {"max_leaf_nodes": [3, 9]}),
    (KNeighborsClassifier(), {"n_neighbors": [1, 5], "weights": ["uniform", "distance"]}),
    (KNeighborsClassifier(), {"n_neighbors": [1, 10_000]}),
    (GaussianNB(), {"var_smoothing": [1e-9, 1e-2]}),
    (BernoulliNB(), {"alpha": [0.1, 1.0], "binarize": [0.0, None]}),
    (LinearDiscriminantAnalysis(), {"solver": ["svd", "lsqr"]}),
    (SGDClassifier(random_state=0, max_iter=50, tol=None), {"loss": ["hinge", "log_loss"]}),
    (Perceptron(random_state=0, max_iter=50, tol=None), {"penalty": [None, "l2"]}),
    (make_pipeline(StandardScaler(with_mean=False), LogisticRegression()), {"logisticregression__C": [0.1, 1]}),
    (make_pipeline(SelectKBest(k=2), GaussianNB()), {"selectkbest__k": [1, 2, 99]}),
    (make_pipeline(PCA(random_state=0), LogisticRegression()), {"pca": ["passthrough", PCA(2, random_state=0)]}),
    (
        make_pipeline(KBinsDiscretizer(encode="ordinal", quantile_method="averaged_inverted_cdf"), GaussianNB()),
        {"kbinsdiscretizer__n_bins": [2, 4]},
    ),
    (CalibratedClassifierCV(GaussianNB(), cv=2), {"method": ["sigmoid", "isotonic"]}),
    (TunedThresholdClassifierCV(LogisticRegression(), cv=2, random_state=0), {"scoring": ["f1", "accuracy"]}),
    (BaggingClassifier(GaussianNB(), 3, random_state=0), {"max_samples": [0.5, 1.0]}),
    (OneVsRestClassifier(LogisticRegression()), {"estimator__C": [0.1, 1]}),
    (OneVsOneClassifier(LinearSVC(dual=False)), {"estimator__C": [0.1, 1]}),
    (SelfTrainingClassifier(GaussianNB()), {"threshold": [0.7, 0.9]}),
    (RFE(LogisticRegression()), {"n_features_to_select": [1, 2]}),
    (
        StackingClassifier([("a", GaussianNB()), ("b", DecisionTreeClassifier(random_state=0))], cv=2),
        {"a": ["drop", GaussianNB()]},
    ),
    (
        VotingClassifier([("a", GaussianNB()), ("b", LogisticRegression())], voting="soft"),
        {"weights": [None, [1, 2]], "b__C": [1]},
    ),
    (XGBClassifier(n_estimators=4, n_jobs=1), {"max_depth": [1, 3]}),
    (OddClassifier(), {"fault": ["none", "fit"]}),
    (OddClassifier(), {"fault": ["predict", "none"]}),
    (OddClassifier(), {"fault": ["predict_proba", "none", "nan"]}),
    (OddClassifier(), {"fault": ["fit_memory", "fit"]}),
]
REGRESSORS = [
    (Ridge(), {"alpha": [0.1, 1.0, 10]}),
    (Ridge(), {"alpha": [1.0, -1.0]}),
    (Lasso(), {"alpha": np.array([0.01, 0.1])}),
    (HuberRegressor(max_iter=500), {"epsilon": [1.2, 2.0]}),
    (QuantileRegressor(alpha=0.0), {"quantile": [0.25, 0.5]}),
    (GammaRegressor(), {"alpha": [0.1, 1.0]}),
    (SVR(), {"C": [0.1, 1], "epsilon": [0.0, 0.1]}),
    (KNeighborsRegressor(), {"n_neighbors": range(1, 4)}),
    (DecisionTreeRegressor(random_state=0), {"max_depth": [1, 3], "ccp_alpha": [0.0]}),
    (ExtraTreesRegressor(n_estimators=5, random_state=0), {"min_samples_leaf": [1, 0.2]}),
    (HistGradientBoostingRegressor(max_iter=5, random_state=0), {"loss": ["squared_error", "poisson"]}),
    (PLSRegression(), {"n_components": [1, 2]}),
    (TransformedTargetRegressor(Ridge(), func=np.log1p, inverse_func=np.expm1), {"regressor__alpha": [0.1, 1]}),
    (make_pipeline(PolynomialFeatures(), Ridge()), {"polynomialfeatures__degree": [1, 2]}),
    (XGBRegressor(n_estimators=4, n_jobs=1), {"reg_lambda": [0.0, 1.0]}),
]
UNSUPERVISED = [
    (KMeans(2, n_init=1, random_state=0), {"max_iter": [5, 10]}),
    (GaussianMixture(random_state=0), {"n_components": [1, 2]}),
    (KernelDensity(), {"bandwidth": [0.5, 1.0]}),
    (PCA(random_state=0), {"n_components": [1, 2]}),
    (IsolationForest(n_estimators=5, random_state=0), {"max_features": [1, 2]}),
]

CLASSIFIER_SCORES: list[Any] = [
    None,
    "accuracy",
    "balanced_accuracy",
    "neg_log_loss",
    "roc_auc_ovr",
    "f1_macro",
    "neg_brier_score",
    "matthews_corrcoef",
    "top_k_accuracy",
    "average_precision",
    count_hits,
    score_two_ways,
    ["accuracy", "f1_macro"],
    ("accuracy", "neg_log_loss"),
    {"accuracy", "f1_weighted"},
    {"a": "accuracy", "loss": "neg_log_loss"},
    make_scorer(root_absolute_error, greater_is_better=False),
]
REGRESSOR_SCORES: list[Any] = [
    None,
    "r2",
    "neg_root_mean_squared_error",
    "neg_mean_absolute_error",
    "neg_mean_squared_log_error",
    "neg_mean_poisson_deviance",
    "d2_absolute_error_score",
    "explained_variance",
    ["r2", "neg_max_error"],
    make_scorer(root_absolute_error, greater_is_better=False),
]

CONTAINERS = {
    "float64": lambda X: X,
    "float32": lambda X: X.astype(np.float32),
    "float16": lambda X: X.astype(np.float16),
    "int8": lambda X: np.round(X * 10).astype(np.int8),
    "Fortran": np.asfortranarray,
    "strided": lambda X: np.repeat(X, 2, axis=1)[:, ::2],
    "read only": lambda X: _make_read_only(X.copy()),
    "list": lambda X: X.tolist(),
    "object": lambda X: X.astype(object),
    "csr": sp.csr_matrix,
    "csc_array": sp.csc_array,
    "coo": sp.coo_matrix,
    "DataFrame": lambda X: pd.DataFrame(X, columns=list("abcd")),
    "frame of odd index": lambda X: pd.DataFrame(X, columns=list("abcd"), index=np.arange(len(X))[::-1] * 7),
    "nullable": lambda X: pd.DataFrame(X, columns=list("abcd")).astype("Float64"),
    "arrow": lambda X: pd.DataFrame(X, columns=list("abcd")).astype("float64[pyarrow]"),
    "mixed": lambda X: pd.DataFrame({"a": X[:, 0], "b": X[:, 1] > 0, "c": np.round(X[:, 2]).astype(int), "d": X[:, 3]}),
    "polars": lambda X: pl.DataFrame(X, schema=list("abcd")),
    "gaps": lambda X: np.where(np.arange(X.size).reshape(X.shape) % 17 == 3, np.nan, X),
    "words": lambda X: pd.DataFrame({"a": X[:, 0], "w": np.where(X[:, 1] > 0, "up", "down")}),
}
TARGETS = {
    "int": lambda y: y,
    "str": lambda y: np.array(["no", "yes", "perhaps"])[y],
    "object": lambda y: np.array(["no", "yes", "perhaps"], dtype=object)[y],
    "bool": lambda y: y > 0,
    "list": lambda y: y.tolist(),
    "Series": lambda y: pd.Series(y, index=np.arange(len(y))[::-1]),
    "category": lambda y: pd.Series(np.array(["no", "yes", "perhaps"])[y]).astype("category"),
    "polars": lambda y: pl.Series("y", y),
    "negative": lambda y: y - 1,
    "float": lambda y: y.astype(float),
    "int8": lambda y: y.astype(np.int8),
}


def takes_numbers_only(estimator):
    """Whether an estimator refuses gaps and words."""
    return not isinstance(estimator, (*TREES, *ENCODED))


TREES = (
    DecisionTreeClassifier,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    XGBClassifier,
    XGBRegressor,
)
ENCODED = (LogisticRegression, Ridge, OddClassifier)


def _make_read_only(X):
    X.flags.writeable = False
    return X


@dataclass
class Mutation:
    """One search drawn at random, and the table it is fitted on."""

    estimator: Any
    grid: Any
    scoring: Any
    refit: Any
    cv: Any
    X: Any
    y: Any
    params: dict[str, Any]
    settings: dict[str, Any]
    storage: str | None
    words: str


def draw(seed):
    """Draws the search of number `seed`.

    Parameters
    ----------
    seed : int
        The same number gives the same search.

    Returns
    -------
    Mutation
        The search and its table of 48 rows and four columns.
    """
    random = np.random.default_rng([seed, 2311])

    def choose(options):
        return options[random.integers(len(options))]

    kind = choose(["classifier"] * 6 + ["regressor"] * 3 + ["unsupervised"])
    X = random.normal(size=(48, 4))
    latent = X[:, 0] + 0.5 * X[:, 1] + random.normal(0, 0.7, 48)
    groups = np.arange(48) // 6
    catalogue = {"classifier": CLASSIFIERS, "regressor": REGRESSORS, "unsupervised": UNSUPERVISED}[kind]
    estimator, grid = choose(catalogue)
    odd = ("gaps", "words") if takes_numbers_only(estimator) else ()
    container = choose([name for name in CONTAINERS if name not in odd])
    target = "none"
    if kind == "classifier":
        n_classes = choose([2, 2, 3])
        codes = np.digitize(latent, np.quantile(latent, np.arange(1, n_classes) / n_classes))
        target = choose(list(TARGETS))
        y = TARGETS[target](codes)
        scoring = choose(CLASSIFIER_SCORES)
    elif kind == "regressor":
        target = choose(["plain", "positive", "list", "column", "float32"])
        y = {
            "plain": latent,
            "positive": np.exp(latent),
            "list": latent.tolist(),
            "column": latent[:, None],
            "float32": latent.astype(np.float32),
        }[target]
        scoring = choose(REGRESSOR_SCORES)
    else:
        y = None
        scoring = choose([None, mean_of_scores])
    cv, needs_groups = choose(
        [
            (None, False),
            (2, False),
            (3, False),
            (KFold(3, shuffle=True, random_state=1), False),
            (StratifiedKFold(3), False),
            (GroupKFold(3), True),
            (LeaveOneGroupOut(), True),
            (StratifiedGroupKFold(2), True),
            (TimeSeriesSplit(3), False),
            (RepeatedKFold(n_splits=2, n_repeats=2, random_state=0), False),
            (RepeatedStratifiedKFold(n_splits=2, n_repeats=2, random_state=0), False),
            (ShuffleSplit(2, test_size=0.3, random_state=0), False),
            (StratifiedShuffleSplit(2, test_size=9, random_state=0), False),
            (PredefinedSplit(np.arange(48) % 3 - 1), False),
            ([(np.arange(24), np.arange(24, 48)), (np.arange(24, 48), np.arange(24))], False),
            ([(list(range(30)), list(range(30, 48)))], False),
        ]
    )
    several = isinstance(scoring, (list, tuple, set, dict)) or scoring is score_two_ways
    names = {"hits"} if scoring is score_two_ways else scoring
    refit = choose([sorted(names)[0], False]) if several else choose([True, True, False])
    params = {"groups": groups} if needs_groups else {}
    if choose([False, False, True]) and kind != "unsupervised" and has_fit_parameter(estimator, "sample_weight"):
        params["sample_weight"] = random.uniform(0.5, 2, 48)
    error_score = choose([np.nan, np.nan, 0.0, "raise"])
    if scoring is score_two_ways:
        error_score = "raise"  # GridSearchCV fails where it mixes a number for a failure with the dicts of a scorer
    settings = {
        "error_score": error_score,
        "return_train_score": choose([False, True]),
        "n_jobs": choose([None, None, None, 2]),
    }
    storage = choose([None, None, "sqlite", "journal"])
    drawn = [container, target, scoring, repr(cv)[:60], refit, sorted(params), settings, storage]
    table = CONTAINERS[container](X)
    if container == "words" and isinstance(estimator, (DecisionTreeClassifier, Ridge, LogisticRegression)):
        encoder = ColumnTransformer([("w", OneHotEncoder(handle_unknown="ignore"), ["w"])], remainder="passthrough")
        name = type(estimator).__name__.lower()
        estimator = make_pipeline(encoder, estimator)
        grids = grid if isinstance(grid, list) else [grid]
        grid = [{f"{name}__{key}": values for key, values in one.items()} for one in grids]
    if container == "words" and hasattr(estimator, "enable_categorical"):
        table = table.astype({"w": "category"})
    words = " ".join(map(str, [seed, repr(estimator)[:150], repr(grid)[:150], *drawn]))
    return Mutation(estimator, grid, scoring, refit, cv, table, y, params, settings, storage, words)


def fit(make, mutation):
    """Fits a search and gives it back, or the exception that ended it.

    Parameters
    ----------
    make : callable
        Called with the estimator, the grid and the search's settings; gives an unfitted search.
    mutation : Mutation
        The search to make.

    Returns
    -------
    object or Exception
        The fitted search, or what `fit` raised.
    """
    settings = dict(scoring=mutation.scoring, refit=mutation.refit, cv=mutation.cv, **mutation.settings)
    search = make(clone(mutation.estimator), mutation.grid, **settings)
    arguments = (mutation.X,) if mutation.y is None else (mutation.X, mutation.y)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return search.fit(*arguments, **mutation.params)
    except Exception as error:
        return error


def make_storage(name, folder):
    """Gives the URL or object of a storage in a folder.

    Parameters
    ----------
    name : {None, "sqlite", "journal"}
        Which.
    folder : path
        Where its file lies.

    Returns
    -------
    str, JournalStorage or None
        What `OptunaSearchCV` takes as `storage`.
    """
    if name is None:
        return None
    if name == "sqlite":
        return f"sqlite:///{Path(folder) / 'study.db'}"
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    return JournalStorage(JournalFileBackend(str(Path(folder) / "study.log")))


def temporary_folder():
    """Gives a folder that is deleted at the end of a `with`."""
    return tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
