"""How the time of a search falls with the number of workers: simulated up to 1,024 workers, and measured up to 32.

``python -m benchmarks.scaling``: `OptunaSearchCV` with its defaults and `RandomizedSearchCV` search the same space,
with 128 candidates on five folds. The fits of a candidate take between 0.2 and 2 s, all equally likely on a logarithmic
scale, and proportionally less on fewer rows.

The simulation runs the search's own code, but with workers whose fits take no time: a simulated clock goes to the end
of the next fit. It assumes that sending a fit to a worker takes no time, that each proposal keeps the search's process
busy for `PROPOSAL_SECONDS`, and that `RandomizedSearchCV` starts each fit as soon as a worker is free. Scores come from
measured problems (`benchmarks.tabulated`). A fit on fewer rows has a lower score, by a different amount for each
candidate.

``--measure`` runs both searches with worker processes whose fits sleep, so that any number of workers can be measured
on a few cores. Each search runs twice, and the second run counts, because starting processes is not what is compared.
"""

import argparse
import heapq
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from hashlib import blake2b
from typing import Any, Self

import numpy as np
from joblib import parallel_config
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.model_selection import KFold, RandomizedSearchCV

from benchmarks._measure import RESULTS, environment, markdown_table, seconds_of, write_rows
from benchmarks.tabulated import names, surrogate
from sklearn_autotune import OptunaSearchCV, execution
from sklearn_autotune.evaluation import Evaluation, Outcome, Progress, WorkItem, measure
from sklearn_autotune.execution import ExecutionRequest
from sklearn_autotune.execution._slots import BusyTimer, SlotExecutor

N_CANDIDATES = 128
N_FOLDS = 5
N_ROWS = 2000
SECONDS = (0.2, 2.0)
PROPOSAL_SECONDS = 0.01
N_WORKERS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
MEASURED = (8, 16, 32)
PROBLEMS = ("cells, SVC", "credit, XGBoost", "diabetes, SVR", "attrition, random forest")

X = np.arange(float(N_ROWS)).reshape(-1, 1)
Y = np.zeros(N_ROWS)


def draw(candidate: tuple[Any, ...], purpose: str) -> float:
    """Return a number between 0 and 1 that belongs to a candidate, evenly distributed over candidates."""
    digest = blake2b(repr((candidate, purpose)).encode(), digest_size=8).digest()
    return int.from_bytes(digest) / 2**64


class Sleeper(RegressorMixin, BaseEstimator):
    """A candidate of a measured problem, whose fits take as long as `SECONDS` says."""

    def __init__(self, problem="", sleeps=False, p0=None, p1=None, p2=None, p3=None, p4=None, p5=None, p6=None) -> None:
        self.problem = problem
        self.sleeps = sleeps
        self.p0 = p0
        self.p1 = p1
        self.p2 = p2
        self.p3 = p3
        self.p4 = p4
        self.p5 = p5
        self.p6 = p6

    @property
    def candidate(self) -> tuple[Any, ...]:
        return tuple(getattr(self, name) for name in surrogate(self.problem).space)

    def compute_seconds(self, n_rows: int) -> float:
        """Return the seconds of a fit on so many rows."""
        shortest, longest = SECONDS
        whole = shortest * (longest / shortest) ** draw(self.candidate, "seconds")
        return whole * n_rows / (N_ROWS * (N_FOLDS - 1) / N_FOLDS)

    def fit(self, X: Any, y: Any) -> Self:
        self.n_rows_ = len(X)
        if self.sleeps:
            time.sleep(self.compute_seconds(len(X)))
        return self

    def predict(self, X: Any) -> np.ndarray:
        return np.zeros(len(X))

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        found = surrogate(self.problem)
        fold = int(X[0, 0]) * N_FOLDS // N_ROWS
        missing = (N_ROWS * (N_FOLDS - 1) / N_FOLDS / self.n_rows_) ** 0.5 - 1
        lost = missing * (0.25 + 0.5 * draw(self.candidate, "loss")) * (found.best - found.typical) / 2
        return float(found.scores(self.candidate)[fold]) - lost


