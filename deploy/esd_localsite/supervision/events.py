"""What wakes the supervisor: signals (such as a child's end), and the end of the `up` that waits for the site."""

import os
import selectors
import signal
import socket


class Events:
    """Waits for events. `caller` is the connection to the waiting `up`; if it closes, nobody wants the site."""

    def __init__(self, caller: socket.socket, control: socket.socket) -> None:
        self.stop_asked = False
        self.order_waits = False
        """Whether an order waits at `control`."""
        self._caller = caller
        self._control = control
        self._signals, self._writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._signals, selectors.EVENT_READ)
        self._selector.register(caller, selectors.EVENT_READ)
        self._selector.register(control, selectors.EVENT_READ)
        self._catch_signals()

    def _catch_signals(self) -> None:
        """Handle signals: init of a process namespace gets only the signals that it asks for."""
        signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._ask_stop)

    def _ask_stop(self, *_: object) -> None:
        self.stop_asked = True

    def forget_caller(self) -> None:
        """From now on the site runs without the waiting `up`."""
        if self._caller.fileno() >= 0:
            self._selector.unregister(self._caller)
            self._caller.close()

    def wait(self, timeout: float | None = None) -> None:
        """Return when something happened, or after `timeout` seconds."""
        self.order_waits = False
        for key, _ in self._selector.select(timeout):
            if key.fd == self._signals:
                os.read(self._signals, 4096)
            elif key.fd == self._control.fileno():
                self.order_waits = True
            else:  # `up` never says anything: its end of the connection was closed
                self.stop_asked = True
                self.forget_caller()
