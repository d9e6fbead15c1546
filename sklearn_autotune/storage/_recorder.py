"""Write finished trials to the stored study, and read them again when a search is resumed.

A search works on a study in memory. If there is a storage, the recorder copies every trial to the stored study after it
has been told to Optuna, in one write and in the order of the trial numbers. So a sampler never waits for a database, a
failing database affects only the stored copy, and a killed search leaves only complete records of trials.
"""

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import optuna
from optuna.trial import FrozenTrial

from sklearn_autotune._compat.urls import redact_text, select_cause
from sklearn_autotune.evaluation import DEFAULT_NUMBER, Outcome
from sklearn_autotune.evaluation._status import Status
from sklearn_autotune.exceptions import StudyStorageError
from sklearn_autotune.space._space import Space, make_candidate_key
from sklearn_autotune.storage._artifacts import MAX_ARTIFACT_BYTES, Artifacts
from sklearn_autotune.storage._outcomes import (
    OUTCOME_ATTRIBUTE,
    TrialRecord,
    get_trial_number,
    pack_default,
    read_default,
    read_record,
)
from sklearn_autotune.storage._signals import defer_interrupts
from sklearn_autotune.storage._study import (
    METRIC_ATTRIBUTE,
    OBJECTIVES_ATTRIBUTE,
    SEED_ATTRIBUTE,
    OpenedStudy,
    create_memory_study,
    draw_seed,
)

__all__ = ["Recorder"]

logger = logging.getLogger(__name__)

RETRY_SECONDS = 60.0  # usually enough for a database to restart
FIRST_RETRY_DELAY = 0.1
MAX_RETRY_DELAY = 5.0

# Optuna raises these if it or the storage does not accept a value. A storage that fails raises other exceptions.
REFUSALS = (ArithmeticError, LookupError, TypeError, ValueError)

WHAT_IS_LEFT = "The results so far are on the search (cv_results_, best_params_)."


