"""Values as Python code: the code gives an equal value, and an error names a value that cannot be written."""

import operator
import re
from collections import OrderedDict, defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import PurePosixPath
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from scipy.stats import loguniform
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.datasets import load_iris
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import fbeta_score, make_scorer
from sklearn.model_selection import KFold, PredefinedSplit, RepeatedKFold, TimeSeriesSplit
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from sklearn_autotune import OptunaSearchCV
from sklearn_autotune.export import export_code
from sklearn_autotune.export._expressions import ExpressionWriter
from sklearn_autotune.export._source import render
from sklearn_autotune.export._values import is_same
from tests.export.values import Access, Apply, Color, Label, Level, Named, Pair, apply_model


def fitted(estimator, space, X=None, y=None):
    X, y = load_iris(return_X_y=True) if X is None else (X, y)
    return OptunaSearchCV(estimator, space, cv=3).fit(X, y)


def test_what_cannot_be_written_is_named_with_its_place():
    model = make_pipeline(FunctionTransformer(lambda X: X), SVC())
    with pytest.raises(ValueError, match=r"steps\[0\]\[1\]\.func is .*a lambda"):
        export_code(fitted(model, {"svc__C": [1]}))


def local_functions():
    def inside(values):
        return values

    return [(inside, "defined inside a function"), (np.random.RandomState(0).permutation, "cannot be")]


@pytest.mark.parametrize(("function", "message"), local_functions())
def test_functions_that_no_script_can_import(function, message):
    with pytest.raises(ValueError, match=message):
        export_code(make_pipeline(FunctionTransformer(function)))


def test_generators_and_fitted_models_are_refused():
    X, y = load_iris(return_X_y=True)
    with pytest.raises(ValueError, match=r"random_state is RandomState"):
        export_code(fitted(DecisionTreeClassifier(random_state=np.random.RandomState(0)), {"max_depth": [2]}))
    with pytest.raises(ValueError, match=r"FrozenEstimator.*Store the fitted model"):
        export_code(CalibratedClassifierCV(FrozenEstimator(SVC().fit(X, y))).fit(X, y))


def test_a_search_that_has_nothing_to_write_is_refused():
    with pytest.raises(ValueError, match="Fit it with refit=True"):
        export_code(OptunaSearchCV(SVC(), {"C": [1]}))


# -- what is written -----------------------------------------------------------------------------------------------


def evaluate(value):
    """What the expression of a value gives, with its imports."""
    writer = ExpressionWriter()
    code = render(writer.write(value, "value"))
    namespace = {}
    exec("\n".join([*sorted(writer.imports), f"result = {code}"]), namespace)
    return namespace["result"]


@pytest.mark.parametrize(
    "value",
    [
        None,
        -0.5,
        float("inf"),
        'it\'s "so"\n',
        b"\x00",
        [1, (2,), (), {"a": {3, 4}, 5: frozenset()}],
        slice(1, None, 2),
        range(3),
        np.float32(0.1),
        np.dtype("int8"),
        np.int64(3),
    ],
    ids=repr,
)
def test_a_value_that_is_written_is_equal_to_what_it_was(value):
    found = evaluate(value)

    assert found == value
    assert type(found) is (int if isinstance(value, np.int64) else type(value))


def test_not_a_number_and_arrays_are_written_too():
    array = np.array([[1.5, np.nan]], dtype=np.float32)

    assert np.isnan(evaluate(float("nan")))
    np.testing.assert_array_equal(evaluate(array), array)
    assert evaluate(array).dtype == np.float32


def test_an_estimator_is_written_with_what_differs_from_its_defaults():
    pipeline = Pipeline([("scale", StandardScaler(with_mean=False)), ("model", Ridge(alpha=2.0))])

    writer = ExpressionWriter()
    code = render(writer.write(pipeline, "model"))

    assert code == 'Pipeline(steps=[("scale", StandardScaler(with_mean=False)), ("model", Ridge(alpha=2.0))])'
    assert "from sklearn.linear_model import Ridge" in writer.imports
    assert writer.unseeded == ["Ridge"]
    assert repr(evaluate(pipeline)) == repr(pipeline)


def test_two_things_of_the_same_name_get_names_of_their_own():
    writer = ExpressionWriter()

    names = {writer.resolve_name(function, "function") for function in (np.ma.sum, np.sum)}

    assert len(names) == 2


