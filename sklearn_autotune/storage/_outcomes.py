"""Records of finished trials, and how outcomes and values of test rows are stored in attributes and read again."""

import base64
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from io import BytesIO
from itertools import starmap
from typing import Any

import numpy as np
from optuna import Study
from optuna.trial import FixedTrial, FrozenTrial, TrialState

from sklearn_autotune.evaluation import DEFAULT_NUMBER, Failure, FoldScore, Outcome, Rung, SubsampleScore
from sklearn_autotune.evaluation._status import Status
from sklearn_autotune.space._space import Space

__all__ = [
    "DEFAULT_ATTRIBUTE",
    "MEASURED_STATUSES",
    "OUTCOME_ATTRIBUTE",
    "ROWS_ATTRIBUTE",
    "CallbackEffects",
    "Source",
    "TrialRecord",
    "find_row",
    "get_candidate_index",
    "get_source",
    "get_status",
    "get_trial_number",
    "is_final",
    "is_measured",
    "make_row_attributes",
    "pack_default",
    "pack_outcome",
    "read_default",
    "read_effects",
    "read_record",
    "read_row_values",
    "set_effects",
]

OUTCOME_ATTRIBUTE = "sklearn_autotune:outcome"
DEFAULT_ATTRIBUTE = "sklearn_autotune:default"  # of a study: the outcome of the estimator's own parameters
EFFECTS_ATTRIBUTE = "sklearn_autotune:callbacks"
SCORE_FIELDS = ("test", "train", "fit_seconds", "score_seconds")  # fields of each fold that are always stored

# Numbered attributes, each with a part of the text: MySQL limits an attribute to 65,535 bytes.
ROWS_ATTRIBUTE = "sklearn_autotune:rows:"
PART_LENGTH = 60_000
MAX_BYTES = 2**20  # of a candidate, before compression; more is not stored

MEASURED_STATUSES = (Status.COMPLETE, Status.FAILED, Status.PRUNED)

# Statuses of trials that were running when the search ended. Their candidates have no result, so a resumed search
# measures them again.
UNFINISHED_STATUSES = (Status.TIMEOUT, Status.CANCELLED)


@dataclass(frozen=True, slots=True)
class TrialRecord:
    """One finished trial.

    Attributes
    ----------
    number : int
        The trial's number in the search.
    params : dict
        The candidate, as the sampler proposed it.
    outcome : Outcome
    """

    number: int
    params: Mapping[str, Any]
    outcome: Outcome

    @property
    def full_params(self) -> dict[str, Any]:
        """The candidate together with its resolved parameters; fitting with these gives the same scores again."""
        return {**self.params, **self.outcome.resolved_params}

    @property
    def is_measured(self) -> bool:
        """Whether the candidate has a row in ``cv_results_``."""
        return self.outcome.status in MEASURED_STATUSES

    @property
    def seconds(self) -> float:
        """The seconds of fitting and scoring or, if the worker process was lost, the seconds spent in it."""
        folds = (*(subsample.score for subsample in self.outcome.subsamples), *self.outcome.folds)
        fold_seconds = sum(fold.fit_seconds + fold.score_seconds for fold in folds)
        return fold_seconds if self.outcome.seconds is None else self.outcome.seconds


class Source(StrEnum):
    """Where a candidate came from."""

    SAMPLER = "sampler"
    GRID = "grid"
    PROPOSER = "proposer"


@dataclass(frozen=True, slots=True)
class CallbackEffects:
    """What callbacks did after a trial was told. A resumed search repeats this instead of calling them again.

    Attributes
    ----------
    stop : bool
        Whether a callback ended the search.
    enqueued : tuple of mapping
        The parameters of the candidates that callbacks enqueued.
    """

    stop: bool = False
    enqueued: tuple[Mapping[str, Any], ...] = ()


def set_effects(trial: FrozenTrial, effects: CallbackEffects) -> None:
    """Write the effects, if there are any, on a trial that is about to be stored."""
    if effects != CallbackEffects():
        attribute = {"stop": effects.stop, "enqueued": [dict(params) for params in effects.enqueued]}
        trial.user_attrs = trial.user_attrs | {EFFECTS_ATTRIBUTE: attribute}


