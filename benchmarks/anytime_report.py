"""The page of `benchmarks.anytime`: both ratios by problem, what was missed, held-out scores, and the other package."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from benchmarks._measure import geometric, markdown_table, means_by_problem, t_of

__all__ = ["report"]

Row = dict[str, Any]
Pair = tuple[Row, Row]

RANDOM, OURS, RIVAL = "RandomizedSearchCV", "OptunaSearchCV", "optuna-integration"

EXPLAINED = (
    "The target is the best CV score of `RandomizedSearchCV` with 100 candidates. The first table says how many times "
    "faster a method reaches it than the *whole* random search takes, because nobody knows before its end which of its "
    "candidates is the best. The second table counts the random search only to the moment when it *first had* this "
    "score. A method that misses the target counts with its whole time. Cells are geometric means, with the range of "
    "two standard errors: over seeds in the line of a problem, over the means of the problems in the last lines. "
    "A method with fewer seeds is compared with the random search on these seeds. One job and one thread; the methods "
    "ran one after the other in one process. `optuna-integration` cannot prune here, because its pruning needs "
    "`partial_fit` outside of a Pipeline. Defaults of `OptunaSearchCV` were chosen on tables of the problems marked *, "
    "with other folds and candidates; the other tables were opened for this page."
)


class Comparison:
    """The rows of all methods, paired with those of the random search on the same problem and seed."""

    def __init__(self, rows: list[Row], seen: Sequence[str], order: Sequence[str]) -> None:
        self.rows, self.seen = rows, seen
        there = {row["method"] for row in rows}
        self.methods = [name for name in order if name in there]
        self.problems = sorted({row["problem"] for row in rows}, key=self.place)
        self.at = {(row["problem"], row["seed"], row["method"]): row for row in rows}

    def place(self, problem: str) -> tuple[bool, int]:
        """Sort problems that were looked at last, otherwise as they came."""
        return problem in self.seen, [row["problem"] for row in self.rows].index(problem)

    def pairs(self, method: str, problems: Sequence[str], base: str = RANDOM) -> list[Pair]:
        """Return the rows of the base and of the method, for the problems and seeds that both have."""
        return [
            (self.at[problem, seed, base], row)
            for (problem, seed, name), row in self.at.items()
            if name == method and problem in problems and (problem, seed, base) in self.at
        ]

    def groups(self) -> dict[str, list[str]]:
        """Return the problems of the summary lines, by their names."""
        fresh = [name for name in self.problems if name not in self.seen]
        seen = [name for name in self.problems if name in self.seen]
        groups = {f"**all {len(self.problems)} problems**": self.problems}
        return groups | {f"{len(fresh)} fresh": fresh, f"{len(seen)} looked at *": seen} if fresh and seen else groups

    def named(self, problem: str) -> str:
        return f"{problem} *" if problem in self.seen else problem

    def fit_ms(self, problem: str) -> str:
        values = [row["fit_ms"] for row in self.rows if row["problem"] == problem and row.get("fit_ms", "") != ""]
        return f"{np.mean(values):.0f}" if values else ""


def report(rows: list[Row], seen: Sequence[str], order: Sequence[str]) -> str:
    """Return the tables of the page; ``order`` is that of the methods."""
    comparison = Comparison(rows, seen, order)
    parts = [
        EXPLAINED,
        ratios(comparison, "the whole search", lambda base, row: base["seconds"] / row["seconds"]),
        ratios(comparison, "when it first had it", lambda base, row: base["own_best_after"] / row["seconds"]),
        scores(comparison),
        own_best(comparison),
        against_rival(comparison),
    ]
    return "\n\n".join(part for part in parts if part)


def logs_of(pairs: list[Pair], ratio: Callable[[Row, Row], float]) -> np.ndarray:
    return np.log([ratio(base, row) for base, row in pairs])


def over_seeds(pairs: list[Pair], ratio: Callable[[Row, Row], float]) -> str:
    return geometric(logs_of(pairs, ratio)) if pairs else ""


def over_problems(pairs: list[Pair], ratio: Callable[[Row, Row], float]) -> str:
    if not pairs:
        return ""
    return geometric(means_by_problem(logs_of(pairs, ratio), [row["problem"] for _, row in pairs]))


def ratios(found: Comparison, until: str, ratio: Callable[[Row, Row], float]) -> str:
    """Return the table of one ratio, by problem and over all of them."""
    lines = [
        [
            found.named(problem),
            found.fit_ms(problem),
            *(over_seeds(found.pairs(method, [problem]), ratio) for method in found.methods),
        ]
        for problem in found.problems
    ]
    for name, problems in found.groups().items():
        lines.append([name, "", *(over_problems(found.pairs(method, problems), ratio) for method in found.methods)])
    return markdown_table([f"times as fast as {RANDOM}, {until}", "a fit, ms", *found.methods], lines)


def scores(found: Comparison) -> str:
    """Return the table of what was reached, and of held-out scores."""
    of = {method: found.pairs(method, found.problems) for method in found.methods}
    lines = [
        ["reached the target", *(f"{sum(row['reached'] for _, row in of[name])} of {len(of[name])}" for name in of)],
        ["held-out score, t of the paired difference", *(held_out(of[name]) for name in of)],
        ["the same, by problem", *(f"{t_of(held_out_by_problem(of[name])):+.1f}" for name in of)],
    ]
    return markdown_table([f"against {RANDOM}", *found.methods], lines)


def held_out_by_problem(pairs: list[Pair]) -> np.ndarray:
    return means_by_problem(scaled_differences(pairs), [row["problem"] for _, row in pairs])


def scaled_differences(pairs: list[Pair]) -> np.ndarray:
    """Return held-out scores less those of the random search, in units of their spread within each problem."""
    differences = np.array([row["held_out"] - base["held_out"] for base, row in pairs])
    problems = np.array([row["problem"] for _, row in pairs])
    spread = {name: np.sqrt(np.mean(differences[problems == name] ** 2)) for name in set(problems.tolist())}
    return differences / np.array([max(spread[name], 1e-12) for name in problems.tolist()])


def held_out(pairs: list[Pair]) -> str:
    better = sum(row["held_out"] > base["held_out"] for base, row in pairs)
    worse = sum(row["held_out"] < base["held_out"] for base, row in pairs)
    return f"{t_of(scaled_differences(pairs)):+.1f} ({better} better, {worse} worse)"


def own_best(found: Comparison) -> str:
    """Say when the random search first had its own final score."""
    alone = found.pairs(RANDOM, found.problems)
    part = over_problems(alone, lambda base, row: row["seconds"] / row["own_best_after"])
    return (
        f"{RANDOM} itself measured its best candidate after 1/{part} of its time. It took the rest of its time to know "
        "that no later candidate is better."
    )


def against_rival(found: Comparison) -> str:
    """Return the table of OptunaSearchCV against the final score of optuna-integration's class."""
    pairs = [pair for pair in found.pairs(OURS, found.problems, RIVAL) if pair[1].get("rival_seconds", "") != ""]
    if not pairs:
        return ""
    wholes = (lambda base, row: base["whole_seconds"] / row["rival_seconds"], "the whole search")
    firsts = (lambda base, row: base["own_best_after"] / row["rival_seconds"], "when it first had it")
    lines = []
    for problem in found.problems:
        own = [pair for pair in pairs if pair[1]["problem"] == problem]
        cells = [over_seeds(own, ratio) for ratio, _ in (wholes, firsts)]
        lines.append([found.named(problem), *cells, reached_rival(own)])
    for name, problems in found.groups().items():
        own = [pair for pair in pairs if pair[1]["problem"] in problems]
        lines.append([name, *(over_problems(own, ratio) for ratio, _ in (wholes, firsts)), reached_rival(own)])
    return (
        f"How many times faster `{OURS}` reaches the final score of `{RIVAL}`, after its 100 candidates, than "
        f"`{RIVAL}` itself:\n\n" + markdown_table([f"times as fast as {RIVAL}", wholes[1], firsts[1], "reached"], lines)
    )


def reached_rival(pairs: list[Pair]) -> str:
    return f"{sum(row['rival_reached'] for _, row in pairs)} of {len(pairs)}"
