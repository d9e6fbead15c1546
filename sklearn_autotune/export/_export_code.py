"""Write a fitted search as a script that makes and fits the winner, and needs neither the search nor this package."""

import inspect
import sys
from typing import Any

from sklearn.base import is_classifier
from sklearn.pipeline import Pipeline

from sklearn_autotune._compat.optional import get_versions
from sklearn_autotune._compat.sklearn import find_weight_parameter
from sklearn_autotune._compat.types import Estimator
from sklearn_autotune.analysis._aims import read_aim_table, read_blend_aim_table
from sklearn_autotune.analysis._trial_table import read_trial_table
from sklearn_autotune.boosting._tuned_xgboost import TunedXGBClassifier, TunedXGBRegressor
from sklearn_autotune.export._check import check_script, run_script
from sklearn_autotune.export._expressions import STORE_THE_MODEL, ExpressionWriter
from sklearn_autotune.export._fitted import EstimatorWriter, get_n_epochs, is_search
from sklearn_autotune.export._source import render

__all__ = ["export_code", "write_constructor"]

LIBRARY_NAMES = {"xgboost": "XGBoost", "lightgbm": "LightGBM", "catboost": "CatBoost"}


def export_code(fitted: Estimator, *, check: tuple[Any, ...] | None = None) -> str:
    """Write the winner of a search as a Python script that needs only scikit-learn and the library of the winner.

    The script has three functions: ``make_model()`` returns the winner with its parameters, not yet fitted;
    ``fit(X, y)`` fits it; and ``predict(model, X)`` predicts with it. If the model is fitted on the same rows as the
    search, it predicts the same values. The script can also be run as a program, which reads CSV files and needs
    pandas.

    Parameters
    ----------
    fitted : estimator
        A fitted `OptunaSearchCV`, `TunedXGBClassifier`, `TunedXGBRegressor`, `AutoModelSelector` or search of
        scikit-learn, or a Pipeline or other estimator that contains one. The search must have ``refit=True``.
    check : tuple (X, y) or (X, y, sample_weight), or None, default=None
        The rows on which it was fitted. The script's model is fitted on them too, and its predictions for X are
        compared with those of ``fitted``: classes must be equal, and numbers may differ by a millionth. This takes as
        long as one more final fit. With ``sample_weight``, the rows' weights in that fit, ``fit`` of the script takes
        weights too.

    Returns
    -------
    code : str

    Raises
    ------
    ValueError
        If ``fitted`` is not fitted, or if something in it cannot be written: a lambda, a function or class that was
        defined in the session, a random number generator, a model that was fitted elsewhere, folds that cannot be drawn
        again, a selector that was fitted with groups or time (without ``check``), or a search that a meta-estimator
        fits more than once. With ``check``, if the script's model predicts other values, or takes no weights although
        there are some.

    Notes
    -----
    The script does not contain sample weights and other metadata that were passed to ``fit``. If weights are in
    ``check``, they are passed to the last step of a Pipeline, and to no step before it; in the blend of a selector, to
    all models that take weights. The predictions of an estimator without a ``random_state`` may differ from fit to fit;
    the script names such estimators.

    If early stopping ended the training of XGBoost, LightGBM or CatBoost, the script has the number of rounds that was
    found, and no early stopping.

    A search inside another estimator is replaced by its winner if it is fitted once, on all rows. This is so for a step
    of a Pipeline or FeatureUnion, in a voting estimator, ColumnTransformer, TransformedTargetRegressor or
    FixedThresholdClassifier, and for the final estimator of stacking. In any other place, each fit may have another
    winner. There a search of scikit-learn is written as a search, and a search of this package raises ValueError.

    Encoders of raw columns and ensembles are written as small classes at the top of the script.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn_autotune import OptunaSearchCV
    >>> from sklearn_autotune.export import export_code
    >>> X, y = load_iris(return_X_y=True)
    >>> search = OptunaSearchCV(LogisticRegression(max_iter=500), {"C": [0.01, 1.0]}, random_state=0).fit(X, y)
    >>> script = export_code(search, check=(X, y))
    >>> namespace = {"__name__": "script"}
    >>> exec(script, namespace)
    >>> namespace["make_model"]()
    LogisticRegression(max_iter=500)
    >>> bool((namespace["fit"](X, y).predict(X) == search.predict(X)).all())
    True
    """
    if check is not None and not (isinstance(check, tuple) and len(check) in (2, 3)):
        raise ValueError(
            "check takes a tuple (X, y), or (X, y, sample_weight), or None, "
            f"got {type(check).__name__}. Pass the rows of fit."
        )
    is_weighted = check is not None and len(check) == 3 and check[2] is not None
    writer = EstimatorWriter(is_checked=check is not None, is_weighted=is_weighted)
    model = writer.write_fitted(fitted, type(fitted).__name__)
    code = _write_script(fitted, writer, model, None)
    try:
        made = run_script(code)["make_model"]()
    except Exception as error:
        raise ValueError(
            f"The script for this {type(fitted).__name__} does not run: {type(error).__name__}: {error}. "
            f"{STORE_THE_MODEL}"
        ) from error
    if check is None:
        return code
    if is_weighted:
        parameter = find_weight_parameter(made)
        if parameter is None:
            raise ValueError(
                f"The script for this {type(fitted).__name__} takes no weights, because {type(made).__name__}.fit "
                f"in it takes none. {STORE_THE_MODEL}"
            )
        code = _write_script(fitted, writer, model, parameter)
    check_script(code, fitted, *check, unseeded=writer.unseeded)
    return code


