"""Which rows of two tables are of the same image, and what is refused."""

import unicodedata

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counting.tables.count_table import CountTable
from counting.tables.join import check_missing, find_rows, join
from counting_datasets.errors import DataError


def table(images: tuple[str, ...], numbers: tuple[str, ...] | None = None) -> CountTable:
    """Image i has i cats."""
    return CountTable(images, ("cat",), np.arange(len(images), dtype=float)[:, None], numbers=numbers)


@pytest.mark.parametrize(
    ("truth", "numbers", "predicted"),
    [
        ("000042", None, "000042"),
        ("party", "photo-42", "photo-42"),
        ("COCO_val2014_000000000042", "42", "42"),
        ("COCO_val2014_000000000042", "42", "000042"),
        ("COCO_val2014_000000000042", None, "42"),
        ("42", None, "val2014/COCO_val2014_000000000042.jpg"),
        ("000042", None, "42"),
        ("42", None, "000042"),
        ("42", None, "42.0"),
        ("party", None, "party.jpg"),
        ("party", None, "images/party.JPEG"),
        ("party", None, "./party.heic"),
        ("party", None, "C:\\photos\\party.jpg"),
        ("images/party", None, "party"),
        ("images/party.png", None, "other/party.jpg"),
        ("party", None, " party "),
        ("DSC.final", None, "images/DSC.final"),
        ("DSC.final", None, "DSC.final.jpg"),
        ("img_jpg.rf.0a1b", None, "test/img_jpg.rf.0a1b.jpg"),
        (unicodedata.normalize("NFC", "Zoë"), None, unicodedata.normalize("NFD", "Zoë") + ".jpg"),
        ("VG_100K_2/55", None, "55"),
    ],
)
def test_an_image_is_found_by_id_name_number_or_value(truth: str, numbers: str | None, predicted: str) -> None:
    ours = table(("other", truth), numbers=None if numbers is None else ("1", numbers))
    true, found, missing = join(ours, table((predicted, "elsewhere")))
    assert true.images == found.images == (truth,)
    assert (true.counts.item(), found.counts.item()) == (1, 0)
    assert missing == ("other",)


@pytest.mark.parametrize(
    ("truth", "predicted"), [("party", "Party2"), ("1", "1.5"), ("a.b", "a.c"), ("42", "42x"), ("x/42", "0042")]
)
def test_names_that_only_look_alike_are_two_images(truth: str, predicted: str) -> None:
    assert find_rows(table((truth,)), [predicted]).tolist() == [-1]


def test_an_equal_id_comes_before_the_number_and_the_truths_order_stays() -> None:
    truth = table(("1", "2", "b"), numbers=("2", "1", "3"))
    _, found, missing = join(truth, table(("3", "2", "1")))
    assert found.counts[:, 0].tolist() == [2, 1, 0]
    assert found.images == truth.images
    assert missing == ()


def test_in_a_results_file_a_whole_number_is_the_data_sets() -> None:
    truth = table(("1", "2", "b"), numbers=("2", "1", "3"))
    assert find_rows(truth, ["1", "2", "3"], numbers_first=True).tolist() == [1, 0, 2]


def test_of_photos_of_one_name_the_one_in_the_same_folders_is_meant() -> None:
    truth = table(("100/IMG_1", "101/IMG_1", "102/IMG_2"))
    asked = ["101/IMG_1", "DCIM/100/IMG_1.jpg", "elsewhere/IMG_1", "IMG_1", "IMG_2"]
    assert find_rows(truth, asked).tolist() == [1, 0, -1, -1, 2]


@pytest.mark.parametrize(
    ("truth", "predicted", "message"),
    [
        (("000042",), ("000042", "42"), "duplicate image id '000042': '000042' and '42' both match it"),
        (("a",), ("a", "a.jpg"), "duplicate image id 'a'"),
        (("a",), ("x/a", "y/a"), "duplicate image id 'a'"),
        (("42", "042"), ("0042",), "ambiguous image id '0042': it could be '42' or '042'"),
    ],
)
def test_what_is_ambiguous_is_refused(truth: tuple[str, ...], predicted: tuple[str, ...], message: str) -> None:
    with pytest.raises(DataError, match=message):
        join(table(truth), table(predicted))


@settings(deadline=None)
@given(st.permutations([f"{number:06}" for number in range(8)]), st.integers(1, 8))
def test_a_join_has_the_truths_rows_whatever_the_order(images: list[str], kept: int) -> None:
    truth = table(tuple(f"{number:06}" for number in range(8)))
    _, found, missing = join(truth, truth.select(images[:kept]))
    assert sorted(found.images + missing) == list(truth.images)
    assert list(found.images) == sorted(found.images)
    assert [f"{int(count):06}" for count in found.counts[:, 0]] == list(found.images)


def test_a_tenth_of_the_images_may_be_missing() -> None:
    check_missing(["a"], 10, "counts.csv")
    with pytest.raises(DataError, match=r"counts\.csv: 2 of 19 images are missing, such as 'a'"):
        check_missing(["a", "b"], 19, "counts.csv")
    with pytest.raises(DataError, match="no images to score"):
        check_missing([], 0, "counts.csv")
