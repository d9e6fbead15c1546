"""The JSON schema of a summary, and values as JSON's types."""

from collections.abc import Mapping
from math import isfinite
from typing import Any

import numpy as np

from sklearn_autotune._compat.html import format_value
from sklearn_autotune.evaluation._status import Status

__all__ = ["PHASES", "SCHEMA_VERSION", "get_summary_schema", "to_plain_value"]

SCHEMA_VERSION = 1

# Keys of ``phase_seconds``, and the names of the same phases in `Summary.seconds`.
PHASES = {"final_fit": "final fit", "default": "default", "sampler": "sampler", "rest": "the rest"}


def to_plain_value(value: object) -> Any:
    """Return a value in JSON's types: numbers that are not finite are None, and objects are the text of their ``repr``.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.svm import SVC
    >>> to_plain_value({"C": np.float64(0.1), "gamma": float("inf"), "svc": SVC(C=2), "sizes": (1, None)})
    {'C': 0.1, 'gamma': None, 'svc': 'SVC(C=2)', 'sizes': [1, None]}
    """
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, Mapping):
        return {str(name): to_plain_value(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [to_plain_value(one) for one in value]
    if isinstance(value, np.ndarray):
        return to_plain_value(value.tolist())
    if isinstance(value, float | np.floating):  # a longdouble stays NumPy's
        return float(value) if isfinite(value) else None
    if value is None or type(value) is bool:
        return value
    if isinstance(value, int):
        return int(value)
    return str(value) if isinstance(value, str) else format_value(value)


def get_summary_schema() -> dict[str, Any]:
    """Return the JSON schema of what ``summarize(search).to_dict()`` returns.

    It is of JSON Schema's draft 2020-12. Each key has a description with its unit and direction. All keys are always
    there; what a search does not have is null or empty. As long as ``schema_version`` is the same, keys are only added:
    the schema allows keys that it does not list.

    Returns
    -------
    schema : dict of str to object

    Examples
    --------
    >>> from sklearn_autotune import get_summary_schema
    >>> schema = get_summary_schema()
    >>> schema["properties"]["best_score"]["type"]
    ['number', 'null']
    """
    properties = _describe_search() | _describe_cost() | _describe_winner() | _describe_aims() | _describe_outlook()
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:sklearn-autotune:summary:{SCHEMA_VERSION}",
        "title": "Summary of a search",
        "description": "What happened in a search. In all scores higher is better: a loss is negated, as by "
        "scikit-learn's scorers, unless a description says otherwise.",
        **_make_object(properties),
    }


# -- the keys ----------------------------------------------------------------------------------------------------------


def _describe_search() -> dict[str, Any]:
    metric = {
        "name": _make("string", "scikit-learn's name of the scorer, or the name of the function."),
        "label": _make("string", "The name of the metric in text, such as log loss."),
        "greater_is_better": _make(
            "boolean", "Whether higher values of the metric are better. If not, a score is the negated metric."
        ),
    }
    return {
        "schema_version": {
            "const": SCHEMA_VERSION,
            "description": "A higher one has keys that were removed or mean something else.",
        },
        "search": _make("string", "Name of the class of the search."),
        "metric": _make_object(metric, "What best_score is a score of."),
        "n_splits": _make("integer", "How many folds candidates are measured on.", minimum=1, is_optional=True),
    }


def _describe_cost() -> dict[str, Any]:
    statuses = {"propertyNames": {"enum": [str(status) for status in Status if status != Status.DUPLICATE]}}
    phases = {
        name: _make("number", text, minimum=0)
        for name, text in {
            "final_fit": "Fitting the winner on all rows.",
            "default": "Measuring the estimator's own parameters, if that was done apart from the candidates.",
            "sampler": "Proposing candidates. With rest, if the search does not tell the two apart.",
            "rest": "Storing, callbacks, starting workers.",
        }.items()
    }
    return {
        "n_trials": _make("integer", "How many candidates there were, without duplicates.", minimum=0),
        "n_trials_by_status": _make_mapping("integer", "How many of them ended in each way.", minimum=0) | statuses,
        "seconds_by_status": _make_mapping(
            "number", "Seconds spent measuring them, of all workers together.", minimum=0
        )
        | statuses,
        "phase_seconds": _make_object(phases, "Seconds beside measuring candidates; 0 where there were none."),
        "wall_seconds": _make(
            "number", "Seconds of the search and the final fit by the clock.", minimum=0, is_optional=True
        ),
    }


def _describe_winner() -> dict[str, Any]:
    gain = {
        "mean": _make("number", "The gain, in units of the score.", is_optional=True),
        "low": _make(
            "number", "The lower end of its 95 % confidence interval; null if it is infinite.", is_optional=True
        ),
        "high": _make("number", "The upper end; null if it is infinite.", is_optional=True),
        "is_corrected": _make("boolean", "Whether it is corrected for the choice of the winner."),
    }
    interval = {"type": ["array", "null"], "items": {"type": ["number", "null"]}, "minItems": 2, "maxItems": 2}
    return {
        "best_index": _make("integer", "Row of the winner in cv_results_.", minimum=0, is_optional=True),
        "best_params": {
            "type": ["object", "null"],
            "description": "Parameters of the winner; of a blend, of its best single candidate. Values for which JSON "
            "has no type are text.",
        },
        "best_score": _make("number", "best_score_ of the search; null if no candidate is complete.", is_optional=True),
        "best_score_std_error": _make(
            "number",
            "Standard error of the winner's mean over the folds, corrected for training rows that folds share.",
            minimum=0,
            is_optional=True,
        ),
        "mean_test_scores": _make_mapping(
            ["number", "null"], "Means of all scores of the winner over the folds, by their names in cv_results_."
        ),
        "n_close": _make(
            "integer", "How many other candidates are at most a standard error worse than the winner.", minimum=0
        ),
        "blend_weights": _make_mapping(
            "number", "Weight of each model in the blend of an AutoModelSelector; empty of other searches."
        ),
        "threshold": _make(
            "number",
            "threshold_ of the search: from which probability on the model predicts the positive class.",
            is_optional=True,
        ),
        "default_score": _make(
            "number", "Mean score over the same folds of the estimator's own parameters.", is_optional=True
        ),
        "tuning_gain": _make_object(gain, "By how much the winner is better than these.", is_optional=True),
        "corrected_score": _make(
            "number", "best_score without what the choice of the best candidate adds to it.", is_optional=True
        ),
        "corrected_interval": interval | {"description": "The ends of its 95 % confidence interval."},
        "held_out_score": _make(
            "number", "Score of the final model on the rows that were passed to summarize.", is_optional=True
        ),
    }


def _describe_aims() -> dict[str, Any]:
    objective = {
        "name": _make("string", "As in front_ and best_scores."),
        "direction": {"enum": ["maximize", "minimize"], "description": "Which values in best_scores are better."},
    }
    limit = {
        "name": _make("string", "As in best_scores."),
        "operator": {
            "enum": ["<=", ">="],
            "description": "How the value in best_scores has to compare with the bound.",
        },
        "bound": _make("number", "The bound, in units of best_scores."),
    }
    return {
        "objectives": _make_list(_make_object(objective), "What was optimised, if there are several objectives."),
        "limits": _make_list(_make_object(limit), "What the winner has to keep to."),
        "n_front": _make(
            "integer",
            "How many candidates, or blends of an AutoModelSelector, are on the front; null of a search without "
            "front_.",
            minimum=0,
            is_optional=True,
        ),
        "n_meeting_limits": _make(
            "integer",
            "How many complete candidates, or compared blends of an AutoModelSelector, meet the limits; null where "
            "nothing is compared with limits.",
            minimum=0,
            is_optional=True,
        ),
        "best_scores": _make_mapping(
            ["number", "null"], "Of the winner, each objective and limit; costs are positive, and lower is better."
        ),
        "held_out_scores": _make_mapping(
            ["number", "null"], "The same of the final model, on the rows that were passed to summarize."
        ),
    }


def _describe_outlook() -> dict[str, Any]:
    range_end = {
        "param": _make("string", "Name of the parameter."),
        "end": {"enum": ["low", "high"], "description": "At which end of its range the winner is."},
        "bound": _make("number", "That end of the range.", is_optional=True),
    }
    texts = {"type": "string"}
    return {
        "late_gain": _make(
            "number", "By how much the best score rose during the last third of the candidates.", is_optional=True
        ),
        "is_improving": _make("boolean", "Whether that is more than its standard error."),
        "range_ends": _make_list(
            _make_object(range_end), "Where the winner is at an end of a range that the user wrote and can widen."
        ),
        "first_error": _make("string", "What the first failed candidate failed with.", is_optional=True),
        "sentences": _make_list(texts, "The summary in words."),
        "next_steps": _make_list(texts, "What may be worth trying."),
    }


# -- pieces of a schema ------------------------------------------------------------------------------------------------


def _make(kind: str, description: str, *, minimum: int | None = None, is_optional: bool = False) -> dict[str, Any]:
    limits = {} if minimum is None else {"minimum": minimum}
    return {"type": [kind, "null"] if is_optional else kind, **limits, "description": description}


def _make_object(
    properties: Mapping[str, Any], description: str | None = None, *, is_optional: bool = False
) -> dict[str, Any]:
    """Return the schema of an object that has all of these keys."""
    described = {} if description is None else {"description": description}
    kind = ["object", "null"] if is_optional else "object"
    return {"type": kind, **described, "properties": dict(properties), "required": list(properties)}


def _make_mapping(kind: str | list[str], description: str, *, minimum: int | None = None) -> dict[str, Any]:
    """Return the schema of an object with any keys, whose values are of one type."""
    limits = {} if minimum is None else {"minimum": minimum}
    return {"type": "object", "description": description, "additionalProperties": {"type": kind, **limits}}


def _make_list(items: Mapping[str, Any], description: str) -> dict[str, Any]:
    return {"type": "array", "description": description, "items": dict(items)}
