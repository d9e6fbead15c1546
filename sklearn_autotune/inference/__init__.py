"""What a kept model is made of. Nothing in this folder imports Optuna, so that loading a model is quick."""
