"""OptunaSearchCV, and what all searches share: setup, trial loop, results, refit rules."""
