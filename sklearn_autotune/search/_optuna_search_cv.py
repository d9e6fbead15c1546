"""OptunaSearchCV: the drop-in replacement for scikit-learn's searches."""

import numbers
from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from typing import Any, ClassVar, Literal, Self

import numpy as np
import optuna
from sklearn.base import MetaEstimatorMixin, is_classifier

from sklearn_autotune._compat.shared_params import SharedParamsMixin
from sklearn_autotune._compat.sklearn import (
    CallbackContexts,
    CallbackSupportMixin,
    HasMethods,
    Interval,
    StrOptions,
    get_scorers,
    make_callback_arguments,
    open_callback_root,
    take_metadata_rows,
    with_callbacks,
)
from sklearn_autotune._compat.types import ArrayLike, CrossValidation, Estimator, MatrixLike, Scorer, Scoring, Seed
from sklearn_autotune.proposals._earlier_searches import hide_source_secrets
from sklearn_autotune.proposals._plan import plan_proposals
from sklearn_autotune.pruning import FoldRacing
from sklearn_autotune.search._base_search import BaseSearch, DefaultScoreMixin
from sklearn_autotune.search._delegation import DelegateMixin
from sklearn_autotune.search._engine import run_search
from sklearn_autotune.search._final_fit import check_keep, fit_final_models, read_keep
from sklearn_autotune.search._results import get_winner_rows
from sklearn_autotune.search._routing import make_router, resolve_aimed_scorer, route_metadata
from sklearn_autotune.search._search_spec import make_search_spec
from sklearn_autotune.search._setup import (
    add_racing_subsample,
    choose_n_trials,
    choose_pruning_rule,
    choose_raw_space,
    choose_thresholds,
    get_refit_metric,
    keep_rows,
    make_aim,
    make_evaluation,
    make_space,
    make_task,
    read_aims,
    warn_of_large_grid,
    warn_of_unfinished_grid,
)
from sklearn_autotune.search._spec import SearchRun
from sklearn_autotune.space._space import RawSpace
from sklearn_autotune.storage._outcomes import TrialRecord
from sklearn_autotune.tables._checks import check_weight_length, index_rows

__all__ = ["OptunaSearchCV"]


