"""CountTable: what it is, its categories, and how two are joined."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counting.tables.count_table import CountTable, check_missing, join
from counting_datasets.categories import COCO_CATEGORIES, VOC_CATEGORIES
from counting_datasets.errors import DataError
from counting_datasets.protocol import Protocol
from counting_datasets.scene import Scene, SceneSet


def table(images: tuple[str, ...], numbers: tuple[str, ...] | None = None) -> CountTable:
    """Image i has i cats."""
    return CountTable(images, ("cat",), np.arange(len(images), dtype=float)[:, None], numbers=numbers)


def with_cells() -> CountTable:
    counts = np.arange(4.0).reshape(2, 2)
    return CountTable(("a", "b"), ("cat", "dog"), counts, cells=counts[:, None].astype(np.float32))


# What a table is


@pytest.mark.parametrize(
    ("images", "categories", "counts", "message"),
    [
        (("a", "a"), ("cat",), np.zeros((2, 1)), "image 'a' is there twice"),
        (("a", "b"), ("cat", "cat"), np.zeros((2, 2)), "category 'cat' is there twice"),
        (("a", ""), ("cat",), np.zeros((2, 1)), "image number 2 has no name"),
        (("a",), (), np.zeros((1, 0)), "at least one category"),
        (("a",), ("cat",), np.zeros((2, 1)), "1 images and 1 categories"),
        (("a", "b"), ("cat",), np.array([[0], [np.nan]]), "image 'b' has no finite count of 'cat'"),
        (("a",), ("cat",), np.array([[np.inf]]), "no finite count"),
    ],
)
def test_what_is_no_table_is_refused(images: Any, categories: Any, counts: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        CountTable(images, categories, counts)


def test_cells_and_numbers_must_fit() -> None:
    with pytest.raises(DataError, match="cells are"):
        CountTable(("a",), ("cat",), np.zeros((1, 1)), cells=np.zeros((1, 9, 2), dtype=np.float32))
    with pytest.raises(DataError, match="no finite"):
        CountTable(("a",), ("cat",), np.zeros((1, 1)), cells=np.full((1, 9, 1), np.nan, dtype=np.float32))
    with pytest.raises(DataError, match="2 numbers for 1 images"):
        table(("a",), numbers=("1", "2"))


def test_truth_comes_from_scenes_under_a_protocol() -> None:
    def scene(name: str, labels: list[int], difficult: list[bool]) -> Scene:
        boxes, n = np.zeros((len(labels), 4)), len(labels)
        flags, crowd = np.array(difficult, dtype=bool), np.zeros(n, dtype=bool)
        kinds = np.array(labels, dtype=np.int64)
        return Scene(f"x_00{name}", name, Path("x.jpg"), (9, 9), boxes, kinds, flags, crowd, ("cat", "dog"))

    pair = (scene("1", [1, 1, 0], [False, True, True]), scene("2", [0], [True]))
    scenes = SceneSet("own", "val", "coco", ("cat", "dog"), pair)
    everything = CountTable.from_scenes(scenes, Protocol())
    assert everything.counts.tolist() == [[1, 2], [1, 0]]
    assert (everything.images, everything.numbers) == (("x_001", "x_002"), ("1", "2"))
    ilc = CountTable.from_scenes(scenes, Protocol.parse("ilc", "coco"))
    assert (ilc.images, ilc.counts.tolist()) == (("x_001",), [[0, 1]])


def test_rows_are_selected_in_the_order_asked() -> None:
    chosen = with_cells().select(("b", "a"))
    assert chosen.counts.tolist() == [[2, 3], [0, 1]]
    assert chosen.cells is not None
    assert chosen.cells.tolist() == [[[2, 3]], [[0, 1]]]
    with pytest.raises(DataError, match="'nine'"):
        chosen.select(("nine",))


def test_coco_counts_serve_voc_categories_under_either_name() -> None:
    counts = np.arange(80, dtype=float)[None]
    coco = CountTable(("a",), COCO_CATEGORIES, counts, cells=counts[None].astype(np.float32))
    voc = coco.in_categories(VOC_CATEGORIES)
    expected = {"sofa": "couch", "tvmonitor": "tv", "aeroplane": "airplane", "person": "person"}
    assert voc.categories == VOC_CATEGORIES
    assert voc.cells is not None
    for name, theirs in expected.items():
        column = VOC_CATEGORIES.index(name)
        assert voc.counts[0, column] == voc.cells[0, 0, column] == COCO_CATEGORIES.index(theirs)
    with pytest.raises(DataError, match="lack 'truck' and 59 more categories"):
        voc.in_categories(COCO_CATEGORIES)
    with pytest.raises(DataError, match="two columns for 'aeroplane': 'plane' and 'airplane'"):
        CountTable(("a",), ("plane", "airplane"), np.ones((1, 2))).in_categories(("aeroplane",))


def test_a_column_of_the_same_name_comes_before_a_synonyms() -> None:
    table = CountTable(("a",), ("bike", "bicycle"), np.array([[1.0, 2.0]]))
    assert table.in_categories(("bicycle", "bike")).counts.tolist() == [[2, 1]]
    assert table.in_categories(("bicycle",)).counts.tolist() == [[2]]


# Joining


@pytest.mark.parametrize(
    ("truth", "numbers", "predicted"),
    [
        ("000042", None, "000042"),
        ("party", "photo-42", "photo-42"),
        ("COCO_val2014_000000000042", "42", "42"),
        ("COCO_val2014_000000000042", "42", "000042"),
        ("000042", None, "42"),
        ("42", None, "000042"),
    ],
    ids=["stem", "number", "number in digits", "value of the number", "value", "value, padded"],
)
def test_join_finds_the_image(truth: str, numbers: str | None, predicted: str) -> None:
    ours = table(("other", truth), numbers=None if numbers is None else ("1", numbers))
    true, found, missing = join(ours, table((predicted, "elsewhere")))
    assert true.images == found.images == (truth,)
    assert (true.counts.item(), found.counts.item()) == (1, 0)
    assert missing == ("other",)


def test_join_prefers_the_stem_to_the_number_and_keeps_the_truths_order() -> None:
    truth = table(("1", "2", "b"), numbers=("2", "1", "3"))
    _, found, missing = join(truth, table(("3", "2", "1")))
    assert found.counts[:, 0].tolist() == [2, 1, 0]
    assert found.images == truth.images
    assert missing == ()


@pytest.mark.parametrize(
    ("truth", "predicted", "message"),
    [
        (("000042",), ("000042", "42"), "two rows of counts for image '000042': '000042' and '42'"),
        (("42", "042"), ("0042",), "'0042' of the counts could be '42' or '042'"),
    ],
)
def test_join_refuses_what_is_ambiguous(truth: tuple[str, ...], predicted: tuple[str, ...], message: str) -> None:
    with pytest.raises(DataError, match=message):
        join(table(truth), table(predicted))


@settings(deadline=None)
@given(st.permutations([f"{number:06}" for number in range(8)]), st.integers(1, 8))
def test_join_is_the_truths_rows_whatever_the_order(images: list[str], kept: int) -> None:
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


def test_distributions_follow_their_images_and_categories() -> None:
    distribution = np.random.default_rng(0).dirichlet(np.ones(4), size=(3, 2)).astype(np.float32)
    table = CountTable(("a", "b", "c"), ("cat", "dog"), np.zeros((3, 2)), distribution=distribution)
    chosen = table.select(["c", "a"]).in_categories(["dog"])
    assert np.array_equal(chosen.distribution, distribution[[2, 0]][:, [1]])


@pytest.mark.parametrize(
    ("probabilities", "message"),
    [
        ([0.5, 0.4], "the distribution of 'cat' in image 'a' is not of probabilities that sum to 1"),
        ([1.5, -0.5], "is not of probabilities"),
        ([np.nan, 1], "is not of probabilities"),
    ],
)
def test_a_distribution_that_is_none_is_refused(probabilities: list[float], message: str) -> None:
    with pytest.raises(DataError, match=message):
        CountTable(("a",), ("cat",), np.ones((1, 1)), distribution=np.array([[probabilities]], dtype=np.float32))
