"""CountTable: its parts, its rows and its categories."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from counting.tables.count_table import CountTable
from counting_datasets.categories import COCO_CATEGORIES, VOC_CATEGORIES
from counting_datasets.errors import DataError
from counting_datasets.protocol import Protocol
from counting_datasets.scene import Scene, SceneSet


def with_cells() -> CountTable:
    counts = np.arange(4.0).reshape(2, 2)
    return CountTable(("a", "b"), ("cat", "dog"), counts, cells=counts[:, None].astype(np.float32))


# What a table is


@pytest.mark.parametrize(
    ("images", "categories", "counts", "message"),
    [
        (("a", "a"), ("cat",), np.zeros((2, 1)), "duplicate image id 'a'"),
        (("a", "b"), ("cat", "cat"), np.zeros((2, 2)), "duplicate category 'cat'"),
        (("a", ""), ("cat",), np.zeros((2, 1)), "image id 2 of 2 is empty"),
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
    with pytest.raises(DataError, match="2 image numbers for 1 images"):
        CountTable(("a",), ("cat",), np.zeros((1, 1)), numbers=("1", "2"))


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
    assert everything.category_ids is None
    numbered = replace(scenes, category_ids={"0": "animal", "7": "cat", "9": "dog"})
    assert CountTable.from_scenes(numbered, Protocol()).category_ids == numbered.category_ids
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
    with pytest.raises(DataError, match="two columns for 'tvmonitor': 'tv' and 'television'"):
        CountTable(("a",), ("tv", "television"), np.ones((1, 2))).in_categories(("tvmonitor",))


def test_distributions_follow_their_images_and_categories() -> None:
    distribution = np.random.default_rng(0).dirichlet(np.ones(4), size=(3, 2)).astype(np.float32)
    table = CountTable(("a", "b", "c"), ("cat", "dog"), np.zeros((3, 2)), distribution=distribution)
    chosen = table.select(["c", "a"]).in_categories(["dog"])
    assert np.array_equal(chosen.distribution, distribution[[2, 0]][:, [1]])


@pytest.mark.parametrize(
    ("probabilities", "message"),
    [
        ([0.5, 0.4], "the distribution of 'cat' in image 'a' does not consist of probabilities that sum to 1"),
        ([1.5, -0.5], "does not consist of probabilities"),
        ([np.nan, 1], "does not consist of probabilities"),
    ],
)
def test_a_distribution_that_is_none_is_refused(probabilities: list[float], message: str) -> None:
    with pytest.raises(DataError, match=message):
        CountTable(("a",), ("cat",), np.ones((1, 1)), distribution=np.array([[probabilities]], dtype=np.float32))
