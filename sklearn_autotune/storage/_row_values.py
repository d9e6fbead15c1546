"""How what is kept of a candidate's test rows is stored in attributes of its trial, or of the study, and read again."""

import base64
import zlib
from collections.abc import Mapping
from io import BytesIO
from typing import Any

import numpy as np

__all__ = ["ROWS_ATTRIBUTE", "make_row_attributes", "read_row_values"]

# Numbered attributes, each with a part of the text: MySQL limits an attribute to 65,535 bytes.
ROWS_ATTRIBUTE = "sklearn_autotune:rows:"
PART_LENGTH = 60_000
MAX_BYTES = 2**20  # of a candidate, before compression; more is not stored


def make_row_attributes(rows: Mapping[int, np.ndarray]) -> dict[str, str]:
    """Return the values of each fold's test rows as attributes; none if they are too many."""
    if not rows or sum(values.nbytes for values in rows.values()) > MAX_BYTES:
        return {}
    if any(values.dtype.hasobject for values in rows.values()):  # only a pickle could hold them
        return {}
    buffer = BytesIO()
    np.savez(buffer, np.array(list(rows)), *rows.values())
    text = base64.b85encode(zlib.compress(buffer.getvalue(), level=1)).decode("ascii")
    return {
        f"{ROWS_ATTRIBUTE}{number}": text[start : start + PART_LENGTH]
        for number, start in enumerate(range(0, len(text), PART_LENGTH))
    }


def read_row_values(attributes: Mapping[str, Any]) -> dict[int, np.ndarray]:
    """Read the values of each fold's test rows from the attributes of a trial or study; empty if none are stored."""
    text = ""
    while (name := f"{ROWS_ATTRIBUTE}{len(text) // PART_LENGTH}") in attributes:
        text += attributes[name]
        if len(text) % PART_LENGTH:
            break
    if not text:
        return {}
    with np.load(BytesIO(zlib.decompress(base64.b85decode(text))), allow_pickle=False) as stored:
        folds, *values = (stored[f"arr_{number}"] for number in range(len(stored.files)))
        return dict(zip(folds.tolist(), values, strict=True))
