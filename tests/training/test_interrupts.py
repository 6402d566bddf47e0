"""Signals become a request to stop; a second one acts as it would have."""

import os
import signal
import threading

import pytest

from glf.training.interrupts import stop_on_signals


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_the_first_signal_is_a_request(signum):
    before = signal.getsignal(signum)
    with stop_on_signals() as stop:
        assert stop.signum is None
        os.kill(os.getpid(), signum)
        assert stop.signum == signum
        assert signal.getsignal(signum) == before
    assert signal.getsignal(signum) == before


@pytest.fixture
def _default_interrupt():
    """Python's own handler: a shell that starts the tests in the background has SIGINT ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_default_interrupt")
def test_the_second_acts_as_before():
    def twice():
        with stop_on_signals():
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        twice()
    assert signal.getsignal(signal.SIGINT) == signal.default_int_handler


def test_elsewhere_than_in_the_main_thread_nothing_is_changed():
    before, found = signal.getsignal(signal.SIGTERM), []

    def work():
        with stop_on_signals() as stop:
            found.append((stop.signum, signal.getsignal(signal.SIGTERM)))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [(None, before)]
