"""One HTML file that says what came out of a search or a comparison."""

from sklearn_autotune.report._write_report import write_report

__all__ = ["write_report"]
