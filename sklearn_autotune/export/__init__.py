"""A fitted search as a plain script."""

from sklearn_autotune.export._export_code import export_code

__all__ = ["export_code"]
