"""Categories that nobody annotated in a photo: unknown is not zero."""

import json
from pathlib import Path

import numpy as np
import pytest

from counting_datasets.catalog import Place, in_categories, load
from counting_datasets.coco import load_coco
from counting_datasets.errors import DataError
from counting_datasets.scene import SceneSet

IMAGES = [{"id": 1, "file_name": "a.jpg", "width": 20, "height": 10}]
CATEGORIES = [{"id": 3, "name": "person"}, {"id": 5, "name": "couch"}, {"id": 9, "name": "cup"}]


def scenes(folder: Path, crowd_categories: object = None, *, crowd: int = 0) -> SceneSet:
    """One photo with a cup and a couch."""
    image = IMAGES[0] | ({} if crowd_categories is None else {"crowd_categories": crowd_categories})
    objects = [
        {"id": 1, "image_id": 1, "category_id": 9, "bbox": [0, 0, 5, 5], "iscrowd": crowd},
        {"id": 2, "image_id": 1, "category_id": 5, "bbox": [0, 0, 5, 5]},
    ]
    file = folder / "instances_train.json"
    file.write_text(json.dumps({"images": [image], "annotations": objects, "categories": CATEGORIES}))
    return load_coco(file, folder, split="train")


def test_every_category_of_a_data_set_is_known(tmp_path: Path) -> None:
    assert scenes(tmp_path).known().tolist() == [[True, True, True]]
    assert scenes(tmp_path)[0].certain().tolist() == [True, True, True]


@pytest.mark.parametrize(("crowds", "known"), [([3], [False, True, True]), ([], [True] * 3), ([3, 9], [0, 1, 0])])
def test_categories_with_an_unannotated_crowd_are_unknown(
    tmp_path: Path, crowds: list[int], known: list[bool]
) -> None:
    assert scenes(tmp_path, crowds).known().tolist() == [known]


def test_an_annotated_crowd_is_known_but_its_number_is_not_certain(tmp_path: Path) -> None:
    found = scenes(tmp_path, [3], crowd=1)
    assert found.known().tolist() == [[False, True, True]]
    assert found[0].certain().tolist() == [False, True, False]


@pytest.mark.parametrize("crowds", [[4], 3, "person", [[3]]])
def test_crowds_of_no_category_are_refused(tmp_path: Path, crowds: object) -> None:
    with pytest.raises(DataError, match=r"image 1 has crowd_categories .* not a list of category ids"):
        scenes(tmp_path, crowds)


class TestOtherCategories:
    def test_categories_that_a_data_set_lacks_are_unknown(self, tmp_path: Path) -> None:
        found = in_categories(scenes(tmp_path), ("sofa", "dog", "cup"), partly=True)
        assert found.known().tolist() == [[True, False, True]]
        assert found[0].labels.tolist() == [2, 0]

    def test_what_was_unknown_stays_so_under_its_other_name(self, tmp_path: Path) -> None:
        found = in_categories(scenes(tmp_path, [5, 3]), ("sofa", "dog", "cup"), partly=True)
        assert found.known().tolist() == [[False, False, True]]

    def test_a_choice_of_known_categories_is_known(self, tmp_path: Path) -> None:
        assert in_categories(scenes(tmp_path, [3]), ("cup", "sofa")).known().tolist() == [[True, True]]

    def test_a_data_set_without_any_of_the_categories_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match="coco has no category dog, cat"):
            in_categories(scenes(tmp_path), ("dog", "cat"), partly=True)


class TestReal:
    def test_crowds_of_the_coco_subset_are_unknown(self, data_root: Path) -> None:
        found = load("coco", "val2014_subset", Place(data_root / "coco"))
        file = json.loads((data_root / "coco/annotations/instances_val2014_subset.json").read_text())
        expected = sum(len(image["crowd_categories"]) for image in file["images"])
        assert np.count_nonzero(~found.known()) == expected > 0
