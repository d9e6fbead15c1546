"""Candidates that are measured before the sampler is asked: known good ones, and those of earlier searches."""
