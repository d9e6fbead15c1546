"""The tables of `benchmarks.selection`: raw columns with strings and gaps, and what was looked at before."""

import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.model_selection import GroupShuffleSplit, train_test_split

from benchmarks.problems import flights, table
from benchmarks.selection_large import LARGE_GROUPS, LARGE_TABLES
from benchmarks.selection_slices import SLICE_GROUPS, SLICES

__all__ = [
    *("FRESH", "GROUPS", "LARGE_SEEN", "ONCE_FRESH", "REGRESSION", "SEEN", "SEEN_LATER", "SMALL", "TABLES"),
    *("TASKS", "hold_out", "load"),
]

# Tables that are not fresh: SEEN was used while the selector was written, SEEN_LATER while it was improved. ONCE_FRESH
# was used for the rule for duplicate rows of the second layer. LARGE and LARGE_SEEN have 30,000 rows or more; only
# LARGE_SEEN was used. All other tables are fresh.
SEEN = ("breast cancer", "credit", "churn", "cells", "OJ")
SEEN_LATER = (
    *("HMDA", "spam", "email", "telephone", "stack overflow", "health insurance", "taxi", "lending club"),
    *("digits", "diamonds", "crashes", "stops", "loans", "wells", "covid", "chile"),
)
ONCE_FRESH = ("attrition", "caravan", "jobs", "leaves", "smoking", "vote", "names", "arrests", "titanic", "benefits")

LARGE = ("fertility", "movies", "voters")
LARGE_SEEN = ("all diamonds", "all stops", "flights")

# Columns that follow from the grade of a loan, which is the target.
PRICED = ("sub_grade", "interest_rate", "installment", "balance", "paid_total", "paid_principal", "paid_interest")

# Names of people, and the measurement from which the target was read.
TESTED = ("subject_id", "fake_first_name", "fake_last_name", "ct_result")


TABLES = {
    "breast cancer": lambda: load_breast_cancer(return_X_y=True, as_frame=True),
    "credit": lambda: table("modeldata", "credit_data", "Status"),
    "churn": lambda: table("modeldata", "mlc_churn", "churn"),
    "cells": lambda: table("modeldata", "cells", "class", drop=("case",)),
    "OJ": lambda: table("ISLR", "OJ", "Purchase"),
    "HMDA": lambda: table("AER", "HMDA", "deny"),
    "spam": lambda: table("DAAG", "spam7", "yesno"),
    "email": lambda: table("openintro", "email", "spam", drop=("time",)),
    "telephone": lambda: table("modeldata", "wa_churn", "churn"),
    "stack overflow": lambda: table("modeldata", "stackoverflow", "Remote"),
    "health insurance": lambda: table("AER", "HealthInsurance", "insurance"),
    "taxi": lambda: table("modeldata", "taxi", "tip"),
    "lending club": lambda: table("modeldata", "lending_club", "Class"),
    "digits": lambda: load_digits(return_X_y=True, as_frame=True),
    "diamonds": lambda: table("ggplot2", "diamonds", "cut", n_rows=10_000),
    "attrition": lambda: table("modeldata", "attrition", "Attrition"),
    "caravan": lambda: table("ISLR", "Caravan", "Purchase"),
    "jobs": lambda: table("modeldata", "hpc_data", "class"),
    "leaves": lambda: table("modeldata", "leaf_id_flavia", "species"),
    "smoking": lambda: table("AER", "SmokeBan", "smoker"),
    "vote": lambda: table("carData", "BEPS", "vote"),
    "names": lambda: table("AER", "ResumeNames", "call", drop=("name",)),
    "arrests": lambda: table("carData", "Arrests", "released"),
    "titanic": lambda: table("Stat2Data", "Titanic", "Survived", drop=("Name", "SexCode")),
    "benefits": lambda: table("Ecdat", "Benefits", "ui"),
    "chile": lambda: table("carData", "Chile", "vote"),
    "contraception": lambda: table("mlmRev", "Contraception", "use", drop=("woman",)),
    "chains": lambda: table("survival", "flchain", "death", drop=("futime", "chapter")),
    "crashes": lambda: table("DAAG", "nassCDS", "dead", n_rows=10_000, drop=("injSeverity", "caseid")),
    "wells": lambda: table("carData", "Wells", "switch"),
    "stops": lambda: table("carData", "MplsStops", "problem", n_rows=10_000, drop=("idNum", "date")),
    "loans": lambda: table("openintro", "loans_full_schema", "grade", n_rows=5000, drop=PRICED),
    "prenatal": lambda: table("mlmRev", "guPrenat", "prenat", drop=("kid", "mom")),
    "yogurt": lambda: table("Ecdat", "Yogurt", "choice"),
    "mortgages": lambda: table("wooldridge", "loanapp", "approve", drop=("action", "reject")),
    "doctor": lambda: table("AER", "DoctorVisits", "private"),
    "relapse": lambda: table("survival", "nwtco", "rel", drop=("seqno", "edrel", "in.subcohort")),
    "trainees": lambda: table("Ecdat", "Treatment", "treat"),
    "covid": lambda: table("medicaldata", "covid_testing", "result", n_rows=10_000, drop=TESTED),
    "fertility": lambda: table("AER", "Fertility", "morekids"),
    "movies": lambda: table("ggplot2movies", "movies", "Comedy", drop=("title",)),
    "voters": lambda: table("stevedata", "TV16", "votetrump", drop=("uid",), is_known=True),
    "all diamonds": lambda: table("ggplot2", "diamonds", "cut"),
    "all stops": lambda: table("carData", "MplsStops", "problem", drop=("idNum", "date")),
    "flights": flights,
}