def read_effects(trial: FrozenTrial) -> CallbackEffects:
    """Read the effects that are stored with a trial."""
    attribute = trial.user_attrs.get(EFFECTS_ATTRIBUTE, {})
    return CallbackEffects(attribute.get("stop", False), tuple(attribute.get("enqueued", ())))


def is_final(outcome: Outcome) -> bool:
    """Whether a resumed search keeps this outcome, and does not measure the candidate again."""
    return outcome.status not in UNFINISHED_STATUSES


def pack_outcome(
    outcome: Outcome, number: int, *, index: int | None = None, source: Source = Source.SAMPLER
) -> dict[str, Any]:
    """Convert an outcome to one small user attribute, with a column for each field, because Optuna copies it often.

    If several folds failed with the same error, the error is stored once.

    Parameters
    ----------
    outcome : Outcome
    number : int
        The trial's number in its search.
    index : int or None
        The candidate's index among the measured candidates; None for a duplicate.
    source : Source
    """
    folds: dict[str, list[Any]] = {name: [getattr(fold, name) for fold in outcome.folds] for name in SCORE_FIELDS}
    packed: dict[str, Any] = {"number": number, "status": str(outcome.status), "error": outcome.error, "folds": folds}
    errors = list(dict.fromkeys(fold.error for fold in outcome.folds if fold.error is not None))
    if errors:
        packed["errors"] = errors[1:] if errors[0] == outcome.error else errors
        known = [error for error in (outcome.error, *packed["errors"]) if error is not None]
        folds["error"] = [None if fold.error is None else known.index(fold.error) for fold in outcome.folds]
        folds["failure"] = [None if fold.failure is None else str(fold.failure) for fold in outcome.folds]
    if index is not None:
        packed["index"] = index
    if source != Source.SAMPLER:
        packed["source"] = str(source)
    if outcome.curve:
        packed["curve"] = [(rung.resource, rung.test) for rung in outcome.curve]
    if outcome.subsamples:
        packed["subsamples"] = [_pack_subsample(subsample) for subsample in outcome.subsamples]
    if outcome.step_means:
        packed["step_means"] = outcome.step_means
    if outcome.resolved_params:
        packed["settled"] = dict(outcome.resolved_params)
    if outcome.seconds is not None:
        packed["seconds"] = outcome.seconds
    if outcome.exit_status is not None:
        packed["exit"] = outcome.exit_status
    return packed


def read_record(trial: FrozenTrial, space: Space) -> TrialRecord:
    """Read the record of a stored trial."""
    outcome = _read_outcome(trial.user_attrs, OUTCOME_ATTRIBUTE)
    return TrialRecord(trial.number, space.suggest(FixedTrial(trial.params)), outcome)


def pack_default(outcome: Outcome) -> dict[str, Any]:
    """Convert the outcome of the default, with its row values, to attributes of the study."""
    rows = {fold: score.row_values for fold, score in enumerate(outcome.folds) if score.row_values is not None}
    return make_row_attributes(rows) | {DEFAULT_ATTRIBUTE: pack_outcome(outcome, DEFAULT_NUMBER)}


def read_default(attributes: Mapping[str, Any]) -> Outcome | None:
    """Read the outcome of the default from the attributes of a study; None if there is none."""
    return _read_outcome(attributes, DEFAULT_ATTRIBUTE) if DEFAULT_ATTRIBUTE in attributes else None


def _read_outcome(attributes: Mapping[str, Any], name: str) -> Outcome:
    outcome, rows = _unpack_outcome(attributes[name]), read_row_values(attributes)
    if not rows:
        return outcome
    folds = [replace(score, row_values=rows.get(fold)) for fold, score in enumerate(outcome.folds)]
    return replace(outcome, folds=tuple(folds))


def get_trial_number(trial: FrozenTrial) -> int:
    """Return the number that a stored trial had in its search; it may differ from its number in the storage."""
    return int(trial.user_attrs[OUTCOME_ATTRIBUTE].get("number", trial.number))


def get_candidate_index(trial: FrozenTrial) -> int:
    """Return the index of a stored trial's candidate among the measured ones; -1 for a duplicate."""
    return int(trial.user_attrs[OUTCOME_ATTRIBUTE].get("index", -1))


