"""Rungs: a candidate's resource is increased step by step on all folds at once; it may be pruned after each step.

The resource is training rows, iterations, epochs or any parameter that takes positive integers. At each rung, every
fold is fitted with the rung's amount and scored on all of its test rows. The amounts increase by a constant factor up
to the maximum. ``_continued_fits.py`` continues the training of an estimator instead of fitting it again.

The scores of a complete candidate can be reproduced without rungs. If the resource is training rows, the last rung is a
fit on whole folds. If it is iterations, one number of iterations is chosen for all folds: the one with the best mean
score. The candidate's scores are those of that rung.
"""

import time
import warnings
from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from math import ceil
from numbers import Real
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from sklearn_autotune._compat.sklearn import make_callback_arguments, take_metadata_rows
from sklearn_autotune.evaluation._base import Fold, FoldScore, Progress, Rung
from sklearn_autotune.evaluation._continued_fits import fit_epochs, start_continued_fit
from sklearn_autotune.evaluation._failures import attempt
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
from sklearn_autotune.evaluation._whole_folds import PlainFit, WholeFolds, split_fold_rows
from sklearn_autotune.evaluation._work import WorkItem

__all__ = ["RungEvaluation", "RungFit", "make_rung_evaluation"]

# The maximum number of rungs if min_resources is "auto".
AUTO_RUNGS = 4
AUTO_RUNGS_OF_SAMPLES = 5


