"""Write a fitted search as a script that makes and fits the winner, without the search and without this package."""

import inspect
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.base import is_classifier
from sklearn.pipeline import Pipeline

from sklearn_autotune._compat.optional import get_versions
from sklearn_autotune._compat.types import Estimator
from sklearn_autotune.boosting._tuned_xgboost import TunedXGBClassifier, TunedXGBRegressor
from sklearn_autotune.export import _script_ensemble
from sklearn_autotune.export._selection import make_blend_params
from sklearn_autotune.export._source import Expression, ExpressionWriter, render
from sklearn_autotune.inference._encoding import EncodingTransformer, LabelEncodingClassifier
from sklearn_autotune.search._base_search import BaseSearch
from sklearn_autotune.selection._auto_model_selector import AutoModelSelector

__all__ = ["export_code"]


def export_code(fitted: Estimator) -> str:
    """Write the winner of a search as a Python script that needs only scikit-learn, and XGBoost if that was chosen.

    The script has ``make_model()``, which returns the winner with its parameters and not yet fitted, ``fit(X, y)`` and
    ``predict(model, X)``. Fitted on the rows that the search was fitted on, it predicts what the search predicts. Run
    as a program it reads CSV files, for which it needs pandas.

    Parameters
    ----------
    fitted : estimator
        `OptunaSearchCV`, `TunedXGBClassifier`, `TunedXGBRegressor`, `AutoModelSelector`, one of scikit-learn's
        searches, or a Pipeline or other estimator that has one inside; fitted, with ``refit``.

    Returns
    -------
    code : str

    Raises
    ------
    ValueError
        If there is nothing fitted to write, or something in it cannot be written: a lambda, a function or class of the
        session, a generator of random numbers, a model that was fitted elsewhere, folds that cannot be drawn again.

    Notes
    -----
    The script does not contain sample weights and other metadata that were passed to ``fit``. The predictions of an
    estimator without a ``random_state`` may differ from fit to fit; the script names such estimators.

    Encoders of raw columns and blends are written as small classes at the top of the script.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn_autotune import OptunaSearchCV
    >>> from sklearn_autotune.export import export_code
    >>> X, y = load_iris(return_X_y=True)
    >>> search = OptunaSearchCV(LogisticRegression(max_iter=500), {"C": [0.01, 1.0]}, random_state=0).fit(X, y)
    >>> script = export_code(search)
    >>> namespace = {"__name__": "script"}
    >>> exec(script, namespace)
    >>> namespace["make_model"]()
    LogisticRegression(max_iter=500)
    >>> bool((namespace["fit"](X, y).predict(X) == search.predict(X)).all())
    True
    """
    writer = EstimatorWriter()
    model = writer.write(fitted, type(fitted).__name__)
    epochs = _get_n_epochs(fitted)
    blocks = [
        f"{_make_docstring(fitted, writer)}\n\n{_make_imports(writer, epochs)}",
        *writer.sources.definitions,
        *_make_columns(fitted),
        f"{_MAKE_MODEL}\n    return {render(model, 4, 7)}",
        _FIT if epochs is None else _make_fit_epochs(fitted, epochs),
        _PREDICT,
        _make_main(fitted),
        'if __name__ == "__main__":\n    main()',
    ]
    return "\n\n\n".join(blocks) + "\n"


