"""The final fit after whole folds is one call of ``fit``."""

from sklearn.cluster import KMeans
from sklearn.utils.validation import check_is_fitted

from sklearn_autotune.evaluation import PlainFit
from tests.rung_folds import X, y
from tests.toys import WeightedClassifier, read_log


def test_the_final_fit_passes_rows_and_metadata_to_one_fit_in_place(tmp_path):
    model = WeightedClassifier(log=tmp_path / "log")

    assert PlainFit().fit(model, X, y, {"sample_weight": y + 1.0}, ()) is model

    check_is_fitted(model)
    assert [entry["method"] for entry in read_log(tmp_path / "log")] == ["fit"]


def test_the_final_fit_needs_no_target():
    check_is_fitted(PlainFit().fit(KMeans(2, n_init=1, random_state=0), X, None, {}, ()))


def test_whole_folds_have_no_resource():
    assert PlainFit().get_resource_amount(()) is None
