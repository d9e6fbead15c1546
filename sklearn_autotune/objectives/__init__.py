"""What a search may aim at beside one score: costs of a model, differences between groups, limits, and the front."""
