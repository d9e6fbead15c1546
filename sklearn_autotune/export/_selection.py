"""AutoModelSelector's choice as code: its members, the folds that they are fitted on, and their weights."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.base import clone, is_classifier
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.utils.validation import has_fit_parameter

from sklearn_autotune.boosting._early_stopping import clone_with_rounds, get_used_rounds, has_early_stopping
from sklearn_autotune.export._script_ensemble import Member, Stacked
from sklearn_autotune.export._source import Expression, ExpressionWriter, render
from sklearn_autotune.selection._auto_model_selector import AutoModelSelector
from sklearn_autotune.selection._schedule import MIN_ROWS
from sklearn_autotune.storage._study import draw_seed

__all__ = ["make_blend_params"]


def make_blend_params(selector: AutoModelSelector, writer: ExpressionWriter, where: str) -> tuple[str, dict[str, Any]]:
    """Say which class of `_script_blend` stands for a fitted selector, and with which parameters.

    Parameters
    ----------
    selector : AutoModelSelector
        Fitted.
    writer : ExpressionWriter
    where : str

    Returns
    -------
    name : str
    params : dict of str to object
        Nodes are expressions already.

    Raises
    ------
    ValueError
        If folds' models are in the blend, and the folds cannot be drawn again.
    """
    reader, ensemble = selector.best_estimator_[0], selector.best_estimator_[-1]
    second = getattr(ensemble, "final_estimator_", None)
    second = None if second is None else second.estimator
    weights = ensemble.weights if second is None else second.base_weights
    members = []
    for (label, _), weight, frozen in zip(ensemble.estimators, weights, ensemble.estimators_, strict=True):
        member = frozen.estimator
        members.append(_member(member, float(weight), selector, reader, writer, f"{where}, member {label}"))
    params: dict[str, Any] = {"members": _list(node for node, _ in members)}
    if second is not None:
        params["stacked"] = _list(
            _stacked(weight, sees_table, member, writer, f"{where}, second layer")
            for weight, sees_table, member in second.stacked
        )
        params["n_seen"] = second.n_seen
    if second is not None or any(on_folds for _, on_folds in members):
        seed = _seed(selector, [frozen.estimator for frozen in ensemble.estimators_])
        params["cv"] = _splitter(selector, seed, where)
        if selector.timeout is not None and selector.n_rows_searched_ >= MIN_ROWS:  # perhaps a sample of all
            params |= {"n_rows": selector.n_rows_searched_, "seed": seed}
    return "BlendedClassifier" if is_classifier(selector) else "BlendedRegressor", params


def _member(
    member: Any, weight: float, selector: AutoModelSelector, reader: Any, writer: ExpressionWriter, where: str
) -> tuple[Expression, bool]:
    """Write one member; say whether it has a model for each fold."""
    models = [_unfitted(pipeline) for pipeline in member.models]
    if selector.n_splits_ == 1:
        raise ValueError(f"{where}: with a single split it cannot be told which rows the final models were fitted on.")
    on_folds = len(models) > 1
    params: dict[str, Any] = {"model": models[0], "weight": weight}
    if is_classifier(selector) and member.temperature != 1.0:
        params["temperature"] = member.temperature
    if on_folds:
        params["settings"] = _differences(models, writer, where)
    fit_params = _told_in_fit(member.models[0], reader)
    if fit_params:
        params["fit_params"] = fit_params
    return writer.call(Member, params, where), on_folds


def _stacked(weight: float, sees_table: bool, member: Any, writer: ExpressionWriter, where: str) -> Expression:
    """Write one model of the second layer."""
    params = {"model": _unfitted(member.models[0]), "weight": float(weight), "sees_table": sees_table}
    if getattr(member, "temperature", 1.0) != 1.0:
        params["temperature"] = member.temperature
    return writer.call(Stacked, params, where)


def _list(nodes: Iterable[Expression]) -> Expression:
    return Expression("[", tuple(("", node) for node in nodes), "]")


def _unfitted(pipeline: Any) -> Any:
    """Return a clone that is fitted with as many rounds as this one predicts with, where it stopped early."""
    model = pipeline[-1]
    copied = clone(pipeline)
    if has_early_stopping(model):
        copied.set_params(model=clone_with_rounds(copied[-1], get_used_rounds(model)))
    return copied


def _differences(models: Sequence[Any], writer: ExpressionWriter, where: str) -> list[dict[str, Any]]:
    """Return the parameters in which each fold's model differs from the first: numbers, such as that of rounds."""
    plain = [
        {name: value for name, value in model.get_params(deep=True).items() if isinstance(value, int | float | str)}
        for model in models
    ]
    names = [name for name in plain[0] if len({repr(own.get(name)) for own in plain}) > 1]
    settings = [{name: own[name] for name in names} for own in plain]
    for model, own in zip(models, settings, strict=True):
        if _text(clone(models[0]).set_params(**own), writer, where) != _text(model, writer, where):
            raise ValueError(f"{where}: the models of its folds differ in more than numbers.")
    return settings


def _text(model: Any, writer: ExpressionWriter, where: str) -> str:
    return render(writer.write(model, where))


def _told_in_fit(pipeline: Any, reader: Any) -> Mapping[str, Any]:
    """Return what a model has to be told when it is fitted: LightGBM's columns that hold categories."""
    preparation, model = pipeline[0], pipeline[-1]
    name, _, columns = preparation.transformers_[0]
    if name != "kept" or not has_fit_parameter(model, "categorical_feature"):
        return {}
    places = np.flatnonzero(reader.n_categories_[columns] > 0).tolist()
    return {"model__categorical_feature": places} if places else {}


def _seed(selector: AutoModelSelector, members: Sequence[Any]) -> int:
    """Return the seed of the folds, which is that of the models too."""
    if selector.random_state is not None:
        return draw_seed(selector.random_state) % 2**31
    for member in members:
        for name, value in member.models[0][-1].get_params(deep=True).items():
            if name.rpartition("__")[2] == "random_state" and isinstance(value, int):
                return value
    raise ValueError("The selector has no random_state, so its folds cannot be drawn again. Pass it an int, and fit.")


def _splitter(selector: AutoModelSelector, seed: int, where: str) -> Any:
    """Return what draws the selector's folds again."""
    kind = StratifiedKFold if is_classifier(selector) else KFold
    cv = selector.cv
    if cv is None:
        return kind(selector.n_splits_, shuffle=True, random_state=seed)
    if isinstance(cv, int | np.integer):
        return kind(int(cv))
    if not hasattr(cv, "split"):
        raise ValueError(f"{where}.cv is an iterable of splits, which a script cannot draw again. Pass a splitter.")
    if getattr(cv, "shuffle", True) and getattr(cv, "random_state", 0) is None:
        raise ValueError(f"{where}.cv shuffles without a seed, so its folds cannot be drawn again. Pass random_state.")
    if "Group" in type(cv).__name__:
        raise ValueError(f"{where}.cv needs groups, which a script is not given. Pass another splitter, or cv=5.")
    return cv
