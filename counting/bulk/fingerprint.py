"""What identifies a counter: the hash of each file that its name stands for."""

import hashlib
from pathlib import Path

from counting.networks.zoo import BEST, find_weights
from counting_datasets.errors import CountingError


def weights_hash(counter: str | None) -> str:
    """A SHA-256 hash of the files in the name of a counter, such as its weights or a detector's calibration.

    ``counter`` is as for ``counting.load``. The weights of a detector without a file are known by its name alone.
    """
    digest = hashlib.sha256()
    for member in (BEST if counter is None else counter).split("+"):
        digest.update(f"{member}\0".encode("utf-8", "surrogatepass"))
        for file in _files(member):
            with file.open("rb") as opened:
                digest.update(hashlib.file_digest(opened, "sha256").digest())
    return digest.hexdigest()


def _files(member: str) -> list[Path]:
    """The files of one member of an ensemble: a name, a file, KIND:NAME, KIND:FILE or KIND:NAME@FILE."""
    try:
        return [find_weights(member)]
    except CountingError:
        named = [member, member.partition(":")[2], member.partition("@")[2]]
        return [path for path in map(Path, named) if path.is_file()]
