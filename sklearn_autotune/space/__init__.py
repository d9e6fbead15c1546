"""What the user wrote as a space becomes an Optuna space."""
