"""Rungs: candidates are given their resource little by little, all folds climbing together, and may be stopped between.

The resource is training rows, iterations, epochs or any parameter that counts. On each rung every fold is fitted with
the rung's amount and scored on all of its test rows; amounts grow by a constant factor up to the most there is. How an
estimator is given more of its iterations without being fitted afresh is told in _growth.py.

A candidate that reached the top can be created again: on the last rung of training rows it is fitted on whole folds, as
without rungs; of iterations one common count is settled, the one with the best mean over the folds, and the scores that
count are those of its rung.
"""

import time
import warnings
from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from math import ceil
from numbers import Real
from traceback import format_exc
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from sklearn_autotune._compat.sklearn import make_callback_arguments, take_metadata_rows
from sklearn_autotune.evaluation._base import Fold, FoldScore, Progress, Rung, WorkItem, is_finite_score
from sklearn_autotune.evaluation._continued_fits import fit_epochs, start_continued_fit
from sklearn_autotune.evaluation._ladder import (
    choose_rung,
    compute_rung_amounts,
    draw_stratified_order,
    find_strata,
    get_row_indices,
)
from sklearn_autotune.evaluation._resource import (
    EPOCHS,
    SAMPLES,
    ResourceLocation,
    check_not_searched,
    get_default_amount,
    is_positive_integer,
    locate_resource,
)
from sklearn_autotune.evaluation._whole_folds import WholeFolds, split_fold_rows

__all__ = ["Rungs", "make_rung_evaluation"]

# How many rungs there are at most where min_resources is "auto".
AUTO_RUNGS = 4
AUTO_RUNGS_OF_SAMPLES = 5