# Small tables, which were not used for anything before.
SMALL = {
    "low birth weight": lambda: table("MASS", "birthwt", "low", drop=("bwt",)),
    "biopsies": lambda: table("MASS", "biopsy", "class", drop=("ID",)),
    "glass": lambda: table("MASS", "fgl", "type"),
    "autolander": lambda: table("MASS", "shuttle", "use"),
    "intensive care": lambda: table("Stat2Data", "ICU", "Survive", drop=("ID",)),
    "working wives": lambda: table("carData", "Mroz", "lfp", drop=("lwg",)),
    "trainees of a programme": lambda: table("MatchIt", "lalonde", "treat"),
    "liver": lambda: table("survival", "pbc", "status", drop=("id", "time")),
    "appeals": lambda: table("carData", "Greene", "decision"),
    "diagnoses": lambda: table("heplots", "NeuroCog", "Dx"),
    "travel mode": lambda: table("Ecdat", "Mode", "choice"),
    "olive oils": lambda: table("dslabs", "olive", "region", drop=("area",)),
    "school programmes": lambda: table("openintro", "hsb2", "prog", drop=("id",)),
    "melanoma": lambda: table("boot", "melanoma", "status", drop=("time",)),
    "retinopathy": lambda: table("survival", "diabetic", "status", drop=("id", "time")),
    "pancreatitis": lambda: table("medicaldata", "indo_rct", "outcome", drop=("id",)),
}

# Regression. Columns that follow from the target, or name a row, are left out.
REGRESSION = {
    "teaching": lambda: table("AER", "TeachingRatings", "eval", drop=("prof",)),
    "wages": lambda: table("ISLR", "Wage", "wage", drop=("logwage",)),
    "card balance": lambda: table("ISLR", "Credit", "Balance", drop=("ID",)),
    "houses in Windsor": lambda: table("Ecdat", "Housing", "price"),
    "clothing sales": lambda: table("Ecdat", "Clothing", "tsales", drop=("sales",)),
    "body weight": lambda: table("openintro", "bdims", "wgt"),
    "births": lambda: table("openintro", "births14", "weight", drop=("lowbirthweight",)),
    "beauty": lambda: table("wooldridge", "beauty", "wage", drop=("lwage",)),
    "schooling": lambda: table("wooldridge", "htv", "wage", drop=("lwage",)),
    "final exam": lambda: table("wooldridge", "attend", "final", drop=("stndfnl",), is_known=True),
    "economics course": lambda: table("wooldridge", "econmath", "score"),
    "gifts": lambda: table("wooldridge", "charity", "gift", drop=("respond",)),
    "processors": lambda: table("MASS", "cpus", "perf", drop=("name", "estperf")),
    "athletes": lambda: table("DAAG", "ais", "pcBfat", drop=("lbm",)),
    "medical expenses": lambda: table("Ecdat", "MedExp", "med"),
    "school districts": lambda: table("AER", "CASchools", "math", drop=("district", "school", "read")),
    "growth of countries": lambda: table("quantreg", "barro", "y.net"),
    "smoking and birth weight": lambda: table("wooldridge", "bwght", "bwght", drop=("lbwght", "bwghtlbs")),
}

TABLES |= SMALL | REGRESSION


TASKS = {
    "classification": tuple(name for name in TABLES if name not in REGRESSION),
    "regression": tuple(REGRESSION),
    "slices": tuple(SLICES),
    "large": tuple(LARGE_TABLES),
}

# Tables that say of what kind they are.
DESCRIBED = {**SLICES, **LARGE_TABLES}


def load(name):
    """Return the raw columns, the target as codes of classes or numbers, and each row's group or moment, or None."""
    is_regression = DESCRIBED[name].is_regression if name in DESCRIBED else name in REGRESSION
    X, y, given = DESCRIBED[name].load() if name in DESCRIBED else (*TABLES[name](), None)
    return X, np.asarray(y, dtype=float) if is_regression else np.unique(y, return_inverse=True)[1], given


def hold_out(name, y, given, seed):
    """Return the rows that are held out, 30 %: at random, whole groups, or the latest."""
    kind = DESCRIBED[name].kind if name in DESCRIBED else None
    places = np.arange(len(y))
    if kind == "time":
        return places[int(0.7 * len(y)) :]
    if kind == "groups":
        return next(GroupShuffleSplit(1, test_size=0.3, random_state=seed).split(places, groups=given))[1]
    stratify = None if y.dtype.kind == "f" else y
    return train_test_split(places, test_size=0.3, random_state=seed, stratify=stratify)[1]


FRESH = "Fresh tables"
GROUPS = {
    "Fresh small tables": tuple(SMALL),
    "Fresh regression tables": tuple(REGRESSION),
    **SLICE_GROUPS,
    **LARGE_GROUPS,
    "Fresh large tables": LARGE,
    "Large tables that were looked at while it was improved": LARGE_SEEN,
    "Tables that were fresh until there was a second layer": ONCE_FRESH,
    "Tables that were looked at while it was improved": (*SEEN, *SEEN_LATER),
}
