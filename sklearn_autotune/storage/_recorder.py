"""What a search writes down as it goes, and reads again when it is resumed.

A search works on a study in memory. Where there is a storage, every trial is copied to the stored study as soon as it
has been told, in one go and in the order of the numbers. So a sampler never waits for a database, a database that fails
spoils nothing but itself, and whenever a search is killed the stored study holds whole trials and nothing else.
"""

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

import optuna
from optuna.trial import FrozenTrial

from sklearn_autotune._compat.optuna import get_storage, skip_cache
from sklearn_autotune.exceptions import StudyStorageError
from sklearn_autotune.storage._outcomes import OUTCOME_ATTRIBUTE, get_trial_number
from sklearn_autotune.storage._signals import defer_interrupts
from sklearn_autotune.storage._study import SEED_ATTRIBUTE, OpenedStudy, create_memory_study, draw_seed, redact_url

__all__ = ["Recorder"]

logger = logging.getLogger(__name__)

RETRY_SECONDS = 60.0  # a database that is started again is back by then
FIRST_PAUSE = 0.1
LONGEST_PAUSE = 5.0


class Recorder:
    """The stored study of one search; without one, nothing is written and nothing is read.

    Parameters
    ----------
    opened : OpenedStudy or None
    study_name : str or None
        Of the study in memory, where none is stored.
    """

    def __init__(self, opened: OpenedStudy | None = None, study_name: str | None = None) -> None:
        self.study_name = study_name
        self.opened = opened
        self.study = None if opened is None else opened.study
        self.is_shared = opened is not None and opened.is_shared
        self.told: set[int] = set()  # numbers of the trials that need not be written any more
        self.attributes = {} if self.study is None else self.study.user_attrs
        self.next_number = 0
        self.waiting: dict[int, FrozenTrial | None] = {}
        self.is_unsure = False  # whether a trial may have been written though it was not said so
        self.is_broken = False

    def seed(self, random_state: Any) -> int:
        """Return the search's seed: a resumed search that is given none goes on with the one it had."""
        if self.study is None:
            return draw_seed(random_state)
        return (
            self.attributes[SEED_ATTRIBUTE]
            if random_state is None and SEED_ATTRIBUTE in self.attributes
            else draw_seed(random_state)
        )

    def make_study(self, pruner: optuna.pruners.BasePruner | None = None) -> optuna.Study:
        """Return the study to work on: in memory, by the name of the stored one, without its trials."""
        if self.study is None:
            return create_memory_study(self.study_name, pruner)
        return create_memory_study(self.study.study_name, pruner, self.attributes)

    def read(self) -> list[FrozenTrial]:
        """Return what is stored, in the order in which it was."""
        study = self.study
        return [] if study is None else self._undisturbed(partial(_read, study))

    def begin(self) -> None:
        """Begin to take notes from number 0 on."""
        self.next_number = 0
        self.waiting = {}

    def note(self, number: int, trial: FrozenTrial | None) -> None:
        """Write a trial down once all earlier ones have been told; None is a trial that is not to be written.

        Raises
        ------
        StudyStorageError
            If the storage cannot be written for `RETRY_SECONDS`.
        """
        self.waiting[number] = trial
        while self.next_number in self.waiting:
            self._write(self.waiting[self.next_number])
            self.told.add(self.next_number)
            del self.waiting[self.next_number]
            self.next_number += 1

    def record_attributes(self, attributes: Mapping[str, Any]) -> None:
        """Write down what a callback has set on the study."""
        study = self.study
        if study is None or self.is_broken:
            return
        for name, value in attributes.items():
            if name not in self.attributes or self.attributes[name] != value:
                self.run_with_retries(partial(study.set_user_attr, name, value))
                self.attributes[name] = value

    def close(self) -> None:
        """Write what is left, and let go of the study."""
        try:
            for number in sorted(self.waiting):
                self._write(self.waiting.pop(number))
        finally:
            if self.opened is not None:
                self.opened.close()

    def _write(self, trial: FrozenTrial | None) -> None:
        if self.study is None or trial is None or self.is_broken:
            return
        if (self.is_unsure or self.is_shared) and self._is_written(trial):
            self.is_unsure = False
            return
        self.is_unsure = True
        self.run_with_retries(partial(self.study.add_trial, trial), partial(self._is_written, trial))
        self.is_unsure = False

    def run_with_retries(self, action: Callable[[], Any], is_done: Callable[[], bool] = lambda: False) -> Any:
        """Read or write, and try again for a while if that fails; it may be that only the answer got lost.

        Raises
        ------
        StudyStorageError
            If it fails for `RETRY_SECONDS`.
        """
        give_up, pause = time.monotonic() + RETRY_SECONDS, FIRST_PAUSE
        while True:
            try:
                return self._undisturbed(action)
            except Exception as error:  # each storage has its own, and some hide them behind an AssertionError
                if time.monotonic() + pause > give_up:
                    self.is_broken = True
                    raise self._error(error) from error
                logger.warning("The study's storage fails (%s); trying again in %.1f s.", error, pause)
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
            if is_done():
                return None

    def _undisturbed(self, action: Callable[[], Any]) -> Any:
        """Read or write to the end, whatever signals come.

        An SQLite connection that is given up amid a statement keeps the file locked for as long as the interrupt that
        ended it is being handled, which is when the rest is to be written. Who insists, with a second signal, goes
        without that rest in the storage.
        """
        with defer_interrupts():
            try:
                return action()
            except KeyboardInterrupt:
                self.is_broken = True
                raise

    def read_trials_from_others(self, numbers: Iterable[int]) -> dict[int, FrozenTrial]:
        """Return those of some trials that another process has written down; none where nobody else is at the study."""
        if not self.is_shared or self.is_broken:
            return {}
        wanted = set(numbers)
        found: dict[int, FrozenTrial] = {}
        for trial in self.run_with_retries(lambda: _read(self.study)):  # type: ignore[arg-type]
            number = get_trial_number(trial)
            if number in wanted and number not in found:
                found[number] = trial
        return found

    def _is_written(self, trial: FrozenTrial) -> bool:
        """Whether the storage has the trial, as far as it can be read."""
        number = get_trial_number(trial)
        try:
            return any(get_trial_number(stored) == number for stored in self.read())
        except Exception as error:
            logger.info("The study's storage cannot be read either: %s", error)
            return False

    def _error(self, error: Exception) -> StudyStorageError:
        storage = None if self.study is None else get_storage(self.study)
        place = redact_url(skip_cache(storage))
        causes = [error]
        while causes[-1].__cause__ or causes[-1].__context__:
            causes.append(causes[-1].__cause__ or causes[-1].__context__)  # type: ignore[arg-type]
        return StudyStorageError(
            f"The study could not be written to {place!r} for {RETRY_SECONDS:.0f} s: {causes[-1]}. The results so far "
            "are on the search (cv_results_, best_params_). Once the storage can be written again, resume=True goes "
            "on with what it holds."
        )


def _read(study: optuna.Study) -> list[FrozenTrial]:
    return [trial for trial in study.get_trials(deepcopy=False) if OUTCOME_ATTRIBUTE in trial.user_attrs]
