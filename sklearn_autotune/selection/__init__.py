"""AutoModelSelector: chooses the family of models, their parameters and a blend."""
