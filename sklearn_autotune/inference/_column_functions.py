"""Functions of columns that a preparation applies; a kept model refers to them by name."""

import numpy as np

__all__ = ["clip_outliers", "fill_missing_codes"]


def fill_missing_codes(codes: np.ndarray) -> np.ndarray:
    """Replace missing codes by a category of their own."""
    return np.where(np.isnan(codes), -1.0, codes)


def clip_outliers(values: np.ndarray) -> np.ndarray:
    """Clip scaled values at five standard deviations, so that a few extreme rows do not dominate the fit."""
    return np.clip(values, -5.0, 5.0)
