"""Show the progress of a search or a comparison: a bar in a terminal or notebook, and lines everywhere else."""

from sklearn_autotune.progress._method_progress import MethodProgress
from sklearn_autotune.progress._trial_progress import TrialProgress

__all__ = ["MethodProgress", "TrialProgress"]
