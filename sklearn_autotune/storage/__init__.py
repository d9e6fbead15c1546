"""Optuna studies: create, open, lock, write, resume and share them."""
