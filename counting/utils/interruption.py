"""Detect Ctrl-C even if a library turns the KeyboardInterrupt into another error."""

import signal
import threading
from types import FrameType, TracebackType
from typing import Self


class Interruption:
    """A context that records in ``occurred`` whether Ctrl-C was pressed, and raises KeyboardInterrupt as usual.

    It does nothing outside the main thread or if another handler for Ctrl-C is installed.
    """

    def __init__(self) -> None:
        self.occurred = False
        in_main_thread = threading.current_thread() is threading.main_thread()
        self._is_active = in_main_thread and signal.getsignal(signal.SIGINT) is signal.default_int_handler

    def __enter__(self) -> Self:
        if self._is_active:
            signal.signal(signal.SIGINT, self._handle)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._is_active:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self.occurred = True
        signal.default_int_handler(number, frame)
