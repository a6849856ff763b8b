"""Unpack tar and zip archives, which may be damaged or malicious."""

import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path, PureWindowsPath

from counting_datasets.download.byte_bar import byte_bar
from counting_datasets.download.disk_space import require_space
from counting_datasets.errors import DataError

_DAMAGE_ERRORS = (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError)


class BadArchiveError(DataError):
    """An archive that is damaged or could write outside its folder."""


def unpack(archive: Path, into: Path, *, show: bool = True) -> None:
    """Unpack every member of ``archive`` into the folder ``into``.

    All names are checked before anything is written. Every member is read completely, which checks a zip's CRCs.

    Raises:
        BadArchiveError: it is damaged, or a member is outside ``into`` or not a regular file or folder.
        DataError: not enough disk space.
    """
    try:
        if zipfile.is_zipfile(archive):
            _unpack_zip(archive, into, show)
        else:
            _unpack_tar(archive, into, show)
    except _DAMAGE_ERRORS as error:
        raise BadArchiveError(f"{archive}: damaged archive ({error})") from None


def merge(source: Path, target: Path) -> None:
    """Move every file in ``source`` to the same relative path in ``target``, replacing existing files."""
    for file in sorted(path for path in source.rglob("*") if path.is_file()):
        destination = target / file.relative_to(source)
        destination.parent.mkdir(parents=True, exist_ok=True)
        file.replace(destination)


def _unpack_tar(archive: Path, into: Path, show: bool) -> None:
    with tarfile.open(archive) as tar:
        members = tar.getmembers()
        for member in members:
            _require_safe(archive, member.name, plain=member.isreg() or member.isdir())

        def extract(index: int) -> None:
            tar.extract(members[index], into, filter="data")

        _extract_all(archive, into, [member.size for member in members], extract, show)


def _unpack_zip(archive: Path, into: Path, show: bool) -> None:
    with zipfile.ZipFile(archive) as package:
        members = package.infolist()
        for member in members:
            kind = stat.S_IFMT(member.external_attr >> 16)
            _require_safe(archive, member.filename, plain=kind in (0, stat.S_IFREG, stat.S_IFDIR))

        def extract(index: int) -> None:
            package.extract(members[index], into)

        _extract_all(archive, into, [member.file_size for member in members], extract, show)


def _require_safe(archive: Path, name: str, *, plain: bool) -> None:
    """Check a member's name by the stricter rules of Windows: \\ is a separator, and drives are roots."""
    path = PureWindowsPath(name)
    if path.anchor or ".." in path.parts or not plain:
        raise BadArchiveError(f"{archive}: refused: its member {name!r} could be written outside the folder")


def _extract_all(
    archive: Path, into: Path, sizes: Sequence[int], extract: Callable[[int], None], show: bool
) -> None:
    into.mkdir(parents=True, exist_ok=True)
    require_space(into, sum(sizes), f"unpack {archive.name}")
    done = 0
    with byte_bar(f"unpacking {archive.name}", show=show) as report:
        for index, size in enumerate(sizes):
            extract(index)
            done += size
            report(done, sum(sizes))