OF_A_TYPE_OF_ITS_OWN = [
    Label.GOOD,
    Color.RED,
    Level.LOW,
    Access.READ | Access.WRITE,
    Named("name"),
    Pair(1, "b"),
    {Label.GOOD: 1.0, Label.BAD: 2.0},
    -0.0,
    complex(1, -0.0),
    np.float32("nan"),
    np.bytes_(b"a"),
    np.datetime64("2020-01-01"),
    np.datetime64("NaT", "ns"),
    np.timedelta64(5, "ns"),
    np.array(["2020-01-01", "NaT"], dtype="M8[ns]"),
    np.zeros((0, 3)),
    np.array([1, "a", None], dtype=object),
    datetime(2020, 1, 1, 2, tzinfo=UTC, fold=1),
    datetime(2020, 1, 1, tzinfo=ZoneInfo("Europe/Berlin")),
    date(2020, 1, 1),
    timedelta(days=-1, seconds=3),
    pd.Timestamp("2020-01-01 00:00:00.000000001"),
    pd.Timestamp("2020-10-25 00:30", tz="UTC").tz_convert("Europe/Berlin"),
    pd.Timedelta(3, "ns"),
    pd.Period("2020-01", "M"),
    pd.Interval(0, 1, closed="left"),
    pd.NA,
    pd.NaT,
    pd.CategoricalDtype(["a", "b"], ordered=True),
    pd.Int64Dtype(),
    pd.Index(["a", "b"]),
    pd.RangeIndex(3),
    pd.Series([1.0, 2.0], index=["a", "b"], name="weight"),
    OrderedDict(a=1),
    defaultdict(int, {1: 2}),
    Decimal("1.50"),
    PurePosixPath("/data/x"),
    re.compile("a+"),
    operator.itemgetter(0),
    str.upper,
    expit,
    loguniform(1e-3, 1),
    KFold(3, shuffle=True, random_state=0),
    RepeatedKFold(n_splits=3, n_repeats=2, random_state=0),
    TimeSeriesSplit(3),
    PredefinedSplit([0, 1, -1]),
    make_column_selector(dtype_include=[np.number]),
    Apply(np.array([1.0, 2.0])),
]


@pytest.mark.parametrize("value", OF_A_TYPE_OF_ITS_OWN, ids=lambda value: repr(value)[:30])
def test_a_value_keeps_its_type(value):
    found = evaluate(value)

    assert type(found) is type(value)
    # A frozen distribution is equal to nothing but itself.
    assert found.kwds == value.kwds if hasattr(value, "kwds") else is_same(found, value)


def test_a_scorer_is_written_with_its_function_and_arguments():
    scorer = make_scorer(fbeta_score, beta=2, greater_is_better=False)

    assert repr(evaluate(scorer)) == repr(scorer)


@pytest.mark.parametrize(
    "value",
    [
        np.longdouble("0.1"),
        np.ma.array([1]),
        np.dtype([("a", "f8")]),
        np.array([[1], None], dtype=object)[:1],
        "a".upper,
        object(),
        list[int],
        np.random.default_rng(0),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_a_value_that_would_come_back_as_another_one_is_refused(value):
    with pytest.raises(ValueError, match="cannot be"):
        evaluate(value)


def test_a_parameter_of_minus_zero_is_not_taken_for_a_default_of_zero():
    writer = ExpressionWriter()

    assert render(writer.write(Ridge(tol=-0.0), "model")) == "Ridge(tol=-0.0)"
    assert render(writer.write(SVC(coef0=-0.0), "model")) == "SVC(coef0=-0.0)"


def test_a_name_that_python_needs_is_not_hidden_by_an_import():
    writer = ExpressionWriter()

    assert writer.resolve_name(re.compile, "function") == "re_compile"


def test_set_output_is_called_in_the_script_too():
    X, y = load_iris(return_X_y=True, as_frame=True)
    scale = StandardScaler().set_output(transform="pandas")
    by_name = make_column_transformer(("passthrough", ["petal length (cm)", "petal width (cm)"]))
    search = fitted(make_pipeline(scale, by_name, LogisticRegression()), {"logisticregression__C": [0.1, 1]}, X, y)

    assert 'StandardScaler().set_output(transform="pandas")' in export_code(search, check=(X, y))


def test_labels_that_are_members_of_an_enumeration():
    X, y = load_iris(return_X_y=True)
    X, y = X[:100], np.array(["good", "bad"])[y[:100]]
    model = LogisticRegression(class_weight={Label.GOOD: 1.0, Label.BAD: 3.0})

    code = export_code(fitted(model, {"C": [0.1, 1]}, X, y), check=(X, y))

    assert "class_weight={Label.GOOD: 1.0, Label.BAD: 3.0}" in code


@pytest.mark.parametrize(
    "make_function",
    [
        lambda model: FunctionTransformer(apply_model, kw_args={"model": model}),
        lambda model: FunctionTransformer(apply_model, kw_args={"model": make_pipeline(StandardScaler(), model)}),
        lambda model: FunctionTransformer(partial(apply_model, model=model)),
        lambda model: FunctionTransformer(Apply(model)),
        lambda model: FunctionTransformer(model.predict),
    ],
    ids=["argument", "pipeline", "partial", "dataclass", "method"],
)
def test_a_fitted_model_inside_a_function_is_refused(make_function):
    X, y = load_iris(return_X_y=True)
    pipeline = make_pipeline(make_function(LogisticRegression(max_iter=500).fit(X, y)), DecisionTreeClassifier())

    with pytest.raises(ValueError, match=r"that nothing fits again|which cannot be imported"):
        export_code(pipeline)