class OptunaSearchCV(
    SharedParamsMixin, DelegateMixin, DefaultScoreMixin, MetaEstimatorMixin, CallbackSupportMixin, BaseSearch
):
    """Search over an estimator's parameters, with Optuna choosing the candidates and cross-validation measuring them.

    It replaces ``GridSearchCV(estimator, param_grid)`` and ``RandomizedSearchCV(estimator, param_distributions,
    n_iter=50)``, and has their arguments, attributes, scorers, metadata and warnings. A grid is searched in full, in
    `ParameterGrid`'s order, unless ``n_trials`` is smaller than the grid. In any other space Optuna's sampler chooses
    the next candidate by the scores of those before.

    Parameters
    ----------
    estimator : estimator
        Anything with ``fit`` that scikit-learn can clone; it is never fitted itself. Needs ``score``, or ``scoring``.
    param_distributions : dict, list of dict, callable or "auto", default=None
        - dict: for each parameter its values. They are a list, tuple or array of choices, which may be any objects
          (estimators are cloned before use); a frozen ``scipy.stats`` distribution; an Optuna distribution; or an
          object with ``rvs(random_state=...)``, from which samplers cannot learn. Parameters of steps and of nested
          estimators are written ``step__parameter``.
        - list of dict: alternatives, each with its own parameters. The search chooses among them too.
        - callable: ``space(trial)`` returns the candidate as a dict, by ``trial.suggest_float`` and the like of Optuna.
        - "auto": a space made for each known model in ``estimator``, which may be a Pipeline. In a dict, "auto" for the
          name of a part is the ready space of this part, such as a step in front of the model.
    param_grid : dict of lists or list of such dicts, default=None
        ``GridSearchCV``'s name for ``param_distributions``, which takes lists of values only. Give one of the two.
    n_trials : int or "auto", default="auto"
        The number of candidates, at most; equal candidates are measured once. "auto" is all points of a grid (a space
        in which all values are lists), and 50 candidates of any other space. It is 50 too if you give a ``sampler``.
    n_iter : int, default=None
        ``RandomizedSearchCV``'s name for ``n_trials``. Give at most one of the two.
    timeout : float, default=None
        Seconds for the whole ``fit``, the final fit included. When only the time for the final fit is left, the search
        starts no candidate and no further fold. With ``n_jobs`` above 1 it ends running candidates at once; with 1 it
        finishes the running fold. It always finishes the first candidate. None sets no limit.
    trial_timeout : float, default=None
        Seconds for one candidate, all its folds together. A candidate that takes longer is ended and recorded as
        failed, and the search goes on. With this limit, candidates are measured in worker processes, with ``n_jobs=1``
        too. None sets no limit.
    memory_limit : int, default=None
        Bytes that one candidate may use, in addition to what its worker process holds before its first candidate. A
        candidate that needs more fails with a ``MemoryError``. As with ``trial_timeout``, candidates are measured in
        worker processes. Works on Linux only. None sets no limit.
    scoring : str, callable, list, tuple, set or dict, default=None
        As in scikit-learn: one scorer, or several. ``refit`` names the one that decides. If it names none, the first
        one guides the search; of a set, the first by the alphabet. None is the estimator's ``score``. Higher is better.
    objectives : list or dict, default=None
        Several scores and costs to search by: names of scorers (higher is better), and of costs of the model (lower is
        better): "predict_seconds", "fit_seconds", "bytes", "n_features", "n_trees". A dict has own names as keys, and
        scorers or costs as values, such as `PredictSeconds` or `GroupDifference`. See ``front_``. None searches by
        ``scoring`` alone.
    limits : dict, default=None
        What the winner has to keep to, such as ``{"bytes": ("<=", 1_000_000), "recall": (">=", 0.9)}``. The names are
        those of ``objectives``, ``scoring``, scorers and costs. Your own scorer comes first: ``(scorer, "<=", 1)``.
    limit_confidence : float, default=0.9
        A limit is met if the end of the one-sided confidence interval of the mean over the folds meets it. From 0.5,
        the mean itself, to less than 1.
    infeasible : "raise" or "nearest", default="raise"
        If no candidate meets the limits: raise ValueError, or warn and take the one that violates them least.
    n_jobs : int, default=None
        Number of worker processes. Each measures one candidate, or some of its folds, at a time. None is 1, except in a
        ``joblib.parallel_config`` context; -1 is all processors. The number never changes the result.
    executor : distributed.Client or str, default=None
        A Dask client, or the address of a Dask scheduler. The cluster's workers measure the candidates, at most
        ``n_jobs`` workers at a time (None: all). None is this machine, or the client of
        ``joblib.parallel_config("dask")``.
    threshold : str or callable, default=None
        A scorer of labels, such as "f1" or `make_cost_scorer`, by which a binary classifier's threshold is chosen. Each
        candidate's rows are labelled by thresholds that other rows of their fold have chosen, so that scores of labels
        are not too good. None leaves it to the classifier, which takes 0.5 for a probability. See ``threshold_``.
    refit : bool, str, callable or refit rule, default=True
        Whether to fit the best candidate on all the data. A str names the score that decides. A callable takes
        ``cv_results_`` and returns the best index; then there is no ``best_score_``. A refit rule, such as
        `OneStandardError` or `NoWorseThanDefault`, is a callable that knows its score.
    cv : int, splitter or iterable of splits, default=None
        As in scikit-learn; None is 5 folds, stratified for classifiers. Folds are drawn once per ``fit``, and all
        candidates share them, even if the splitter shuffles without a seed or can be used only once.
    verbose : int, default=0
        0 is silent. 1 to 10 print what scikit-learn's searches print, and show the progress as `TrialProgress` does.
    pre_dispatch : int or str, default="2*n_jobs"
        Has no effect; scikit-learn's searches have it. ``look_ahead`` limits how many candidates run at a time.
    random_state : int, RandomState instance or None, default=None
        Seed of the default sampler. The same int gives the same ``cv_results_``, times aside, for any ``n_jobs``, if
        the estimator itself is seeded. Neither an instance nor NumPy's global state is changed.
    error_score : "raise" or float, default=nan
        Score in ``cv_results_`` of a fold whose fit, prediction or scorer raised an exception. Means and ranks there
        include it, as in scikit-learn's searches. A candidate with such a fold never wins, whatever this number is; in
        ``trials_`` it has the status "failed" and the traceback. A score that is not finite is a failure too. "raise"
        raises the exception itself.
    return_train_score : bool, default=False
        Whether to score on each fold's training rows too.
    sampler : optuna.samplers.BaseSampler, default=None
        What proposes the candidates. The search uses a copy, and proposes only what the sampler lists or fixes. None is
        Optuna's multivariate TPE, with a group for parameters that only some candidates have.
    pruner : "auto", FoldRacing, optuna.pruners.BasePruner or None, default="auto"
        What stops candidates early that cannot win. A pruned candidate has NaN for the folds that were not measured,
        ranks last and never wins. "auto" is `FoldRacing()`, but None in a search of up to 20 candidates, in a finite
        space that is searched in full, and if ``refit`` is a function or none of several scores decides. Optuna's
        pruners get the mean of the folds so far; `WilcoxonPruner` gets the score of each fold. None measures all.
    resource : str, default=None
        What grows from rung to rung, so that bad candidates are stopped at small amounts: "n_samples" (training rows),
        "iterations" (``n_estimators``, ``max_iter`` or ``iterations`` of the estimator or of a Pipeline's last step),
        "epochs" (calls of ``partial_fit``), or the name of a parameter that counts. On each rung a candidate is
        measured on all folds, and ``pruner="auto"`` is successive halving. The candidate's params have the amount with
        the best mean score; the number of epochs is ``best_resource_``. None measures fold after fold.
    min_resources, max_resources : int or "auto", default="auto"
        Amounts of the resource on the first and on the last rung. "auto" makes four or five rungs, of which the last
        has all rows, or the estimator's own setting.
    factor : float, default=3
        Ratio of the resource on a rung to that on the rung before. The best one in ``factor`` candidates goes on.
    step_cache : int, default=2**30
        Bytes of memory, of all workers together, for the output of a Pipeline's first steps on each fold. Candidates
        with equal first steps share it. 0 caches nothing. Scores are the same either way.
    patience : int, default=None
        Stop after this many candidates in a row without a better mean score; with several ``objectives``, without one
        that enters the front. None never stops.
    target_score : float, default=None
        Stop once a candidate's mean score is at least this. None never stops.
    look_ahead : int or "auto", default="auto"
        How many candidates may be running before their results are known to the sampler. Unlike ``n_jobs`` it affects
        the result: with a lower number the sampler knows more, a higher one keeps more workers busy. "auto" is 10 for
        the first ten candidates, and then a quarter of the earlier ones, from 4 to 32. A whole grid needs no limit.
    enqueue : "auto", list of dict or None, default="auto"
        Candidates to measure first. "auto" is the estimator's own parameters and then, for known estimators, settings
        that are good on many tables, all moved into the space; none if you give a ``sampler``, or a grid that is
        measured in full. Of a candidate in a list, the sampler chooses the parameters that are left out.
    keep : str, list of str or None, default=None
        What is kept of the winner on the folds: "predict", "predict_proba", "predict_log_proba" or "decision_function"
        for ``oof_predictions_``, "estimators" for ``fold_estimators_``. The winner is fitted once more on each fold.
    warm_start_from : list, fitted search, optuna.Study, storage or (storage, study_name), default=None
        Earlier searches, also on other data, whose best candidates in this space are measured first: up to ten, and
        a quarter of the trials. If they lose, the search goes on without. A storage is all its studies, and only read.
    measure_default : bool or "auto", default="auto"
        Whether to measure the default, which is the estimator with its own parameters, apart from the candidates, once,
        on all folds; for ``default_score_`` and ``tuning_gain_``. It costs as much as one candidate, and is no trial
        and not in ``cv_results_``. If a candidate has exactly these parameters, its score is used in any case, and
        nothing more is measured. "auto" is True, but False in a finite space that is searched in full.
    callbacks : list of callable, default=None
        Optuna callbacks. Each is called as ``callback(study, frozen_trial)`` in this process after each candidate, in
        order, and may call ``study.stop()``. (``set_callbacks`` sets scikit-learn's own callbacks.)
    storage : str, path or optuna.storages.BaseStorage, default=None
        Where the study is kept. A path is an SQLite file, for one process at a time. A str with "://" is an Optuna URL.
        Several processes can share a study in a server's database or in a journal. None keeps it in memory.
    study_name : str, default=None
        Name of the study in ``storage``. None is "sklearn_autotune". If the name is taken, a new study has a number
        appended to it, so that it never changes an old one.
    resume : bool, default=False
        Whether to continue the stored study of that name until it has ``n_trials`` candidates in all. The result is
        that of an uninterrupted search. A study made for other data, folds, space, scoring or estimator is refused.

    Attributes
    ----------
    cv_results_ : dict of str to ndarray
        scikit-learn's table, with one row per measured candidate. Warns once if you read scores that stopped candidates
        do not have.
    best_estimator_ : estimator
        Fitted on all the data with the best parameters. Not with ``refit=False``. With ``threshold``, a
        `FixedThresholdClassifier` around it, which predicts with ``threshold_``.
    best_params_ : dict
    best_score_ : float
        Mean score over the folds of the best candidate; higher is better. Not with a callable ``refit``.
    front_ : dict of str to ndarray or list
        With ``objectives``: the candidates that no other one beats, with their ``index`` in ``cv_results_``, the means
        of objectives and limits (costs positive), and ``params``. Printed as a table; ``to_frame()`` is a DataFrame.
    best_scores_ : dict of str to float
        With ``objectives`` or ``limits``: what the winner has of each; costs are positive.
    best_index_ : int
        Row of the best candidate in ``cv_results_``.
    corrected_score_ : float
        ``best_score_`` without what the choice of the best candidate adds to it. Computed when it is first read,
        without a fit. Only if the score is a function of predictions, as those of scikit-learn's scorers are.
    corrected_interval_ : tuple of float
        Lower and upper end of the 95 % confidence interval of ``corrected_score_``.
    threshold_ : float
        With ``threshold``: from this probability of the positive class (or decision value) on, a row is labelled
        positive. It is the best one for the scores that the winner gives the test rows of all folds together, among
        those that keep to limits on labels.
    oof_predictions_ : ndarray of shape (n_samples,) or (n_samples, n_classes), or dict of them
        Of each row, what the winner predicts if it is fitted without the row; with ``keep``. A dict by method if there
        are several. The mean, or the most frequent label, if a row is in several test folds; NaN if it is in none.
    fold_estimators_ : list of estimator
        The winner, fitted on the training rows of each fold; with ``keep="estimators"``.
    default_score_ : float
        Mean score over the same folds of the estimator with its own parameters; of several scores the one that decides.
        Reading it raises an AttributeError with the reason if there is none: it failed, the time was up, or
        ``measure_default`` says so.
    tuning_gain_ : TuningGain
        By how much the winner is better than the default on the folds: ``mean``, and ``low`` and ``high``, the ends of
        its 95 % confidence interval. If ``is_corrected`` is False, it is too large on average, because the folds have
        chosen the winner; if True, it is that of ``corrected_score_``.
    scorer_ : callable or dict of callable
    n_splits_ : int
    best_resource_ : int
        Amount of the ``resource`` with which the best candidate has its score; the final fit has as much, or all rows.
    refit_time_ : float
        Seconds of the final fit.
    multimetric_ : bool
    classes_ : ndarray of shape (n_classes,)
    n_features_in_ : int
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        If the best estimator has it.
    study_ : optuna.Study
        In memory, for ``optuna.visualization``; ``storage`` holds copies of its trials.
    trials_ : dict of str to ndarray
        Table of all trials; ``trials_.to_frame()`` is a pandas DataFrame, and ``print`` shows ten rows. Columns:
        ``number``, ``status`` ("complete", "failed", "pruned", "duplicate", "timeout" or "cancelled"), ``error``,
        ``exit`` (signal or code, if the candidate's worker process ended), ``seconds``, ``n_folds`` measured,
        ``params``, the score of each fold, and the ``resource`` that was reached, if there is one.

    See Also
    --------
    sklearn.model_selection.GridSearchCV : Tries every point of a grid.
    sklearn.model_selection.RandomizedSearchCV : Draws candidates at random.

    Notes
    -----
    TPE is the tree-structured Parzen estimator of Bergstra et al., "Algorithms for Hyper-Parameter Optimization",
    NeurIPS 2011, in Optuna's multivariate form. Optuna gets a failed candidate as pruned and without a value, because
    samplers count that as worst, and ignore trials that have Optuna's state for failures.

    Examples
    --------
    >>> from scipy.stats import loguniform
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sklearn_autotune import OptunaSearchCV
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> model = make_pipeline(StandardScaler(), LogisticRegression())
    >>> space = {"logisticregression__C": loguniform(1e-3, 1e3)}
    >>> search = OptunaSearchCV(model, space, n_trials=10, random_state=0).fit(X, y)
    >>> bool(search.best_score_ > 0.97)
    True
    >>> sorted(search.best_params_)
    ['logisticregression__C']
    """

    _shared_params = ("executor", "warm_start_from")  # earlier searches stay fitted
    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **BaseSearch._parameter_constraints,
        "estimator": [HasMethods(["fit"])],
        "param_distributions": [dict, list, tuple, callable, StrOptions({"auto"}), None],
        "param_grid": [dict, list, tuple, None],
        "n_trials": [Interval(numbers.Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "threshold": [str, callable, None],
        "refit": ["boolean", str, callable],
        "look_ahead": [Interval(numbers.Integral, 1, None, closed="left"), StrOptions({"auto"})],
    }

    def __init__(
        self,
        estimator: Estimator,
        param_distributions: RawSpace | Literal["auto"] | None = None,
        *,
        param_grid: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
        n_trials: int | Literal["auto"] = "auto",
        n_iter: int | None = None,
        timeout: float | None = None,
        trial_timeout: float | None = None,
        memory_limit: int | None = None,
        scoring: Scoring = None,
        objectives: Sequence[Any] | Mapping[str, Any] | None = None,
        limits: Mapping[str, Sequence[Any]] | None = None,
        limit_confidence: float = 0.9,
        infeasible: Literal["raise", "nearest"] = "raise",
        n_jobs: int | None = None,
        executor: object = None,
        threshold: str | Scorer | None = None,
        refit: bool | str | Callable[..., int] = True,
        cv: CrossValidation = None,
        verbose: int = 0,
        pre_dispatch: int | str = "2*n_jobs",
        random_state: Seed = None,
        error_score: float | Literal["raise"] = np.nan,
        return_train_score: bool = False,
        sampler: optuna.samplers.BaseSampler | None = None,
        pruner: optuna.pruners.BasePruner | FoldRacing | Literal["auto"] | None = "auto",
        resource: str | None = None,
        min_resources: int | Literal["auto"] = "auto",
        max_resources: int | Literal["auto"] = "auto",
        factor: float = 3,
        step_cache: int = 2**30,
        patience: int | None = None,
        target_score: float | None = None,
        look_ahead: int | Literal["auto"] = "auto",
        enqueue: Sequence[Mapping[str, Any]] | Literal["auto"] | None = "auto",
        keep: str | Sequence[str] | None = None,
        warm_start_from: object = None,
        measure_default: bool | Literal["auto"] = "auto",
        callbacks: Sequence[Callable[[optuna.Study, optuna.trial.FrozenTrial], None]] | None = None,
        storage: optuna.storages.BaseStorage | str | PathLike[str] | None = None,
        study_name: str | None = None,
        resume: bool = False,
    ) -> None:
        self.estimator = estimator
        self.param_distributions = param_distributions
        self.param_grid = param_grid
        self.n_trials = n_trials
        self.n_iter = n_iter
        self.timeout = timeout
        self.trial_timeout = trial_timeout
        self.memory_limit = memory_limit
        self.scoring = scoring
        self.objectives = objectives
        self.limits = limits
        self.limit_confidence = limit_confidence
        self.infeasible = infeasible
        self.n_jobs = n_jobs
        self.executor = executor
        self.threshold = threshold
        self.refit = refit
        self.cv = cv
        self.verbose = verbose
        self.pre_dispatch = pre_dispatch
        self.random_state = random_state
        self.error_score = error_score
        self.return_train_score = return_train_score
        self.sampler = sampler
        self.pruner = pruner
        self.resource = resource
        self.min_resources = min_resources
        self.max_resources = max_resources
        self.factor = factor
        self.step_cache = step_cache
        self.patience = patience
        self.target_score = target_score
        self.look_ahead = look_ahead
        self.enqueue = enqueue
        self.keep = keep
        self.warm_start_from = warm_start_from
        self.measure_default = measure_default
        self.callbacks = callbacks
        self.storage = storage
        self.study_name = study_name
        self.resume = resume

    def __getstate__(self) -> dict[str, Any]:
        """Pickle without the Dask client, and without the passwords of earlier searches."""
        return super().__getstate__() | {"warm_start_from": hide_source_secrets(self.warm_start_from)}

    @with_callbacks
    def fit(self, X: MatrixLike, y: ArrayLike | None = None, **params: Any) -> Self:
        """Search, then fit the best candidate on all the data.

        Parameters
        ----------
        X : array-like, sparse matrix, DataFrame or list of length n_samples
            Training data; (n_samples, n_samples) for precomputed kernels or distances.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
            Target; None for unsupervised estimators.
        **params : dict of str to object
            Metadata for the estimator's ``fit``, the scorer and the splitter, as scikit-learn routes it. Metadata with
            one entry per sample is cut to each fold's rows.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError, TypeError
            Before any model is fitted, if a parameter, the space or the data cannot be used; after the search, if
            no candidate has a score.
        KeyboardInterrupt
            On Ctrl-C or SIGTERM. Whatever exception ends a search, the results so far are on the estimator.
        StudyMismatchError, StudyInUseError, StudyStorageError
            If the stored study was made for something else, is searched by another process, or cannot be read or
            written.
        ClusterLostError
            If a Dask cluster has no workers any more; the results so far are on the estimator.
        """
        start = self._begin_fit()
        kept = read_keep(self.keep)
        raw_space = choose_raw_space(self.param_distributions, self.param_grid)
        aims = read_aims(self)
        scorer = resolve_aimed_scorer(self, aims)
        X, y = index_rows(self, X, y)
        check_keep(kept, y)
        params = take_metadata_rows(X, params=check_weight_length(X, params))
        routed = route_metadata(self, params, scorer)
        root = open_callback_root(self, max_subtasks=1 + (self.refit is not False))
        task = make_task(
            X,
            y,
            cv=self.cv,
            is_classification=is_classifier(self.estimator),
            scorer=scorer,
            routed=routed,
            error_score=self.error_score,
            return_train_score=self.return_train_score,
            metric=get_refit_metric(self.refit) if aims is None else aims.primary,
            required=() if aims is None else aims.keys,
        )
        aim = make_aim(aims, self.refit, task.folds, self.limit_confidence)
        task = choose_thresholds(keep_rows(task, self.estimator, self.refit), self, routed, aims)
        self.n_splits_, self.scorer_ = len(task.folds), get_scorers(scorer)
        space = make_space(raw_space, self.estimator, task, self.enqueue)
        n_trials = choose_n_trials(self.n_trials, self.n_iter, raw_space, space, self.sampler)
        pruning_rule = choose_pruning_rule(
            space, self.scoring, self.refit, n_trials, self.pruner, aim, resource=self.resource, factor=self.factor
        )
        task, pruning_rule = add_racing_subsample(task, pruning_rule, is_classification=is_classifier(self.estimator))
        plan = plan_proposals(self.enqueue, self.warm_start_from, self.sampler, self.estimator, task, space, n_trials)
        if self.timeout is None and self.n_trials == "auto" and self.n_iter is None:
            warn_of_large_grid(n_trials, len(task.folds))
        callback_arguments = make_callback_arguments(self, task.X, task.y, task.fit_params)
        if root is not None:
            root.call_on_fit_task_begin(**callback_arguments)
        contexts = CallbackContexts(self, root, len(task.folds))
        caller = self if contexts.is_active else None
        evaluation, final_fit = make_evaluation(self, task, space.names, caller=caller, shares_steps=not aim.has_costs)
        groups = routed.splitter.split.get("groups")
        spec = make_search_spec(
            self, task, space, n_trials, plan, evaluation, pruning_rule, contexts, start, groups, aim
        )
        winner, kept_rows = run_search(spec, self._publish_winner, self._publish_partial)
        if self.timeout is not None and (self.patience, self.target_score, self.callbacks) == (None, None, None):
            warn_of_unfinished_grid(len(self.cv_results_["params"]), n_trials, space)
        if winner is not None:
            fit_final_models(self, task, final_fit, winner.outcome.curve, kept_rows, kept, root, callback_arguments)
            while self.refit and self._choose_again():
                fit_final_models(self, task, final_fit, (), {}, kept, None, callback_arguments)
        if root is not None:
            root.call_on_fit_task_end(**callback_arguments)
        return self

    def get_metadata_routing(self) -> Any:
        """Return the metadata router, which says what ``fit`` and ``score`` pass on, and to which object.

        Returns
        -------
        routing : MetadataRouter
        """
        return make_router(self)

    def _publish_winner(self, run: SearchRun) -> tuple[TrialRecord | None, Mapping[int, np.ndarray]]:
        winner = self._publish(run).winner
        return winner, {} if winner is None else get_winner_rows(run, winner)
