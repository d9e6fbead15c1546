"""The front of several objectives: which candidates no other beats, their hypervolume, and the knee."""

import numpy as np

__all__ = ["compute_hypervolume", "find_front", "find_knee", "rank_fronts"]


def find_front(values: np.ndarray) -> np.ndarray:
    """Return which points no other point beats: none is at least as good in all objectives and better in one.

    Parameters
    ----------
    values : ndarray of shape (n_points, n_objectives)
        Higher is better. A point with NaN is not on the front.

    Returns
    -------
    is_on_front : ndarray of bool of shape (n_points,)
        Equal points are on it together.

    Examples
    --------
    >>> find_front(np.array([[0.9, -30.0], [0.8, -10.0], [0.8, -20.0], [np.nan, -1.0]]))
    array([ True,  True, False, False])
    """
    found = np.isfinite(values).all(axis=1)
    for point in np.flatnonzero(found):
        if found[point]:
            beaten = (values[point] >= values).all(axis=1) & (values[point] > values).any(axis=1)
            found &= ~beaten
    return found


def rank_fronts(values: np.ndarray) -> np.ndarray:
    """Return for each point the number of its front: 0 of the first, 1 of the front of all other points, and so on.

    Parameters
    ----------
    values : ndarray of shape (n_points, n_objectives)
        Finite; higher is better.

    Examples
    --------
    >>> rank_fronts(np.array([[1.0, 1.0], [2.0, 0.0], [0.0, 0.0]]))
    array([0, 0, 1])
    """
    ranks = np.full(len(values), -1)
    rank = 0
    while (ranks < 0).any():
        left = np.flatnonzero(ranks < 0)
        ranks[left[find_front(values[left])]] = rank
        rank += 1
    return ranks


def compute_hypervolume(values: np.ndarray, reference: np.ndarray) -> float:
    """Return the volume that points dominate, above a reference point.

    Parameters
    ----------
    values : ndarray of shape (n_points, n_objectives)
        Higher is better. Points that do not exceed the reference in all objectives add nothing.
    reference : ndarray of shape (n_objectives,)
        A point that is worse than all that count.

    Returns
    -------
    volume : float

    Notes
    -----
    The volume is cut into slices along the last objective (Zitzler, "Evolutionary algorithms for multiobjective
    optimization", 1999). That takes seconds for some hundred points in three objectives, and too long with five.

    Examples
    --------
    >>> compute_hypervolume(np.array([[2.0, 1.0], [1.0, 2.0]]), np.array([0.0, 0.0]))
    3.0
    """
    points = np.asarray(values, dtype=float) - reference
    points = np.unique(points[(points > 0).all(axis=1)], axis=0)
    points = points[find_front(points)]
    if not len(points):
        return 0.0
    if points.shape[1] == 1:
        return float(points.max())
    heights = np.unique(points[:, -1])
    thickness = np.diff(heights, prepend=0.0)
    return float(
        sum(
            depth * compute_hypervolume(points[points[:, -1] >= height, :-1], np.zeros(points.shape[1] - 1))
            for height, depth in zip(heights, thickness, strict=True)
        )
    )


def find_knee(values: np.ndarray) -> int:
    """Return the point of a front that is farthest above the plane through its ends.

    All objectives are scaled to the range that the front has in them, so that units do not matter.

    Parameters
    ----------
    values : ndarray of shape (n_points, n_objectives)
        The points of a front; higher is better.

    Returns
    -------
    knee : int
        Of several, the one that is best in the first objective.

    Notes
    -----
    The bend of Das, "On characterizing the 'knee' of the Pareto curve based on normal-boundary intersection",
    Structural Optimization, 1999.

    Examples
    --------
    >>> find_knee(np.array([[0.0, 1.0], [0.9, 0.9], [1.0, 0.0]]))
    1
    """
    low, high = values.min(axis=0), values.max(axis=0)
    spread = np.where(high > low, high - low, 1.0)
    heights = ((values - low) / spread).sum(axis=1).round(12)
    highest = np.flatnonzero(heights == heights.max())
    return int(highest[values[highest, 0].argmax()])
