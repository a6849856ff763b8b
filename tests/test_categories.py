"""Names of categories: which mean the same, and how a list of them is read."""

import pytest

from counting_datasets.categories import (
    COCO_CATEGORIES,
    VOC_CATEGORIES,
    canonical,
    match_categories,
    parse_categories,
)
from counting_datasets.errors import DataError, choices
from counting_datasets.text_files import nfc

NFC, NFD = "caf\u00e9", "cafe\u0301"


def test_all_of_vocs_categories_are_among_cocos() -> None:
    assert len(match_categories(VOC_CATEGORIES, COCO_CATEGORIES)) == 20
    assert len(match_categories(COCO_CATEGORIES, VOC_CATEGORIES)) == 20


def test_synonyms_case_and_underscores_mean_the_same() -> None:
    assert canonical(" Potted_Plant ") == canonical("potted plant") == "pottedplant"
    assert match_categories(["Couch", "TV", "fire-hydrant"], ["tvmonitor", "sofa", "fire hydrant"]) == {
        0: 1,
        1: 0,
        2: 2,
    }


@pytest.mark.parametrize(
    "own",
    [("bike", "bicycle"), ("plane", "airplane"), ("tv", "television"), ("Apple", "apple"), ("t-shirt", "T_shirt")],
)
def test_equal_names_come_before_similar_ones(own: tuple[str, str]) -> None:
    assert match_categories(own, own) == {0: 0, 1: 1}
    assert match_categories(own, own[::-1]) == {0: 1, 1: 0}
    assert match_categories(own, own[1:]) == {1: 0}
    assert match_categories(own[:1], own[1:]) == {0: 0}


def test_names_that_differ_in_case_come_before_synonyms() -> None:
    assert match_categories(["Bike", "Bicycle"], ["bicycle", "bike"]) == {0: 1, 1: 0}


def test_names_compare_in_unicodes_composed_form() -> None:
    assert NFC != NFD
    assert nfc(NFD) == NFC
    assert canonical(NFD) == canonical(NFC)
    assert match_categories([NFD], [NFC]) == {0: 0}


@pytest.mark.parametrize("text", ["apple,pear", "apple, pear", " apple ,pear ", "apple,pear,", ",apple,,pear"])
def test_space_and_commas_around_names_mean_nothing(text: str) -> None:
    assert parse_categories(text) == ("apple", "pear")


def test_a_list_of_categories_is_composed_and_has_each_once() -> None:
    assert parse_categories(NFD) == (NFC,)
    with pytest.raises(DataError, match="duplicate category 'apple'"):
        parse_categories("apple,pear,apple")
    with pytest.raises(DataError, match="name at least one"):
        parse_categories(" , ")


def test_an_unknown_name_is_told_the_nearest_and_all_there_are() -> None:
    assert choices("vla", ["train", "val"]) == "did you mean 'val'? Available: train, val"
    assert choices("VOC2007", ["voc2007", "coco"]) == "did you mean 'voc2007'? Available: voc2007, coco"
    assert choices("zebra", ["train", "val"]) == "available: train, val"
