"""Tell skl2onnx how the searches are converted to ONNX: as the models that they predict with."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.base import is_classifier
from sklearn.utils.validation import check_is_fitted

from sklearn_autotune._compat.optional import import_onnx_parser, import_optional
from sklearn_autotune.boosting._tuned_xgboost import TunedXGBClassifier, TunedXGBRegressor
from sklearn_autotune.search._delegation import require_refit
from sklearn_autotune.search._optuna_search_cv import OptunaSearchCV
from sklearn_autotune.selection._auto_model_selector import AutoModelSelector

__all__ = ["register_onnx_converters"]

PURPOSE = "Conversion to ONNX"
STORE_THE_MODEL = "Store the model itself instead: joblib.dump(search.deployed_model(), 'model.joblib')."

# Objectives whose models onnxmltools converts to equal predictions. For others it leaves out the function that makes
# a prediction of a sum of leaves. Measured with onnxmltools 1.16 and XGBoost 3.2; the tests measure it again.
CLASSIFIER_OBJECTIVES = "binary:logistic", "binary:hinge", "multi:softprob"
REGRESSOR_OBJECTIVES = (
    "reg:squarederror",
    "reg:squaredlogerror",
    "reg:pseudohubererror",
    "reg:absoluteerror",
    "reg:quantileerror",
    "reg:gamma",
    "reg:tweedie",
    "count:poisson",
    "binary:logitraw",
)

CLASSIFIER_OPTIONS = {"zipmap": [True, False, "columns"], "output_class_labels": [False, True], "nocl": [True, False]}


def register_onnx_converters() -> None:
    """Register the searches with skl2onnx, so that ``convert_sklearn`` and ``to_onnx`` convert them.

    A fitted `OptunaSearchCV` becomes the ONNX model of its ``best_estimator_``, with the same outputs and options, such
    as ``zipmap``, as scikit-learn's `GridSearchCV`. It can be a step of a Pipeline, or be inside a meta-estimator that
    skl2onnx converts, such as `VotingClassifier`. If onnxmltools and XGBoost are installed, `XGBClassifier` and
    `XGBRegressor` are registered too, unless they are already, and `TunedXGBClassifier` and `TunedXGBRegressor` are
    converted with the class labels on which they were fitted.

    Calling this function again changes nothing.

    Raises
    ------
    ImportError
        If skl2onnx is not installed.

    Notes
    -----
    The following are refused when they are converted, with an error that says what to do instead:

    - a search that is not fitted, or has ``refit=False``;
    - a search with ``threshold``, because ONNX rounds probabilities to 32 bits: rows at the threshold would get another
      label;
    - `TunedXGBClassifier` and `TunedXGBRegressor` that were fitted on categories, dates, strings or a sparse matrix, or
      with a value for ``missing``, or while onnxmltools is not installed;
    - XGBoost, also as a winner, where onnxmltools would write a model with other predictions: classification with
      ``num_parallel_tree`` above 1, several targets, the boosters ``dart`` and ``gblinear``, and objectives such as
      ``reg:logistic``, ``multi:softmax`` and ``survival:cox``;
    - `AutoModelSelector`, whose models read raw tables and are averaged by classes of this package.

    What skl2onnx cannot convert as ``best_estimator_``, it cannot convert inside a search either. onnxmltools writes
    older versions of the operators: pass ``target_opset={"": 21, "ai.onnx.ml": 3}`` for XGBoost.

    References
    ----------
    ONNX, "sklearn-onnx: supported scikit-learn models and converters", https://onnx.ai/sklearn-onnx/

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn_autotune import OptunaSearchCV
    >>> from sklearn_autotune.export import register_onnx_converters
    >>> register_onnx_converters()
    >>> from skl2onnx import to_onnx
    >>> X, y = load_iris(return_X_y=True)
    >>> search = OptunaSearchCV(LogisticRegression(max_iter=500), {"C": [0.1, 1.0]}, random_state=0).fit(X, y)
    >>> model = to_onnx(search, X[:1].astype(np.float32), options={"zipmap": False})
    >>> [output.name for output in model.graph.output]
    ['label', 'probabilities']
    """
    skl2onnx, shapes = _import(), _import("skl2onnx.common.shape_calculator")
    _register_xgboost(skl2onnx, shapes)
    update = skl2onnx.update_registered_converter
    update(
        OptunaSearchCV,
        _name(OptunaSearchCV),
        _infer_winner_types,
        _convert_winner,
        parser=_parse_winner,
        options="passthrough",
        overwrite=True,
    )
    for tuned, infer in (
        (TunedXGBClassifier, shapes.calculate_linear_classifier_output_shapes),
        (TunedXGBRegressor, shapes.calculate_linear_regressor_output_shapes),
    ):
        options = CLASSIFIER_OPTIONS if tuned is TunedXGBClassifier else None
        update(tuned, _name(tuned), infer, _convert_booster, options=options, overwrite=True)
    name = _name(AutoModelSelector)
    update(AutoModelSelector, name, _refuse, _refuse_to_convert, parser=_refuse_to_parse, overwrite=True)


def _import(module: str = "skl2onnx") -> Any:
    return import_optional(module, PURPOSE)


def _name(search: type) -> str:
    return f"SklearnAutotune{search.__name__}"


# -- a search becomes its winner ---------------------------------------------------------------------------------------


def _get_winner(search: Any) -> Any:
    """Return the fitted model of a search that can be converted."""
    name = type(search).__name__
    require_refit(search, "best_estimator_")
    check_is_fitted(search, "best_estimator_")
    if getattr(search, "threshold", None) is not None:
        raise ValueError(
            f"This {name} has threshold={search.threshold!r}, and cannot be converted to ONNX, which rounds "
            "probabilities to 32 bits and would label rows at the threshold otherwise. Convert the model inside, "
            "search.best_estimator_.estimator_.estimator, and compare its probabilities of the positive class with "
            f"search.threshold_, {search.threshold_:.6g}."
        )
    return search.best_estimator_


def _parse_winner(scope: Any, model: Any, inputs: Any, custom_parsers: Any = None) -> Any:
    """Declare the outputs that the winner has, and the search as the operator that makes them."""
    winner = _get_winner(model)
    scope.add_options(id(winner), scope.get_options(model))
    outputs = import_onnx_parser(PURPOSE)(scope, winner, inputs, custom_parsers=custom_parsers)
    for output in outputs:
        output.init_status(is_leaf=False)  # only the caller knows whether it is an output of the whole ONNX model
    scope.replace_raw_operator(winner, model, _name(OptunaSearchCV))
    return outputs


def _infer_winner_types(operator: Any) -> None:
    inner = operator.new_raw_operator(*_get_model_and_alias(operator.raw_operator))
    inner.infer_types()
    operator.outputs = inner.outputs


def _convert_winner(scope: Any, operator: Any, container: Any) -> None:
    """Write the winner's operator with the options that were given for the search."""
    winner, alias = _get_model_and_alias(operator.raw_operator)
    options = scope.get_options(operator.raw_operator)
    for holder in (scope, container):
        holder.add_options(id(winner), options)
    types = [output.type for output in operator.outputs]
    made_outputs = _add_operator(scope, operator.inputs, winner, alias, types)
    for made, output in zip(made_outputs, operator.outputs, strict=True):
        _add_node(scope, container, "Identity", [made.full_name], output.full_name)


