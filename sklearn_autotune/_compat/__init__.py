"""The doors: private names of scikit-learn, optional packages, Optuna kept quiet."""
