"""Steps that make columns of texts."""

from sklearn_autotune.families._base import Branch, EstimatorSpace, Shape

__all__ = ["SPACES"]

# Wang and Manning 2012: pairs of words help in classification. Characters: chosen for this package.
RANGES = {"word": ((1, 1), (1, 2)), "char": ((2, 4), (1, 5)), "char_wb": ((2, 4), (1, 5))}


def _make_space(shape: Shape) -> Branch:
    space: Branch = {}
    analyzer = shape.params.get("analyzer")
    if isinstance(analyzer, str):
        space["ngram_range"] = shape.add_own("ngram_range", *RANGES[analyzer])
    if shape.params.get("vocabulary") is None:
        # Chosen for this package: few texts keep all words.
        counts = [count for count in (1, 2, 5) if count == 1 or 50 * count <= shape.n_rows]
        space["min_df"] = shape.add_own("min_df", *counts)
    if "sublinear_tf" in shape.params:
        space["sublinear_tf"] = [False, True]  # Manning et al. 2008, 6.4.1
    else:
        space["binary"] = [False, True]
    return space


SPACES = (EstimatorSpace(("sklearn.TfidfVectorizer", "sklearn.CountVectorizer"), _make_space),)
