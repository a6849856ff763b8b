"""Categories that nobody annotated in a photo: unknown is not zero."""

import io
import json
import re
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch
from rich.console import Console
from tiny import tiny_cells

from counting.evaluation.arrays import evaluate as evaluate_arrays
from counting.evaluation.breakdown import errors_by_true_count
from counting.evaluation.distribution_scores import distribution_scores
from counting.evaluation.score_tables import category_table
from counting.evaluation.scores import compare, evaluate
from counting.inputs.batches import ViewDataset
from counting.inputs.grid import Grid
from counting.inputs.views import View
from counting.networks.counters import build_counter
from counting.networks.locating import CentreMaps, centre_loss
from counting.networks.losses import CountLoss, balancing_weights
from counting.report.report import write_report
from counting.stats.count_distribution import fit_calibration
from counting.stats.metrics import FIGURES, Floats, count_metrics
from counting.tables.count_table import CountTable
from counting_datasets.catalog import Place, in_categories, load
from counting_datasets.coco import load_coco
from counting_datasets.errors import DataError
from counting_datasets.protocol import Protocol
from counting_datasets.scene import Scene, SceneSet

IMAGES = [{"id": 1, "file_name": "a.jpg", "width": 20, "height": 10}]
ALL, NO_CROWD = Protocol(), Protocol(no_crowd=True)
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
    assert scenes(tmp_path).known_counts(ALL).tolist() == [[True, True, True]]
    assert scenes(tmp_path)[0].certain_counts().tolist() == [True, True, True]


@pytest.mark.parametrize(("crowds", "known"), [([3], [False, True, True]), ([], [True] * 3), ([3, 9], [0, 1, 0])])
def test_categories_with_an_unannotated_crowd_are_unknown_without_crowds(
    tmp_path: Path, crowds: list[int], known: list[bool]
) -> None:
    found = scenes(tmp_path, crowds)
    assert found.known_counts(ALL).tolist() == [[True, True, True]]
    assert found.known_counts(NO_CROWD).tolist() == [known]
    assert found[0].certain_counts().tolist() == known


def test_an_annotated_crowd_is_counted_or_left_out_but_its_number_is_not_certain(tmp_path: Path) -> None:
    found = scenes(tmp_path, [3], crowd=1)
    assert found.counts(ALL).tolist() == [[0, 1, 1]]
    assert found.counts(NO_CROWD).tolist() == [[0, 1, 0]]
    assert found.known_counts(NO_CROWD).tolist() == [[False, True, True]]
    assert found[0].certain_counts().tolist() == [False, True, False]


@pytest.mark.parametrize("crowds", [[4], 3, "person", [[3]]])
def test_crowds_of_no_category_are_refused(tmp_path: Path, crowds: object) -> None:
    with pytest.raises(DataError, match=r"image 1 has crowd_categories .* should be a list of category ids"):
        scenes(tmp_path, crowds)


class TestOtherCategories:
    def test_categories_that_a_data_set_lacks_are_unknown(self, tmp_path: Path) -> None:
        found = in_categories(scenes(tmp_path), ("sofa", "dog", "cup"), partly=True)
        assert found.known_counts(ALL).tolist() == [[True, False, True]]
        assert found[0].labels.tolist() == [2, 0]

    def test_what_was_unknown_stays_so_under_its_other_name(self, tmp_path: Path) -> None:
        found = in_categories(scenes(tmp_path, [5, 3]), ("sofa", "dog", "cup"), partly=True)
        assert found.known_counts(ALL).tolist() == [[True, False, True]]
        assert found.known_counts(NO_CROWD).tolist() == [[False, False, True]]
        again = in_categories(found, ("dog", "sofa"), partly=True)
        assert again.known_counts(NO_CROWD).tolist() == [[False, False]]
        assert again.known_counts(ALL).tolist() == [[False, True]]

    def test_a_choice_of_known_categories_is_known(self, tmp_path: Path) -> None:
        found = in_categories(scenes(tmp_path, [3]), ("cup", "sofa"))
        assert found.known_counts(NO_CROWD).tolist() == [[True, True]]

    def test_a_data_set_without_any_of_the_categories_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match="coco has no category 'dog', 'cat'"):
            in_categories(scenes(tmp_path), ("dog", "cat"), partly=True)


