"""Families for regression: their spaces, targets of any unit, limits on rows, and weights of rows."""

import numpy as np
import pytest
from sklearn.datasets import load_diabetes
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import ElasticNet, HuberRegressor, Lasso, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import SplineTransformer, StandardScaler

from sklearn_autotune import AutoModelSelector, OptunaSearchCV
from sklearn_autotune.families import FAMILIES, auto_space, get_exclusion_reason, select_families
from sklearn_autotune.families._chosen import resolve_families

NEW = ("splines", "gaussian_process", "kernel_ridge", "elastic_net", "huber")
LIMITED = [family for family in FAMILIES if family.max_rows is not None]


@pytest.fixture(scope="module")
def diabetes():
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    return X[:160], y[:160].to_numpy()


def select(name, X, y, **params):
    return AutoModelSelector("regression", [name], n_trials=2, cv=3, random_state=0, blend=False).fit(X, y, **params)


@pytest.mark.parametrize("name", NEW)
def test_the_unit_of_the_target_does_not_matter(name, diabetes):
    X, y = diabetes
    plain = select(name, X, y)
    assert plain.score(X, y) > 0.3

    for unit in (1e6, 1e-6):
        scaled = select(name, X, unit * y + 3 * unit)
        np.testing.assert_allclose(scaled.predict(X) / unit - 3, plain.predict(X), rtol=0.02)


@pytest.mark.parametrize(
    ("estimator", "names"),
    [
        (ElasticNet(), ["alpha", "l1_ratio"]),
        (Lasso(), ["alpha"]),
        (HuberRegressor(), ["alpha", "epsilon"]),
        (GaussianProcessRegressor(), ["alpha", "normalize_y"]),
        (KernelRidge(), ["alpha", "gamma", "kernel"]),
        (KernelRidge(kernel="rbf"), ["alpha", "gamma"]),
        (KernelRidge(kernel="cosine"), ["alpha"]),
        (make_pipeline(SplineTransformer(), Ridge()), ["ridge__alpha"]),
    ],
    ids=repr,
)
def test_an_automatic_space_has_the_parameters_that_matter(estimator, names):
    space = auto_space(estimator, n_rows=100)

    assert {name for branch in (space if isinstance(space, list) else [space]) for name in branch} == set(names)


def test_a_users_kernel_stays_as_it_is(diabetes):
    X, y = diabetes
    process = GaussianProcessRegressor(RBF(0.5), optimizer=None)

    search = OptunaSearchCV(make_pipeline(StandardScaler(), process), "auto", n_trials=3, cv=3, random_state=0)
    search.fit(X, y)

    assert search.best_estimator_[-1].kernel == RBF(0.5)
    assert search.best_score_ > search.cv_results_["mean_test_score"][0] - 1e-9


@pytest.mark.parametrize("family", LIMITED, ids=lambda family: family.name)
def test_a_family_for_small_tables_is_left_out_above_its_number_of_rows(family):
    most = family.max_rows

    assert get_exclusion_reason(family, "regression", most) is None
    assert family.name not in select_families("regression", most + 1)
    with pytest.raises(ValueError, match=rf"it is for at most {most:,} rows, and the table has {most + 1:,}"):
        resolve_families(family.name, "regression", most + 1)


def test_a_table_with_too_many_rows_is_refused_before_any_model_is_fitted():
    X = np.arange(2001.0)[:, None]

    with pytest.raises(ValueError, match="it is for at most 2,000 rows, and the table has 2,001"):
        AutoModelSelector("regression", "gaussian_process").fit(X, X[:, 0])


@pytest.mark.parametrize("name", ["splines", "kernel_ridge", "elastic_net", "huber", "svm", "neural"])
def test_weights_of_rows_count(name):
    """Half of the rows say the opposite, and have no weight to speak of."""
    x = np.random.RandomState(0).normal(size=(200, 1))
    y = np.where(np.arange(200) < 100, x[:, 0], -x[:, 0])
    order = np.random.RandomState(1).permutation(200)

    model = select(name, x[order], y[order], sample_weight=np.where(np.arange(200) < 100, 1.0, 1e-4)[order])

    assert np.corrcoef(model.predict(x), x[:, 0])[0, 1] > 0.9
