"""SIGTERM ends a search like Ctrl-C, and neither interrupts a write."""

import signal
import threading
from contextlib import suppress

import pytest

from sklearn_autotune.exceptions import SearchTerminated
from sklearn_autotune.storage._signals import defer_interrupts, raise_on_signals


@pytest.fixture(autouse=True)
def handlers():
    """The handlers that a program has which sets none; those of the tests are there again afterwards."""
    before = get_handlers()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    yield get_handlers()
    for number, handler in before.items():
        signal.signal(number, handler)


def get_handlers():
    return {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}


def send(number, done=None):
    """Send a signal, and note that it did not interrupt; SIGTERM without a handler would end the tests."""
    assert signal.getsignal(number) is not signal.SIG_DFL
    signal.raise_signal(number)
    if done is not None:
        done.append(number)


def test_sigterm_is_raised_as_an_interrupt():
    with pytest.raises(SearchTerminated, match="told to end"), raise_on_signals():
        send(signal.SIGTERM)

    assert issubclass(SearchTerminated, KeyboardInterrupt)
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_a_handler_of_the_users_own_is_left_alone():
    received = []
    signal.signal(signal.SIGTERM, lambda number, frame: received.append(number))

    with raise_on_signals():
        signal.raise_signal(signal.SIGTERM)

    assert received == [signal.SIGTERM]


def test_handlers_are_changed_in_the_main_thread_only(handlers):
    seen = []

    def look():
        with raise_on_signals(), defer_interrupts():
            seen.append(get_handlers())

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()

    assert seen == [handlers]


@pytest.mark.parametrize(
    ("number", "error"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SearchTerminated)], ids=["INT", "TERM"]
)
def test_a_signal_waits_until_the_block_has_ended(number, error):
    with raise_on_signals():
        before, done = get_handlers(), []
        with pytest.raises(error), defer_interrupts():
            send(number, done)
        assert get_handlers() == before

    assert done == [number]


def test_a_second_signal_interrupts_the_block():
    done = []

    def send_two():
        send(signal.SIGINT, done)
        send(signal.SIGINT, done)

    with pytest.raises(KeyboardInterrupt), defer_interrupts():
        send_two()

    assert done == [signal.SIGINT]


def test_without_a_signal_nothing_is_raised_and_the_handlers_are_as_before(handlers):
    with raise_on_signals(), defer_interrupts():
        pass

    assert get_handlers() == handlers


def test_a_signal_is_not_forgotten_where_writing_fails():
    def write():
        signal.raise_signal(signal.SIGINT)
        raise OSError("no database")

    with pytest.raises(KeyboardInterrupt), defer_interrupts():
        write()


@pytest.mark.parametrize(("number", "kind"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SearchTerminated)])
def test_an_interrupt_that_was_swallowed_can_be_raised_again(number, kind):
    with raise_on_signals() as watch:
        watch.check()
        with suppress(KeyboardInterrupt):  # as native code does
            send(number)

        with pytest.raises(kind):
            watch.check()

    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
