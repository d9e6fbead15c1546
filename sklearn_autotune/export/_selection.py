"""Write a fitted AutoModelSelector as code: its models, the folds on which they are fitted, and their weights."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.base import clone, is_classifier
from sklearn.model_selection import FixedThresholdClassifier, KFold, StratifiedKFold
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import has_fit_parameter

from sklearn_autotune._compat.sklearn import GroupsConsumerMixin, find_weight_parameter
from sklearn_autotune.boosting._early_stopping import clone_as_fitted, has_early_stopping
from sklearn_autotune.export._expressions import ExpressionWriter
from sklearn_autotune.export._script_ensemble import CrossFitModel, SecondLayerModel
from sklearn_autotune.export._source import Expression, render
from sklearn_autotune.families import FAMILIES
from sklearn_autotune.inference._averaging import AveragedClassifier, AveragedRegressor
from sklearn_autotune.inference._encoding import LabelEncodingClassifier
from sklearn_autotune.inference._table_reader import TableReader
from sklearn_autotune.selection._auto_model_selector import AutoModelSelector
from sklearn_autotune.selection._candidates import SCREENED
from sklearn_autotune.selection._tasks import MIN_ROWS, make_holdout
from sklearn_autotune.storage._study import draw_seed

__all__ = ["make_blend_params"]


def make_blend_params(selector: AutoModelSelector, writer: ExpressionWriter, where: str) -> tuple[str, dict[str, Any]]:
    """Return the class of `_script_ensemble` that replaces a fitted selector, and its parameters.

    Parameters
    ----------
    selector : AutoModelSelector
        A fitted selector.
    writer : ExpressionWriter
    where : str

    Returns
    -------
    name : str
    params : dict of str to object
        Some values are already Expressions.

    Raises
    ------
    ValueError
        If the ensemble contains models of single folds, and the folds cannot be drawn again; or if rows are divided by
        groups or time, and the script is not checked.
    """
    if selector.inner_folds_ != "random" and not writer.is_checked:
        raise ValueError(
            f"{where} was fitted with {selector.inner_folds_}. The folds keep to them, and so do statistics of the "
            "target, texts and early stopping inside training rows; a script divides rows at random. Pass "
            "check=(X, y): the script is fitted once, and returned if it predicts the same. Or store the selector."
        )
    reader, ensemble = _get_unlabelled_model(selector)
    second_layer = getattr(ensemble, "final_estimator_", None)
    second_layer = None if second_layer is None else second_layer.estimator
    weights = ensemble.weights if second_layer is None else second_layer.base_weights
    first_layer = []
    for (label, _), weight, fitted in zip(ensemble.estimators, weights, ensemble.estimators_, strict=True):
        member, member_where = fitted.estimator, f"{where}, member {label}"
        is_per_fold = _is_fitted_per_fold(selector, label, member, member_where)
        node = _write_first_layer_model(member, float(weight), selector, reader, writer, member_where, is_per_fold)
        first_layer.append((node, is_per_fold))
    params: dict[str, Any] = {"first_layer": _make_list(node for node, _ in first_layer)}
    if second_layer is not None:
        params["second_layer"] = _make_list(
            _write_second_layer_model(weight, passthrough, member, writer, f"{where}, second layer")
            for weight, passthrough, member in second_layer.stacked
        )
        params["n_base_models"] = second_layer.n_base_models
    if second_layer is not None or any(is_per_fold for _, is_per_fold in first_layer):
        seed = _find_seed(selector, [fitted.estimator for fitted in ensemble.estimators_])
        params["cv"] = _make_splitter(selector, seed, where)
        if selector.timeout is not None and selector.n_rows_searched_ >= MIN_ROWS:  # perhaps a sample of all
            params |= {"n_rows": selector.n_rows_searched_, "seed": seed}
    return "BlendedClassifier" if is_classifier(selector) else "BlendedRegressor", params


def _get_unlabelled_model(selector: AutoModelSelector) -> Pipeline:
    """Return the final model of a selector without its threshold."""
    model = selector.best_estimator_
    return model.estimator_.estimator if isinstance(model, FixedThresholdClassifier) else model


def _write_first_layer_model(
    member: AveragedClassifier | AveragedRegressor,
    weight: float,
    selector: AutoModelSelector,
    reader: TableReader,
    writer: ExpressionWriter,
    where: str,
    is_per_fold: bool,
) -> Expression:
    """Write one model of the first layer."""
    if any(isinstance(pipeline[-1], LabelEncodingClassifier) for pipeline in member.models):
        raise ValueError(
            f"{where}: a class is missing or rare in some of the rows on which the model is fitted, and a script "
            "cannot treat such classes as the selector does. Store the fitted selector, or merge or drop the class."
        )
    models = [_clone_with_used_rounds(pipeline) for pipeline in member.models]
    params: dict[str, Any] = {"model": models[0], "weight": weight}
    if is_classifier(selector) and member.temperature != 1.0:
        params["temperature"] = member.temperature
    if is_per_fold:
        params["settings"] = _find_fold_settings(models, writer, where)
    fit_params = _find_fit_params(member.models[0], reader)
    if fit_params:
        params["fit_params"] = fit_params
    params |= _find_weight_name(models[0], writer)
    return writer.write_call(CrossFitModel, params, where)


def _is_fitted_per_fold(
    selector: AutoModelSelector, label: str, member: AveragedClassifier | AveragedRegressor, where: str
) -> bool:
    """Whether a member averages models of the folds. If it has one model, this may be the model of the only fold."""
    if len(member.models) > 1 or selector.n_splits_ > 1:
        return len(member.models) > 1
    name = label.rpartition("_")[0].removesuffix(SCREENED)
    family = next((family for family in FAMILIES if family.name == name), None)
    if selector.cv is not None or selector.time is not None or family is None:
        raise ValueError(
            f"{where}: with a single split, it is not known on which rows the final models were fitted. Store the "
            "fitted selector."
        )
    return family.is_bagged and selector.n_rows_searched_ == len(selector.oof_predictions_)


def _write_second_layer_model(
    weight: float, passthrough: bool, member: Any, writer: ExpressionWriter, where: str
) -> Expression:
    """Write one model of the second layer."""
    params = {"model": _clone_with_used_rounds(member.models[0]), "weight": float(weight), "passthrough": passthrough}
    if getattr(member, "temperature", 1.0) != 1.0:
        params["temperature"] = member.temperature
    params |= _find_weight_name(params["model"], writer)
    return writer.write_call(SecondLayerModel, params, where)


def _find_weight_name(model: Any, writer: ExpressionWriter) -> dict[str, Any]:
    """Return the parameter of a model's ``fit`` that takes weights, if the script takes weights and the model too."""
    name = find_weight_parameter(model) if writer.is_weighted else None
    return {} if name is None else {"weight_name": name}


