"""Download one file so that an interrupted run can be resumed.

What has come so far stays in a part file, and beside it the server's mark for that version of it (ETag or
Last-Modified): sent back as ``If-Range``, it makes the server start anew if the file has changed.
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
_WORTH_ANOTHER_TRY = frozenset({408, 429, 500, 502, 503, 504})


@dataclass(frozen=True)
class PartFile:
    """The bytes that have come so far, and the mark of the version they belong to."""

    path: Path

    @property
    def _mark_file(self) -> Path:
        return self.path.with_name(self.path.name + ".version")

    @property
    def size(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    @property
    def mark(self) -> str:
        return self._mark_file.read_text() if self._mark_file.exists() else ""

    def restart(self, mark: str) -> None:
        """Forget the bytes, then the mark: never old bytes under a new mark."""
        self.path.write_bytes(b"")
        self._mark_file.write_text(mark)

    def drop(self) -> None:
        self.path.unlink(missing_ok=True)
        self._mark_file.unlink(missing_ok=True)

    def become(self, target: Path) -> None:
        self.path.replace(target)
        self._mark_file.unlink(missing_ok=True)


@dataclass(frozen=True)
class ResumableDownloader:
    """Fetches a URL into a part file, resuming it.

    Attributes:
        part: where the bytes gather; kept when the download breaks off.
        size: the file's length in bytes, where it is known beforehand.
        show: draw a progress bar.
        attempts: give up after this many in a row that brought nothing new.
        pause: seconds to wait before the second attempt; doubles for the next.
    """

    part: Path
    size: int | None = None
    show: bool = True
    attempts: int = 3
    pause: float = 1.0

    def __call__(self, url: str, file: Path) -> None:
        """Download ``url`` to ``file``.

        Raises:
            DataError: no connection, it broke, the server refuses, a wrong size, or the disk is full.
        """
        part = PartFile(self.part)
        with byte_bar(url.rpartition("/")[2], show=self.show) as report:
            self._keep_trying(url, part, report)
        part.become(file)

    def _keep_trying(self, url: str, part: PartFile, report: Report) -> None:
        fruitless, farthest = 0, part.size
        while True:
            try:
                return self._attempt(url, part, report)
            except requests.RequestException as error:
                fruitless = 0 if part.size > farthest else fruitless + 1
                farthest = max(farthest, part.size)
                if fruitless == self.attempts:
                    raise DataError(_broken(url, part, error)) from None
            time.sleep(self.pause * 2 ** max(0, fruitless - 1))

    def _attempt(self, url: str, part: PartFile, report: Report) -> None:
        headers = {"Accept-Encoding": "identity"}  # Range counts encoded bytes: ask for none
        if part.size and part.mark:
            headers |= {"Range": f"bytes={part.size}-", "If-Range": part.mark}
        with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT) as response:
            start, announced = _where_it_starts(response)
            if start == 0:
                part.restart(_mark(response))
            elif start != part.size:
                part.drop()
                raise requests.ConnectionError("the server has another range than it was asked for")
            total = self._check_size(url, announced)
            if part.size == total:
                return
            require_space(part.path.parent, (total or 0) - part.size, f"download {url}")
            _append(response, part, total, report)
        if total is not None and part.size != total:
            raise requests.ConnectionError("the server hung up early")

    def _check_size(self, url: str, announced: int | None) -> int | None:
        if announced is None or self.size is None:
            return announced or self.size
        if announced != self.size:
            raise DataError(
                f"{url}: the server offers {announced:,} bytes, but the file has {self.size:,}: "
                "a proxy or login page may have answered in its place"
            )
        return announced


def _where_it_starts(response: requests.Response) -> tuple[int | None, int | None]:
    """Where in the file the answer's bytes begin, and how long the whole file is; None: it does not say.

    Raises:
        requests.HTTPError: the server may do better in a moment.
        DataError: it will not.
    """
    status, headers = response.status_code, response.headers
    if status == 200:
        return 0, _number(headers.get("Content-Length"))
    if status == 206:
        span = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", headers.get("Content-Range", ""))
        return (int(span[1]), _number(span[2])) if span else (None, None)
    if status == 416:  # nothing lies beyond the bytes we have: they are all, if the file is as long as that
        length = _number(headers.get("Content-Range", "").removeprefix("bytes */"))
        return length, length
    if status in _WORTH_ANOTHER_TRY:
        raise requests.HTTPError(f"the server answers {status} {response.reason}")
    raise DataError(f"{response.url}: the server answers {status} {response.reason}")


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isdigit() else None


def _mark(response: requests.Response) -> str:
    """What ``If-Range`` may carry; a weak ETag may not (RFC 9110, section 13.1.5)."""
    etag = response.headers.get("ETag", "")
    return etag if etag.startswith('"') else response.headers.get("Last-Modified", "")


def _append(response: requests.Response, part: PartFile, total: int | None, report: Report) -> None:
    done = part.size
    with part.path.open("ab") as file:
        for chunk in response.iter_content(CHUNK):
            file.write(chunk)
            done += len(chunk)
            report(done, total)


def _broken(url: str, part: PartFile, error: requests.RequestException) -> str:
    if isinstance(error, requests.HTTPError):
        return f"{url}: {error}; run again later"
    if not part.size:
        return f"{url}: no connection ({type(error).__name__}); check the network and run again"
    kept = f"{part.size / 1e6:,.1f} MB are kept in {part.path}"
    return f"{url}: the connection broke ({type(error).__name__}); {kept}: run again to resume"