class TestScores:
    """The figures with unknown counts are those of each category over its known images."""

    random = np.random.default_rng(0)
    true: Floats = random.integers(0, 4, (40, 3)).astype(float)
    predicted: Floats = true + random.normal(size=(40, 3))
    known = random.random((40, 3)) < 0.6
    names = ("cat", "cup", "dog")

    def truth(self) -> CountTable:
        images = tuple(f"photo{row}" for row in range(40))
        return CountTable(images, self.names, np.where(self.known, self.true, 0), known=self.known)

    def counts(self, counts: Floats) -> CountTable:
        return CountTable(tuple(reversed(self.truth().images)), self.names, counts[::-1])

    def by_category(self, predicted: Floats, figure: str) -> list[float]:
        return [
            getattr(count_metrics(predicted[rows, k : k + 1], self.true[rows, k : k + 1], ("one",)), figure)
            for k, rows in enumerate(self.known.T)
        ]

    def test_metrics(self) -> None:
        found = count_metrics(self.predicted, self.true, self.names, known=self.known)
        for figure in FIGURES:
            expected = self.by_category(self.predicted, figure)
            assert [found.per_category[name][figure] for name in self.names] == pytest.approx(expected)
            assert getattr(found, figure) == pytest.approx(np.mean(expected))

    @pytest.mark.filterwarnings("error")
    def test_a_category_that_is_known_nowhere_has_no_metric(self) -> None:
        known = np.array([[True, False], [True, False]])
        found = count_metrics([[1, 5], [0, 5]], [[1, 0], [1, 0]], ("cat", "cup"), known=known)
        assert np.isnan(found.per_category["cup"]["mRMSE"])
        assert found.mRMSE == pytest.approx(np.sqrt(0.5))

    def test_tables_carry_what_is_known_through_joins_and_other_orders(self) -> None:
        order = ("dog", "cat")
        truth = self.truth().in_categories(order).select(self.truth().images[5:])
        found = evaluate(
            self.counts(self.predicted), truth, counter="c", data="d", split="s", protocol="all", resamples=20
        )
        expected = [
            count_metrics(self.predicted[rows, k : k + 1], self.true[rows, k : k + 1], ("one",)).mRMSE
            for k in (2, 0)
            for rows in [np.flatnonzero(self.known[:, k] & (np.arange(40) >= 5))]
        ]
        assert [found.metrics.per_category[name]["mRMSE"] for name in order] == pytest.approx(expected)
        assert found.intervals["mRMSE"].low < found.metrics.mRMSE < found.intervals["mRMSE"].high
        assert evaluate_arrays(self.counts(self.predicted), truth, order).mRMSE == found.metrics.mRMSE

    def test_differences_are_those_of_the_metrics(self) -> None:
        ours, theirs = (
            evaluate(self.counts(counts), self.truth(), counter="c", data="d", split="s", protocol="all")
            for counts in (self.predicted, np.zeros_like(self.true))
        )
        expected = ours.metrics.mRMSE - theirs.metrics.mRMSE
        assert compare(ours, theirs, 10)["mRMSE"].difference == pytest.approx(expected)

    def test_unknown_counts_teach_a_calibration_nothing(self) -> None:
        raw, true, known = (torch.from_numpy(array) for array in (self.predicted, self.true, self.known))
        wrong = torch.where(known, true, torch.full_like(true, 3))
        fitted, other = (fit_calibration(raw, counts, known).weights for counts in (true, wrong))
        torch.testing.assert_close(fitted, other)

    def test_error_groups_and_tables_leave_out_what_is_not_known(self) -> None:
        found = evaluate(
            self.counts(self.predicted), self.truth(), counter="c", data="d", split="s", protocol="all"
        )
        groups = errors_by_true_count(self.predicted, found.true_counts())
        assert sum(group.pairs for group in groups) == self.known.sum()
        table = Console(width=120, file=io.StringIO())
        table.print(category_table(found))
        there = int(((self.true > 0) & self.known)[:, 0].sum())
        assert re.search(rf"cat\s+{there}\s", table.file.getvalue())  # type: ignore[attr-defined]

    def test_a_report_is_written_of_partly_known_counts(self, tmp_path: Path) -> None:
        calibration = fit_calibration(torch.from_numpy(self.predicted), torch.from_numpy(self.true))
        counts = replace(
            self.counts(self.predicted), distribution=calibration.distribution(self.predicted[::-1].copy())
        )
        found = evaluate(counts, self.truth(), counter="c", data="d", split="s", protocol="all")
        assert write_report(found, tmp_path, None).is_file()

    def test_distributions_are_scored_where_the_count_is_known(self) -> None:
        distribution = self.random.dirichlet(np.ones(5), (40, 3)).astype(np.float32)
        found = distribution_scores(distribution, self.true, self.known)
        expected = [-np.log(distribution[i, k, int(self.true[i, k])]) for i, k in np.argwhere(self.known)]
        assert found.log_score == pytest.approx(np.mean(expected), rel=1e-5)
        assert found.transforms.shape == (self.known.sum(),)