@dataclass(frozen=True, slots=True)
class RungEvaluation:
    """Measures a candidate rung by rung; each step is one rung on all folds.

    Attributes
    ----------
    folds : WholeFolds
        Fits and scores one fold.
    resource : str
        "n_samples", "iterations", "epochs" or the name of a parameter.
    amounts : tuple of int
        The amount of the resource at each rung, ascending. Numbers of training rows are those of the largest fold; a
        smaller fold uses the same share of its rows.
    metric : str or None
        Which of several scores chooses the best rung.
    row_orders : tuple of ndarray
        For "n_samples": for each fold, the order in which its training rows are added.

    Notes
    -----
    While a fit is continued, each fold keeps its test rows and its preprocessed training rows. So there are as many
    copies of the data in memory as there are folds.
    """

    folds: WholeFolds
    resource: str
    amounts: tuple[int, ...]
    metric: str | None = None
    row_orders: tuple[np.ndarray, ...] = ()

    @property
    def n_folds(self) -> int:
        """The number of parts into which a candidate can be split: one, because all folds reach a rung together."""
        return 1

    def measure_steps(self, work: WorkItem) -> Generator[Progress, None, None]:
        """Yield the progress after each rung.

        If a fold fails, this rung is the candidate's last. There is one exception: at a rung with only some of the
        training rows, the rows may be too few, for example for PCA with more components than rows. Then the candidate
        has no score at this rung, no pruner stops it there, and it goes on to the next rung.
        """
        score_rungs = self._score_growing_samples if self.resource == SAMPLES else self._continue_fit
        folds_scores = [score_rungs(work, fold) for fold in self.folds.task.folds]
        curve: tuple[Rung, ...] = ()
        reached: list[tuple[FoldScore, ...]] = []
        try:
            for step, amount in enumerate(self.amounts):
                is_last = step + 1 == len(self.amounts)
                scores = tuple(next(fold_scores) for fold_scores in folds_scores)
                if reached:
                    scores = tuple(_add_seconds(*pair) for pair in zip(scores, reached[-1], strict=True))
                reached.append(scores)
                curve = (*curve, Rung(amount, tuple(score.test for score in scores)))
                progress = Progress(step, len(self.amounts), scores, curve)
                if progress.has_failed:
                    if is_last or self.resource != SAMPLES:
                        yield replace(progress, n_steps=step + 1)
                        return
                    curve = (*curve[:-1], Rung(amount, (float("nan"),) * len(scores)))
                    progress = replace(progress, curve=curve)
                if not is_last:
                    yield progress
        finally:
            for fold_scores in folds_scores:
                fold_scores.close()
        yield self._make_last_progress(work, curve, reached)

    def _make_last_progress(
        self, work: WorkItem, curve: tuple[Rung, ...], reached: Sequence[tuple[FoldScore, ...]]
    ) -> Progress:
        """Take the candidate's scores from the chosen rung, and its seconds from the last one."""
        last = len(self.amounts) - 1
        chosen = _choose_final_rung(curve, self.resource, self.metric)
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

    # -- one fold, rung by rung ----------------------------------------------------------------------------------------

    def _score_growing_samples(self, work: WorkItem, fold: Fold) -> Generator[FoldScore, None, None]:
        """Yield the score at each rung: each one is a new fit on more training rows, the last one on all rows."""
        order = self.row_orders[fold.number]
        largest = max(len(order) for order in self.row_orders)
        for amount in self.amounts:
            named_work = self._add_amount_to_params(work, amount)  # for messages
            self.folds.print_start(named_work, fold)
            if amount == largest:
                score = self.folds.measure_fold(work, fold)
            else:
                # The rows keep their order in the data, because it may be the order of time.
                rows = get_row_indices(fold.train)[np.sort(order[: max(1, round(amount / largest * len(order)))])]
                # Callbacks are called only for fits on whole folds, and only these fits obey error_score="raise".
                tolerant = replace(self.folds, task=replace(self.folds.task, error_score=float("nan")))
                score = tolerant.measure_fold(replace(work, callback_contexts=()), replace(fold, train=rows))
            self.folds.print_end(named_work, fold, score)
            yield score

    def _continue_fit(self, work: WorkItem, fold: Fold) -> Generator[FoldScore, None, None]:
        """Yield the score at each rung, continuing the training of one estimator."""
        fit_params = take_metadata_rows(self.folds.task.X, params=self.folds.task.fit_params, indices=fold.train)
        start = time.perf_counter()
        estimator, error = self.folds.clone_with_params(work.params)
        train, test = split_fold_rows(estimator, self.folds.task, fold)
        args = train[: 1 if train[1] is None else 2]
        location = continued_fit = fitted = None
        if error is None:
            location, error = self._try(lambda: self._locate_resource(estimator, work))
        with self._share_steps(work, fold, estimator, location, *train, test[0]), ExitStack() as stack:
            if location is not None:
                continued_fit, error = self._try(
                    lambda: start_continued_fit(estimator, location, self.amounts[-1], args, fit_params)
                )
            if continued_fit is not None:
                stack.callback(continued_fit.close)
            for amount in self.amounts:
                named_work = self._add_amount_to_params(work, amount)  # for messages
                self.folds.print_start(named_work, fold)
                is_last = amount == self.amounts[-1]
                with self._wrap_fit_in_callbacks(work if is_last else None, fold, train, fit_params) as stop:
                    if continued_fit is not None:
                        with _ignore_expected_warnings(not is_last):
                            fitted, error = self._try(partial(continued_fit.continue_to, amount))
                score = self._score_fold(fitted, error, train, test, fold, time.perf_counter() - start)
                score = replace(score, stop_requested=any(stop))
                self.folds.print_end(named_work, fold, score)
                yield score
                start = time.perf_counter()

    def _locate_resource(self, estimator: Any, work: WorkItem) -> ResourceLocation:
        location = locate_resource(estimator, self.resource)
        check_not_searched(location, work.params)
        return location

    def _share_steps(
        self, work: WorkItem, fold: Fold, estimator: Any, location: ResourceLocation | None, *rows: Any
    ) -> AbstractContextManager[None]:
        """Share the first steps of a pipeline with other candidates, if the resource belongs to its last step."""
        return self.folds.share_steps(work, fold, estimator, *rows) if location and location.path else nullcontext()

    @contextmanager
    def _wrap_fit_in_callbacks(
        self, work: WorkItem | None, fold: Fold, train: tuple[Any, Any], fit_params: Mapping[str, Any]
    ) -> Iterator[list[bool]]:
        """Call scikit-learn's callbacks, if there are any, before and after the fit; yield whether they ask to stop."""
        answers: list[bool] = []
        context = work.callback_contexts[fold.number] if work is not None and work.callback_contexts else None
        if context is None:
            yield answers
            return
        arguments = make_callback_arguments(self.folds.caller, *train, fit_params)
        context.call_on_fit_task_begin(**arguments)
        yield answers
        answers.append(bool(context.call_on_fit_task_end(**arguments)))

    def _try(self, action: Callable[[], Any]) -> tuple[Any, str | None]:
        """Return the result of an action and None, or None and the traceback if the action fails."""
        return attempt(action, self.folds.task.error_score)

    def _score_fold(
        self, fitted: Any, error: str | None, train: tuple[Any, Any], test: tuple[Any, Any], fold: Fold, seconds: float
    ) -> FoldScore:
        folds = self.folds
        test_score = train_score = None
        start = time.perf_counter()
        if error is None:
            test_score = folds.score_fold(fitted, *test, fold)
        score_seconds = time.perf_counter() - start
        if test_score is not None and folds.task.return_train_score:
            train_score = folds.score(fitted, *train, fold.train)
        return folds.make_fold_score(error, test_score, train_score, seconds, score_seconds)

    def _add_amount_to_params(self, work: WorkItem, amount: int) -> WorkItem:
        """Add the amount to the parameters that messages show."""
        return replace(work, params={**work.params, self.resource: amount})


@dataclass(frozen=True, slots=True)
class RungFit:
    """The final fit of a candidate that was measured rung by rung: with the amount of the resource at its best rung.

    Attributes
    ----------
    resource : str
        "n_samples", "iterations", "epochs" or the name of a parameter.
    metric : str or None
        Which of several scores chooses the best rung.
    """

    resource: str
    metric: str | None = None

    def fit(self, estimator: Any, X: Any, y: Any, fit_params: Mapping[str, Any], curve: Sequence[Rung]) -> Any:
        """Fit the winner in place.

        If the amount is a parameter, it is already set, and this calls ``estimator.fit``. The number of epochs is not a
        parameter, so this calls ``partial_fit`` that many times.
        """
        if self.resource != EPOCHS:
            return PlainFit().fit(estimator, X, y, fit_params, curve)
        return fit_epochs(estimator, self.get_resource_amount(curve), (X,) if y is None else (X, y), fit_params)

    def get_resource_amount(self, curve: Sequence[Rung]) -> int:
        """Return the amount with which the candidate's scores were measured: all rows, or that of the best rung."""
        return curve[_choose_final_rung(curve, self.resource, self.metric)].resource


