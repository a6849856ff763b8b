"""Ctrl-C, remembered: libraries below may turn the KeyboardInterrupt into an error of their own."""

import signal
import threading
from types import FrameType, TracebackType
from typing import Self


class Interruption:
    """A context that knows whether Ctrl-C was pressed in it; it raises KeyboardInterrupt as ever.

    Where Ctrl-C is ignored or handled otherwise, and outside the main thread, nothing changes.
    """

    def __init__(self) -> None:
        self.came = False
        in_main_thread = threading.current_thread() is threading.main_thread()
        self._ours = in_main_thread and signal.getsignal(signal.SIGINT) is signal.default_int_handler

    def __enter__(self) -> Self:
        if self._ours:
            signal.signal(signal.SIGINT, self._remember)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def _remember(self, number: int, frame: FrameType | None) -> None:
        self.came = True
        signal.default_int_handler(number, frame)