class EstimatorWriter(ExpressionWriter):
    """Writes estimators; a fitted search is replaced by its winner."""

    def write_estimator(self, estimator: Estimator, where: str) -> Expression | str:
        """Return the constructor call of the estimator, or of the winner if it is a search."""
        if not _is_search(estimator):
            return super().write_estimator(estimator, where)
        if not hasattr(estimator, "best_estimator_"):
            raise ValueError(
                f"{where} is a search that has no best_estimator_, so there is nothing to write. Fit it, with "
                "refit=True; one that a meta-estimator clones and fits again has to be exported by itself."
            )
        if isinstance(estimator, AutoModelSelector):
            name, params = make_blend_params(estimator, self, where)
            return self.write_call(getattr(_script_ensemble, name), params, where)
        if isinstance(estimator, TunedXGBClassifier | TunedXGBRegressor):
            return self._write_booster(estimator, where)
        if _get_n_epochs(estimator) is not None and where != type(estimator).__name__:
            raise ValueError(f"{where} was fitted by passes of partial_fit; it can be exported only by itself.")
        return self.write(estimator.best_estimator_, f"{where}.best_estimator_")

    def find_changed_params(self, estimator: Estimator, params: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parameters that are not at their defaults; a search is replaced by its fitted clone."""
        changed_params = super().find_changed_params(estimator, params)
        fitted_params = {
            name: getattr(estimator, f"{name}_", value) for name, value in changed_params.items() if _is_search(value)
        }
        return changed_params | fitted_params

    def _write_booster(self, search: TunedXGBClassifier | TunedXGBRegressor, where: str) -> Expression | str:
        """Write tuned XGBoost: an encoder of the columns, an encoder of the labels, and the booster."""
        model = self.write(search.best_estimator_, f"{where}.best_estimator_")
        if is_classifier(search):
            weight = search.class_weight
            if weight is not None or not np.array_equal(search.classes_, np.arange(len(search.classes_))):
                params = {"model": model} | ({} if weight is None else {"class_weight": weight})
                model = self.write_call(LabelEncodingClassifier, params, where)
        encoder = search.deployed_model()[0].encoder_
        if not (hasattr(search, "feature_names_in_") or encoder.reads_missing or encoder.is_sparse):
            return model
        is_read = encoder.reads_missing and search.missing == search.missing
        columns = self.write_call(EncodingTransformer, {"missing": search.missing} if is_read else {}, where)
        steps = [
            Expression("(", (("", f'"{name}"'), ("", step)), ")")
            for name, step in (("columns", columns), ("model", model))
        ]
        return self.write_call(Pipeline, {"steps": Expression("[", tuple(("", step) for step in steps), "]")}, where)


def _is_search(estimator: object) -> bool:
    if isinstance(estimator, type):
        return False
    kinds = ("param_grid", "param_distributions")
    return isinstance(estimator, BaseSearch) or any(hasattr(estimator, name) for name in kinds)


def _get_n_epochs(fitted: Any) -> int | None:
    """Return how many passes of ``partial_fit`` the winner was given; None if it was fitted by ``fit``."""
    return fitted.best_resource_ if getattr(fitted, "resource", None) == "epochs" else None


# -- the parts of a script ---------------------------------------------------------------------------------------------

_MAKE_MODEL = '''\
def make_model():
    """Return the model with its parameters, not yet fitted."""'''

_FIT = '''\
def fit(X, y):
    """Return the model, fitted."""
    return make_model().fit(X, y)'''

_PREDICT = '''\
def predict(model, X):
    """Return what a fitted model predicts."""
    return model.predict(X)'''

_MAIN = '''\
def main():
    """Fit on one CSV file, and predict for another."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("train", help="CSV file to fit on")
    parser.add_argument("target", help="name of its column that is to be predicted")
    parser.add_argument("new", help="CSV file to predict for")
    parser.add_argument("output", help="CSV file to write")
    given = parser.parse_args()
    import pandas as pd

    train, new = pd.read_csv(given.train), pd.read_csv(given.new)
    model = fit({features}, train[given.target])
    pd.DataFrame({{given.target: predict(model, {new_features})}}).to_csv(given.output, index=False)'''


def _make_docstring(fitted: Any, writer: ExpressionWriter) -> str:
    name = type(fitted).__name__
    lines = [f'"""What {name} found, as a script that needs no more than it imports.', ""]
    score = getattr(fitted, "best_score_", None)
    if score is not None:
        lines.append(f"Its score was {score:.6g}, the mean over {fitted.n_splits_} folds; higher is better.")
    package_names = {"scikit-learn": "scikit-learn"}
    if any("xgboost" in statement for statement in writer.imports):
        package_names["xgboost"] = "XGBoost"
    packages = [f"{package_names[package]} {number}" for package, number in get_versions(package_names).items()]
    lines.append(f"Made with {' and '.join(packages)}; other versions may predict a little differently.")
    if writer.unseeded:
        names = ", ".join(dict.fromkeys(writer.unseeded))
        lines.append(f"Without a random_state, which may matter or not: {names}.")
    return "\n".join([*lines, '"""'])


def _make_imports(writer: ExpressionWriter, epochs: int | None) -> str:
    statements = writer.imports | writer.sources.imports | {"import argparse"}
    if epochs is not None:
        statements.add("import numpy as np")
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
    return "\n".join([*standard_lines, "", *sorted(set(lines) - set(standard_lines), key=_make_import_key)])


def _make_import_key(statement: str) -> tuple[bool, str]:
    return statement.startswith("from "), statement


def _make_columns(fitted: Estimator) -> list[str]:
    if not hasattr(fitted, "feature_names_in_"):
        return []
    names = ExpressionWriter().write([str(name) for name in fitted.feature_names_in_], "COLUMNS")
    return [f"# The columns, in the order of training.\nCOLUMNS = {render(names, 0, 10)}"]


def _make_fit_epochs(fitted: Any, epochs: int) -> str:
    best = fitted.best_estimator_
    is_pipeline = hasattr(best, "steps")
    last = best[-1] if is_pipeline else best
    lines = [
        "def fit(X, y):",
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
    lines += [f"    for _ in range({epochs}):", f"        last.partial_fit(X, y{classes})", "    return model"]
    return "\n".join(lines)


def _make_main(fitted: Estimator) -> str:
    if hasattr(fitted, "feature_names_in_"):
        return _MAIN.format(features="train[COLUMNS]", new_features="new[COLUMNS]")
    return _MAIN.format(
        features="train.drop(columns=given.target).to_numpy()",
        new_features="new.drop(columns=given.target, errors='ignore').to_numpy()".replace("'", '"'),
    )
