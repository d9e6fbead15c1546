"""Values as Python code: what is written gives an equal value, and what cannot be written is named."""

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_iris
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from sklearn_autotune import OptunaSearchCV
from sklearn_autotune.export import export_code
from sklearn_autotune.export._expressions import ExpressionWriter
from sklearn_autotune.export._source import SourceCollector, render


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
    with pytest.raises(ValueError, match="FrozenEstimator"):
        export_code(CalibratedClassifierCV(FrozenEstimator(SVC().fit(X, y))).fit(X, y))


def test_a_search_that_has_nothing_to_write_is_refused():
    with pytest.raises(ValueError, match="Fit it, with refit=True"):
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


def test_a_long_call_has_a_line_for_each_part():
    long = ["a" * 40, "b" * 40, "c" * 40]

    code = render(ExpressionWriter().write(long, "value"), indent=4)

    assert code.splitlines() == ["[", *(f'        "{text}",' for text in long), "    ]"]


def test_a_definition_of_the_package_brings_what_it_uses():
    sources = SourceCollector()

    assert sources.add_definition("sklearn_autotune.export._script_ensemble", "BlendedRegressor") == "BlendedRegressor"

    code = "\n".join(sources.definitions)
    assert code.index("class BaseBlended") < code.index("class BlendedRegressor")
    assert "class TableReader" in code
    assert not [line for line in sources.imports if "sklearn_autotune" in line]
    compile("\n".join([*sources.imports, code]), "script.py", "exec")