def _write_script(fitted: Estimator, writer: EstimatorWriter, model: Any, weight_parameter: str | None) -> str:
    """Write the whole script; ``weight_parameter`` is the parameter of the model's ``fit`` that takes weights."""
    epochs = get_n_epochs(fitted)
    needs_numpy = epochs is not None or (weight_parameter is not None and _scales_weights(fitted))
    blocks = [
        f"{_make_docstring(fitted, writer)}\n\n{_make_imports(writer, needs_numpy)}",
        *writer.sources.definitions,
        *_make_columns(fitted),
        f"{_MAKE_MODEL}\n    return {render(model, 4, 7)}",
        _make_fit(fitted, weight_parameter) if epochs is None else _make_fit_epochs(fitted, epochs, weight_parameter),
        *_make_uses(fitted, weight_parameter is not None),
    ]
    return "\n\n\n".join(blocks) + "\n"


def write_constructor(fitted: Estimator) -> str | None:
    """Write the winner of a search in a few lines: imports, and ``model = ...``, not yet fitted.

    Parameters
    ----------
    fitted : estimator
        As for `export_code`.

    Returns
    -------
    code : str or None
        None if the winner needs classes that a script has to define: `export_code` writes such a script.

    Raises
    ------
    ValueError
        If something in the winner cannot be written, with what to do instead.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from sklearn_autotune import OptunaSearchCV
    >>> search = OptunaSearchCV(DecisionTreeClassifier(random_state=0), {"max_depth": [3]})
    >>> print(write_constructor(search.fit(*load_iris(return_X_y=True))))
    from sklearn.tree import DecisionTreeClassifier
    <BLANKLINE>
    model = DecisionTreeClassifier(max_depth=3, random_state=0)
    """
    writer = EstimatorWriter()
    model = writer.write_fitted(fitted, type(fitted).__name__)
    if writer.sources.definitions:
        return None
    return f"{_format_imports(writer.imports, writer)}\n\nmodel = {render(model, 0, 8)}"


# -- the parts of a script ---------------------------------------------------------------------------------------------

_MAKE_MODEL = '''\
def make_model():
    """Return the model with its parameters, not yet fitted."""'''

_FIT = '''\
def fit(X, y):
    """Return the model, fitted."""
    return make_model().fit(X, y)'''

