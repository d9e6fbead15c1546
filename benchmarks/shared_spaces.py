"""Problems that share a model and a space: the same three searches on many tables."""

from scipy.stats import loguniform, randint, uniform
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier
from xgboost import XGBClassifier

from benchmarks.problems import Problem, behind
from benchmarks.selection_tables import TABLES
from benchmarks.small_problems import KERNEL, TREE, numbers, scaled

__all__ = ["MODELS", "N_SHARED_CANDIDATES", "REPORTED", "SHARED_PROBLEMS", "TUNED"]

N_SHARED_CANDIDATES = 100  # random candidates that are measured for each problem

# The rules were chosen on the first tables, and what is reported was measured on the others.
TUNED = ("OJ", "HMDA", "spam", "email", "telephone", "attrition", "churn", "smoking", "arrests", "titanic", "benefits")
REPORTED = (
    *("cells", "credit", "breast cancer", "contraception", "chains", "wells", "doctor", "mortgages", "trainees"),
    *("caravan", "taxi", "health insurance"),
)

BOOSTER = {
    "n_estimators": randint(5, 31),
    "max_depth": randint(1, 6),
    "learning_rate": loguniform(0.02, 0.8),
    "subsample": uniform(0.4, 0.6),
    "colsample_bytree": uniform(0.3, 0.7),
    "min_child_weight": loguniform(0.1, 20),
}
# The model, its space and its score.
MODELS = {
    "SVC": (lambda seed: scaled(SVC(random_state=seed)), behind("svc", KERNEL), "roc_auc"),
    "XGBoost": (
        lambda seed: make_pipeline(XGBClassifier(n_jobs=1, max_bin=32, random_state=seed)),
        behind("xgbclassifier", BOOSTER),
        "neg_log_loss",
    ),
    "tree": (
        lambda seed: make_pipeline(DecisionTreeClassifier(random_state=seed)),
        behind("decisiontreeclassifier", TREE | {"criterion": ["gini", "entropy"], "ccp_alpha": loguniform(1e-4, 0.1)}),
        "roc_auc",
    ),
}


def load(table):
    """Return the function that loads a table as numbers."""
    return lambda: numbers(*TABLES[table]())


SHARED_PROBLEMS = tuple(
    Problem(f"{table} shared, {name}", load(table), make, space, scoring)
    for name, (make, space, scoring) in MODELS.items()
    for table in (*TUNED, *REPORTED)
)
