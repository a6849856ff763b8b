"""Files that data sets are published in, and how to tell that what is in them is there."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Archive:
    """One file to download and unpack.

    Attributes:
        url: where it is published.
        into: the folder it unpacks into, below the one that holds all data sets.
        is_there: whether a data set's home already holds everything in it.
        md5: its published hash; without one, its size and its own CRCs are all there is to check.
        size: its length in bytes.
    """

    url: str
    into: str
    is_there: Callable[[Path], bool]
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
    """Whether ``home`` holds ``number`` photos of ``split``, in one of the places where they are kept."""
    return any(len(_stems(folder)) >= number for folder in (home / split, home / "images" / split))


def has_coco_annotations(home: Path) -> bool:
    """Whether ``home`` holds the instances of COCO 2014."""
    return all((home / "annotations" / f"instances_{split}2014.json").is_file() for split in ("train", "val"))


def _stems(folder: Path) -> set[str]:
    return {path.stem for path in folder.iterdir()} if folder.is_dir() else set()