class SimulatedSlot:
    """A worker whose work takes time only on the simulated clock."""

    def __init__(self, executor: "SimulatedExecutor") -> None:
        self.executor = executor
        self.clock = BusyTimer()
        self.clock.mark_ready()

    def start(self, work: WorkItem) -> Future[Outcome | Progress]:
        future: Future[Outcome | Progress] = Future()
        outcome = measure(self.executor.evaluation, work)
        self.executor.plan_end(future, outcome, work)
        return future

    def advance(self) -> Future[Outcome | Progress]:
        raise RuntimeError("All simulated work is done in one step.")

    def release(self) -> None:
        pass

    def kill(self) -> None:
        pass


class SimulatedExecutor(SlotExecutor[SimulatedSlot]):
    """Any number of simulated workers; it remembers when each of them was busy."""

    n_workers = 1
    last: "SimulatedExecutor"

    def __init__(self, request: ExecutionRequest) -> None:
        self.evaluation: Evaluation = request.evaluation
        self.now = 0.0
        self.ends: list[tuple[float, int, Future[Outcome | Progress], Outcome]] = []
        self.intervals: list[tuple[float, float]] = []
        n_parts = -(-2 * self.n_workers // request.look_ahead)
        super().__init__(lambda: SimulatedSlot(self), self.n_workers, request.evaluation.n_folds, n_parts)
        SimulatedExecutor.last = self

    @classmethod
    def accepts(cls, request: ExecutionRequest) -> bool:
        return True

    @classmethod
    def from_request(cls, request: ExecutionRequest) -> Self:
        return cls(request)

    def plan_end(self, future: Future[Outcome | Progress], outcome: Outcome, work: WorkItem) -> None:
        model = self.evaluation.estimator  # type: ignore[attr-defined]
        model = model.__class__(**{**model.get_params(), **work.params})
        rows = [each.n_rows for each in outcome.subsamples] + [N_ROWS * (N_FOLDS - 1) // N_FOLDS] * len(outcome.folds)
        end = self.now + sum(map(model.compute_seconds, rows))
        self.intervals.append((self.now, end))
        heapq.heappush(self.ends, (end, len(self.intervals), future, outcome))

    def submit(self, work: WorkItem) -> None:
        self.now += PROPOSAL_SECONDS
        super().submit(work)

    def wait(self, timeout: float | None = None) -> list[tuple[int, Outcome]]:
        if not self.decided:
            end, _, future, outcome = heapq.heappop(self.ends)
            self.now = max(self.now, end)
            future.set_result(outcome)
        return super().wait(timeout)

    @property
    def busy_share(self) -> float:
        """The share of the workers that are busy, until the last tenth of the time."""
        end = 0.9 * self.now
        busy = sum(min(end, stop) - start for start, stop in self.intervals if start < end)
        return busy / (end * self.n_workers)


@contextmanager
def simulated(n_workers: int) -> Iterator[None]:
    """Let all searches in this block measure their candidates with simulated workers."""
    backends = execution.BACKENDS
    SimulatedExecutor.n_workers = n_workers
    execution.BACKENDS = (SimulatedExecutor,)  # type: ignore[assignment]
    try:
        yield
    finally:
        execution.BACKENDS = backends


def make_search(problem: str, seed: int, *, sleeps: bool = False, **params: Any) -> OptunaSearchCV:
    space = surrogate(problem).space
    settings = {"cv": KFold(N_FOLDS), "refit": False, "random_state": seed, "measure_default": False}
    return OptunaSearchCV(Sleeper(problem, sleeps), space, n_trials=N_CANDIDATES, **settings, **params)


def make_random_search(problem: str, seed: int, *, sleeps: bool = False, **params: Any) -> RandomizedSearchCV:
    space = surrogate(problem).space
    settings = {"cv": KFold(N_FOLDS), "refit": False, "random_state": seed}
    return RandomizedSearchCV(Sleeper(problem, sleeps), space, n_iter=N_CANDIDATES, **settings, **params)


def simulate_random_search(problem: str, seed: int, n_workers: int) -> float:
    """Return the seconds of a random search: its fits, in order, go to whichever worker is free first."""
    params = make_random_search(problem, seed).fit(X, Y).cv_results_["params"]
    free = [0.0] * n_workers
    for candidate in params:
        seconds = Sleeper(problem, **candidate).compute_seconds(N_ROWS * (N_FOLDS - 1) // N_FOLDS)
        for _ in range(N_FOLDS):
            heapq.heappush(free, heapq.heappop(free) + seconds)
    return max(free)


def simulate(problem: str, seed: int, n_workers: int, **params: Any) -> dict[str, Any]:
    with simulated(n_workers):
        search = make_search(problem, seed, **params).fit(X, Y)
    executor = SimulatedExecutor.last
    return {
        "problem": problem,
        "seed": seed,
        "workers": n_workers,
        "how": "simulated",
        "seconds": executor.now,
        "random_seconds": simulate_random_search(problem, seed, n_workers),
        "busy": executor.busy_share,
        "fits": int(search.trials_["n_folds"].sum()),
    }


def measure_both(problem: str, seed: int, n_workers: int) -> dict[str, Any]:
    """Run both searches twice with worker processes, and time the second run.

    Our search keeps as many processes as there are cores. With more workers than cores, the second run starts the
    others again, and its time includes that.
    """

    def time_second(make: Callable[..., Any]) -> tuple[float, Any]:
        search = make(problem, seed, sleeps=True, n_jobs=n_workers)
        with parallel_config("loky", inner_max_num_threads=1):
            search.fit(X, Y)
            return seconds_of(lambda: search.fit(X, Y), time.perf_counter), search

    random_seconds, _ = time_second(make_random_search)
    seconds, search = time_second(make_search)
    return {
        "problem": problem,
        "seed": seed,
        "workers": n_workers,
        "how": "measured",
        "seconds": seconds,
        "random_seconds": random_seconds,
        "busy": float("nan"),
        "fits": int(search.trials_["n_folds"].sum()),
    }


def make_table(rows: list[dict[str, Any]]) -> str:
    """Return one line for each number of workers: geometric means over problems and seeds."""
    lines = []
    for how, n_workers in dict.fromkeys((row["how"], row["workers"]) for row in rows):
        chosen = [row for row in rows if (row["how"], row["workers"]) == (how, n_workers)]
        ratios = np.array([row["seconds"] / row["random_seconds"] for row in chosen])
        lines.append(
            [
                how,
                n_workers,
                f"{np.exp(np.mean(np.log([row['random_seconds'] for row in chosen]))):.1f}",
                f"{np.exp(np.mean(np.log([row['seconds'] for row in chosen]))):.1f}",
                f"{np.exp(np.log(ratios).mean()):.2f} ({ratios.min():.2f} to {ratios.max():.2f})",
                "" if np.isnan(chosen[0]["busy"]) else f"{np.mean([row['busy'] for row in chosen]):.0%}",
                f"{np.mean([row['fits'] for row in chosen]):.0f}",
            ]
        )
    header = ["", "workers", "RandomizedSearchCV, s", "OptunaSearchCV, s", "ratio (range)", "workers busy", "fits"]
    return markdown_table(header, lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a smoke test: nothing is written")
    parser.add_argument("--problems", nargs="+", default=PROBLEMS, choices=names(), metavar="PROBLEM")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--workers", type=int, nargs="+", default=N_WORKERS)
    parser.add_argument("--measure", type=int, nargs="*", default=(), metavar="WORKERS", help="also with processes")
    parser.add_argument("--look-ahead", type=int, default=None)
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    params = {} if args.look_ahead is None else {"look_ahead": args.look_ahead}
    if args.quick:
        global N_CANDIDATES
        N_CANDIDATES = 24
        args.problems, args.seeds, args.workers = PROBLEMS[:1], 1, (2, 16)
    rows = [
        simulate(problem, seed, n_workers, **params)
        for n_workers in args.workers
        for problem in args.problems
        for seed in range(args.seeds)
    ]
    print(make_table(rows), flush=True)
    for n_workers in args.measure:
        rows += [measure_both(problem, 0, n_workers) for problem in args.problems]
    table = make_table(rows)
    text = (
        f"# Many workers\n\n{environment()}\n\n{N_CANDIDATES} candidates on {N_FOLDS} folds, fits of {SECONDS[0]} to "
        f"{SECONDS[1]:g} s; {len(args.problems)} problems; simulated with {args.seeds} of their seeds, measured with "
        "one. Seconds and ratios are geometric means over problems and seeds. `workers busy` is the share of the "
        "workers that are busy, until the last tenth of the time, also with fits that turn out to be unnecessary; "
        "`fits` are those that count.\n\n"
        f"{table}\n\n{ASSUMPTIONS}\n"
    )
    print(text)
    if not args.quick:
        write_rows("scaling", rows)
        (RESULTS / "scaling.md").write_text(text)


ASSUMPTIONS = " ".join((__doc__ or "").split("\n\n")[2].split("\n"))


if __name__ == "__main__":
    main()
