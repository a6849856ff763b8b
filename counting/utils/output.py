"""Standard output and error of a command, made safe for limited encodings, closed pipes and full disks."""

import codecs
import contextlib
import io
import sys
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_SUBSTITUTES = {
    "–": "-",
    "—": "-",
    "−": "-",
    "…": "...",
    "×": "x",
    "·": "-",
    "→": "->",
    "≥": ">=",
    "≤": "<=",
    "’": "'",
    "“": '"',
    "”": '"',
    "λ": "lambda",
    "√": "sqrt",
}
"""Substitutes for characters that an encoding lacks; any other becomes a question mark."""

_ERROR_HANDLER = "counting.substitute"


def _substitute(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    unencodable = error.object[error.start : error.end]
    return "".join(_SUBSTITUTES.get(character, "?") for character in unencodable), error.end


class _RecordingFile(io.FileIO):
    """A file that records its first write error and discards everything written afterwards.

    It distinguishes errors of standard output from those of other files, and prevents a second error at exit.
    """

    failure: OSError | None = None

    def write(self, data: "ReadableBuffer", /) -> int:
        if self.failure is None:
            try:
                return super().write(data)
            except OSError as error:
                self.failure = error
                raise
        return memoryview(data).nbytes


class Output:
    """Standard output while a command runs; both streams substitute characters that their encoding lacks."""

    def __init__(self) -> None:
        self._original = sys.stdout
        self._file: _RecordingFile | None = None

    def __enter__(self) -> Self:
        codecs.register_error(_ERROR_HANDLER, _substitute)
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors=_ERROR_HANDLER)
                file = getattr(stream.buffer, "raw", stream.buffer)  # PYTHONUNBUFFERED leaves out the buffer
                if stream is sys.stdout and isinstance(file, io.FileIO):
                    sys.stdout = self._recorded(stream)
        return self

    def _recorded(self, stream: io.TextIOWrapper) -> io.TextIOWrapper:
        stream.flush()
        self._file = _RecordingFile(stream.fileno(), "w", closefd=False)
        return io.TextIOWrapper(
            io.BufferedWriter(self._file),
            encoding=stream.encoding,
            errors=stream.errors,
            line_buffering=stream.line_buffering or stream.write_through,
        )

    def failure(self) -> OSError | None:
        """Flush the buffer and return standard output's first write error, or None."""
        if self._file is None:
            return None
        with contextlib.suppress(OSError):
            sys.stdout.flush()
        return self._file.failure

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.failure()
        sys.stdout = self._original


def print_error(line: str) -> None:
    """Print one line on standard error, unless it is closed."""
    if sys.stderr is not None:
        with contextlib.suppress(OSError):
            print(line, file=sys.stderr, flush=True)
