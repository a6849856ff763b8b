"""Photos in tar archives, such as WebDataset shards."""

import tarfile
from collections.abc import Callable
from dataclasses import dataclass

from counting.inputs.photo_sources import StoredPhoto
from counting.inputs.storage import listing_errors, open_file, photo_errors
from counting_datasets.photo_files import is_photo_name, is_stray


@dataclass(frozen=True)
class TarPhoto(StoredPhoto):
    """A member of a tar archive; ``offset`` and ``size`` are those of its bytes in the archive."""

    archive: str
    member: str
    offset: int
    size: int

    @property
    def name(self) -> str:
        return f"{self.archive}/{self.member}"

    def read_bytes(self) -> bytes:
        with photo_errors(self.name), open_file(self.archive) as file:
            file.seek(self.offset)
            return file.read(self.size)


def photos_in_tar(archive: str, leave_out: Callable[[str], object]) -> list[TarPhoto]:
    """The photos in an uncompressed tar archive, in order; of members of the same name, the last.

    ``leave_out`` is called with the name of every other file.

    Raises:
        CountingError: it cannot be read or is compressed.
    """
    photos: dict[str, TarPhoto] = {}
    with (
        listing_errors(archive, "uncompressed tar archive"),
        open_file(archive) as file,
        tarfile.open(fileobj=file, mode="r:") as members,
    ):
        for member in members:
            name = member.name.removeprefix("./")
            if not member.isfile() or is_stray(name):
                continue
            if is_photo_name(name):
                photos[name] = TarPhoto(archive, name, member.offset_data, member.size)
            else:
                leave_out(name)
    return list(photos.values())