class TestLosses:
    """What is unknown has no part in a loss: the loss is that of the known categories alone."""

    raw = torch.randn(6, 4, 3, generator=torch.Generator().manual_seed(0))
    target = torch.rand(6, 4, 3, generator=torch.Generator().manual_seed(1))

    def partly_known(self) -> torch.Tensor:
        return torch.cat([self.target[..., :2], torch.full((6, 4, 1), torch.nan)], dim=2)

    @pytest.mark.parametrize("kind", ["mse", "huber"])
    def test_count_loss(self, kind: Literal["mse", "huber"]) -> None:
        raw = self.raw.clone().requires_grad_()
        loss = CountLoss(kind, ("cells", 2, "sum"), weights=torch.tensor([1.0, 2.0, 3.0]))
        expected = CountLoss(kind, ("cells", 2, "sum"), weights=torch.tensor([1.0, 2.0]))
        found = loss(raw, self.partly_known())
        found.backward()
        torch.testing.assert_close(found, expected(raw[..., :2], self.target[..., :2]))
        assert raw.grad is not None
        assert raw.grad.isfinite().all()
        assert not raw.grad[..., 2].any()

    def test_count_loss_of_nothing_known_is_0(self) -> None:
        assert CountLoss("mse", ("cells",))(self.raw, torch.full_like(self.raw, torch.nan)) == 0

    def test_cross_entropy_of_counts_as_classes(self) -> None:
        cells = tiny_cells()
        both, one = (
            build_counter("gt_class", cells, names, {"hidden": [4], "largest": 3})
            for names in (("a", "b"), ("a",))
        )
        logits, counts = torch.randn(5, 1, 2, 4), torch.tensor([0.0, 1, 2, 3, 4])[:, None, None]
        criterion = CountLoss("mse", ("sum",))
        unknown = torch.cat([counts, torch.full_like(counts, torch.nan)], dim=2)
        expected = one.loss(logits[:, :, :1].flatten(2), counts, criterion)
        torch.testing.assert_close(both.loss(logits.flatten(2), unknown, criterion), expected)

    def test_centre_loss(self) -> None:
        logits = self.raw[:, None].clone().requires_grad_()
        target = self.target[:, None].clone()
        target[0, 0, 0, 0] = 1
        unknown = torch.cat([target, torch.full_like(target, torch.nan)], dim=1)
        found = centre_loss(torch.cat([logits, -logits], dim=1), unknown)
        torch.testing.assert_close(found, centre_loss(logits, target))
        found.backward()
        assert logits.grad is not None
        assert logits.grad.isfinite().all()

    def test_centres_of_unknown_and_crowded_categories_are_unknown(self, tmp_path: Path) -> None:
        scene = in_categories(scenes(tmp_path, crowd=1), ("cup", "dog", "sofa"), partly=True)[0]
        maps = CentreMaps(ALL, 5)(scene, View(scene.boxes / 20, np.arange(2)))
        assert np.isnan(maps).all(axis=(1, 2)).tolist() == [True, True, False]
        assert maps[2].max() == 1

    def test_weights_are_balanced_by_the_counts_that_are_known(self) -> None:
        counts = np.array([[0, 0, 5], [2, 1, np.nan], [np.nan, np.nan, np.nan]])
        torch.testing.assert_close(balancing_weights(counts), torch.tensor([0.75, 1.5, 1.5]) / 1.25)


class TestTrainingData:
    def dataset(self, folder: Path, **options: Any) -> ViewDataset:
        found = in_categories(scenes(folder, [3], crowd=1), ("cup", "dog", "sofa", "person"), partly=True)

        def read(scene: Scene, number: int) -> tuple[torch.Tensor, View]:
            return torch.zeros(1), View(scene.boxes / 20, np.arange(len(scene.boxes)))

        return ViewDataset(list(found), read, Grid(2), ALL, **options)

    def test_neither_what_was_not_annotated_nor_a_crowd_is_a_target(self, tmp_path: Path) -> None:
        counts = self.dataset(tmp_path)[0].counts.sum(dim=0)
        np.testing.assert_array_equal(counts, [np.nan, np.nan, 1, np.nan])

    def test_validation_counts_as_its_protocol_says(self, tmp_path: Path) -> None:
        known = partial(Scene.known_counts, protocol=ALL)
        counts = self.dataset(tmp_path, known=known)[0].counts.sum(dim=0)
        np.testing.assert_array_equal(counts, [1, np.nan, 1, 0])


class TestReal:
    def test_crowds_of_the_coco_subset_are_unknown_without_crowds(self, data_root: Path) -> None:
        found = load("coco", "val2014_subset", Place(data_root / "coco"))
        file = json.loads((data_root / "coco/annotations/instances_val2014_subset.json").read_text())
        expected = sum(len(image["crowd_categories"]) for image in file["images"])
        assert np.count_nonzero(~found.known_counts(NO_CROWD)) == expected > 0
