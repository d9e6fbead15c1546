"""The small estimators of exported scripts: they convert tables to numbers, and accept any labels."""

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression
from sklearn.utils.class_weight import compute_sample_weight

from sklearn_autotune.inference._encoding import (
    EncodingTransformer,
    LabelEncodingClassifier,
    compute_class_weights,
    scale_weights,
)

TABLE = pd.DataFrame({"size": [1.0, 2.0, None], "color": ["red", "green", "red"]})
X = np.random.RandomState(0).normal(size=(60, 2))
LABELS = np.where(X[:, 0] > 0.5, "up", np.where(X[:, 0] < -0.5, "down", "even"))


def test_a_table_becomes_numbers_and_an_unknown_category_a_missing_one():
    transformer = EncodingTransformer().fit(TABLE)

    np.testing.assert_array_equal(transformer.transform(TABLE), [[1, 1], [2, 0], [np.nan, 1]])
    new = pd.DataFrame({"size": [3.0, 3.0], "color": ["violet", "green"]})
    np.testing.assert_array_equal(transformer.transform(new), [[3, np.nan], [3, 0]])


def test_columns_are_found_by_name_in_whatever_order_and_company_they_come():
    transformer = EncodingTransformer().fit(TABLE)

    other = TABLE.assign(more=1)[["more", "color", "size"]]
    np.testing.assert_array_equal(transformer.transform(other), transformer.transform(TABLE))
    assert transformer.feature_names_in_.tolist() == ["size", "color"]


def test_arrays_and_columns_whose_names_are_no_strings_are_taken_as_they_come():
    numbered = pd.DataFrame({0: [1.0, 2.0], 1: ["b", "a"]})

    np.testing.assert_array_equal(EncodingTransformer().fit(X).transform(X), X)
    np.testing.assert_array_equal(EncodingTransformer().fit(numbered).transform(numbered), [[1, 1], [2, 0]])


def test_the_model_sees_codes_and_predictions_are_labels():
    classifier = LabelEncodingClassifier(LogisticRegression()).fit(X, LABELS)

    plain = LogisticRegression().fit(X, LABELS)
    assert classifier.model_.classes_.tolist() == [0, 1, 2]
    assert classifier.classes_.tolist() == ["down", "even", "up"]
    np.testing.assert_array_equal(classifier.predict(X), plain.predict(X))
    np.testing.assert_allclose(classifier.predict_proba(X), plain.predict_proba(X))


@pytest.mark.parametrize("weight", [None, np.linspace(0.1, 2, 60)], ids=["classes alone", "classes and rows"])
def test_weights_of_classes_and_of_rows_are_multiplied(weight):
    classifier = LabelEncodingClassifier(LogisticRegression(), class_weight="balanced")
    classifier.fit(X, LABELS, sample_weight=weight)

    of_classes = compute_sample_weight("balanced", LABELS)
    total = of_classes if weight is None else of_classes * weight
    expected = LogisticRegression().fit(X, LABELS, sample_weight=total)
    np.testing.assert_allclose(classifier.predict_proba(X), expected.predict_proba(X))
    assert not np.allclose(expected.predict_proba(X), LogisticRegression().fit(X, LABELS).predict_proba(X))


def test_only_the_ratios_of_weights_matter():
    weight = np.array([0.0, 1.0, 2.0, 3.0])

    np.testing.assert_allclose(scale_weights(weight), [0, 0.5, 1, 1.5])
    np.testing.assert_allclose(scale_weights(weight / weight.sum()), scale_weights(weight))
    np.testing.assert_array_equal(scale_weights(np.zeros(2)), [0, 0])


def test_the_scale_of_class_weights_does_not_matter():
    y = np.array(["a", "a", "a", "b"])

    np.testing.assert_array_equal(compute_class_weights("balanced", y), compute_sample_weight("balanced", y))
    balanced = dict(zip(y.tolist(), compute_class_weights("balanced", y), strict=True))
    for scale in (1, 1e-6, 1e6):
        scaled = {name: scale * weight for name, weight in balanced.items()}
        np.testing.assert_allclose(compute_class_weights(scaled, y), compute_sample_weight("balanced", y))
        classifier = LabelEncodingClassifier(LogisticRegression(), class_weight=scaled).fit(X[:4], y)
        expected = LabelEncodingClassifier(LogisticRegression(), class_weight="balanced").fit(X[:4], y)
        np.testing.assert_allclose(classifier.predict_proba(X), expected.predict_proba(X), rtol=1e-4)


def test_sparse_tables_are_taken_and_all_columns_are_kept():
    table = csr_matrix(np.array([[0.0, 1.0], [0.0, 2.0]]))

    transformer = EncodingTransformer().fit(table)

    assert transformer.transform(table).toarray().tolist() == [[0, 1], [0, 2]]
    assert EncodingTransformer().fit_transform(TABLE.assign(same=1, nothing=None)).shape == (3, 4)
