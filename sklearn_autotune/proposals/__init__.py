"""What a search measures: before its sampler is asked, and how much before the results of earlier ones are known."""
