"""A winner of scikit-learn's own estimators can be converted to ONNX, as the documentation says."""

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_autotune import OptunaSearchCV


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")  # of the converter's own imports
def test_the_winner_of_a_search_is_converted_to_onnx_and_predicts_the_same():
    skl2onnx = pytest.importorskip("skl2onnx")
    onnxruntime = pytest.importorskip("onnxruntime")
    X, y = load_iris(return_X_y=True)
    X = X.astype(np.float32)
    model = make_pipeline(StandardScaler(), LogisticRegression())
    search = OptunaSearchCV(model, {"logisticregression__C": [0.1, 1.0]}, cv=3).fit(X, y)

    converted = skl2onnx.to_onnx(search.best_estimator_, X[:1], options={"zipmap": False})
    session = onnxruntime.InferenceSession(converted.SerializeToString(), providers=["CPUExecutionProvider"])
    labels, probabilities = session.run(None, {"X": X})

    np.testing.assert_array_equal(labels, search.predict(X))
    np.testing.assert_allclose(probabilities, search.predict_proba(X), atol=1e-5)
