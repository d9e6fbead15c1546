"""Compatibility: the only imports of private names of scikit-learn and Optuna; optional packages."""
