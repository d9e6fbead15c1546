"""Standard JSON, for the files of a run folder and for what the commands print."""

import json
import math
from collections.abc import Mapping
from datetime import date, datetime, time
from typing import Any

import numpy as np

from sklearn_autotune._compat.urls import redact_text
from sklearn_autotune.inference._column_values import is_missing

__all__ = ["format_json", "to_json_value"]


def format_json(content: object, *, ensure_ascii: bool = False) -> str:
    """Return a value as standard JSON, which every reader takes.

    Numbers that are not finite and missing values become null; NumPy's numbers and arrays become numbers and lists;
    dates become ISO 8601; anything else becomes its text. URLs lose their secrets.

    Parameters
    ----------
    content : object
    ensure_ascii : bool, default=False
        Whether other characters are written as escape sequences, which any terminal takes.

    Returns
    -------
    text : str

    Examples
    --------
    >>> print(format_json({"score": np.float64("nan"), "rows": np.arange(2), 3: date(2026, 1, 2)}))
    {
      "score": null,
      "rows": [
        0,
        1
      ],
      "3": "2026-01-02"
    }
    """
    return json.dumps(to_json_value(content), indent=2, allow_nan=False, ensure_ascii=ensure_ascii)


def to_json_value(value: object) -> Any:
    """Return a value as JSON's types; see `format_json`."""
    if isinstance(value, Mapping):
        return {str(key): to_json_value(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [to_json_value(item) for item in value]
    if isinstance(value, np.ndarray | np.generic):
        return to_json_value(_to_plain(value))
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, int | None):
        return value
    if is_missing(value):
        return None
    return value.isoformat() if isinstance(value, date | datetime | time) else redact_text(str(value))


def _to_plain(value: Any) -> Any:
    """Return NumPy's numbers and arrays as Python's; of times in nanoseconds ``tolist`` would make numbers."""
    if value.dtype.kind in "mM":
        return _drop_gaps(np.asarray(value).astype(str).tolist())
    plain = value.tolist()
    return float(plain) if isinstance(plain, np.floating) else plain  # a longdouble stays NumPy's


def _drop_gaps(texts: Any) -> Any:
    """Replace NaT by None in a text, or in lists of texts."""
    if isinstance(texts, list):
        return [_drop_gaps(text) for text in texts]
    return None if texts == "NaT" else texts
