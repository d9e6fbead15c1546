"""TunedXGBClassifier and TunedXGBRegressor, and what boosting libraries can do."""