@dataclass(frozen=True, slots=True)
class Rungs:
    """Measures a candidate rung by rung, each step a rung on all folds.

    Attributes
    ----------
    folds : WholeFolds
        What fits and scores one fold.
    resource : str
        "n_samples", "iterations", "epochs" or the name of a parameter.
    amounts : tuple of int
        How much of it there is on each rung, ascending. Of training rows: in the largest fold, others in proportion.
    metric : str or None
        Which of several scores settles the count.
    orders : tuple of ndarray
        For "n_samples", per fold: the order in which its training rows come in.

    Notes
    -----
    While an estimator grows, its fold keeps its rows, those for training as preprocessing has left them: there are as
    many copies of the data as folds.
    """

    folds: WholeFolds
    resource: str
    amounts: tuple[int, ...]
    metric: str | None = None
    orders: tuple[np.ndarray, ...] = ()

    @property
    def n_folds(self) -> int:
        """Into how many parts a candidate can be cut: folds climb together, so it cannot."""
        return 1

    def steps(self, work: WorkItem) -> Generator[Progress, None, None]:
        """Yield the progress after each rung; a rung on which a fold failed is the last."""
        climb = self._add_rows if self.resource == SAMPLES else self._grow
        climbs = [climb(work, fold) for fold in self.folds.task.folds]
        curve: tuple[Rung, ...] = ()
        reached: list[tuple[FoldScore, ...]] = []
        try:
            for step, amount in enumerate(self.amounts):
                scores = tuple(next(climb) for climb in climbs)
                if reached:
                    scores = tuple(_with_seconds_of(*pair) for pair in zip(scores, reached[-1], strict=True))
                reached.append(scores)
                curve = (*curve, Rung(amount, tuple(score.test for score in scores)))
                if any(score.error is not None or not is_finite_score(score.test) for score in scores):
                    yield Progress(step, step + 1, scores, curve)
                    return
                if step + 1 < len(self.amounts):
                    yield Progress(step, len(self.amounts), scores, curve)
        finally:
            for climb_ in climbs:
                climb_.close()
        yield self._settle(work, curve, reached)

    def fit(self, estimator: Any, X: Any, y: Any, fit_params: Mapping[str, Any], curve: Sequence[Rung]) -> Any:
        """Fit an estimator on all rows, in place and with as much of the resource as its curve was best with.

        Where the count is a parameter, the candidate's full parameters have it and this is ``estimator.fit``. Epochs
        are no parameter and have to be counted again.

        Parameters
        ----------
        estimator : estimator
            With the candidate's full parameters.
        X, y : array-like
            ``y`` may be None.
        fit_params : mapping of str to object
        curve : sequence of Rung
            The candidate's.

        Returns
        -------
        estimator : estimator
            The same, fitted.
        """
        if self.resource != EPOCHS:
            return self.folds.fit(estimator, X, y, fit_params, curve)
        return fit_epochs(estimator, self.get_resource_amount(curve), (X,) if y is None else (X, y), fit_params)

    def get_resource_amount(self, curve: Sequence[Rung]) -> int:
        """Say how much of the resource the scores belong to that count: of rows, the most; else the best rung's."""
        return curve[self._chosen(curve)].resource

    def _chosen(self, curve: Sequence[Rung]) -> int:
        return len(curve) - 1 if self.resource == SAMPLES else choose_rung(curve, self.metric)

    def _settle(self, work: WorkItem, curve: tuple[Rung, ...], reached: Sequence[tuple[FoldScore, ...]]) -> Progress:
        """Choose the rung whose scores count."""
        last = len(self.amounts) - 1
        chosen = self._chosen(curve)
        folds = tuple(
            replace(
                score, fit_seconds=end.fit_seconds, score_seconds=end.score_seconds, stop_requested=end.stop_requested
            )
            for score, end in zip(reached[chosen], reached[-1], strict=True)
        )
        resolved_params: dict[str, Any] = {}
        if self.resource not in (SAMPLES, EPOCHS):
            estimator, _ = self.folds.clone_with_params(work.params)
            resolved_params[locate_resource(estimator, self.resource).parameter] = curve[chosen].resource
        return Progress(last, last + 1, folds, curve, resolved_params)

    # -- one fold on its way up ----------------------------------------------------------------------------------------

    def _add_rows(self, work: WorkItem, fold: Fold) -> Generator[FoldScore, None, None]:
        """Fit afresh on more and more of the training rows, in the end on all of them as without rungs."""
        order = self.orders[fold.number]
        largest = max(len(order) for order in self.orders)
        for amount in self.amounts:
            shown = self._with_amount(work, amount)
            self.folds.announce(shown, fold)
            if amount == largest:
                score = self.folds.measure_fold(work, fold)
            else:
                # In the order in which they stand, which may be that of time.
                rows = get_row_indices(fold.train)[np.sort(order[: max(1, round(amount / largest * len(order)))])]
                # Callbacks are told of whole folds alone.
                score = self.folds.measure_fold(replace(work, contexts=()), replace(fold, train=rows))
            self.folds.report(shown, fold, score)
            yield score

    def _grow(self, work: WorkItem, fold: Fold) -> Generator[FoldScore, None, None]:
        """Grow one estimator."""
        fit_params = take_metadata_rows(self.folds.task.X, params=self.folds.task.fit_params, indices=fold.train)
        start = time.perf_counter()
        estimator, error = self.folds.clone_with_params(work.params)
        train, test = split_fold_rows(estimator, self.folds.task, fold)
        args = train[: 1 if train[1] is None else 2]
        location = growth = grown = None
        if error is None:
            location, error = self._or_trace(lambda: self._locate(estimator, work))
        with self._sharing(work, fold, estimator, location, *train, test[0]), ExitStack() as stack:
            if location is not None:
                growth, error = self._or_trace(
                    lambda: start_continued_fit(estimator, location, self.amounts[-1], args, fit_params)
                )
            if growth is not None:
                stack.callback(growth.close)
            for amount in self.amounts:
                shown = self._with_amount(work, amount)
                self.folds.announce(shown, fold)
                is_last = amount == self.amounts[-1]
                with self._told(work if is_last else None, fold, train, fit_params) as stop:
                    if growth is not None:
                        with _expecting_too_little(not is_last):
                            grown, error = self._or_trace(partial(growth.continue_to, amount))
                score = self._score(grown, error, train, test, fold, time.perf_counter() - start)
                score = replace(score, stop_requested=any(stop))
                self.folds.report(shown, fold, score)
                yield score
                start = time.perf_counter()

    def _locate(self, estimator: Any, work: WorkItem) -> ResourceLocation:
        location = locate_resource(estimator, self.resource)
        check_not_searched(location, work.params)
        return location

    def _sharing(
        self, work: WorkItem, fold: Fold, estimator: Any, location: ResourceLocation | None, *rows: Any
    ) -> AbstractContextManager[None]:
        """Share the first steps of a pipeline with other candidates, where they are fitted once."""
        return self.folds.sharing(work, fold, estimator, *rows) if location and location.path else nullcontext()

    @contextmanager
    def _told(
        self, work: WorkItem | None, fold: Fold, train: tuple[Any, Any], fit_params: Mapping[str, Any]
    ) -> Iterator[list[bool]]:
        """Tell scikit-learn's callbacks, if there are any, that a fold is being fitted; keep what they answer."""
        answers: list[bool] = []
        context = work.contexts[fold.number] if work is not None and work.contexts else None
        if context is None:
            yield answers
            return
        told = make_callback_arguments(self.folds.caller, *train, fit_params)
        context.call_on_fit_task_begin(**told)
        yield answers
        answers.append(bool(context.call_on_fit_task_end(**told)))

    def _or_trace(self, act: Callable[[], Any]) -> tuple[Any, str | None]:
        """Do what a candidate may fail at, and return the traceback if it does."""
        try:
            return act(), None
        except (Exception, SystemExit):
            if self.folds.task.error_score == "raise":
                raise
            return None, format_exc()

    def _score(
        self, grown: Any, error: str | None, train: tuple[Any, Any], test: tuple[Any, Any], fold: Fold, seconds: float
    ) -> FoldScore:
        folds = self.folds
        scores = {"test": folds.make_failed_score(), "train": folds.make_failed_score()}
        start = time.perf_counter()
        if error is None:
            scores["test"], error = folds.score(grown, *test, fold.test)
        score_seconds = time.perf_counter() - start
        if error is None and folds.task.return_train_score:
            scores["train"], error = folds.score(grown, *train, fold.train)
        if not folds.task.return_train_score:
            scores["train"] = None
        return FoldScore(**scores, fit_seconds=seconds, score_seconds=score_seconds, error=error)

    def _with_amount(self, work: WorkItem, amount: int) -> WorkItem:
        """Make the amount one of the parameters, for messages."""
        return replace(work, params={**work.params, self.resource: amount})