def _get_model_and_alias(search: Any) -> tuple[Any, str]:
    winner = _get_winner(search)
    return winner, _import().get_model_alias(type(winner))


def _add_operator(scope: Any, inputs: Any, model: Any, alias: str, types: Sequence[Any]) -> list[Any]:
    """Declare the operator of a model, and return its outputs, which have the given types."""
    inner = scope.declare_local_operator(alias, model)
    inner.inputs = inputs
    for number, kind in enumerate(types):
        inner.outputs.append(scope.declare_local_variable(f"winner_{number}", kind))
    return list(inner.outputs)


def _add_node(scope: Any, container: Any, kind: str, inputs: Sequence[str], output: str, **attributes: Any) -> None:
    container.add_node(kind, inputs, output, name=scope.get_unique_operator_name(kind), **attributes)


# -- tuned XGBoost -----------------------------------------------------------------------------------------------------


def _register_xgboost(skl2onnx: Any, shapes: Any) -> None:
    """Register the converters that onnxmltools has for XGBoost, if both are installed."""
    try:
        _import_converter()
        from xgboost import XGBClassifier, XGBRegressor
    except ImportError:
        return
    for model, infer, options in (
        (XGBClassifier, shapes.calculate_linear_classifier_output_shapes, CLASSIFIER_OPTIONS),
        (XGBRegressor, shapes.calculate_linear_regressor_output_shapes, None),
    ):
        try:
            skl2onnx.get_model_alias(model)
        except RuntimeError:  # it is not registered
            skl2onnx.update_registered_converter(
                model, f"XGBoost{model.__name__}", infer, _convert_xgboost, options=options
            )


