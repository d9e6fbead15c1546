"""Bugs of FLAML that a search could have, and that this package must not have."""

import numpy as np
import optuna
import pytest
from scipy.stats import uniform
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeClassifier

from sklearn_autotune import OptunaSearchCV
from tests.toys import CountingClassifier, FailingClassifier, RowRecorder, read_log, statuses


def test_flaml_noise_labels_with_eight_positives_give_what_chance_gives():
    """Rows of the rare class were duplicated before the split, so that copies stood on both sides: AUC 0.945."""
    rng = np.random.RandomState(0)
    X, y = rng.normal(size=(400, 5)), np.zeros(400, dtype=int)
    y[rng.permutation(400)[:8]] = 1
    search = OptunaSearchCV(
        KNeighborsClassifier(),
        {"n_neighbors": list(range(1, 40, 2)), "weights": ["uniform", "distance"]},
        n_trials=20,
        scoring="roc_auc",
        cv=StratifiedKFold(4, shuffle=True, random_state=0),
        random_state=0,
    ).fit(X, y)

    # With 8 positives in 4 folds the standard deviation of a mean AUC is about 0.1; the candidates are alike, so that
    # 20 looks are worth far less than 20. Half the way to 0.945 is out of reach of chance.
    assert search.best_score_ < 0.5 + 3 * 0.1
    assert search.cv_results_["mean_test_score"].mean() == pytest.approx(0.5, abs=0.2)


def test_flaml_801_no_row_is_duplicated_before_the_split(tmp_path):
    """Eight positives of forty stay eight, and no row stands on both sides."""
    log = tmp_path / "log"
    X, y = np.column_stack([np.arange(40.0), np.ones(40)]), (np.arange(40) < 8).astype(int)
    cv = StratifiedKFold(4)
    pipeline = make_pipeline(RowRecorder(log=str(log)), DecisionTreeClassifier())

    OptunaSearchCV(pipeline, {"rowrecorder__power": [1, 2]}, cv=cv, scoring="accuracy").fit(X, y)

    seen = [entry["rows"] for entry in read_log(log)]
    assert seen == [train.tolist() for train, _ in cv.split(X, y)] * 2 + [list(range(40))]


@pytest.mark.parametrize("refit", [True, False])
def test_flaml_1349_a_candidate_measured_on_fewer_folds_never_wins(refit):
    """The winner had been scored on fewer folds than the others."""

    class EasyFirstFold(optuna.pruners.BasePruner):
        """Prunes whatever is best after the first fold, so that partial means look better than whole ones."""

        def prune(self, study, trial):
            return trial.number % 3 == 1

    X = np.column_stack([np.r_[np.full(10, 1e5), np.zeros(30)], np.ones(40)])  # first fold: 1000 more than others
    y = np.arange(40) % 2
    search = OptunaSearchCV(
        CountingClassifier(), {"a": uniform(0, 9)}, n_trials=12, cv=KFold(4), pruner=EasyFirstFold(), refit=refit
    ).fit(X, y)

    pruned = np.array(statuses(search)) == "pruned"
    assert pruned.tolist() == [number % 3 == 1 for number in range(12)]
    first_fold = search.cv_results_["split0_test_score"]
    assert first_fold[pruned].max() > search.best_score_
    assert not pruned[search.best_index_]
    assert np.isnan(search.cv_results_["split1_test_score"][pruned]).all()
    assert search.cv_results_["rank_test_score"][pruned].min() > search.cv_results_["rank_test_score"][~pruned].max()


class FailsOnAllRows(FailingClassifier):
    """Fails in the final fit, on all rows, alone."""

    def fit(self, X, y):
        if len(y) == 40:
            raise MemoryError("no room for all the rows")
        return super().fit(X, y)


def test_flaml_801_a_crash_of_the_final_fit_does_not_cost_the_search():
    """After 24 hours the final model failed, and nothing was left of the search."""
    X, y = np.ones((40, 2)), np.arange(40) % 2
    search = OptunaSearchCV(FailsOnAllRows(above=9), {"a": [1, 3, 5]}, cv=2)

    with pytest.raises(MemoryError, match="no room for all the rows"):
        search.fit(X, y)

    assert search.best_params_ == {"a": 3}
    assert search.cv_results_["mean_test_score"].argmax() == search.best_index_ == 1
    assert len(search.study_.trials) == len(search.trials_["status"]) == 3
    assert search.scorer_ is not None
