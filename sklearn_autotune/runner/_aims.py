"""Objectives and limits of a configuration, as `OptunaSearchCV` takes them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sklearn_autotune._compat.messages import suggest_name
from sklearn_autotune.objectives._costs import PredictSeconds
from sklearn_autotune.objectives._groups import GroupDifference, GroupRatio
from sklearn_autotune.objectives._plan import SINGLE, read_objectives

__all__ = ["RunAims", "make_aims"]

# What a configuration can give settings to, and the class that takes them.
WITH_SETTINGS = {"predict_seconds": PredictSeconds, "group_difference": GroupDifference, "group_ratio": GroupRatio}


@dataclass(frozen=True, slots=True)
class RunAims:
    """Objectives and limits.

    Attributes
    ----------
    objectives : list of object, dict of str to object, or None
    limits : dict of str to tuple, or None
    scoring : str or None
        Name of the scorer that decides: the first among the objectives; None without objectives.
    scorers : tuple of str
        Names of all of scikit-learn's scorers among the objectives and limits.
    """

    objectives: Any = None
    limits: Mapping[str, Any] | None = None
    scoring: str | None = None
    scorers: tuple[str, ...] = ()


def make_aims(objectives: Any, limits: Mapping[str, Any] | None, scoring: str | None) -> RunAims:
    """Read objectives and limits, and check them.

    Parameters
    ----------
    objectives : list, dict or None
    limits : mapping or None
    scoring : str or None
        As in the configuration.

    Returns
    -------
    aims : RunAims

    Raises
    ------
    ValueError
        If they cannot be read. The message begins with the key.
    """
    if isinstance(objectives, Mapping):
        made: Any = {name: _make_scorer(f"objectives.{name}", value) for name, value in objectives.items()}
    elif objectives is not None:
        made = [_make_scorer(f"objectives.{index}", value) for index, value in enumerate(objectives)]
    else:
        made = None
    read = None if limits is None else {name: _make_limit(f"limits.{name}", value) for name, value in limits.items()}
    try:
        # Only a search without a scorer would be asked for its own.
        scoring = None if made is not None else scoring or "neg_log_loss"
        plan = read_objectives(made, read, scoring, True, None)  # type: ignore[arg-type]
    except (TypeError, ValueError) as error:
        key = "limits" if str(error).startswith(("limits", "No model can meet limits")) else "objectives"
        raise ValueError(f"{key}: {str(error).removeprefix(f'{key} ')}") from None
    if plan is None:
        return RunAims()
    scorers = {name for key, name in plan.scorers.items() if isinstance(name, str) and key != SINGLE}
    primary = None if made is None else plan.scorers[plan.primary]
    if primary is not None and not isinstance(primary, str):
        raise ValueError(f"objectives: {plan.primary} is the first score, which decides, and has to be a scorer's name")
    return RunAims(made, read, primary, tuple(sorted(scorers)))


def _make_scorer(key: str, value: Any) -> Any:
    """Return the name of a scorer or a cost, or the object that a section with settings describes."""
    if not isinstance(value, Mapping):
        return value
    if len(value) != 1:
        raise ValueError(f"{key}: has to be one name with its settings, such as predict_seconds: {{batch_size: 1}}")
    ((name, settings),) = value.items()
    if name not in WITH_SETTINGS:
        raise ValueError(f"{key}: {name!r} takes no settings{suggest_name(str(name), WITH_SETTINGS)}")
    try:
        made = WITH_SETTINGS[name](**(settings or {}))
        made.check()
    except TypeError as error:
        raise ValueError(f"{key}: {name}: {str(error).rpartition('__init__() ')[2]}") from None
    except ValueError as error:
        raise ValueError(f"{key}: {error}") from None
    return made


def _make_limit(key: str, value: Any) -> Any:
    """Return a limit as a tuple: "<= 0.5" and ["<=", 0.5] are the same."""
    if isinstance(value, str):
        operator, _, bound = value.partition(" ") if " " in value else (value[:2], "", value[2:])
        try:
            return operator, float(bound.replace("_", ""))
        except ValueError:
            raise ValueError(f"{key}: has to be like '<= 1000' or ['>=', 0.9], got {value!r}") from None
    return (_make_scorer(key, value[0]), *value[1:]) if len(value) == 3 else tuple(value)