def _make_list(nodes: Iterable[Expression]) -> Expression:
    return Expression("[", tuple(("", node) for node in nodes), "]")


def _clone_with_used_rounds(pipeline: Pipeline) -> Any:
    """Return an unfitted copy; if the model stopped early, the copy has the number of rounds that it predicts with."""
    copy = clone(pipeline)
    if has_early_stopping(pipeline[-1]):
        copy.set_params(model=clone_as_fitted(pipeline[-1]))
    return copy


def _find_fold_settings(models: Sequence[Any], writer: ExpressionWriter, where: str) -> list[dict[str, Any]]:
    """Return, for each fold, the parameters that differ between the folds' models, such as the number of rounds."""
    plain_params = [
        {name: value for name, value in model.get_params(deep=True).items() if isinstance(value, int | float | str)}
        for model in models
    ]
    names = [name for name in plain_params[0] if len({repr(changes.get(name)) for changes in plain_params}) > 1]
    settings = [{name: changes[name] for name in names} for changes in plain_params]
    for model, changes in zip(models, settings, strict=True):
        if _render_value(clone(models[0]).set_params(**changes), writer, where) != _render_value(model, writer, where):
            if "generated" in model.named_steps:
                raise ValueError(
                    f"{where}: its folds have different generated columns, which a script cannot prepare. Store the "
                    "fitted selector, or set generate_features=False and fit again."
                )
            raise ValueError(f"{where}: the models of its folds differ in more than numbers.")
    return settings


def _render_value(model: object, writer: ExpressionWriter, where: str) -> str:
    return render(writer.write(model, where))


def _find_fit_params(pipeline: Pipeline, reader: TableReader) -> Mapping[str, Any]:
    """Return the parameters of ``fit`` that a model needs: for LightGBM, the columns that hold categories."""
    preparation, model = pipeline["columns"], pipeline["model"]
    name, _, columns = preparation.transformers_[0]
    if name != "kept" or not has_fit_parameter(model, "categorical_feature"):
        return {}
    n_categories = reader.n_categories_
    if "texts" in pipeline.named_steps:  # the columns of texts are replaced by numbers at the end
        n_categories = np.concatenate([n_categories[n_categories >= 0], np.zeros(len(columns), dtype=int)])
    if "generated" in pipeline.named_steps:
        n_categories = pipeline["generated"].n_categories_
    column_indices = np.flatnonzero(n_categories[columns] > 0).tolist()
    return {"model__categorical_feature": column_indices} if column_indices else {}


def _find_seed(selector: AutoModelSelector, first_layer: Sequence[Any]) -> int:
    """Return the seed of the folds, which is also the models' seed."""
    if isinstance(selector.random_state, int | np.integer):
        return draw_seed(selector.random_state) % 2**31
    for member in first_layer:
        for name, value in member.models[0][-1].get_params(deep=True).items():
            if name.rpartition("__")[2] == "random_state" and isinstance(value, int):
                return value
    raise ValueError(
        "The selector's random_state is not an int, so its folds cannot be drawn again. Set it to an int and fit again."
    )


def _make_splitter(selector: AutoModelSelector, seed: int, where: str) -> Any:
    """Return a splitter that draws the selector's folds again."""
    splitter_class = StratifiedKFold if is_classifier(selector) else KFold
    cv = selector.cv
    if cv is None and selector.n_splits_ == 1:
        return make_holdout(seed, is_classification=is_classifier(selector))
    if cv is None:
        return splitter_class(selector.n_splits_, shuffle=True, random_state=seed)
    if isinstance(cv, int | np.integer):
        return splitter_class(int(cv))
    if not hasattr(cv, "split"):
        raise ValueError(f"{where}.cv is an iterable of splits, which a script cannot draw again. Pass a splitter.")
    if getattr(cv, "shuffle", True) and getattr(cv, "random_state", 0) is None:
        raise ValueError(f"{where}.cv shuffles without a seed, so its folds cannot be drawn again. Pass random_state.")
    if isinstance(cv, GroupsConsumerMixin):
        raise ValueError(f"{where}.cv needs groups, which a script does not have. Pass another splitter, or cv=5.")
    return cv