class Recorder:
    """Writes trials to the stored study of one search, and reads them; without a stored study it does nothing.

    Parameters
    ----------
    opened : OpenedStudy or None
    study_name : str or None
        The name of the study in memory, if there is no stored study.
    metric_name : str
        The name of the score that the study in memory maximises.
    objectives : mapping of str to str or None
        The directions of several objectives, by name.
    artifacts : Artifacts or None
        Where the artifacts of outcomes are kept, of those that have any.
    shares : bool
        Whether other processes may search the study together with this one, if its storage allows it.
    """

    def __init__(
        self,
        opened: OpenedStudy | None = None,
        study_name: str | None = None,
        metric_name: str = "score",
        objectives: Mapping[str, str] | None = None,
        artifacts: Artifacts | None = None,
        *,
        shares: bool = True,
    ) -> None:
        self.study_name = study_name
        self.opened = opened
        self.study = None if opened is None else opened.study
        self.artifacts = artifacts or Artifacts()
        self.is_shared = shares and opened is not None and opened.backend.is_shared
        self.finished_numbers: set[int] = set()  # trials that are stored or need not be
        self.known_numbers: set[int] = set()  # storage numbers of the trials that were stored before the search
        stored_attributes = {} if self.study is None else self.study.user_attrs
        self.attributes = stored_attributes | {METRIC_ATTRIBUTE: metric_name}
        if objectives:
            self.attributes |= {OBJECTIVES_ATTRIBUTE: dict(objectives)}
        self.next_number = 0
        self.pending_trials: dict[int, FrozenTrial | None] = {}
        self.may_be_written = False  # whether a trial may have been written although the storage reported an error
        self.is_broken = False

    @property
    def shared_study(self) -> optuna.Study | None:
        """The stored study, if other processes may search it too."""
        return self.study if self.is_shared else None

    def choose_seed(self, random_state: Any) -> int:
        """Return the search's seed; a resumed search without a ``random_state`` uses the stored seed."""
        if self.study is None:
            return draw_seed(random_state)
        return (
            self.attributes[SEED_ATTRIBUTE]
            if random_state is None and SEED_ATTRIBUTE in self.attributes
            else draw_seed(random_state)
        )

    def make_study(self, pruner: optuna.pruners.BasePruner | None = None) -> optuna.Study:
        """Return the search's study in memory: it has the stored study's name and attributes, but no trials."""
        name = self.study_name if self.study is None else self.study.study_name
        return create_memory_study(name, pruner, self.attributes)

    def read(self) -> list[FrozenTrial]:
        """Return the stored trials, in the order in which they were stored."""
        study = self.study
        return [] if study is None else self._run_uninterrupted(partial(_read_trials, study))

    def restart(self) -> list[FrozenTrial]:
        """Expect trials from number 0 on, because the search is replayed; return the stored trials.

        A search with other settings may have stored other candidates under the same numbers. So later lookups by number
        ignore the trials that are stored already.
        """
        self.next_number = 0
        self.pending_trials = {}
        stored = self.read()
        self.known_numbers = {trial.number for trial in stored}
        return stored

    def record(self, number: int, trial: FrozenTrial | None) -> None:
        """Write a trial as soon as all earlier ones have been recorded; None means a trial that is not to be stored.

        Raises
        ------
        StudyStorageError
            If the storage cannot be written for `RETRY_SECONDS`.
        """
        self.pending_trials[number] = trial
        while self.next_number in self.pending_trials:
            self._write(self.pending_trials[self.next_number])
            self.finished_numbers.add(self.next_number)
            del self.pending_trials[self.next_number]
            self.next_number += 1

    def save_artifacts(self, params: Mapping[str, Any], outcome: Outcome) -> None:
        """Keep the artifacts of an outcome, before its trial is recorded."""
        if outcome.artifacts is not None and self.artifacts.is_kept and not self.is_broken:
            kept = outcome.artifacts.limit_size(MAX_ARTIFACT_BYTES)
            where = self.artifacts.describe()
            self.run_with_retries(partial(self.artifacts.save, make_candidate_key(params), kept), where=where)

    def read_record(self, trial: FrozenTrial, space: Space) -> TrialRecord | None:
        """Read the record of a stored trial with its artifacts; None if these were lost, so that it is of no use."""
        record = read_record(trial, space)
        if not self.artifacts.is_kept or record.outcome.status != Status.COMPLETE:
            return record
        key, where = make_candidate_key(record.params), self.artifacts.describe()
        artifacts = self.run_with_retries(partial(self.artifacts.load, key), where=where)
        if artifacts is None:
            logger.warning("What was kept of stored trial %d is lost. Its candidate is measured again.", trial.number)
            return None
        return replace(record, outcome=replace(record.outcome, artifacts=artifacts))

    def record_attributes(self, attributes: Mapping[str, Any]) -> None:
        """Write the study attributes that a callback has set."""
        study = self.study
        if study is None or self.is_broken:
            return
        for name, value in attributes.items():
            if name not in self.attributes or self.attributes[name] != value:
                self.run_with_retries(partial(study.set_user_attr, name, value))
                self.attributes[name] = value

    def record_default(self, outcome: Outcome) -> None:
        """Write the outcome of the default; its own attribute comes last, so that it is there only with its rows."""
        self.record_attributes(pack_default(outcome))
        self.finished_numbers.add(DEFAULT_NUMBER)

    def close(self) -> None:
        """Write the pending trials, and close the study."""
        try:
            for number in sorted(self.pending_trials):
                self._write(self.pending_trials.pop(number))
        finally:
            if self.opened is not None:
                self.opened.close()

    def _write(self, trial: FrozenTrial | None) -> None:
        if self.study is None or trial is None or self.is_broken:
            return
        if (self.may_be_written or self.is_shared) and self._is_written(trial):
            self.may_be_written = False
            return
        self.may_be_written = True
        self.run_with_retries(partial(self.study.add_trial, trial), partial(self._is_written, trial))
        self.may_be_written = False

    def run_with_retries(
        self, action: Callable[[], Any], is_done: Callable[[], bool] = lambda: False, where: str | None = None
    ) -> Any:
        """Run a read or a write, and retry for a while if it fails; ``is_done`` tells whether it succeeded after all.

        ``where`` is what messages name, None the study's storage.

        Raises
        ------
        StudyStorageError
            If it fails for `RETRY_SECONDS`. If the storage works but refuses the value, this is raised at once.
        """
        give_up, delay = time.monotonic() + RETRY_SECONDS, FIRST_RETRY_DELAY
        while True:
            try:
                return self._run_uninterrupted(action)
            except Exception as error:  # each storage has its own, and some hide them behind an AssertionError
                if _is_refusal(error):
                    self.is_broken = True
                    raise StudyStorageError(
                        f"The study's storage {self._describe_storage()!r} refuses the value to be written: "
                        f"{type(error).__name__}: {redact_text(str(error))}. {WHAT_IS_LEFT}"
                    ) from select_cause(error)
                if time.monotonic() + delay > give_up:
                    self.is_broken = True
                    raise self._make_error(error, where) from select_cause(error)
                logger.warning(
                    "The study's storage failed (%s). Trying again in %.1f s.", redact_text(str(error)), delay
                )
            time.sleep(delay)
            delay = min(2 * delay, MAX_RETRY_DELAY)
            if is_done():
                return None

    def _run_uninterrupted(self, action: Callable[[], Any]) -> Any:
        """Run a read or a write to its end, and handle signals afterwards.

        If a signal interrupted an SQLite statement, the connection would keep the file locked while the interrupt is
        handled, so the pending trials could not be written at that time. A second signal does interrupt; then the
        pending trials are not stored.
        """
        with defer_interrupts():
            try:
                return action()
            except KeyboardInterrupt:
                self.is_broken = True
                raise

    def read_trials_from_others(self, numbers: Iterable[int]) -> dict[int, FrozenTrial]:
        """Return the trials with these numbers that another process has stored; none if the study is not shared."""
        study = self.shared_study
        if study is None or self.is_broken:
            return {}
        wanted = set(numbers)
        found: dict[int, FrozenTrial] = {}
        for trial in self.run_with_retries(partial(_read_trials, study)):
            number = get_trial_number(trial)
            if number in wanted and number not in found and trial.number not in self.known_numbers:
                found[number] = trial
        return found

    def read_default_from_others(self) -> Outcome | None:
        """Return the outcome of the default that another process has stored; None if the study is not shared."""
        study = self.shared_study
        if study is None or self.is_broken:
            return None
        return read_default(self.run_with_retries(lambda: study.user_attrs))

    def _is_written(self, trial: FrozenTrial) -> bool:
        """Whether the storage has the trial; False if the storage cannot be read."""
        number = get_trial_number(trial)
        try:
            new = [stored for stored in self.read() if stored.number not in self.known_numbers]
            return any(get_trial_number(stored) == number for stored in new)
        except Exception as error:
            logger.info("The study's storage cannot be read either: %s", redact_text(str(error)))
            return False

    def _make_error(self, error: Exception, where: str | None) -> StudyStorageError:
        causes = [error]
        while causes[-1].__cause__ or causes[-1].__context__:
            causes.append(causes[-1].__cause__ or causes[-1].__context__)  # type: ignore[arg-type]
        what = f"The study could not be written to {self._describe_storage()!r}"
        if where is not None:
            what = f"What belongs to the study could not be written to, or read from, {where!r}"
        return StudyStorageError(
            f"{what} for {RETRY_SECONDS:.0f} s: "
            f"{redact_text(str(causes[-1]))}. "
            f"{WHAT_IS_LEFT} Once the storage can be written again, resume=True continues with the trials in it."
        )

    def _describe_storage(self) -> str:
        return "" if self.opened is None else self.opened.backend.describe()


def _is_refusal(error: Exception) -> bool:
    """Whether the value, not the storage, caused the error, so that trying again would fail too."""
    from sqlalchemy.exc import DataError

    if isinstance(error, REFUSALS):
        return True
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, DataError):
        cause = cause.__cause__
    return cause is not None


def _read_trials(study: optuna.Study) -> list[FrozenTrial]:
    return [trial for trial in study.get_trials(deepcopy=False) if OUTCOME_ATTRIBUTE in trial.user_attrs]