_FIT_WITH_WEIGHTS = '''\
def fit(X, y, sample_weight=None):
    """Return the model, fitted on rows with these weights."""{scaling}
    return make_model().fit(X, y, {parameter}=sample_weight)'''

_SCALE_WEIGHTS = """
    if sample_weight is not None:  # only the ratios of weights matter
        sample_weight = np.asarray(sample_weight, dtype=float)
        sample_weight = sample_weight / sample_weight[sample_weight > 0].mean()"""

_PREDICT = '''\
def predict(model, X):
    """Return what a fitted model predicts."""
    return model.predict(X)'''

_TRANSFORM = '''\
def transform(model, X):
    """Return rows as a fitted model transforms them."""
    return model.transform(X)'''

_MAIN = '''\
def main():
    """Fit on one CSV file, and predict for another."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("train", help="CSV file to fit on")
    parser.add_argument("target", help="name of the column to predict"){weights_argument}
    parser.add_argument("new", help="CSV file to predict for")
    parser.add_argument("output", help="CSV file to write")
    given = parser.parse_args()
    import pandas as pd

    train, new = pd.read_csv(given.train), pd.read_csv(given.new)
    model = fit({features}, train[given.target]{weights})
    pd.DataFrame({{given.target: predict(model, {new_features})}}).to_csv(given.output, index=False)'''


def _make_docstring(fitted: Any, writer: ExpressionWriter) -> str:
    name = type(fitted).__name__
    lines = [f'"""The winner of {name}, as a script that needs only the packages that it imports.', ""]
    score = getattr(fitted, "best_score_", None) if is_search(fitted) else None
    if score is not None:
        metric = read_trial_table(fitted).described_metric
        found = f"{metric.format(score, 6)} ({metric.direction})"
        lines.append(f"On the {fitted.n_splits_} folds of the search it has {found}.")
        reached = _list_reached(fitted)
        if reached:
            lines.append(f"Objectives and limits: {', '.join(reached)}.")
    imported = {statement.split()[1].partition(".")[0] for statement in writer.imports}
    package_names = {"scikit-learn": "scikit-learn"}
    package_names |= {package: name for package, name in LIBRARY_NAMES.items() if package in imported}
    packages = [f"{package_names[package]} {number}" for package, number in get_versions(package_names).items()]
    lines.append(f"Made with {' and '.join(packages)}. With other versions, predictions may differ slightly.")
    if writer.unseeded:
        names = ", ".join(dict.fromkeys(writer.unseeded))
        lines.append(f"These have no random_state, so predictions may differ between fits: {names}.")
    return "\n".join([*lines, '"""'])


def _list_reached(fitted: Any) -> list[str]:
    """Return what the winner of a search, or the final model of a selector, has of each objective and limit."""
    table, blends = read_aim_table(fitted), read_blend_aim_table(fitted)
    if table is not None and table.trial_table.best is not None:
        return [aim.format(float(aim.values[table.trial_table.best])) for aim in table.aims]
    values = getattr(fitted, "best_scores_", {})
    aims = () if blends is None else blends.aims
    return [aim.format(aim.factor * values[aim.name]) for aim in aims if aim.name in values]


def _make_imports(writer: ExpressionWriter, needs_numpy: bool) -> str:
    statements = writer.imports | writer.sources.imports | {"import argparse"}
    return _format_imports(statements | ({"import numpy as np"} if needs_numpy else set()), writer)


def _format_imports(statements: set[str], writer: ExpressionWriter) -> str:
    """Return import statements in order, those of one module in one line, the standard library's first."""
    _refuse_two_of_one_name(statements, writer)
    names: dict[str, list[str]] = {}
    for statement in sorted(statements):
        if statement.startswith("from "):
            module, _, name = statement.removeprefix("from ").partition(" import ")
            names.setdefault(module, []).append(name)
    lines = [statement for statement in statements if statement.startswith("import ")]
    lines += [f"from {module} import {', '.join(sorted(imported))}" for module, imported in names.items()]
    standard_lines = sorted(
        (line for line in lines if line.split()[1].partition(".")[0] in sys.stdlib_module_names), key=_make_import_key
    )
    other_lines = sorted(set(lines) - set(standard_lines), key=_make_import_key)
    return "\n\n".join("\n".join(block) for block in (standard_lines, other_lines) if block)


