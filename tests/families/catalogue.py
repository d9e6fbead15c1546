"""The estimators of ready spaces, as their users make them, and the rows of the guide that lists them."""

from importlib import import_module

from sklearn.ensemble import ExtraTreesClassifier
from sklearn.pipeline import make_pipeline
from sklearn.utils import all_estimators

from sklearn_autotune.families import auto_space

__all__ = ["describe_space", "make"]

CLASSES = {f"sklearn.{name}": kind for name, kind in all_estimators()}
MODULES = {
    "interpret": "interpret.glassbox",
    "sksurv": "sksurv.ensemble",
    "imblearn.SMOTE": "imblearn.over_sampling",
    "imblearn.BorderlineSMOTE": "imblearn.over_sampling",
    "imblearn.RandomOverSampler": "imblearn.over_sampling",
    "imblearn.RandomUnderSampler": "imblearn.under_sampling",
}


def make(name):
    """Make an estimator by its package and class; the package has to be installed."""
    package, _, class_name = name.partition(".")
    if package == "sklearn":
        kind = CLASSES[name]
        return kind(ExtraTreesClassifier()) if class_name == "SelectFromModel" else kind()
    module = MODULES.get(name, MODULES.get(package, package))
    return getattr(import_module(module), class_name)()


def describe_space(known):
    """Return the row of the guide: the names of the classes, and the parameters that are searched."""
    found = set()
    for name in known.estimators:
        pipeline = (
            make_pipeline if not name.startswith("imblearn") else import_module("imblearn.pipeline").make_pipeline
        )
        model = pipeline(make(name), "passthrough")
        part = model.steps[0][0]
        raw_space = auto_space(model, n_rows=10_000, n_columns=20, steps=[part])
        for branch in [raw_space] if isinstance(raw_space, dict) else raw_space:
            found |= {key.removeprefix(f"{part}__") for key in branch if not key.startswith(f"{part}__estimator__")}
            found |= {"the step itself"} if part in branch else set()
            found -= {part}
    names = ", ".join(f"`{name.removeprefix('sklearn.')}`" for name in known.estimators)
    shown = ", ".join(name if " " in name else f"`{name}`" for name in sorted(found))
    return f"| {names} | {shown} |"
