"""Download a file so that an interrupted download can be resumed.

The received bytes are kept in a part file, with the server's validator for that version (ETag or Last-Modified)
beside it. Sent back as ``If-Range``, the validator makes the server send the whole file if it has changed.
"""

import re
import time
from dataclasses import dataclass
from pathlib import Path

import requests

from counting_datasets.download.byte_bar import Report, byte_bar
from counting_datasets.download.disk_space import require_space
from counting_datasets.errors import DataError

CHUNK = 1 << 16
_TIMEOUT = (10, 60)
_TEMPORARY_FAILURES = frozenset({408, 429, 500, 502, 503, 504})


@dataclass(frozen=True)
class PartFile:
    """The bytes received so far, and the validator of the version that they belong to."""

    path: Path

    @property
    def _validator_file(self) -> Path:
        return self.path.with_name(self.path.name + ".version")

    @property
    def size(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    @property
    def validator(self) -> str:
        return self._validator_file.read_text() if self._validator_file.exists() else ""

    def restart(self, validator: str) -> None:
        """Delete the bytes before changing the validator, so that old bytes never have a new validator."""
        self.path.write_bytes(b"")
        self._validator_file.write_text(validator)

    def delete(self) -> None:
        self.path.unlink(missing_ok=True)
        self._validator_file.unlink(missing_ok=True)

    def move_to(self, target: Path) -> None:
        self.path.replace(target)
        self._validator_file.unlink(missing_ok=True)


@dataclass(frozen=True)
class ResumableDownloader:
    """Downloads a file, resuming from its part file.

    Attributes:
        part: the path of the part file, which is kept if the download is interrupted.
        size: the file's size in bytes, if known in advance.
        show: whether to show a progress bar.
        attempts: number of consecutive attempts without new bytes after which the download fails.
        pause: seconds before the second attempt; doubles with every further attempt.
    """

    part: Path
    size: int | None = None
    show: bool = True
    attempts: int = 3
    pause: float = 1.0

    def __call__(self, url: str, file: Path) -> None:
        """Download ``url`` to ``file``.

        Raises:
            DataError: no or a broken connection, an error of the server, a wrong size, or a full disk.
        """
        part = PartFile(self.part)
        with byte_bar(url.rpartition("/")[2], show=self.show) as report:
            self._retry(url, part, report)
        part.move_to(file)

    def _retry(self, url: str, part: PartFile, report: Report) -> None:
        failures, largest_size = 0, part.size
        while True:
            try:
                return self._attempt(url, part, report)
            except requests.RequestException as error:
                failures = 0 if part.size > largest_size else failures + 1
                largest_size = max(largest_size, part.size)
                if failures == self.attempts:
                    raise DataError(_failure(url, part, error)) from None
            time.sleep(self.pause * 2 ** max(0, failures - 1))

    def _attempt(self, url: str, part: PartFile, report: Report) -> None:
        headers = {"Accept-Encoding": "identity"}  # a Range counts the bytes as encoded
        if part.size and part.validator:
            headers |= {"Range": f"bytes={part.size}-", "If-Range": part.validator}
        with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT) as response:
            start, announced = _received_range(response)
            if start == 0:
                part.restart(_validator(response))
            elif start != part.size:
                part.delete()
                raise requests.ConnectionError("the server sent a different range than requested")
            total = self._check_size(url, announced)
            if part.size == total:
                return
            require_space(part.path.parent, (total or 0) - part.size, f"download {url}")
            _append(response, part, total, report)
        if total is not None and part.size != total:
            raise requests.ConnectionError("the server closed the connection early")

    def _check_size(self, url: str, announced: int | None) -> int | None:
        if announced is None or self.size is None:
            return announced or self.size
        if announced != self.size:
            raise DataError(
                f"{url}: the server offers {announced:,} bytes, but the file has {self.size:,}; "
                "check whether a proxy or login page answered instead"
            )
        return announced


def _received_range(response: requests.Response) -> tuple[int | None, int | None]:
    """The position in the file of the response's first byte, and the file's size; None if unknown.

    Raises:
        requests.HTTPError: a temporary failure of the server.
        DataError: a permanent failure.
    """
    status, headers = response.status_code, response.headers
    if status == 200:
        return 0, _number(headers.get("Content-Length"))
    if status == 206:
        span = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", headers.get("Content-Range", ""))
        return (int(span[1]), _number(span[2])) if span else (None, None)
    if status == 416:  # no bytes beyond those received; the download is complete if the size matches
        length = _number(headers.get("Content-Range", "").removeprefix("bytes */"))
        return length, length
    if status in _TEMPORARY_FAILURES:
        raise requests.HTTPError(f"the server answers {status} {response.reason}")
    raise DataError(f"{response.url}: the server answers {status} {response.reason}")


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isdigit() else None


def _validator(response: requests.Response) -> str:
    """A validator for ``If-Range``, which may not be a weak ETag (RFC 9110, section 13.1.5)."""
    etag = response.headers.get("ETag", "")
    return etag if etag.startswith('"') else response.headers.get("Last-Modified", "")


def _append(response: requests.Response, part: PartFile, total: int | None, report: Report) -> None:
    done = part.size
    with part.path.open("ab") as file:
        for chunk in response.iter_content(CHUNK):
            file.write(chunk)
            done += len(chunk)
            report(done, total)


def _failure(url: str, part: PartFile, error: requests.RequestException) -> str:
    if isinstance(error, requests.HTTPError):
        return f"{url}: {error}; run again later"
    if not part.size:
        return f"{url}: no connection ({type(error).__name__}); check the network and run again"
    kept = f"{part.size / 1e6:,.1f} MB are kept in {part.path}"
    return f"{url}: the connection broke ({type(error).__name__}); {kept}; run again to resume"