def make_rung_evaluation(
    folds: WholeFolds,
    resource: str,
    *,
    min_resources: int | str = "auto",
    max_resources: int | str = "auto",
    factor: float = 3,
    metric: str | None = None,
    searched: Collection[str] = (),
) -> Rungs:
    """Set up the rungs for an estimator and its folds.

    Parameters
    ----------
    folds : WholeFolds
    resource : str
        - "n_samples": training rows. Each fold is fitted on a random part of them, drawn once so that all candidates
          see the same, stratified for classifiers; the last rung is the whole fold.
        - "iterations": what the estimator, or the last step of a Pipeline, calls ``n_estimators``, ``max_iter`` or
          ``iterations``.
        - "epochs": calls of ``partial_fit`` on all training rows.
        - the name of a parameter that takes positive integers.
    min_resources : int or "auto", default="auto"
        The least on the first rung. "auto" makes up to four rungs; of "n_samples" up to five, none with fewer rows than
        scikit-learn's halving begins with (2 a split, times the number of classes) or than have a row of each class.
    max_resources : int or "auto", default="auto"
        What there is on the last rung. "auto" is all rows of the largest training fold (as is any more than that); of
        iterations or a parameter what the estimator has set; of epochs its ``max_iter``, or 100. With fewer rows than
        there are, scores are those of models that the final fit, on all rows, should surpass.
    factor : float, default=3
        How many times as much each rung has as the one below.
    metric : str or None, default=None
        Which of several scores settles the count.
    searched : collection of str, default=()
        The parameters in the space.

    Returns
    -------
    rungs : Rungs

    Raises
    ------
    ValueError
        If the estimator has no such resource, if it is searched, or if the amounts make no ladder.
    """
    for name, amount in (("min_resources", min_resources), ("max_resources", max_resources)):
        if amount != "auto" and not is_positive_integer(amount):
            raise ValueError(f"{name} must be a positive integer or 'auto', got {amount!r}.")
    if not isinstance(factor, Real) or not factor > 1:
        raise ValueError(f"factor must be a number greater than 1, got {factor!r}.")
    if resource == SAMPLES:
        return _rungs_of_samples(folds, min_resources, max_resources, factor, metric)
    location = locate_resource(folds.estimator, resource)
    check_not_searched(location, searched)
    most = get_default_amount(folds.estimator, location) if max_resources == "auto" else int(max_resources)
    least = max(1, round(most / factor ** (AUTO_RUNGS - 1))) if min_resources == "auto" else int(min_resources)
    return Rungs(folds, resource, compute_rung_amounts(least, most, factor), metric)


def _rungs_of_samples(
    folds: WholeFolds, min_resources: int | str, max_resources: int | str, factor: float, metric: str | None
) -> Rungs:
    """Draw the order in which each fold's training rows come in, and see how few will do."""
    trains = [get_row_indices(fold.train) for fold in folds.task.folds]
    largest = max(len(train) for train in trains)
    most = largest if max_resources == "auto" else min(largest, int(max_resources))
    classes = find_strata(folds.estimator, folds.task.y)
    smallest = 2 * len(trains) * (1 if classes is None else len(np.unique(classes)))
    orders = []
    for number, train in enumerate(trains):
        random_state = np.random.RandomState(number)
        if classes is None:
            orders.append(random_state.permutation(len(train)))
            continue
        orders.append(draw_stratified_order(classes[train], random_state))
        smallest = max(smallest, ceil(largest / np.unique(classes[train], return_counts=True)[1].min()))
    if min_resources == "auto":
        least = min(most, max(smallest, round(most / factor ** (AUTO_RUNGS_OF_SAMPLES - 1))))
    else:
        least = int(min_resources)
    return Rungs(folds, SAMPLES, compute_rung_amounts(least, most, factor), metric, tuple(orders))


@contextmanager
def _expecting_too_little(is_expected: bool) -> Iterator[None]:
    """Keep quiet about what is sure to happen with little of the resource: no convergence, rows in every bag."""
    if not is_expected:
        yield
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.filterwarnings("ignore", "Some inputs do not have OOB scores")
        yield


def _with_seconds_of(score: FoldScore, before: FoldScore) -> FoldScore:
    """Add what was spent on the rungs before."""
    return replace(
        score,
        fit_seconds=score.fit_seconds + before.fit_seconds,
        score_seconds=score.score_seconds + before.score_seconds,
    )
