"""A detector as a teacher: its boxes are soft targets for what nobody annotated."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from test_mixture import ALL, config_of, write_coco
from tiny import write_voc

from counting.detection.detections import Detections
from counting.detection.photo_boxes import boxes_on
from counting.inputs.grid import Grid
from counting.inputs.views import View
from counting.networks.locating import CentreMaps, centre_loss
from counting.networks.losses import CountLoss
from counting.training.data import load_data
from counting.training.run import train_counter
from counting.training.run_folder import RunFolder
from counting.training.teacher import TeacherLoss, with_teacher
from counting_datasets.catalog import in_categories
from counting_datasets.categories import COCO_CATEGORIES, VOC_CATEGORIES
from counting_datasets.errors import CountingError, DataError
from counting_datasets.scene import Scene, SceneSet

NAMES = ("cat", "cup", "dog")


def scene_of(name: str, boxes: list[list[float]], labels: list[int], known: list[bool] | None = None) -> Scene:
    flags = np.zeros(len(labels), dtype=bool)
    return Scene(
        name,
        name,
        Path(f"{name}.jpg"),
        (100, 100),
        np.array(boxes, dtype=np.float64).reshape(-1, 4),
        np.array(labels, dtype=np.int64),
        flags,
        flags,
        NAMES,
        known=None if known is None else np.array(known),
    )


def scene_set(*scenes: Scene, family: str = "coco") -> SceneSet:
    return SceneSet("own", "train", family, scenes[0].categories, scenes)


def detections(scenes: SceneSet, rows: list[tuple[int, int, list[float], float]]) -> Detections:
    """Boxes from (photo, category, box, score)."""
    image, category, boxes, scores = (np.array(column) for column in zip(*rows, strict=True))
    ids = tuple(scene.id for scene in scenes)
    return Detections(ids, scenes.categories, image, category, boxes.astype(np.float64), scores)


SMALL, LARGE = [10.0, 10, 30, 30], [40.0, 40, 100, 100]


@pytest.fixture
def parts() -> tuple[SceneSet, Detections]:
    """Photos annotated for cats; a detector that is right about cats of score .9, wrong about those of .2."""
    photos = [scene_of(f"photo{row}", [SMALL], [0], [True, False, True]) for row in range(40)]
    found = [(row, 0, SMALL, 0.9) for row in range(40)] + [(row, 0, LARGE, 0.2) for row in range(40)]
    cups = [(0, 1, LARGE, 0.9), (0, 1, SMALL, 0.05), (1, 1, SMALL, 0.9)]
    return scene_set(*photos), detections(scene_set(*photos), [*found, *cups])


class TestBoxes:
    def test_what_was_not_annotated_is_suspected_with_the_probability_of_its_score(
        self, parts: tuple[SceneSet, Detections]
    ) -> None:
        (taught,) = with_teacher([parts], distill=False)
        first = taught[0]
        assert first.labels.tolist() == [0, 1]
        np.testing.assert_array_equal(first.boxes, [SMALL, LARGE])
        assert first.suspected is not None
        assert first.suspected[0] == 1
        assert 0.9 < first.suspected[1] < 1
        assert taught[2].labels.tolist() == [0]

    def test_suspected_boxes_never_count(self, parts: tuple[SceneSet, Detections]) -> None:
        (taught,) = with_teacher([parts], distill=True)
        np.testing.assert_array_equal(taught.counts(ALL), parts[0].counts(ALL))
        np.testing.assert_array_equal(taught.known_counts(ALL), parts[0].known_counts(ALL))

    def test_distillation_suspects_annotated_categories_too(self, parts: tuple[SceneSet, Detections]) -> None:
        (taught,) = with_teacher([parts], distill=True)
        assert taught[0].labels.tolist() == [0, 0, 1]

    def test_photos_without_a_teacher_stay_as_they_are(self, parts: tuple[SceneSet, Detections]) -> None:
        other = scene_set(scene_of("other", [SMALL], [1]))
        _, same = with_teacher([parts, (other, None)], distill=True)
        assert same is other

    def test_a_detector_without_a_true_box_cannot_teach(self, parts: tuple[SceneSet, Detections]) -> None:
        scenes, boxes = parts
        with pytest.raises(DataError, match="true and false ones"):
            with_teacher([(scenes, boxes.where(boxes.category == 1))], distill=False)


def taught_scene() -> Scene:
    """A cat; a cup suspected with .8 that lies in two of four cells. Cats and dogs are annotated."""
    scene = scene_of("photo", [[0, 0, 50, 50], [0, 0, 100, 50]], [0, 1], [True, False, True])
    return scene.replaced(suspected=np.array([1, 0.8]))


def whole(scene: Scene) -> View:
    return View(scene.boxes / 100, np.arange(len(scene.labels)))


class TestTargets:
    def target(self, scene: Scene, view: View, *, distill: bool = False) -> NDArray[np.float32]:
        criterion = CountLoss("mse", ("cells",))
        return np.asarray(TeacherLoss(0.5, criterion, Grid(2), distill).target(scene, view))

    def test_a_box_counts_as_probable_as_it_is_and_by_its_share_in_each_cell(self) -> None:
        found = self.target(taught_scene(), whole(taught_scene()))
        np.testing.assert_allclose(found[:, 1], [0.4, 0.4, 0, 0], rtol=1e-6)
        assert np.isnan(found[:, [0, 2]]).all()

    def test_distillation_has_targets_of_every_category(self) -> None:
        found = self.target(taught_scene(), whole(taught_scene()), distill=True)
        np.testing.assert_allclose(found.sum(axis=0), [0, 0.8, 0], rtol=1e-6)

    def test_a_view_keeps_the_boxes_that_are_in_it(self) -> None:
        view = View(np.array([[0, 0, 1, 1.0]]), np.array([1]))
        np.testing.assert_allclose(self.target(taught_scene(), view)[:, 1], [0.2] * 4, rtol=1e-6)

    def test_without_a_teacher_there_is_no_target(self) -> None:
        scene = scene_of("photo", [SMALL], [0], [True, False, True])
        assert np.isnan(self.target(scene, whole(scene))).all()

    def test_maps_of_centres_rule_out_what_is_not_suspected(self) -> None:
        maps = CentreMaps(ALL, 10)(taught_scene(), whole(taught_scene()))
        assert (maps[0] == 1).sum() == 1
        assert maps[1].max() == pytest.approx(0.8)
        assert np.isfinite(maps).all()
        loss = centre_loss(torch.zeros(1, 3, 10, 10), torch.from_numpy(maps)[None])
        assert loss.isfinite()


class TestFiles:
    def packed(self, folder: Path, **changes: Any) -> Path:
        arrays: dict[str, Any] = {
            "names": np.array(["b", "a", "elsewhere"]),
            "image": np.array([0, 1, 2], dtype=np.int32),
            "category": np.array(
                [COCO_CATEGORIES.index("couch"), COCO_CATEGORIES.index("cup"), 0], dtype=np.uint8
            ),
            "box": np.array([[0, 0, 65535, 13107]] * 3, dtype=np.uint16),
            "score": np.array([255, 51, 9], dtype=np.uint8),
        }
        np.savez(folder / "boxes.npz", **{**arrays, **changes})
        return folder / "boxes.npz"

    scenes = scene_set(scene_of("a", [], []), scene_of("b", [], []), scene_of("c", [], []))

    def test_packed_boxes_are_shares_of_the_photo(self, tmp_path: Path) -> None:
        found = boxes_on(self.packed(tmp_path), self.scenes, ("cup", "sofa"))
        assert found.images == ("a", "b", "c")
        assert sorted(zip(found.image.tolist(), found.category.tolist(), strict=True)) == [(0, 0), (1, 1)]
        np.testing.assert_allclose(found.boxes, [[0, 0, 100, 20]] * 2)
        assert sorted(found.scores.tolist()) == [0.2, 1.0]

    @pytest.mark.parametrize(
        "changes",
        [
            {"image": np.array([0, 1, 7])},
            {"category": np.array([0, 1, 80])},
            {"score": np.array([1.5, 0.2, 0.1])},
            {"box": np.zeros((3, 3), dtype=np.uint16)},
            {"names": np.array("b")},
            {"image": np.array([{}, {}, {}])},
        ],
    )
    def test_damaged_packed_boxes_are_refused(self, tmp_path: Path, changes: dict[str, Any]) -> None:
        path = self.packed(tmp_path, **changes)
        with pytest.raises(DataError, match=r"boxes\.npz: "):
            boxes_on(path, self.scenes, NAMES)

    def test_what_is_no_npz_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "boxes.npz").write_text("no")
        with pytest.raises(DataError, match=r"boxes\.npz: no packed boxes"):
            boxes_on(tmp_path / "boxes.npz", self.scenes, NAMES)

    def results(self, folder: Path, category_id: int) -> Path:
        row = {"image_id": "b", "category_id": category_id, "bbox": [1, 2, 3, 4], "score": 0.5}
        (folder / "boxes.json").write_text(json.dumps([row]))
        return folder / "boxes.json"

    def test_ids_of_a_results_file_are_those_of_the_annotation_file(self, tmp_path: Path) -> None:
        own = SceneSet("own", "train", "coco", NAMES, self.scenes.scenes, {"4": "cat", "7": "cup", "9": "dog"})
        found = boxes_on(self.results(tmp_path, 7), own, ("dog", "cup"))
        assert (found.image.tolist(), found.category.tolist()) == ([1], [1])
        np.testing.assert_array_equal(found.boxes, [[1, 2, 4, 6]])

    def test_a_detector_may_know_more_than_the_annotation_file(self, tmp_path: Path) -> None:
        own = SceneSet("own", "train", "coco", NAMES, self.scenes.scenes, {"17": "cat", "18": "dog"})
        found = boxes_on(self.results(tmp_path, 47), own, ("cup",))
        assert (found.image.tolist(), found.category.tolist()) == ([1], [0])

    @pytest.mark.parametrize(("category_id", "name"), [(20, "tv"), (47, "cup")])
    def test_on_voc_they_are_vocs_or_else_cocos(self, tmp_path: Path, category_id: int, name: str) -> None:
        voc = in_categories(self.scenes, VOC_CATEGORIES, partly=True)
        found = boxes_on(self.results(tmp_path, category_id), voc, COCO_CATEGORIES)
        assert [COCO_CATEGORIES[k] for k in found.category] == [name]


class TestTraining:
    def sources(self, folder: Path) -> list[dict[str, Any]]:
        """VOC's photos with blue and red; the same photos again with red alone, and a detector that sees both."""
        voc = write_voc(folder / "voc")
        coco = write_coco(folder / "coco", voc)
        own = load_data(config_of({"name": "voc", "root": str(voc)})).train
        rows = []
        for number, scene in enumerate(own):
            for (x0, y0, x1, y1), label in zip(scene.boxes.tolist(), scene.labels, strict=True):
                box = [x0, y0, x1 - x0, y1 - y0]
                rows.append({"image_id": number, "category_id": [8, 7][label], "bbox": box, "score": 0.9})
            rows.append({"image_id": number, "category_id": 7, "bbox": [0, 0, 2, 2], "score": 0.1})
        instances = coco / "annotations" / "instances_photos.json"
        content = json.loads(instances.read_text())
        content["categories"].append({"id": 8, "name": "blue"})
        boxes = folder / "boxes.json"
        boxes.write_text(json.dumps(rows))
        instances.write_text(json.dumps(content))
        return [
            {"name": "voc", "root": str(voc), "train": "train", "val": "val"},
            {"name": "coco", "root": str(coco), "train": "photos", "boxes": str(boxes)},
        ]

    @pytest.mark.parametrize("distill", [False, True])
    @pytest.mark.parametrize("counter", ["aso_sub", "loc_sub"])
    def test_a_counter_learns_from_a_teacher_too(self, tmp_path: Path, counter: str, distill: bool) -> None:
        sections: dict[str, Any] = {"teacher": {"distill": distill}}
        if counter == "loc_sub":
            sections |= {
                "counter": counter,
                "backbone": {"name": "tiny", "frozen": False},
                "head": {"depth": 8, "hidden": 8, "heads": 2, "dropout": 0.0},
                "loss": {"centres": 1.0},
            }
        config = config_of(self.sources(tmp_path), **sections)
        trained = train_counter(config, RunFolder(tmp_path / "run"), device="cpu")
        losses = [epoch["loss"] for epoch in trained.progress.history]
        assert losses[-1] < losses[0]  # type: ignore[operator]

    def test_a_teacher_is_off_unless_asked_for_and_needs_boxes(self, tmp_path: Path) -> None:
        sources = self.sources(tmp_path)
        with pytest.raises(CountingError, match="boxes require a section teacher"):
            config_of(sources)
        del sources[1]["boxes"]
        with pytest.raises(CountingError, match="teacher: give a file of boxes"):
            config_of(sources, teacher={})
        assert config_of(sources).teacher is None
