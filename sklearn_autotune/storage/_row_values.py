"""How what is kept of a candidate's test rows is stored with its trial and read again."""

import base64
import zlib
from collections.abc import Mapping
from io import BytesIO

import numpy as np
from optuna.trial import FrozenTrial

__all__ = ["ROWS_ATTRIBUTE", "read_row_values", "set_row_values"]

# Numbered attributes of a stored trial, each with a part of the text: MySQL limits an attribute to 65,535 bytes.
ROWS_ATTRIBUTE = "sklearn_autotune:rows:"
PART_LENGTH = 60_000
MAX_BYTES = 2**20  # of a candidate, before compression; more is not stored


def set_row_values(trial: FrozenTrial, rows: Mapping[int, np.ndarray]) -> None:
    """Write the values of each fold's test rows on a trial that is about to be stored, unless they are too many."""
    if not rows or sum(values.nbytes for values in rows.values()) > MAX_BYTES:
        return
    if any(values.dtype.hasobject for values in rows.values()):  # only a pickle could hold them
        return
    buffer = BytesIO()
    np.savez(buffer, allow_pickle=False, **{str(fold): values for fold, values in rows.items()})
    text = base64.b85encode(zlib.compress(buffer.getvalue(), level=1)).decode("ascii")
    parts = {
        f"{ROWS_ATTRIBUTE}{number}": text[start : start + PART_LENGTH]
        for number, start in enumerate(range(0, len(text), PART_LENGTH))
    }
    trial.user_attrs = trial.user_attrs | parts


def read_row_values(trial: FrozenTrial) -> dict[int, np.ndarray]:
    """Read the values of each fold's test rows; empty if none are stored."""
    text = ""
    while (name := f"{ROWS_ATTRIBUTE}{len(text) // PART_LENGTH}") in trial.user_attrs:
        text += trial.user_attrs[name]
        if len(text) % PART_LENGTH:
            break
    if not text:
        return {}
    with np.load(BytesIO(zlib.decompress(base64.b85decode(text))), allow_pickle=False) as stored:
        return {int(fold): stored[fold] for fold in stored.files}
