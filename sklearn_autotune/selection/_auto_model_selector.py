"""AutoModelSelector: fits the best model, or a blend of several, on a raw table."""

import numbers
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from os import PathLike
from typing import Any, ClassVar, Literal, Self

import numpy as np
import optuna
from sklearn.utils import ClassifierTags, RegressorTags

from sklearn_autotune._compat.html import render_paragraphs
from sklearn_autotune._compat.shared_params import SharedParamsMixin
from sklearn_autotune._compat.sklearn import Interval, StrOptions
from sklearn_autotune._compat.types import ArrayLike, CrossValidation, MatrixLike, Scorer, Seed
from sklearn_autotune.evaluation import is_forward
from sklearn_autotune.evaluation._defaults import make_default_scorer
from sklearn_autotune.evaluation._metric import Metric
from sklearn_autotune.execution._dask import names_cluster
from sklearn_autotune.families import Family
from sklearn_autotune.families._chosen import resolve_families
from sklearn_autotune.inference._table_reader import TableReader
from sklearn_autotune.search._base_search import BaseSearch
from sklearn_autotune.search._engine import run_search
from sklearn_autotune.search._final_fit import ESTIMATORS, read_keep
from sklearn_autotune.search._routing import resolve_scorer, route_metadata_by_name, take_routed_rows
from sklearn_autotune.search._trial_loop import TrialRecord
from sklearn_autotune.selection._blends import (
    make_blend_costs,
    make_single_check,
    make_violation_finder,
    read_blend_aims,
)
from sklearn_autotune.selection._candidates import choose_families, make_shape_function
from sklearn_autotune.selection._cross_fit import N_TABLE_COPIES, CrossFitEvaluation
from sklearn_autotune.selection._ensemble_choice import BlendChoice, choose_from_both_layers
from sklearn_autotune.selection._final_fits import FINAL_FIT, BlendPredictor, FinalFits, is_classification_task
from sklearn_autotune.selection._ranking import BlendFront, MeasuredCandidates, make_label, make_leaderboard
from sklearn_autotune.selection._row_ladder import has_parts, make_parts, order_on_parts
from sklearn_autotune.selection._schedule import make_schedule
from sklearn_autotune.selection._search_spec import choose_seed, make_search_spec
from sklearn_autotune.selection._second_layer import SECOND_LAYER
from sklearn_autotune.selection._tasks import check_score, choose_folds_and_rows, choose_thresholds, make_tasks
from sklearn_autotune.storage._artifacts import Artifacts, open_artifact_store
from sklearn_autotune.tables._checks import make_indexable, require_target
from sklearn_autotune.tables._inner_folds import make_inner_folds
from sklearn_autotune.tables._memory import require_memory
from sklearn_autotune.tables._table_data import TableData, read_table
from sklearn_autotune.tables._target import TaskName, check_classes_are_plausible

__all__ = ["AutoModelSelector"]