def _refuse_two_of_one_name(statements: set[str], writer: ExpressionWriter) -> None:
    """Raise ValueError if two imports or definitions have the same name."""
    names = [statement.split()[-1] for statement in statements if statement.startswith("from ")]
    names += writer.sources.get_defined_names()
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise ValueError(f"The script would have two objects with the name {doubled[0]}. Give yours another name.")


def _make_import_key(statement: str) -> tuple[bool, str]:
    return statement.startswith("from "), statement


def _make_columns(fitted: Estimator) -> list[str]:
    if not hasattr(fitted, "feature_names_in_"):
        return []
    names = ExpressionWriter().write([str(name) for name in fitted.feature_names_in_], "COLUMNS")
    return [f"# The columns, in the order of training.\nCOLUMNS = {render(names, 0, 10)}"]


def _make_fit(fitted: Any, weight_parameter: str | None) -> str:
    if weight_parameter is None:
        return _FIT
    scaling = _SCALE_WEIGHTS if _scales_weights(fitted) else ""
    return _FIT_WITH_WEIGHTS.format(parameter=weight_parameter, scaling=scaling)


def _scales_weights(fitted: Any) -> bool:
    """Whether weights are divided by their mean before the last step is fitted."""
    last = fitted[-1] if isinstance(fitted, Pipeline) else fitted
    return isinstance(last, TunedXGBClassifier | TunedXGBRegressor)


def _make_fit_epochs(fitted: Any, epochs: int, weight_parameter: str | None) -> str:
    best = fitted.best_estimator_
    is_pipeline = hasattr(best, "steps")
    last = best[-1] if is_pipeline else best
    lines = [
        f"def fit(X, y{', sample_weight=None' if weight_parameter else ''}):",
        '    """Return the model, fitted by passes over all rows."""',
        "    model = make_model()",
    ]
    if is_pipeline:
        lines += ["    X = model[:-1].fit_transform(X, y)"] if len(best) > 1 else []
        lines += ["    last = model[-1]"]
    else:
        lines += ["    last = model"]
    takes_classes = is_classifier(last) and "classes" in inspect.signature(last.partial_fit).parameters
    classes = ", classes=np.unique(y)" if takes_classes else ""
    weights = ", sample_weight=sample_weight" if weight_parameter else ""
    lines += [f"    for _ in range({epochs}):", f"        last.partial_fit(X, y{classes}{weights})", "    return model"]
    return "\n".join(lines)


def _make_uses(fitted: Estimator, is_weighted: bool) -> list[str]:
    """Return the functions that use the model: one to predict and a program, or one to transform."""
    if hasattr(fitted, "predict"):
        return [_PREDICT, _make_main(fitted, is_weighted), 'if __name__ == "__main__":\n    main()']
    return [_TRANSFORM] if hasattr(fitted, "transform") else []


def _make_main(fitted: Estimator, is_weighted: bool) -> str:
    has_names = hasattr(fitted, "feature_names_in_")
    left_out = "[given.target, given.weights]" if is_weighted else "given.target"
    argument = '\n    parser.add_argument("weights", help="name of the column of weights")'
    return _MAIN.format(
        features="train[COLUMNS]" if has_names else f"train.drop(columns={left_out}).to_numpy()",
        new_features="new[COLUMNS]" if has_names else f'new.drop(columns={left_out}, errors="ignore").to_numpy()',
        weights=", train[given.weights]" if is_weighted else "",
        weights_argument=argument if is_weighted else "",
    )
