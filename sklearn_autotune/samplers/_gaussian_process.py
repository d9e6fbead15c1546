"""Gaussian processes that predict the objectives of candidates: scikit-learn's, with settings for few candidates."""

from typing import Any

import numpy as np
import sklearn

__all__ = ["GaussianProcess", "Kernel", "find_kernel", "make_kernel"]

Kernel = tuple[Any, float]  # scikit-learn's kernel of the values without noise, and the variance of the noise

AMPLITUDES = (0.05, 20.0)
LENGTH_SCALES = (0.05, 20.0)  # in parts of the range of a parameter
NOISES = (1e-4, 1.0)
JITTER = 1e-8  # on the diagonal, so that equal candidates can be told apart by the solver
PRIOR_SCALE = 0.5  # of the normal prior of each parameter's logarithm, around the kernel that the search starts from
N_STEPS = 15  # of the search for the likeliest kernel


def make_kernel(n_features: int) -> Kernel:
    """Return the kernel from which the search starts, and that is used as long as few candidates are measured."""
    from sklearn.gaussian_process.kernels import ConstantKernel, Matern

    scales = np.full(n_features, 0.7)
    return ConstantKernel(1.0, AMPLITUDES) * Matern(scales, LENGTH_SCALES, nu=2.5), 0.05


def find_kernel(features: np.ndarray, values: np.ndarray) -> Kernel:
    """Return the likeliest Matern kernel, with a length scale for each feature.

    Parameters
    ----------
    features : ndarray of shape (n_candidates, n_features)
    values : ndarray of shape (n_candidates,)
        With a mean of 0 and a standard deviation of 1.

    Returns
    -------
    kernel : Kernel
    """
    from scipy.optimize import minimize
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import WhiteKernel

    smooth, noise = make_kernel(features.shape[1])
    kernel = smooth + WhiteKernel(noise, NOISES)
    with sklearn.config_context(skip_parameter_validation=True, assume_finite=True):
        model = GaussianProcessRegressor(kernel, optimizer=None, alpha=JITTER).fit(features, values)

    def compute_loss(theta: np.ndarray) -> tuple[float, np.ndarray]:
        likelihood, gradient = model.log_marginal_likelihood(theta, eval_gradient=True, clone_kernel=False)
        distances = (theta - kernel.theta) / PRIOR_SCALE
        return distances @ distances / 2 - likelihood, distances / PRIOR_SCALE - gradient

    options = {"maxiter": N_STEPS}
    found = minimize(compute_loss, kernel.theta, method="L-BFGS-B", jac=True, bounds=kernel.bounds, options=options)
    kernel = kernel.clone_with_theta(found.x)
    return kernel.k1, kernel.k2.noise_level


class GaussianProcess:
    """Predicts the values of candidates, and how uncertain they are.

    Parameters
    ----------
    kernel : Kernel
    features : ndarray of shape (n_candidates, n_features)
    values : ndarray of shape (n_candidates,)
    """

    def __init__(self, kernel: Kernel, features: np.ndarray, values: np.ndarray) -> None:
        from sklearn.gaussian_process import GaussianProcessRegressor

        smooth, noise = kernel
        with sklearn.config_context(skip_parameter_validation=True, assume_finite=True):
            self.model = GaussianProcessRegressor(smooth, optimizer=None, alpha=noise + JITTER).fit(features, values)

    def predict(self, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return means and standard deviations, without the noise of a measurement."""
        with sklearn.config_context(assume_finite=True):
            means, deviations = self.model.predict(features, return_std=True)
        return means, np.maximum(deviations, 1e-6)
