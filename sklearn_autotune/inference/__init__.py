"""The parts of a fitted model that predicts without its search. They do not import Optuna, so loading it is quick."""
