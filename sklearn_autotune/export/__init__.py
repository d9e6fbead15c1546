"""A fitted search as a plain script, or as a model that needs little to load."""

from sklearn_autotune.export._export_code import export_code

__all__ = ["export_code"]
