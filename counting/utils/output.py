"""Standard output and standard error of a command: any text in any encoding; closed or full outputs."""

import codecs
import contextlib
import io
import sys
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_PLAIN = {
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
"""Substitutes for characters that an encoding lacks; all others become a question mark."""

_SUBSTITUTE = "counting.substitute"


def _substitute(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lost = error.object[error.start : error.end]
    return "".join(_PLAIN.get(character, "?") for character in lost), error.end


class _Watched(io.FileIO):
    """Standard output that remembers why it could not be written, and from then on drops what it is given.

    So an error of another file or socket is told from one of standard output, and nothing fails again at exit.
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
    """Standard output while a command runs. Both streams write substitutes for what their encoding lacks."""

    def __init__(self) -> None:
        self._before = sys.stdout
        self._file: _Watched | None = None

    def __enter__(self) -> Self:
        codecs.register_error(_SUBSTITUTE, _substitute)
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors=_SUBSTITUTE)
                file = getattr(stream.buffer, "raw", stream.buffer)  # without a buffer under PYTHONUNBUFFERED
                if stream is sys.stdout and isinstance(file, io.FileIO):
                    sys.stdout = self._watch(stream)
        return self

    def _watch(self, stream: io.TextIOWrapper) -> io.TextIOWrapper:
        stream.flush()
        self._file = _Watched(stream.fileno(), "w", closefd=False)
        return io.TextIOWrapper(
            io.BufferedWriter(self._file),
            encoding=stream.encoding,
            errors=stream.errors,
            line_buffering=stream.line_buffering or stream.write_through,
        )

    def failure(self) -> OSError | None:
        """Write what is left in the buffer; why standard output could not be written, or None if it could."""
        if self._file is None:
            return None
        with contextlib.suppress(OSError):
            sys.stdout.flush()
        return self._file.failure

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.failure()
        sys.stdout = self._before


def print_error(line: str) -> None:
    """Print one line on standard error, if anybody can read it."""
    if sys.stderr is not None:
        with contextlib.suppress(OSError):
            print(line, file=sys.stderr, flush=True)
