"""A fitted search as a plain script, and as an ONNX model."""

from sklearn_autotune.export._export_code import export_code
from sklearn_autotune.export._onnx import register_onnx_converters

__all__ = ["export_code", "register_onnx_converters"]
