"""What reads searches that are over: the table of trials, a summary in words, comparisons on outer folds."""