def _import_converter() -> Any:
    return _import("onnxmltools.convert.xgboost.operator_converters.XGBoost").convert_xgboost


def _convert_xgboost(scope: Any, operator: Any, container: Any) -> None:
    _refuse_other_predictions(operator.raw_operator)
    _import_converter()(scope, operator, container)


def _refuse_other_predictions(model: Any) -> None:
    """Raise ValueError if onnxmltools would write a model that predicts something else, or none."""
    learner = json.loads(model.get_booster().save_config())["learner"]
    objective, n_targets = learner["objective"]["name"], int(learner["learner_model_param"]["num_target"])
    objectives = CLASSIFIER_OBJECTIVES if is_classifier(model) else REGRESSOR_OBJECTIVES
    if learner["gradient_booster"]["name"] != "gbtree":
        reason = f"booster={learner['gradient_booster']['name']!r}"
    elif n_targets > 1:
        reason = f"{n_targets} targets"
    elif is_classifier(model) and (model.num_parallel_tree or 1) > 1:
        reason = f"num_parallel_tree={model.num_parallel_tree} for classes"
    elif not callable(model.objective) and objective not in objectives:
        reason = f"objective={objective!r}"
    else:
        return
    raise ValueError(
        f"This {type(model).__name__} cannot be converted to ONNX: it has {reason}, for which onnxmltools writes a "
        "model with other predictions, or none. Store XGBoost's own file: best_estimator_.save_model('model.ubj')."
    )


def _convert_booster(scope: Any, operator: Any, container: Any) -> None:
    """Write XGBoost's operator, and map its class codes to the labels."""
    search = operator.raw_operator
    winner = _get_winner(search)
    import_optional("onnxmltools", f"Conversion of {type(search).__name__} to ONNX")
    encoder = search.deployed_model()[0].encoder_
    if encoder.reads_missing or encoder.is_sparse:
        raise ValueError(
            f"This {type(search).__name__} cannot be converted to ONNX, because it was fitted on a table with "
            f"categories, dates, strings or sparse columns, which it encodes itself. {STORE_THE_MODEL}"
        )
    _refuse_other_predictions(winner)
    types = _import("skl2onnx.common.data_types")
    rows = scope.declare_local_variable("rows", types.FloatTensorType(operator.inputs[0].type.shape))
    _add_cast(scope, container, operator.inputs[0], rows)  # XGBoost reads numbers as 32-bit floats too
    made_types = [types.FloatTensorType([None, None])]
    if is_classifier(search):
        made_types.insert(0, types.Int64TensorType([None]))
    alias = _import().get_model_alias(type(winner))
    *codes, values = _add_operator(scope, [rows], winner, alias, made_types)
    _add_cast(scope, container, values, operator.outputs[-1])
    if codes:
        labels = scope.get_unique_variable_name("classes")
        container.add_initializer(labels, *_read_labels(search.classes_))
        inputs = [labels, codes[0].full_name]
        _add_node(scope, container, "Gather", inputs, operator.outputs[0].full_name, op_version=13)


def _add_cast(scope: Any, container: Any, source: Any, target: Any) -> None:
    kind = _import("skl2onnx.common.data_types").guess_proto_type(target.type)
    _add_node(scope, container, "Cast", [source.full_name], target.full_name, to=kind, op_version=13)


def _read_labels(classes: np.ndarray) -> tuple[int, list[int], list[Any]]:
    """Return ONNX's type, the shape and the values of class labels: strings or whole numbers, as skl2onnx has them."""
    onnx = _import("onnx")
    shape = [len(classes)]
    if classes.dtype.kind in "biuf":
        return onnx.TensorProto.INT64, shape, [int(label) for label in classes]
    return onnx.TensorProto.STRING, shape, [str(label).encode() for label in classes]


# -- AutoModelSelector -------------------------------------------------------------------------------------------------


def _refuse(operator: Any) -> None:
    raise ValueError(
        "AutoModelSelector cannot be converted to ONNX: its models read raw tables and are averaged by classes of "
        f"sklearn_autotune, for which skl2onnx has no operators. {STORE_THE_MODEL} Or search one family with "
        "OptunaSearchCV, which can be converted."
    )


def _refuse_to_convert(scope: Any, operator: Any, container: Any) -> None:
    _refuse(operator)


def _refuse_to_parse(scope: Any, model: Any, inputs: Any, custom_parsers: Any = None) -> None:
    _refuse(model)
