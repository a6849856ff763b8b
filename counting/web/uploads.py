"""Read the photos and fields of a request, checking every limit before anything is decoded."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PureWindowsPath

from fastapi import Request
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from counting.inputs.photo_sources import PhotoSource
from counting.predictor.count_result import CountResult
from counting.web.limits import MEBIBYTE, Limits
from counting.web.multipart import read_parts
from counting_datasets.photo import read_header

PHOTO = "photo"
"""The form field of a photo, and the name of a photo that is sent without one."""

FORMATS = frozenset({"JPEG", "MPO", "PNG", "GIF", "BMP", "WEBP", "TIFF", "AVIF", "JPEG2000", "PPM", "HEIF"})
"""The formats that are decoded. Pillow reads more, some of them with programs of the system, such as EPS."""

LONGEST_NAME = 255
"""Largest number of characters of a file name."""

LONGEST_FIELD = 1000
"""Largest number of characters of a field."""

RETRY_SECONDS = 2
"""The time after which a client should repeat a request that was refused because the server is busy."""


@dataclass(frozen=True, eq=False)
class Photo:
    """A photo as sent.

    Attributes:
        file_name: its name without folders; None if it was sent without one.
        content: the bytes of the file.
    """

    file_name: str | None
    content: bytes

    @property
    def name(self) -> str:
        return self.file_name or PHOTO

    @property
    def source(self) -> PhotoSource:
        return PhotoSource(self.content, self.name)

    def named(self, result: CountResult) -> CountResult:
        """``result``, named as if the photo had been read from a file."""
        return result if self.file_name is None else replace(result, path=Path(self.file_name))

    def check(self, limits: Limits) -> None:
        """Read the header.

        Raises:
            HTTPException: 415 if this is not an image of a known format, 413 if it has too many pixels.
        """
        header = read_header(self.content)
        if header is None or header.format not in FORMATS:
            raise HTTPException(415, f"{self.name}: empty, or not an image of a known format")
        if header.width * header.height > limits.pixels:
            raise HTTPException(
                413, f"{self.name}: {header.width}×{header.height} pixels, the maximum is {limits.pixels:,}"
            )


@dataclass(frozen=True, eq=False)
class Upload:
    """The photos and fields of a request.

    Attributes:
        photos: at least one.
        fields: the fields of the form, and those of the query string.
    """

    photos: tuple[Photo, ...]
    fields: Mapping[str, str]

    @property
    def photo(self) -> Photo:
        """The only photo.

        Raises:
            HTTPException: 400 if there are several.
        """
        if len(self.photos) > 1:
            raise HTTPException(400, f"{len(self.photos)} photos: send one at a time")
        return self.photos[0]

    def field(self, name: str) -> str:
        """The value of a field.

        Raises:
            HTTPException: 400 if it is missing or empty.
        """
        value = self.fields.get(name, "").strip()
        if not value:
            raise HTTPException(400, f"no {name}: send it as a field of the form or in the query string")
        if len(value) > LONGEST_FIELD:
            raise HTTPException(400, f"{name}: {len(value)} characters, the maximum is {LONGEST_FIELD}")
        return value


class Reader:
    """Reads the bodies of requests, and knows the total size of those in progress."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._in_progress = 0

    @asynccontextmanager
    async def read(self, request: Request) -> AsyncIterator[Upload]:
        """The photos and fields of ``request``, a form or the bytes of one photo, until the block ends.

        Raises:
            HTTPException: 400 if the body is malformed, incomplete or slow, 413 if it is too large, 415 if it is
                neither a form nor an image, 503 if the bodies of other requests take too much memory.
        """
        body = _Body(request, self)
        try:
            yield await self._read(request, body)
        finally:
            self.add(-body.size)

    async def _read(self, request: Request, body: "_Body") -> Upload:
        try:
            async with asyncio.timeout(self._limits.seconds):
                upload = await _upload(request, body)
        except TimeoutError:
            raise HTTPException(400, f"the request did not arrive in {self._limits.seconds:g} seconds") from None
        except ClientDisconnect:
            raise HTTPException(400, "the request is incomplete") from None
        if not upload.photos:
            raise HTTPException(400, f"no photo: send one or more as the field {PHOTO!r} of a form")
        if len(upload.photos) > self._limits.photos:
            raise HTTPException(413, f"{len(upload.photos)} photos, the maximum is {self._limits.photos}")
        return upload

    def check(self, size: int, more: int = 0) -> None:
        """Whether a body may have ``size`` bytes, and all together ``more`` than now.

        Raises:
            HTTPException: 413 or 503 if not.
        """
        if size > self._limits.bytes:
            raise HTTPException(413, f"the request is larger than {self._limits.bytes / MEBIBYTE:g} MiB")
        if self._in_progress + more > self._limits.waiting_bytes:
            raise unavailable("the server is busy with other photos")

    def add(self, more: int) -> None:
        """Add to the total size of the bodies in progress."""
        self._in_progress += more


class _Body:
    """The body of a request, as it arrives.

    Attributes:
        size: number of bytes so far.
    """

    def __init__(self, request: Request, reader: Reader) -> None:
        self._request = request
        self._reader = reader
        self.size = 0

    async def chunks(self) -> AsyncIterator[bytes]:
        declared = self._request.headers.get("content-length", "")
        if declared.isdecimal():
            self._reader.check(int(declared), more=int(declared))
        async for chunk in self._request.stream():
            self._reader.check(self.size + len(chunk), more=len(chunk))
            self._reader.add(len(chunk))
            self.size += len(chunk)
            yield chunk


async def _upload(request: Request, body: _Body) -> Upload:
    content_type = request.headers.get("content-type", "")
    kind = content_type.partition(";")[0].strip().lower()
    fields = dict(request.query_params)
    if kind in ("", "application/octet-stream") or kind.startswith("image/"):
        content = b"".join([chunk async for chunk in body.chunks()])
        return Upload((Photo(None, content),) if content else (), fields)
    if kind != "multipart/form-data":
        raise HTTPException(
            415, f"{kind[:LONGEST_NAME]}: send a form (multipart/form-data) or the bytes of an image"
        )
    parts = await read_parts(content_type, body.chunks())
    photos = tuple(Photo(plain_name(part.file_name), part.content) for part in parts if part.name == PHOTO)
    others = (part for part in parts if part.name != PHOTO and part.file_name is None)
    return Upload(photos, fields | {part.name: part.content.decode("utf-8", "replace") for part in others})


def plain_name(sent: str | None) -> str | None:
    """A file name as sent by a client, without folders and control characters; None if nothing is left."""
    if sent is None:
        return None
    name = "".join(letter for letter in PureWindowsPath(sent).name if letter.isprintable())
    return name[-LONGEST_NAME:].strip() if name.strip(". ") else None


def unavailable(reason: str) -> HTTPException:
    """The error 503, which asks the client to try again."""
    return HTTPException(503, f"{reason}: try again later", {"Retry-After": str(RETRY_SECONDS)})
