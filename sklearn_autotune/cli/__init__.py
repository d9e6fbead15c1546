"""The commands of ``python -m sklearn_autotune``, and the demo."""
