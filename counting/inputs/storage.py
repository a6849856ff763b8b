"""Files on disk and, through fsspec, in remote storage; photos in remote storage."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from counting.inputs.photo_sources import StoredPhoto
from counting_datasets.errors import CountingError, PhotoError
from counting_datasets.photo_files import is_stray

REMOTE = "://"
"""What tells a URL from a path."""


@dataclass(frozen=True)
class RemotePhoto(StoredPhoto):
    """A photo at a URL that fsspec can open, such as s3://bucket/photo.jpg."""

    url: str

    @property
    def name(self) -> str:
        return self.url

    def read_bytes(self) -> bytes:
        with photo_errors(self.name), open_file(self.url) as file:
            return file.read()


@contextmanager
def open_file(place: str) -> Iterator[IO[bytes]]:
    """Open a path or URL for reading.

    Raises:
        CountingError: fsspec or the package for this kind of URL is not installed.
    """
    if REMOTE not in place:
        with Path(place).open("rb") as local:
            yield local
        return
    file_system, path = _file_system(place)
    with file_system.open(path, "rb") as remote:
        yield remote


def _file_system(url: str) -> tuple[Any, str]:
    """The fsspec file system of a URL, and the path in it."""
    try:
        import fsspec

        file_system, path = fsspec.url_to_fs(url)
    except (ImportError, ValueError) as error:  # ValueError: an unknown kind of URL
        kind = url.partition(REMOTE)[0]
        reason = " ".join(str(error).split())
        raise CountingError(f"{url}: cannot open {kind} URLs ({reason}); see the extra `remote`") from None
    return file_system, str(path)


@contextmanager
def photo_errors(name: str) -> Iterator[None]:
    """Turn any error of a storage library into a ``PhotoError`` about ``name``."""
    try:
        yield
    except CountingError:
        raise
    except FileNotFoundError:
        raise PhotoError(f"{name}: no such photo") from None
    except Exception as error:  # every storage service has its own kinds
        raise PhotoError(f"{name}: {_reason(error)}") from None


def _reason(error: Exception) -> str:
    return next(iter(str(error).splitlines()), "") or type(error).__name__


@contextmanager
def listing_errors(place: str, kind: str) -> Iterator[None]:
    """Turn any error of a storage library into a ``CountingError`` about ``place``."""
    try:
        yield
    except CountingError:
        raise
    except FileNotFoundError:
        raise CountingError(f"{place}: no such file") from None
    except Exception as error:
        raise CountingError(f"{place}: not a readable {kind} ({_reason(error)})") from None


def remote_files(url: str) -> list[str]:
    """The URLs of a file, of all files under a folder, or that match a pattern, sorted.

    Raises:
        CountingError: the storage cannot be read.
    """
    file_system, path = _file_system(url)
    with listing_errors(url, "folder"):
        if set(path) & set("*?["):
            found = sorted(file_system.glob(path))
        elif not url.startswith("http") and file_system.isdir(path):
            top = path.rstrip("/")
            listed = sorted(file_system.find(path))
            found = [name for name in listed if not is_stray(name.removeprefix(f"{top}/"))]
        else:
            return [url]
        return [str(file_system.unstrip_protocol(name)) for name in found]
