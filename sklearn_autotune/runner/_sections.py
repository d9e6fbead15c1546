"""The sections of a configuration, and the keys that set parameters of the searches."""

from importlib.util import find_spec
from typing import Annotated, Any, Literal

from optuna.distributions import BaseDistribution, FloatDistribution, IntDistribution
from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, WithJsonSchema, model_validator

from sklearn_autotune.execution import MIN_MEMORY_LIMIT
from sklearn_autotune.runner._named import FOLDS, PRUNERS, RULES, SAMPLERS, make_schema

__all__ = ["Compare", "Holdout", "Output", "Range", "RawValue", "SearchKeys", "Tracking"]

MAX_SECONDS = 1e9  # thirty years; waiting for much longer overflows

FOLDS_SCHEMA = {"anyOf": [{"type": "integer", "minimum": 2}, *make_schema(FOLDS)["anyOf"]]}
RULE_SCHEMA = {"anyOf": [{"type": "string"}, *make_schema(RULES)["anyOf"][1:]]}


class StrictModel(BaseModel):
    """Accepts no unknown keys, and converts no types."""

    model_config = ConfigDict(extra="forbid", strict=True, populate_by_name=True)


class Range(StrictModel):
    """What a parameter may be: ``int`` or ``float`` with two ends, or ``choices``."""

    int_: Annotated[list[int] | None, Field(alias="int", min_length=2, max_length=2)] = None
    float_: Annotated[list[float] | None, Field(alias="float", min_length=2, max_length=2)] = None
    choices: Annotated[list[bool | int | float | str | None] | None, Field(min_length=1)] = None
    log: bool = Field(default=False, description="Whether the ends are to be taken as powers.")
    step: float | None = Field(default=None, description="Distance of the values, without log.")

    @model_validator(mode="after")
    def _check_one_kind(self) -> "Range":
        given = [name for name in ("int_", "float_", "choices") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError("write one of int: [low, high], float: [low, high] and choices: [...]")
        if given == ["choices"] and (self.log or self.step is not None):
            raise ValueError("choices take neither log nor step")
        self.make_distribution()
        return self

    def make_distribution(self) -> BaseDistribution | list[Any]:
        """Return the range as a value of ``param_distributions``."""
        if self.choices is not None:
            return list(self.choices)
        if self.int_ is not None:
            step = 1 if self.step is None else int(self.step)
            return IntDistribution(self.int_[0], self.int_[1], log=self.log, step=step)
        assert self.float_ is not None
        return FloatDistribution(self.float_[0], self.float_[1], log=self.log, step=self.step)


def _get_value_kind(value: object) -> str:
    """Return the kind of a parameter's value, so that pydantic reports only that kind's errors."""
    return "a range" if isinstance(value, dict | Range) else "a list" if isinstance(value, list) else "a value"


Value = bool | int | float | str | None
RawValue = Annotated[
    Annotated[Range, Tag("a range")] | Annotated[list[Value], Tag("a list")] | Annotated[Value, Tag("a value")],
    Discriminator(_get_value_kind),
]


Scored = str | dict[str, dict[str, Value] | None]


Named = Any  # a name, or one name with its settings; `make_named` checks it


class Holdout(StrictModel):
    """Which rows are used for the final score alone."""

    rule: Literal["auto", "random", "stratified", "group", "time", "none"] = Field(
        default="auto",
        description="auto is group with groups, time with time, and else stratified for classification and random for "
        "regression; group keeps the rows of a group together; time keeps the last rows.",
    )
    share: float = Field(default=0.2, gt=0.0, lt=1.0, description="Share of the rows, or of the groups.")
    column: str | None = Field(
        default=None,
        description="The column of groups or times, which is not given to the model. Left out: that of groups or time.",
    )


class Output(StrictModel):
    """Where the run folder goes, and how the model is stored."""

    folder: str = Field(default="runs", description="Each run makes a new folder in it.")
    model: Literal["joblib", "skops"] = Field(
        default="joblib", description="joblib runs code when it is loaded; skops does not, and needs the extra skops."
    )
    report: bool | None = Field(
        default=None, description="Whether to write report.html; left out: if matplotlib is installed, the extra plot."
    )

    @property
    def has_report(self) -> bool:
        """Whether a report is written."""
        return find_spec("matplotlib") is not None if self.report is None else self.report


class Compare(StrictModel):
    """Which methods ``compare`` compares, and on how many outer folds."""

    methods: Annotated[
        list[Literal["optuna", "random", "grid", "automl", "flaml", "tpot"]] | None, Field(min_length=1)
    ] = Field(
        default=None,
        description="Search methods; flaml and tpot are those packages, which need timeout. Left out: optuna, random "
        "and, if space has no range, grid; for model_type auto: automl.",
    )
    cv: int = Field(
        default=5, ge=2, description="Number of outer folds. They are by groups or in time if the hold-out is."
    )
    baselines: bool = Field(default=True, description="Whether a dummy and the untuned models are compared too.")


class Tracking(StrictModel):
    """Where in MLflow a run, or a comparison, is logged; needs the extra mlflow."""

    uri: str | None = Field(
        default=None, description="MLflow's store: sqlite:///FILE, or a URL. Left out: MLflow's own setting."
    )
    experiment: str = Field(default="sklearn-autotune", min_length=1, description="It is created if it does not exist.")
    run_name: str | None = Field(default=None, description="Left out: the name of the folder.")
    tags: dict[str, str] = Field(default_factory=dict, description="For the run.")
    registered_model: str | None = Field(default=None, description="The name to register the model under.")


class SearchKeys(StrictModel):
    """The keys that set parameters of the searches, which have the same names."""

    families: Annotated[list[str] | None, Field(min_length=1)] = Field(
        default=None,
        description="For model_type auto: the families to try, by any of their names. Left out: all that suit the task "
        "and are installed.",
    )
    n_trials: int | None = Field(
        default=None, ge=1, description="Number of candidates. Left out: the default of the search."
    )
    timeout: float | None = Field(default=None, gt=0, le=MAX_SECONDS, description="Seconds for the whole search.")
    patience: Annotated[int, Field(ge=1)] | Literal["auto", "none"] | None = Field(
        default=None,
        description="Candidates in a row without a better score, after which the search stops. none never stops; auto, "
        "for model_type auto only, goes by the number of rows. Left out: auto or none.",
    )
    target_score: float | None = Field(
        default=None, description="The search stops at a candidate whose mean score is at least this; higher is better."
    )
    scoring: str | Annotated[list[str], Field(min_length=1)] | Annotated[dict[str, str], Field(min_length=1)] | None = (
        Field(
            default=None,
            description="The name of one of scikit-learn's scorers; or several, a list or a section with names of "
            "yours, of which refit names the one that decides. Left out: neg_log_loss, or neg_root_mean_squared_error.",
        )
    )
    refit: Annotated[Named, WithJsonSchema(RULE_SCHEMA)] = Field(
        default=None,
        description="Which candidate becomes the model: the name of one of several scores, an objective or knee; or "
        "a rule with its settings: best_mean, one_standard_error or no_worse_than_default. Left out: the best mean "
        "score.",
    )
    objectives: Annotated[list[Scored], Field(min_length=1)] | dict[str, Scored] | None = Field(
        default=None,
        description="Scorers and costs to search by, a list or a section with names; the first score decides which "
        "candidate is the model.",
    )
    limits: dict[str, str | list[Any]] | None = Field(
        default=None,
        description="What the model may cost or has to reach, as in bytes: '<= 1000000'. With model_type auto, the "
        "costs are predict_seconds and bytes.",
    )
    limit_confidence: float | None = Field(
        default=None, ge=0.5, lt=1, description="Of the intervals that have to meet the limits. Left out: 0.9."
    )
    infeasible: Literal["raise", "nearest"] | None = Field(
        default=None,
        description="If no candidate meets the limits: raise ends with an error, nearest takes the one that violates "
        "them least. Left out: raise.",
    )
    threshold: str | None = Field(
        default=None, description="A scorer of labels that chooses the threshold of a classifier of two classes."
    )
    cv: Annotated[Named, WithJsonSchema(FOLDS_SCHEMA)] = Field(
        default=5,
        description="Number of folds, which are by groups or in time if there are groups or time, or if the hold-out "
        "is; or scikit-learn's folds by name, with their settings.",
    )
    sampler: Annotated[Named, WithJsonSchema(make_schema(SAMPLERS))] = Field(
        default=None,
        description="What proposes the candidates, with its settings; its seed is seed. Left out: Optuna's "
        "multivariate TPE.",
    )
    pruner: Annotated[Named, WithJsonSchema(make_schema(PRUNERS))] = Field(
        default=None,
        description="What stops candidates that cannot win, with its settings; none measures all in full. Left out: "
        "racing over the folds, or successive halving with resource.",
    )
    resource: str | None = Field(
        default=None,
        min_length=1,
        description="What grows from rung to rung: n_samples, iterations, epochs or a parameter of the model that "
        "counts. Left out: candidates are measured fold by fold.",
    )
    min_resources: int | None = Field(default=None, ge=1, description="On the first rung. Left out: chosen.")
    max_resources: int | None = Field(default=None, ge=1, description="On the last rung. Left out: all there is.")
    factor: float | None = Field(default=None, gt=1, description="From a rung to the next. Left out: 3.")
    step_cache: int | None = Field(
        default=None, ge=0, description="Bytes for the output of first steps that candidates share. Left out: 1 GiB."
    )
    look_ahead: int | None = Field(
        default=None, ge=1, description="Candidates that may run before their results are known; it affects the result."
    )
    enqueue: list[dict[str, Value]] | Literal["auto", "none"] | None = Field(
        default=None,
        description="Candidates to measure first, with parameters as in space; auto, which is the default, is the "
        "model's own parameters and settings known to be good.",
    )
    warm_start_from: list[Annotated[str, Field(min_length=1)]] | None = Field(
        default=None,
        description="Storages of earlier runs, on other data too, whose best candidates are measured first.",
    )
    measure_default: bool | None = Field(
        default=None,
        description="Whether the model's own parameters are measured on the folds too, for the gain by tuning. Left "
        "out: unless a finite space is searched in full.",
    )
    refine_learning_rate: bool | None = Field(
        default=None,
        description="For tuned_xgboost: whether the best candidates get lower learning rates. Left out: true.",
    )
    keep: Annotated[
        list[Literal["predict", "predict_proba", "predict_log_proba", "decision_function", "estimators"]] | None,
        Field(min_length=1),
    ] = Field(
        default=None,
        description="What is kept of the winner on the folds: predictions of rows by models that were not fitted on "
        "them, in oof.csv; estimators, the models of the folds.",
    )
    return_train_score: bool | None = Field(
        default=None, description="Whether training rows are scored too, in cv_results.csv. Left out: false."
    )
    error_score: float | Literal["raise"] | None = Field(
        default=None,
        description="The score in tables of a fold that failed; raise ends the run. Left out: none. A failed candidate "
        "never wins.",
    )
    trial_timeout: float | None = Field(
        default=None, gt=0, le=MAX_SECONDS, description="Seconds for one candidate; one that takes longer fails."
    )
    memory_limit: int | None = Field(
        default=None, ge=MIN_MEMORY_LIMIT, description="Memory in bytes for one candidate. Linux only."
    )
    n_jobs: int | None = Field(
        default=None, description="Worker processes, -1 for all processors. The result does not depend on it."
    )
    executor: str | None = Field(
        default=None,
        min_length=1,
        description="The address of a Dask scheduler, whose workers measure the candidates.",
    )
    blend: bool | None = Field(
        default=None, description="For model_type auto: whether candidates may be blended. Left out: true."
    )
    generate_features: bool | None = Field(
        default=None,
        description="For model_type auto: whether candidates may get columns that are made of pairs of columns.",
    )
    storage: str | None = Field(
        default=None, min_length=1, description="A file, or a URL of Optuna's, that keeps the trials."
    )
    study_name: str | None = Field(default=None, description="Name of the study in the storage.")
    resume: bool = Field(default=False, description="Continue the stored study.")
    artifact_store: str | None = Field(
        default=None,
        min_length=1,
        description="For model_type auto: a folder that keeps predictions and models beside a storage that is no file.",
    )

    @property
    def given(self) -> list[str]:
        """The keys here that are given, but for those that are as if they were not."""
        values = {name: getattr(self, name) for name in SearchKeys.model_fields}
        return [
            name
            for name, value in values.items()
            if value is not None and not (value is False and name in ("resume", "generate_features"))
        ]