class AutoModelSelector(SharedParamsMixin, BlendPredictor, BaseSearch):
    """Chooses the kind of model, its parameters, and a blend of the best, from a table of raw columns.

    Columns may hold numbers, booleans, categories, free text, dates and gaps. Each family of models gets them
    prepared in its own way, inside the folds. First come settings that are good on many tables, fast families first;
    then Optuna proposes candidates. Hopeless candidates are stopped early. In the end the best candidates are blended,
    if that improves the score, with models of a second layer, which are fitted on out-of-fold predictions.

    Parameters
    ----------
    task : {"classification", "regression"} or None, default=None
        None is a classification, but only of a target that holds classes: strings, booleans, categories, or few whole
        numbers. A target that looks like amounts is then an error, and no model is fitted.
    families : "auto", str, Family, or list of str and Family, default="auto"
        Families of models to try: names from the catalogue ("forest", or "random_forest", or
        "RandomForestClassifier"), or a `Family` of your own. "auto" is all families that suit the task and are
        installed.
    n_trials : int, default=None
        Largest number of candidates. None is no limit with a ``timeout``, and 50 without.
    timeout : float, default=None
        Seconds for the whole ``fit``, final fits and blending included.
    trial_timeout : float, default=None
        Seconds for one candidate, all its folds together; as in `OptunaSearchCV`.
    memory_limit : int, default=None
        Bytes that one candidate may take; as in `OptunaSearchCV`.
    scoring : str or callable, default=None
        One score, as in scikit-learn; higher is better. None is the log loss, or the root of the mean squared error,
        both negated.
    cv : int, splitter or iterable, default=None
        As in scikit-learn. None is 8 stratified folds below 3,000 rows, 5 below 20,000 and 3 above; with a ``scoring``,
        at most as many as the rarest class has rows. With ``groups``, None and an int keep the rows of a group
        together, stratified as far as possible. From 100,000 rows on, without groups, times and limits, it is one
        tenth of the rows if the ``timeout`` is short for three folds.
    time : str or int, default=None
        The name or position of the column with the time of each row, which models use too. With ``cv`` as None or an
        int, each fold is tested on later rows than it is fitted on.
    blend : bool, default=True
        Whether candidates may be blended. False takes the best one alone.
    generate_features : bool, default=False
        Whether candidates may get more columns: arithmetic, crosses and group statistics of pairs of columns.
    n_jobs : int, default=None
        Workers, by joblib's conventions; each fits its models on one thread, matrix products aside. Without a
        ``timeout`` it does not change the result.
    executor : distributed.Client or str, default=None
        A Dask cluster that measures the candidates, as in `OptunaSearchCV`. The stages after the search run here.
    random_state : int or RandomState, default=None
        Seeds the folds of the default ``cv``, the models and the sampler.
    objectives : list or dict, default=None
        A score that guides the search, and costs or more scores by which blends are compared: ``["roc_auc",
        "predict_seconds", "bytes"]``, or a dict with own names, as in `OptunaSearchCV`. See ``front_``.
    limits : dict, default=None
        What the final model may cost or has to reach, as in `OptunaSearchCV`; of costs, "predict_seconds" and "bytes":
        ``{"predict_seconds": ("<=", 1e-4), "recall": (">=", 0.9)}``.
    limit_confidence : float, default=0.9
        As in `OptunaSearchCV`; costs are measured several times on the final model.
    infeasible : "raise" or "nearest", default="raise"
        If nothing meets the limits: raise ValueError, or warn and take the blend that violates them least.
    threshold : str or callable, default=None
        A scorer of labels by which a binary classifier's threshold is chosen, as in `OptunaSearchCV`. If ``scoring``
        scores probabilities, it is chosen once, for the final blend. See ``threshold_``.
    refit : bool, str or callable, default=True
        With ``objectives``, which blend becomes the model: True is the one with the best score; or the best of
        ``front_`` in the named objective, "knee", or the row that a function of ``front_`` returns.
    patience : int or "auto" or None, default="auto"
        Stop after this number of candidates in a row without a better score. "auto" depends on the number of rows; None
        never stops.
    look_ahead : int, default=2
        How many candidates may be under way before their results are known.
    keep : "estimators", list of it, or None, default=None
        "estimators" keeps the chosen models of each fold as ``fold_estimators_``.
    callbacks : list of callable, default=None
        Optuna callbacks, called as ``callback(study, frozen_trial)`` after each candidate, in order.
    error_score : "raise" or float, default=nan
        What becomes of a candidate that fails. "raise" lets the exception through.
    verbose : int, default=0
        More than 0 shows how the search is doing, as in `OptunaSearchCV`.
    storage : path, Optuna URL or Optuna storage, default=None
        Where the study is kept, as in `OptunaSearchCV`. What the blend is made of is kept in ``artifact_store``.
    study_name : str, default=None
        As in `OptunaSearchCV`.
    resume : bool, default=False
        Continue the stored study, as in `OptunaSearchCV`. A ``timeout`` is that of each ``fit``; with one, stored
        candidates are taken as they are, and the search goes on from them.
    artifact_store : path or Optuna artifact store, default=None
        Where the predictions and models of the best candidates are kept, and what is made of them after the search,
        up to 256 MiB each, as pickles. None is a folder beside the file of ``storage``, named like it with
        ".artifacts" behind; a storage that is not a file needs one.

    Attributes
    ----------
    best_estimator_ : Pipeline
        Reads a raw table and predicts with a `VotingClassifier` or `VotingRegressor` of the chosen candidates; with a
        second layer, with a `StackingClassifier` or `StackingRegressor`. With ``threshold``, a
        `FixedThresholdClassifier` around it.
    best_score_ : float
        Mean score of the choice on rows that it was not made on: for each fold, the best candidate or the blend is
        chosen on the other folds and scored on this one. Higher is better.
    corrected_score_ : float
        Mean score of the best candidate without what the choice of the best of all candidates adds to it, plus what
        the blend gains on folds that it was not chosen on. Computed when it is first read, without a fit.
    corrected_interval_ : tuple of float
        The ends of its 95 % confidence interval.
    threshold_ : float
        With ``threshold``: from this probability of the positive class on, a row is labelled positive. It is the best
        one for the blend's out-of-fold predictions of all folds together, among those that keep to limits on labels.
    best_params_ : dict
        Parameters of the best single candidate.
    best_index_ : int
        Its row in ``cv_results_``.
    blend_weights_ : dict of str to float
        Weight of each model in the blend, by its label: family and number. They add up to 1.
    front_ : dict of str to ndarray or list
        The blends that no other one beats (and that meet the limits): "score", a mean over folds, higher is better;
        "predict_seconds" for a row and "bytes", both estimated; "n_models" that predict; "members" with their weights.
        With ``objectives``, these and what is limited take the place of the first three; costs are positive.
    best_scores_ : dict of str to float
        With ``objectives`` or ``limits``: what the final model has of each. Costs are positive, and measured on it.
    leaderboard_ : dict of str to ndarray
        A row for each candidate, the best first: rank, number (of the trial in ``trials_`` and ``study_``; the second
        layer's "stacked_linear" and "stacked_trees" have numbers after all trials), family, params,
        mean_score, std_error, fit_seconds, predict_seconds, status, error, blend_weight. Ten rows are printed;
        ``leaderboard_.to_frame()`` is a DataFrame.
    oof_predictions_ : ndarray of shape (n_samples, n_classes) or (n_samples,)
        What the blend predicts for each row by models that were not fitted on it; its weights were chosen by these
        predictions. NaN for rows in no test fold.
    fold_estimators_ : list of Pipeline
        Of each fold, the blend of models fitted on its training rows, which predict its test rows as
        ``oof_predictions_`` has them. With ``keep="estimators"``, unless time is up.
    cv_results_ : dict of str to ndarray
        scikit-learn's table: one row per measured candidate.
    trials_ : dict of str to ndarray
        One row per trial, with its status and error. ``trials_.to_frame()`` is a pandas DataFrame.
    study_ : optuna.Study
    scorer_ : callable
    classes_ : ndarray of shape (n_classes,), in classification
    n_splits_ : int
        Number of folds; 1 if one share of the rows was held out.
    n_rows_searched_ : int
        How many rows candidates were measured on: a sample if the ``timeout`` is short for the table.
    text_columns_ : list of str
        The columns that are read as free text.
    inner_folds_ : {"random", "groups", "time"}
        How training rows are divided once more, for statistics of the target, texts and early stopping.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        If X had names for its columns.

    Notes
    -----
    Blends are chosen by greedy selection (Caruana et al., ICML 2004), after each candidate's probabilities have been
    scaled by a temperature (Guo et al., ICML 2017). If early stopping uses a fold's test rows, these are predicted with
    the rounds that were best on other folds. The second layer (Wolpert, 1992) needs 750 rows, each tested in one fold.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_autotune import AutoModelSelector
    >>> X, y = load_iris(return_X_y=True, as_frame=True)
    >>> selector = AutoModelSelector(families=["logistic", "forest"], n_trials=3, cv=3, random_state=0).fit(X, y)
    >>> selector.predict(X.head(2))
    array([0, 0])
    >>> sorted(set(selector.leaderboard_["family"].tolist()))
    ['forest', 'logistic']
    """

    _shared_params: ClassVar[tuple[str, ...]] = ("executor", "artifact_store")
    # scikit-learn's text of models in models in models takes many seconds; the view has a table of the blend.
    _hidden_attributes: ClassVar[tuple[str, ...]] = ("best_estimator_", "fold_estimators_")
    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **BaseSearch._parameter_constraints,
        "task": [StrOptions({"classification", "regression"}), None],
        "families": [str, Family, list, tuple],
        "scoring": [str, callable, None],
        "threshold": [str, callable, None],
        "refit": ["boolean", str, callable],
        "time": [str, Interval(numbers.Integral, 0, None, closed="left"), None],
        "blend": ["boolean"],
        "generate_features": ["boolean"],
        "patience": [StrOptions({"auto"}), Interval(numbers.Integral, 1, None, closed="left"), None],
        "artifact_store": "no_validation",
    }

    def __init__(
        self,
        task: TaskName | None = None,
        families: str | Family | Sequence[str | Family] = "auto",
        *,
        n_trials: int | None = None,
        timeout: float | None = None,
        trial_timeout: float | None = None,
        memory_limit: int | None = None,
        scoring: str | Scorer | None = None,
        cv: CrossValidation = None,
        time: str | int | None = None,
        blend: bool = True,
        generate_features: bool = False,
        n_jobs: int | None = None,
        executor: Any = None,
        random_state: Seed = None,
        objectives: Sequence[Any] | Mapping[str, Any] | None = None,
        limits: Mapping[str, Sequence[Any]] | None = None,
        limit_confidence: float = 0.9,
        infeasible: Literal["raise", "nearest"] = "raise",
        threshold: str | Scorer | None = None,
        refit: bool | str | Callable[..., int] = True,
        patience: int | Literal["auto"] | None = "auto",
        look_ahead: int = 2,
        keep: str | Sequence[str] | None = None,
        callbacks: Sequence[Callable[[optuna.Study, optuna.trial.FrozenTrial], None]] | None = None,
        error_score: float | Literal["raise"] = np.nan,
        verbose: int = 0,
        storage: optuna.storages.BaseStorage | str | PathLike[str] | None = None,
        study_name: str | None = None,
        resume: bool = False,
        artifact_store: Any = None,
    ) -> None:
        self.task = task
        self.families = families
        self.n_trials = n_trials
        self.timeout = timeout
        self.trial_timeout = trial_timeout
        self.memory_limit = memory_limit
        self.scoring = scoring
        self.cv = cv
        self.time = time
        self.blend = blend
        self.generate_features = generate_features
        self.n_jobs = n_jobs
        self.executor = executor
        self.random_state = random_state
        self.objectives = objectives
        self.limits = limits
        self.limit_confidence = limit_confidence
        self.infeasible = infeasible
        self.threshold = threshold
        self.refit = refit
        self.patience = patience
        self.look_ahead = look_ahead
        self.keep = keep
        self.callbacks = callbacks
        self.error_score = error_score
        self.verbose = verbose
        self.storage = storage
        self.study_name = study_name
        self.resume = resume
        self.artifact_store = artifact_store

    def fit(
        self, X: MatrixLike, y: ArrayLike, *, sample_weight: ArrayLike | None = None, groups: ArrayLike | None = None
    ) -> Self:
        """Measure candidates, choose the best one or a blend, and fit it.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
            Class labels of any type, or numbers.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights in training, if a model takes them, in the score and in the choice of the blend. Only their ratios
            matter: they are divided by their mean.
        groups : array-like of shape (n_samples,), default=None
            Which rows belong together, such as those of one patient. They are kept in one fold, and drawn together
            where candidates are measured on a sample of the rows. If ``cv`` is a splitter, it receives the groups.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError, TypeError
            If a parameter or the data cannot be used (before any fit), all candidates failed, or nothing meets limits.
        MemoryError
            If models would take more memory than there is, before any fit (on Linux).
        StudyMismatchError, StudyInUseError, StudyStorageError, ClusterLostError
            As in `OptunaSearchCV`.
        KeyboardInterrupt
            On Ctrl-C, once the results so far are on the estimator.
        """
        start = self._begin_fit()
        keeps_folds, aims = bool(read_keep(self.keep, [ESTIMATORS])), read_blend_aims(self)
        scoring = self.scoring if aims is None else aims.scoring or self.scoring
        deadline = None if self.timeout is None else start + self.timeout
        resolve_families(self.families, self.task or "classification")  # raises before the data are read
        artifacts = Artifacts(open_artifact_store(self.storage, self.artifact_store))
        (X,) = make_indexable(X)
        data = self._read_data(X, y, {"sample_weight": sample_weight, "groups": groups})
        families = choose_families(self.families, self.task or "classification", data, self.cv)
        scorer = make_default_scorer(data.classes)
        if scoring is not None:
            scorer = resolve_scorer(self, scoring, error_score=self.error_score)
        seed = choose_seed(self)
        cv, rows = choose_folds_and_rows(self, data, families, seed, may_lack_classes=scoring is None)
        routed = route_metadata_by_name(self, data.metadata, scorer)
        settings: dict[str, Any] = {"cv": cv, "error_score": self.error_score, "seed": seed}
        full_task, task = make_tasks(data, rows, scorer, routed, has_default_scoring=scoring is None, **settings)
        params = take_routed_rows(routed, rows).threshold.score
        task = choose_thresholds(task, self, params, None if aims is None else aims.plan)
        inner = make_inner_folds(data, is_forward=is_forward(task.folds))
        self.inner_folds_ = inner.rule
        full_fit = CrossFitEvaluation(full_task, families, data.reader.n_categories_, data.classes, seed, inner=inner)
        cross_fit = replace(full_fit, task=task, inner=inner.take(rows))
        costs = make_blend_costs(cross_fit, data.reader, X, aims)
        if scoring is not None:
            check_score(cross_fit, X, None, "scoring" if self.objectives is None else "objectives")
        aims = None if aims is None else aims.start(cross_fit, data.take_raw_rows(X, rows), self.limit_confidence)
        generates = self.generate_features and cross_fit.can_generate(self.timeout)
        make_shape = make_shape_function(data, task, generates=generates)
        settings = {"n_rows": len(data.y), "allows_blend": self.blend, "keeps_folds": keeps_folds}
        settings |= {"may_fit_once": aims is not None, "find_violations": make_violation_finder(costs, aims)}
        schedule = make_schedule(task, families, make_shape, self.timeout, deadline, **settings)
        cost_model = schedule.cost_model
        cross_fit.max_candidate_seconds = cost_model.max_candidate_seconds
        cross_fit.estimate_min_seconds = cost_model.estimate_min_seconds
        cross_fit.averages_folds = not schedule.time_reserve.refits_all
        self.scorer_, self.n_splits_, self.n_rows_searched_ = scorer, len(task.folds), len(rows)
        measured = MeasuredCandidates(cost_model, make_single_check(costs, aims), artifacts)
        groups = take_routed_rows(routed, rows).splitter.split["groups"]
        spec = make_search_spec(self, cross_fit, schedule, measured, groups, (SECOND_LAYER, FINAL_FIT), aims)
        if self.timeout is not None and aims is None and has_parts(cross_fit):
            parts, candidates = make_parts(cross_fit, seed), schedule.first_candidates
            schedule.reorder(order_on_parts(parts, candidates, cost_model, spec.execution, self.timeout))
        with spec.progress.show_stages():
            measured.update(run_search(spec, self._publish, self._publish_partial).records)
            spec.progress.begin_stage(SECOND_LAYER)
            settings = {"has_default_scoring": scoring is None, "allows_blend": self.blend, "aims": aims}
            choice = choose_from_both_layers(measured.records, schedule.time_reserve, costs, artifacts, **settings)
            spec.progress.begin_stage(FINAL_FIT)
            fits = FinalFits(schedule.time_reserve, full_fit, cross_fit, choice.second_layer, rows, artifacts)
            self._fit_ensemble(choice, fits, data.reader, [*measured.records, *choice.second_layer.records], X)
        artifacts.remove_interim()
        return self

    def _read_data(self, X: MatrixLike, y: ArrayLike, metadata: Mapping[str, Any]) -> TableData:
        """Read the table, check target and metadata against it, and set the attributes that describe it."""
        require_target(self, y)
        require_memory(X, N_TABLE_COPIES, n_jobs=1 if names_cluster(self.executor) else self.n_jobs)
        if self.task is None:
            check_classes_are_plausible(y, type(self).__name__)
        reader, is_classification = TableReader(), is_classification_task(self)
        data = read_table(reader, X, y, metadata, is_classification=is_classification, cv=self.cv, time=self.time)
        data.describe_columns_on(self)
        if data.classes is not None:
            self.classes_ = data.classes
        return data

    def _fit_ensemble(
        self, choice: BlendChoice, fits: FinalFits, reader: TableReader, records: Sequence[TrialRecord], X: MatrixLike
    ) -> None:
        """Fit the chosen candidates on all rows, and set the fitted attributes."""
        start = time.perf_counter()
        chosen, ensemble, self.best_estimator_ = fits.fit_within_limits(choice, reader, X)
        self.refit_time_ = time.perf_counter() - start
        self._keep_candidate_rows(chosen.complete_candidate_rows(self._candidate_rows, choice.second_layer.records))
        if fits.threshold is not None:
            self.threshold_ = fits.threshold
        self._blend_table = choice.make_table()
        self.best_score_, self.front_ = chosen.score, BlendFront(self._blend_table.make_front())
        if choice.aims is not None:
            self.best_scores_ = choice.best_scores
        self.blend_weights_ = {make_label(record): float(weight) for record, weight in ensemble}
        self.oof_predictions_ = fits.predict_out_of_fold(ensemble)
        self.leaderboard_ = make_leaderboard(records, self.blend_weights_, self._read_metric(), self._test_over_train)
        if self.keep and (models := fits.fit_on_folds(ensemble, reader)):
            self.fold_estimators_ = models

    def _render_winner(self, metric: Metric) -> Iterator[str]:
        """Return the models of the blend with their weights; after an interrupted search, the best candidate."""
        if not hasattr(self, "leaderboard_"):
            yield from super()._render_winner(metric)
            return
        task = f"classification of {len(self.classes_)} classes" if hasattr(self, "classes_") else "regression"
        yield render_paragraphs([f"A {task}. The score is that of the choice, on rows that it was not made on:"])
        yield self.leaderboard_.render_blend(self.blend_weights_)
        yield from self._render_best_scores()
        if hasattr(self, "threshold_"):
            yield render_paragraphs([f"A row is positive from a probability of {self.threshold_:.4g} on."])

    def __getstate__(self) -> dict[str, Any]:
        """Pickle a fitted selector without its artifact store, as without its storage."""
        state = super().__getstate__()
        return state | {"artifact_store": None} if "study_" in state else state

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "best_estimator_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        if self.task == "regression":
            tags.estimator_type, tags.regressor_tags = "regressor", RegressorTags()
        else:
            tags.estimator_type, tags.classifier_tags = "classifier", ClassifierTags()
        return tags