def _choose_final_rung(curve: Sequence[Rung], resource: str, metric: str | None) -> int:
    """Return the index of the rung that gives the candidate's scores: for training rows the last, else the best."""
    return len(curve) - 1 if resource == SAMPLES else choose_rung(curve, metric)


def make_rung_evaluation(
    folds: WholeFolds,
    resource: str,
    *,
    min_resources: int | str = "auto",
    max_resources: int | str = "auto",
    factor: float = 3,
    metric: str | None = None,
    searched: Collection[str] = (),
) -> RungEvaluation:
    """Make the evaluation that measures an estimator rung by rung on its folds.

    Parameters
    ----------
    folds : WholeFolds
    resource : str
        - "n_samples": training rows. Each fold is fitted on a random part of its rows, stratified for classifiers. The
          part is drawn once, so that all candidates are fitted on the same rows. The last rung is the whole fold. A
          candidate that fails on a part of the rows goes on to the next rung. If it fails on a whole fold, it has
          failed.
        - "iterations": the parameter ``n_estimators``, ``max_iter`` or ``iterations`` of the estimator, or of the last
          step of a Pipeline.
        - "epochs": calls of ``partial_fit`` on all training rows.
        - the name of a parameter that takes positive integers.
    min_resources : int or "auto", default="auto"
        The smallest amount that the first rung may have. "auto" makes up to four rungs, and up to five for
        "n_samples". The first rung of "n_samples" then has a row of each class, and at least as many rows as the first
        iteration of scikit-learn's halving (2 per split, times the number of classes).
    max_resources : int or "auto", default="auto"
        The amount at the last rung. "auto" is, for "n_samples", all rows of the largest training fold (a larger number
        has the same effect); for iterations or a parameter, the value that the estimator has; for epochs, the
        estimator's ``max_iter``, or 100 if it has none. If fewer rows are given, the scores come from models that are
        probably weaker than the final fit on all rows.
    factor : float, default=3
        The ratio of the amounts at two successive rungs.
    metric : str or None, default=None
        Which of several scores chooses the best rung.
    searched : collection of str, default=()
        The parameters in the space.

    Returns
    -------
    evaluation : RungEvaluation

    Raises
    ------
    ValueError
        If the estimator has no such resource, if the space contains its parameter, or if the minimum is above the
        maximum.
    """
    for name, amount in (("min_resources", min_resources), ("max_resources", max_resources)):
        if amount != "auto" and not is_positive_integer(amount):
            raise ValueError(f"{name} must be a positive integer or 'auto', got {amount!r}.")
    if not isinstance(factor, Real) or not factor > 1:
        raise ValueError(f"factor must be a number greater than 1, got {factor!r}.")
    if resource == SAMPLES:
        return _make_sample_rungs(folds, min_resources, max_resources, factor, metric)
    location = locate_resource(folds.estimator, resource)
    check_not_searched(location, searched)
    max_amount = get_default_amount(folds.estimator, location) if max_resources == "auto" else int(max_resources)
    min_amount = (
        int(min_resources) if min_resources != "auto" else max(1, round(max_amount / factor ** (AUTO_RUNGS - 1)))
    )
    return RungEvaluation(folds, resource, compute_rung_amounts(min_amount, max_amount, factor), metric)


def _make_sample_rungs(
    folds: WholeFolds, min_resources: int | str, max_resources: int | str, factor: float, metric: str | None
) -> RungEvaluation:
    """Draw the order in which each fold's training rows are added, and compute the smallest usable number of rows."""
    trains = [get_row_indices(fold.train) for fold in folds.task.folds]
    largest = max(len(train) for train in trains)
    max_amount = largest if max_resources == "auto" else min(largest, int(max_resources))
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
        min_amount = min(max_amount, max(smallest, round(max_amount / factor ** (AUTO_RUNGS_OF_SAMPLES - 1))))
    else:
        min_amount = int(min_resources)
    return RungEvaluation(folds, SAMPLES, compute_rung_amounts(min_amount, max_amount, factor), metric, tuple(orders))


@contextmanager
def _ignore_expected_warnings(is_expected: bool) -> Iterator[None]:
    """Ignore warnings that a small amount of the resource causes: no convergence, rows without out-of-bag scores."""
    if not is_expected:
        yield
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.filterwarnings("ignore", "Some inputs do not have OOB scores")
        yield


def _add_seconds(score: FoldScore, before: FoldScore) -> FoldScore:
    """Add the seconds that earlier rungs took."""
    return replace(
        score,
        fit_seconds=score.fit_seconds + before.fit_seconds,
        score_seconds=score.score_seconds + before.score_seconds,
    )
