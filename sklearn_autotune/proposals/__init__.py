"""Which candidates a search measures, and how many of them before the results of earlier ones are known."""
