"""One Ctrl-C that arrives twice, as under sudo."""

import signal

import pytest

from esd_localsite.state.interrupts import one_interrupt


def test_a_second_interrupt_does_not_cut_off_the_clean_up() -> None:
    done = []

    def work() -> None:
        try:
            signal.raise_signal(signal.SIGINT)
        finally:
            signal.raise_signal(signal.SIGINT)
            done.append("cleaned up")

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), one_interrupt():
        work()
    assert done == ["cleaned up"]
    assert signal.getsignal(signal.SIGINT) is before


def test_what_ignores_interrupts_goes_on_ignoring_them() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with one_interrupt():
            signal.raise_signal(signal.SIGINT)
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
