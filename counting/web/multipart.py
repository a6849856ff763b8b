"""Parse a multipart/form-data body (RFC 7578) as it arrives, in memory only."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.exceptions import HTTPException

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

MAX_PARTS = 200
"""Largest number of parts in a body."""


@dataclass(frozen=True)
class Part:
    """A file or another field of a form.

    Attributes:
        name: the field's name.
        file_name: as sent; None for a field that is not a file.
        content: the file or the value.
    """

    name: str
    file_name: str | None
    content: bytes


async def read_parts(content_type: str, body: AsyncIterator[bytes]) -> list[Part]:
    """The parts of a body, in order.

    Raises:
        HTTPException: 400 if the body is malformed or incomplete.
    """
    boundary = parse_options_header(content_type)[1].get(b"boundary")
    if not boundary:
        raise HTTPException(400, "malformed form: the Content-Type header gives no boundary")
    collected = _Parts()
    try:
        parser = MultipartParser(boundary, collected.callbacks())
        async for chunk in body:
            parser.write(chunk)
    except FormParserError as error:
        raise HTTPException(400, f"malformed form: {error}") from None
    if not collected.is_complete:
        raise HTTPException(400, "incomplete form: its last boundary is missing")
    return collected.parts


class _Parts:
    """Collects the parts of a body from the parser's callbacks."""

    def __init__(self) -> None:
        self.parts: list[Part] = []
        self.is_complete = False
        self._header = bytearray()
        self._value = bytearray()
        self._disposition = b""
        self._content = bytearray()

    def callbacks(self) -> "MultipartCallbacks":
        return {
            "on_part_begin": self._begin,
            "on_header_field": lambda data, start, end: self._header.extend(data[start:end]),
            "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
            "on_header_end": self._end_header,
            "on_part_data": lambda data, start, end: self._content.extend(data[start:end]),
            "on_part_end": self._end,
            "on_end": self._complete,
        }

    def _begin(self) -> None:
        if len(self.parts) == MAX_PARTS:
            raise HTTPException(400, f"more than {MAX_PARTS} fields in a form")
        self._disposition = b""

    def _end_header(self) -> None:
        if bytes(self._header).lower() == b"content-disposition":
            self._disposition = bytes(self._value)
        self._header.clear()
        self._value.clear()

    def _end(self) -> None:
        options = parse_options_header(self._disposition)[1]
        if b"name" not in options:
            raise HTTPException(400, "malformed form: a field without a name")
        file_name = options.get(b"filename")
        name = _text(options[b"name"])
        self.parts.append(Part(name, None if file_name is None else _text(file_name), bytes(self._content)))
        self._content = bytearray()

    def _complete(self) -> None:
        self.is_complete = True


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")
