"""ScoreScale: the name, the sign and the limits of an axis of scores."""

from dataclasses import dataclass
from textwrap import wrap

import numpy as np

from sklearn_autotune._compat.types import ArrayLike
from sklearn_autotune.evaluation._metric import Metric
from sklearn_autotune.plotting._style import COLORMAP

__all__ = ["ScoreScale", "compute_score_limits"]


@dataclass(frozen=True, slots=True)
class ScoreScale:
    """What an axis of scores is called, which values it shows, and where it ends.

    Scores are scikit-learn's: higher is better, and a loss is negated. A reader is shown a loss with its own sign.

    Attributes
    ----------
    metric : Metric
    worst, best : float
        The scores at the ends of the axis, before the sign is changed: ``worst`` < ``best``.
    """

    metric: Metric
    worst: float = 0.0
    best: float = 1.0

    @classmethod
    def from_scores(cls, scores: ArrayLike, metric: str) -> "ScoreScale":
        """Return a scale for these scores; a few bad ones do not move its ends.

        Parameters
        ----------
        scores : array-like of float
            Higher is better; NaN is left out.
        metric : str
            scikit-learn's name of the score.

        Returns
        -------
        scale : ScoreScale

        Examples
        --------
        >>> scale = ScoreScale.from_scores([-0.3, -0.5], "neg_log_loss")
        >>> scale.label, scale.convert(np.array([-0.3])).tolist()
        ('log loss (lower is better)', [0.3])
        """
        return cls(Metric(metric), *compute_score_limits(scores))

    @property
    def label(self) -> str:
        """The metric and which of its values are better."""
        return f"{self.metric.label} ({self.metric.direction})"

    def wrap_label(self, max_length: int) -> str:
        """Return the label in lines of about this length; the direction is not broken."""
        if len(self.label) <= max_length:
            return self.label
        return "\n".join([*wrap(self.metric.label, max_length), f"({self.metric.direction})"])

    @property
    def colormap(self) -> str:
        """A colour map in which better values are lighter."""
        return f"{COLORMAP}_r" if self.metric.is_loss else COLORMAP

    @property
    def limits(self) -> tuple[float, float]:
        """The smallest and the largest value that the axis shows."""
        return self.convert_limits(self.worst, self.best)

    def convert_limits(self, worst: float, best: float) -> tuple[float, float]:
        """Return the smallest and the largest value shown on an axis between two scores."""
        ends = self.convert(np.array([worst, best]))
        return float(ends.min()), float(ends.max())

    def convert(self, scores: np.ndarray) -> np.ndarray:
        """Return scores as they are shown: of a loss, with its own sign."""
        return self.metric.sign * scores + 0.0

    def clip(self, scores: np.ndarray) -> np.ndarray:
        """Return scores as they are shown, those beyond an end of the axis at that end."""
        return self.convert(np.clip(scores, self.worst, self.best))


def compute_score_limits(scores: ArrayLike) -> tuple[float, float]:
    """Return limits for an axis of scores, higher being better, that a few bad ones do not flatten.

    What lies more than three times as far below the best as the lower quartile is left out.

    Examples
    --------
    >>> low, high = compute_score_limits([0.90, 0.91, 0.92, 0.93, -1000.0])
    >>> bool(0.8 < low < 0.9), bool(0.93 < high < 0.95)
    (True, True)
    """
    finite = np.asarray(scores, dtype=float)
    finite = np.sort(finite[np.isfinite(finite)])
    if not len(finite):
        return 0.0, 1.0
    best = finite[-1]
    spread = best - np.quantile(finite, 0.25)
    low = finite[finite >= best - 3 * spread][0]
    margin = 0.05 * (best - low) or 0.05 * abs(best) or 0.05
    return float(low - margin), float(best + margin)
