"""The archives that data sets are published in, and checks that their content is installed."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Archive:
    """One file to download and unpack.

    Attributes:
        url: its download address.
        into: the folder to unpack it into, relative to the folder of all data sets.
        is_installed: whether a data set's home folder already holds the archive's content.
        md5: its published hash; None if none is published, and only its size and CRCs are checked.
        size: its size in bytes; None if unknown.
    """

    url: str
    into: str
    is_installed: Callable[[Path], bool]
    md5: str | None = None
    size: int | None = None

    @property
    def name(self) -> str:
        """The file's name."""
        return self.url.rpartition("/")[2]


def has_voc_split(home: Path, split: str) -> bool:
    """Whether ``home`` holds the photo and the annotation of every image of ``split``."""
    listing = home / "ImageSets" / "Main" / f"{split}.txt"
    if not listing.is_file():
        return False
    images = set(listing.read_text().split())
    return images <= _stems(home / "JPEGImages") and images <= _stems(home / "Annotations")


def has_coco_photos(home: Path, split: str, number: int) -> bool:
    """Whether ``home`` holds at least ``number`` photos of ``split``, in ``<split>`` or ``images/<split>``."""
    return any(len(_stems(folder)) >= number for folder in (home / split, home / "images" / split))


def has_coco_annotations(home: Path) -> bool:
    """Whether ``home`` holds the instances files of COCO 2014."""
    return all((home / "annotations" / f"instances_{split}2014.json").is_file() for split in ("train", "val"))


def _stems(folder: Path) -> set[str]:
    return {path.stem for path in folder.iterdir()} if folder.is_dir() else set()