def get_source(trial: FrozenTrial) -> Source:
    """Return where a stored trial's candidate came from."""
    return Source(trial.user_attrs[OUTCOME_ATTRIBUTE].get("source", Source.SAMPLER))


def find_row(study: Study, number: int) -> int:
    """Return the row of a trial in ``cv_results_``, which is the number of measured trials before it."""
    before = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))
    return sum(trial.number < number and is_measured(trial) for trial in before)


def is_measured(trial: FrozenTrial) -> bool:
    """Whether a trial has been measured, so that it is complete, pruned or failed; its study may be in memory."""
    if OUTCOME_ATTRIBUTE not in trial.user_attrs:
        return trial.state in (TrialState.COMPLETE, TrialState.PRUNED)
    return get_status(trial) in MEASURED_STATUSES


def get_status(trial: FrozenTrial) -> Status:
    """Return how a stored trial ended."""
    return Status(trial.user_attrs[OUTCOME_ATTRIBUTE]["status"])


def _unpack_outcome(stored: Mapping[str, Any]) -> Outcome:
    """Read an outcome that `pack_outcome` has converted."""
    folds = stored["folds"]
    n_folds = len(folds["test"])
    known = [error for error in (stored["error"], *stored.get("errors", ())) if error is not None]
    errors = [None if index is None else known[index] for index in folds.get("error", [None] * n_folds)]
    failures = [None if name is None else Failure(name) for name in folds.get("failure", [None] * n_folds)]
    columns = (folds[name] for name in SCORE_FIELDS)
    fold_scores = tuple(starmap(FoldScore, zip(*columns, errors, failures, strict=True)))
    curve = tuple(Rung(resource, tuple(test)) for resource, test in stored.get("curve", ()))
    return Outcome(
        status=Status(stored["status"]),
        folds=fold_scores,
        error=stored["error"],
        curve=curve,
        resolved_params=stored.get("settled", {}),
        seconds=stored.get("seconds"),
        exit_status=stored.get("exit"),
        subsamples=tuple(map(_unpack_subsample, stored.get("subsamples", ()))),
        step_means=tuple(stored.get("step_means", ())),
    )


def _pack_subsample(subsample: SubsampleScore) -> dict[str, Any]:
    score = subsample.score
    packed = {"n_rows": subsample.n_rows} | {name: getattr(score, name) for name in SCORE_FIELDS}
    if score.error is not None:
        packed |= {"error": score.error, "failure": None if score.failure is None else str(score.failure)}
    return packed


def _unpack_subsample(stored: Mapping[str, Any]) -> SubsampleScore:
    failure = stored.get("failure")
    columns = {name: stored[name] for name in SCORE_FIELDS}
    score = FoldScore(**columns, error=stored.get("error"), failure=None if failure is None else Failure(failure))
    return SubsampleScore(stored["n_rows"], score)


def make_row_attributes(rows: Mapping[int, np.ndarray]) -> dict[str, str]:
    """Return the values of each fold's test rows as attributes; none if they are too many."""
    if not rows or sum(values.nbytes for values in rows.values()) > MAX_BYTES:
        return {}
    if any(values.dtype.hasobject for values in rows.values()):  # only a pickle could hold them
        return {}
    buffer = BytesIO()
    np.savez(buffer, np.array(list(rows)), *rows.values())
    text = base64.b85encode(zlib.compress(buffer.getvalue(), level=1)).decode("ascii")
    return {
        f"{ROWS_ATTRIBUTE}{number}": text[start : start + PART_LENGTH]
        for number, start in enumerate(range(0, len(text), PART_LENGTH))
    }


def read_row_values(attributes: Mapping[str, Any]) -> dict[int, np.ndarray]:
    """Read the values of each fold's test rows from the attributes of a trial or study; empty if none are stored."""
    text = ""
    while (name := f"{ROWS_ATTRIBUTE}{len(text) // PART_LENGTH}") in attributes:
        text += attributes[name]
        if len(text) % PART_LENGTH:
            break
    if not text:
        return {}
    with np.load(BytesIO(zlib.decompress(base64.b85decode(text))), allow_pickle=False) as stored:
        folds, *values = (stored[f"arr_{number}"] for number in range(len(stored.files)))
        return dict(zip(folds.tolist(), values, strict=True))
