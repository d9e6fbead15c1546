"""OptunaSearchCV, and what all searches share: set-up, trial loop, results, refit rules."""
