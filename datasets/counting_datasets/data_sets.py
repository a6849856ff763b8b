"""The data sets known by name, and all facts about each."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

from counting_datasets.archives import Archive, has_coco_annotations, has_coco_photos, has_voc_split
from counting_datasets.categories import COCO_CATEGORIES, VOC_CATEGORIES
from counting_datasets.errors import DataError, choices

_VOC = "https://thor.robots.ox.ac.uk/pascal/VOC/voc2007"
_COCO = "http://images.cocodataset.org"


@dataclass(frozen=True)
class DataSet:
    """The facts about a data set.

    Attributes:
        name: its name on the command line and in configurations.
        family: its format.
        home: its folder, relative to ``$COUNTING_DATA``; None for the user's own data.
        categories: the annotated categories; None if they are read from the data.
        files: the instances file of each split (``train2014`` for ``instances_train2014.json``); empty if the
            splits are read from the data.
        half: the number of photos in ``val`` and in ``test`` if these are the two halves of one file, sorted by
            file name.
        archives: its published archives; empty if ``counting download`` cannot fetch it.
    """

    name: str
    family: Literal["voc", "coco"]
    home: str | None = None
    categories: tuple[str, ...] | None = None
    files: Mapping[str, str] = field(default_factory=dict)
    half: int | None = None
    archives: tuple[Archive, ...] = ()

    @property
    def is_own(self) -> bool:
        """Whether it is the user's own data in the format ``family``."""
        return self.home is None


# The MD5s are from torchvision/datasets/voc.py; none are published for COCO 2014.
_VOC2007 = DataSet(
    "voc2007",
    "voc",
    home="VOCdevkit/VOC2007",
    categories=VOC_CATEGORIES,
    archives=(
        Archive(
            url=f"{_VOC}/VOCtrainval_06-Nov-2007.tar",
            into="",
            is_installed=partial(has_voc_split, split="trainval"),
            md5="c52e279531787c972589f7e41ab4ae64",
        ),
        Archive(
            url=f"{_VOC}/VOCtest_06-Nov-2007.tar",
            into="",
            is_installed=partial(has_voc_split, split="test"),
            md5="b6e924de25625d8de591ea690078ad9f",
        ),
    ),
)
_COCO2014 = DataSet(
    "coco2014",
    "coco",
    home="coco",
    categories=COCO_CATEGORIES,
    files={"train": "train2014", "val": "val2014", "test": "val2014"},
    half=20_252,
    archives=(
        Archive(
            url=f"{_COCO}/annotations/annotations_trainval2014.zip",
            into="coco",
            is_installed=has_coco_annotations,
            size=252_872_794,
        ),
        Archive(
            url=f"{_COCO}/zips/train2014.zip",
            into="coco",
            is_installed=partial(has_coco_photos, split="train2014", number=82_783),
            size=13_510_573_713,
        ),
        Archive(
            url=f"{_COCO}/zips/val2014.zip",
            into="coco",
            is_installed=partial(has_coco_photos, split="val2014", number=40_504),
            size=6_645_013_297,
        ),
    ),
)

DATA_SETS = {
    data_set.name: data_set
    for data_set in (
        _VOC2007,
        DataSet("voc2012", "voc", home="VOCdevkit/VOC2012", categories=VOC_CATEGORIES),
        _COCO2014,
        DataSet(
            "coco2017",
            "coco",
            home="coco",
            categories=COCO_CATEGORIES,
            files={"train": "train2017", "val": "val2017"},
        ),
        DataSet("voc", "voc"),
        DataSet("coco", "coco"),
    )
}
"""All data sets, by name."""


def find_data_set(name: str) -> DataSet:
    """The data set called ``name``.

    Raises:
        DataError: an unknown name.
    """
    if name not in DATA_SETS:
        raise DataError(f"unknown data set {name!r}: {choices(name, DATA_SETS)}")
    return DATA_SETS[name]


def downloadable() -> list[str]:
    """The names of the data sets that ``counting download`` can fetch."""
    return [name for name, data_set in DATA_SETS.items() if data_set.archives]
