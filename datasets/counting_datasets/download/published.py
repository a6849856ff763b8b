"""PASCAL VOC 2007 and COCO 2014: where their authors publish them, and how to tell that they are there."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pooch

from counting_datasets.download.resumable import ResumableDownloader
from counting_datasets.download.unpack import BadArchiveError, merge, unpack
from counting_datasets.errors import CountingError, DataError

_VOC = "https://thor.robots.ox.ac.uk/pascal/VOC/voc2007"
_COCO = "http://images.cocodataset.org"


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
        return self.url.rpartition("/")[2]


@dataclass(frozen=True)
class Published:
    """A data set: the archives it is published in and ``home``, the folder it lives in once unpacked."""

    home: str
    archives: tuple[Archive, ...]


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
    return all((home / "annotations" / f"instances_{split}2014.json").is_file() for split in ("train", "val"))


def _stems(folder: Path) -> set[str]:
    return {path.stem for path in folder.iterdir()} if folder.is_dir() else set()


# The MD5s are from torchvision's source (torchvision/datasets/voc.py); nobody publishes any for COCO 2014.
PUBLISHED = {
    "voc2007": Published(
        home="VOCdevkit/VOC2007",
        archives=(
            Archive(
                url=f"{_VOC}/VOCtrainval_06-Nov-2007.tar",
                into="",
                is_there=partial(has_voc_split, split="trainval"),
                md5="c52e279531787c972589f7e41ab4ae64",
            ),
            Archive(
                url=f"{_VOC}/VOCtest_06-Nov-2007.tar",
                into="",
                is_there=partial(has_voc_split, split="test"),
                md5="b6e924de25625d8de591ea690078ad9f",
            ),
        ),
    ),
    "coco2014": Published(
        home="coco",
        archives=(
            Archive(
                url=f"{_COCO}/annotations/annotations_trainval2014.zip",
                into="coco",
                is_there=has_coco_annotations,
                size=252_872_794,
            ),
            Archive(
                url=f"{_COCO}/zips/train2014.zip",
                into="coco",
                is_there=partial(has_coco_photos, split="train2014", number=82_783),
                size=13_510_573_713,
            ),
            Archive(
                url=f"{_COCO}/zips/val2014.zip",
                into="coco",
                is_there=partial(has_coco_photos, split="val2014", number=40_504),
                size=6_645_013_297,
            ),
        ),
    ),
}


def download(dataset: str, folder: Path, *, progress: bool = True) -> Path:
    """Put ``voc2007`` or ``coco2014`` into ``folder`` and return its home, ``VOCdevkit/VOC2007`` or ``coco``.

    Raises:
        DataError: an unknown data set, or anything that keeps it from being there, whole.
    """
    if dataset not in PUBLISHED:
        raise DataError(f"unknown data set {dataset!r}: {' and '.join(PUBLISHED)} can be downloaded")
    return install(PUBLISHED[dataset], folder, progress=progress)


def install(data_set: Published, folder: Path, *, progress: bool = True, pause: float = 1.0) -> Path:
    """Download and unpack what is missing of ``data_set``; ``pause`` as in ``ResumableDownloader``.

    Archives resume in the middle, what is unpacked is recognised, and nothing is fetched twice.
    """
    home = folder / data_set.home
    work = folder / f".download-{home.name}"
    try:
        for archive in data_set.archives:
            if not archive.is_there(home):
                file = _fetch(archive, work, progress, pause)
                _unpack(file, folder / archive.into, progress)
                if not archive.is_there(home):
                    raise DataError(f"{home}: still incomplete after unpacking {archive.url}")
        shutil.rmtree(work, ignore_errors=True)
    except OSError as error:
        raise DataError(f"cannot write {error.filename or folder}: {error.strerror or error}") from None
    return home


def _fetch(archive: Archive, work: Path, progress: bool, pause: float) -> Path:
    pooch.get_logger().setLevel("WARNING")
    work.mkdir(parents=True, exist_ok=True)
    known = {archive.name: archive.md5 and f"md5:{archive.md5}"}
    shelf = pooch.create(work, base_url="", registry=known, urls={archive.name: archive.url})
    part = work / f"{archive.name}.part"
    downloader = ResumableDownloader(part, archive.size, show=progress, pause=pause)
    try:
        return Path(shelf.fetch(archive.name, downloader=downloader))
    except CountingError:
        raise
    except ValueError:
        raise DataError(f"{archive.url}: not the published file (its MD5 differs); run again later") from None


def _unpack(file: Path, target: Path, progress: bool) -> None:
    """Unpack beside the target, then move: an interrupted run leaves no half-written photo behind."""
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
