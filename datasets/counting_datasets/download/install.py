"""Download and unpack data sets, resuming an interrupted run."""

import hashlib
import shutil
from pathlib import Path

from counting_datasets.archives import Archive
from counting_datasets.data_sets import DATA_SETS, DataSet, downloadable
from counting_datasets.download.resumable import ResumableDownloader
from counting_datasets.download.unpack import BadArchiveError, merge, unpack
from counting_datasets.errors import DataError, choices


def download(name: str, folder: Path, *, progress: bool = True) -> Path:
    """Install the data set ``name`` in ``folder`` and return its home, such as ``folder/VOCdevkit/VOC2007``.

    Raises:
        DataError: an unknown data set, or the download failed.
    """
    if name not in downloadable():
        raise DataError(f"{name!r} cannot be downloaded: {choices(name, downloadable())}")
    return install(DATA_SETS[name], folder, progress=progress)


def install(data_set: DataSet, folder: Path, *, progress: bool = True, pause: float = 1.0) -> Path:
    """Download and unpack the missing archives of ``data_set``; ``pause`` as in ``ResumableDownloader``.

    A partial download is resumed, and an archive that is already downloaded or unpacked is not fetched again.
    """
    home = folder / (data_set.home or "")
    work = folder / f".download-{home.name}"
    try:
        for archive in data_set.archives:
            if not archive.is_installed(home):
                file = _fetch(archive, work, progress, pause)
                _unpack(file, folder / archive.into, progress)
                if not archive.is_installed(home):
                    raise DataError(f"{home}: still incomplete after unpacking {archive.url}")
        shutil.rmtree(work, ignore_errors=True)
    except OSError as error:
        raise DataError(f"cannot write {error.filename or folder}: {error.strerror or error}") from None
    return home


def _fetch(archive: Archive, work: Path, progress: bool, pause: float) -> Path:
    """The archive's file in ``work``, downloaded unless an earlier run downloaded it."""
    work.mkdir(parents=True, exist_ok=True)
    file = work / archive.name
    if not file.exists():
        part = work / f"{archive.name}.part"
        ResumableDownloader(part, archive.size, show=progress, pause=pause)(archive.url, file)
    if archive.md5 and _md5(file) != archive.md5:
        file.unlink()
        raise DataError(f"{archive.url}: not the published file (different MD5); run again later")
    return file


def _md5(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "md5").hexdigest()


def _unpack(file: Path, target: Path, progress: bool) -> None:
    """Unpack to a temporary folder, then move, so that an interrupted run leaves no partial file in ``target``."""
    unpacked = file.with_name(f"{file.name}.unpacked")
    shutil.rmtree(unpacked, ignore_errors=True)
    try:
        unpack(file, unpacked, show=progress)
        merge(unpacked, target)
    except BadArchiveError:
        file.unlink()
        raise
    finally:
        shutil.rmtree(unpacked, ignore_errors=True)
    file.unlink()
