"""Locating: where centres are, what the loss asks for, and what a cell's soft count is."""

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tiny import tiny_backbone, tiny_config, write_voc
from torch import nn

from counting.inputs.grid import Grid
from counting.inputs.views import View
from counting.networks.cells import Cells, cut, put_together
from counting.networks.config import parse_config
from counting.networks.counters import build_counter
from counting.networks.counters.att_sub import AttentiveHead
from counting.networks.counters.loc_sub import LocatingHead
from counting.networks.locating import (
    CentreMaps,
    LocatedCells,
    Neck,
    centre_loss,
    located_points,
    scaled_to,
    soft_counts,
)
from counting.training.run import train_counter
from counting.training.run_folder import RunFolder
from counting_datasets.errors import CountingError
from counting_datasets.protocol import Protocol
from counting_datasets.scene import Scene


def scene_of(boxes: list[list[float]], labels: list[int], difficult: list[bool]) -> Scene:
    n = len(boxes)
    return Scene(
        "scene",
        "scene",
        Path("scene.jpg"),
        (100, 100),
        np.array(boxes).reshape(n, 4),
        np.array(labels, dtype=np.int64),
        np.array(difficult, dtype=bool),
        np.zeros(n, dtype=bool),
        ("a", "b"),
    )


def maps_of(scene: Scene, protocol: str = "all", places: int = 10) -> NDArray[np.float32]:
    view = View(scene.boxes / 100, np.arange(len(scene.boxes)))
    return CentreMaps(Protocol.parse(protocol, "voc"), places)(scene, view)


class TestCentreMaps:
    def test_a_centre_is_1_in_the_place_it_falls_in_and_less_around_it(self) -> None:
        found = maps_of(scene_of([[20, 40, 60, 60]], [1], [False]))
        assert found.shape == (2, 10, 10)
        assert found[0].max() == 0
        assert np.argwhere(found[1] == 1).tolist() == [[5, 4]]
        across, down = 0.1 * 4, 0.4  # a tenth of four places, and the least
        expected = np.exp(-(1 / (2 * across**2))), np.exp(-(1 / (2 * down**2)))
        np.testing.assert_allclose((found[1, 5, 3], found[1, 4, 4]), expected, rtol=1e-5)

    def test_a_larger_object_has_a_wider_bump(self) -> None:
        small, large = (maps_of(scene_of([box], [0], [False]))[0] for box in ([45, 45, 56, 56], [0, 0, 100, 100]))
        assert large.sum() > small.sum()

    def test_two_centres_in_one_place_are_one_and_bumps_do_not_add_up(self) -> None:
        found = maps_of(scene_of([[20, 40, 60, 60], [22, 40, 58, 60]], [0, 0], [False, False]))
        assert found.max() == 1
        assert (found[0] == 1).sum() == 1

    def test_only_what_the_protocol_counts_is_there(self) -> None:
        scene = scene_of([[20, 40, 60, 60], [70, 70, 90, 90]], [0, 0], [False, True])
        assert (maps_of(scene)[0] == 1).sum() == 2
        assert (maps_of(scene, "non-difficult")[0] == 1).sum() == 1

    @pytest.mark.parametrize("box", [[99, 99, 100, 100], [100, 100, 100, 100], [0, 0, 0, 0]])
    def test_objects_at_the_edge_and_without_area_have_a_centre_too(self, box: list[float]) -> None:
        assert (maps_of(scene_of([box], [0], [False]))[0] == 1).sum() == 1

    def test_an_empty_photo_has_none(self) -> None:
        assert maps_of(scene_of([], [], [])).max() == 0


def reference_loss(logits: NDArray[np.float64], target: NDArray[np.float64]) -> float:
    """Objects as Points, α = 2, β = 4, place by place."""
    total, objects = 0.0, 0
    for logit, wanted in zip(logits.ravel(), target.ravel(), strict=True):
        probable = 1 / (1 + np.exp(-logit))
        if wanted == 1:
            objects += 1
            total -= (1 - probable) ** 2 * np.log(probable)
        else:
            total -= (1 - wanted) ** 4 * probable**2 * np.log(1 - probable)
    return total / max(1, objects)


@pytest.mark.parametrize("objects", [0, 1, 7])
def test_the_loss_is_the_published_one(objects: int) -> None:
    random = np.random.default_rng(objects)
    logits, target = random.normal(size=(2, 3, 4, 4)), random.uniform(0, 0.9, size=(2, 3, 4, 4))
    target.ravel()[:objects] = 1
    found = centre_loss(torch.from_numpy(logits), torch.from_numpy(target))
    assert float(found) == pytest.approx(reference_loss(logits, target))


def test_the_loss_stays_finite_where_the_logits_are_extreme() -> None:
    logits = torch.tensor([[[[-200.0, 200.0]]]], requires_grad=True)
    loss = centre_loss(logits, torch.tensor([[[[1.0, 0.0]]]]))
    loss.backward()
    assert loss.isfinite()
    assert logits.grad is not None
    assert logits.grad.isfinite().all()


def reference_soft_counts(probable: NDArray[np.float64], side: int) -> NDArray[np.float64]:
    """A place is a peak if no neighbour before it, row by row, reaches it, and none after it exceeds it."""
    photos, categories, height, width = probable.shape
    sums = np.zeros((photos, side, side, 2, categories))
    for photo, category, row, column in np.ndindex(*probable.shape):
        value = probable[photo, category, row, column]
        around = [
            (probable[photo, category, i, j], (i, j) < (row, column))
            for i in range(max(0, row - 1), min(height, row + 2))
            for j in range(max(0, column - 1), min(width, column + 2))
            if (i, j) != (row, column)
        ]
        if all(value > other if earlier else value >= other for other, earlier in around):
            cell = int((row + 0.5) / height * side), int((column + 0.5) / width * side)
            sums[photo, *cell, :, category] += value, value**2
    return sums.reshape(photos, side**2, 2 * categories)


class TestPoints:
    def located(self) -> LocatedCells:
        return LocatedCells(Cells(tiny_backbone(), Grid(2), 48, "pool"), 2, 8)

    def test_every_peak_is_a_point_in_the_middle_of_its_place_the_weightiest_first(self) -> None:
        logits = torch.full((1, 2, 4, 8), -9.0)
        logits[0, 0, 1, 2], logits[0, 0, 3, 7] = 0.0, 2.0
        first, second = self.located().points(logits)[0]
        np.testing.assert_allclose(first, [[7.5 / 8, 3.5 / 4, 0.880797], [2.5 / 8, 1.5 / 4, 0.5]], rtol=1e-6)
        assert second.shape == (1, 3)

    def test_faint_peaks_are_left_out_but_for_the_highest(self) -> None:
        logits = torch.full((1, 1, 1, 9), -20.0)
        logits[0, 0, 0, [0, 3, 6]] = torch.tensor([-3.0, -4.0, -5.0])
        ((points,),) = self.located().points(logits)
        np.testing.assert_allclose(points, [[0.5 / 9, 0.5, 1 / (1 + np.exp(3))]], rtol=1e-6)

    def test_a_category_without_a_peak_has_no_points(self) -> None:
        heights = np.zeros((3, 2, 2), dtype=np.float32)
        heights[1, 0, 1] = 0.02
        assert [len(points) for points in located_points(heights)] == [0, 1, 0]

    def test_weights_are_scaled_to_the_expected_count(self) -> None:
        points = np.array([[0.1, 0.2, 0.9], [0.3, 0.4, 0.3]])
        np.testing.assert_allclose(scaled_to(1.6, points), [[0.1, 0.2, 1.2], [0.3, 0.4, 0.4]])

    @pytest.mark.parametrize("expected", [0.0, -0.5])
    def test_nothing_expected_has_no_points(self, expected: float) -> None:
        assert scaled_to(expected, np.array([[0.1, 0.2, 0.9]])).shape == (0, 3)


class TestSoftCounts:
    def test_peaks_are_summed_by_cell_and_slopes_are_not(self) -> None:
        probable = torch.zeros(1, 1, 6, 6)
        probable[0, 0, 1, 1], probable[0, 0, 1, 2] = 0.9, 0.5  # a peak and its slope, in the first cell
        probable[0, 0, 4, 4], probable[0, 0, 5, 0] = 0.8, 0.6
        sums, squares = soft_counts(probable, 2)[0].unbind(dim=1)
        assert sums.tolist() == pytest.approx([0.9, 0, 0.6, 0.8])
        assert squares.tolist() == pytest.approx([0.81, 0, 0.36, 0.64])

    def test_cells_sum_to_the_photo(self) -> None:
        probable = torch.rand(2, 3, 12, 12)
        torch.testing.assert_close(soft_counts(probable, 3).sum(dim=1), soft_counts(probable, 1)[:, 0])

    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
    @pytest.mark.parametrize(
        "plateau",
        [[(2, 2), (2, 3)], [(2, 3), (3, 2)], [(2, 2), (3, 3)], [(1, 1), (1, 2), (1, 3), (1, 4)], [(4, 5), (5, 5)]],
    )
    def test_neighbours_of_the_same_height_are_one_peak(
        self, plateau: list[tuple[int, int]], dtype: torch.dtype
    ) -> None:
        probable = torch.zeros(1, 1, 6, 6, dtype=dtype)
        for place in plateau:
            probable[0, 0][place] = 0.5
        assert soft_counts(probable, 1).flatten().tolist() == [0.5, 0.25]

    @pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
    def test_a_level_map_has_one_peak(self, dtype: torch.dtype) -> None:
        assert soft_counts(torch.full((1, 1, 9, 7), 0.25, dtype=dtype), 1).flatten().tolist() == [0.25, 0.0625]

    @pytest.mark.parametrize(("places", "side"), [(26, 3), (48, 5), (30, 3), (7, 3), (2, 3), (5, 1)])
    def test_every_peak_weighs_1_and_is_in_the_cell_of_its_middle(self, places: int, side: int) -> None:
        for row in range(places):
            probable = torch.zeros(1, 1, places, places)
            probable[0, 0, row, places - 1 - row] = 1
            sums = soft_counts(probable, side)[0, :, 0]
            middle_row, middle_column = (row + 0.5) / places * side, (places - 0.5 - row) / places * side
            assert sums.nonzero().flatten().tolist() == [int(middle_row) * side + int(middle_column)]
            assert sums.sum() == 1

    @pytest.mark.parametrize("places", [(26, 48), (13, 10)])
    def test_the_sum_is_that_of_a_loop_over_the_places(self, places: tuple[int, int]) -> None:
        probable = torch.rand(2, 3, *places, generator=torch.Generator().manual_seed(0))
        probable = (probable * 8).round() / 8  # many ties
        expected = torch.tensor(reference_soft_counts(probable.double().numpy(), 3), dtype=torch.float32)
        torch.testing.assert_close(soft_counts(probable, 3), expected)

    def test_sums_are_of_float32_under_autocast_and_in_half_precision(self) -> None:
        probable = torch.zeros(1, 1, 64, 64, dtype=torch.bfloat16)
        probable[..., ::2, ::2] = 1  # 1,024 peaks: bfloat16 counts whole numbers up to 256
        with torch.autocast("cpu", torch.bfloat16):
            assert soft_counts(probable, 1).flatten().tolist() == [1024, 1024]

    def test_a_counter_in_bfloat16_counts_nearly_the_same(self) -> None:
        torch.manual_seed(0)
        located = LocatedCells(Cells(tiny_backbone(), Grid(3), 80, "pool"), 3, 16).eval()
        nn.init.normal_(located.centres.weight)
        photos = torch.randn(2, 3, 80, 80)
        with torch.inference_mode():
            exact = located(photos)[..., -6:].sum(dim=1)
            with torch.autocast("cpu", torch.bfloat16):
                rounded = located(photos)[..., -6:].sum(dim=1)
        torch.testing.assert_close(rounded, exact, rtol=0.05, atol=0.05)

    def test_the_head_weighs_them_by_category(self) -> None:
        located = LocatedCells(Cells(tiny_backbone(), Grid(2), 48, "pool"), 3, 8)
        attend = AttentiveHead(located, 8, 1, 2, 3, 0.0)
        nn.init.zeros_(attend.counts[-1].weight)
        nn.init.zeros_(attend.counts[-1].bias)
        head = LocatingHead(attend, 3)
        with torch.no_grad():
            head.gains.copy_(torch.tensor([[1.0, 2.0, 3.0], [0.0, 0.0, 10.0]]))
        features = torch.zeros(1, 4, located.width)
        features[..., -6:] = torch.tensor([1.0, 1.0, 1.0, 0.5, 0.5, 0.5])
        assert head(features)[0, 0].tolist() == [1.0, 2.0, 8.0]


class TestNeck:
    @pytest.mark.parametrize(
        ("sides", "expected"), [((8,), 8), ((16, 8), 16), ((32, 16, 8), 16), ((64, 32, 16, 8), 16)]
    )
    def test_answers_as_finely_as_the_last_map_but_one(self, sides: tuple[int, ...], expected: int) -> None:
        widths = range(3, 3 + len(sides))
        maps = [torch.randn(2, width, side, side) for width, side in zip(widths, sides, strict=True)]
        assert Neck(list(widths), 8)(maps).shape == (2, 8, expected, expected)

    def test_every_map_has_a_say(self) -> None:
        maps = [torch.randn(1, 4, side, side, requires_grad=True) for side in (32, 16, 8)]
        Neck([4, 4, 4], 8)(maps).square().sum().backward()
        assert all(one.grad is not None and one.grad.any() for one in maps)


def test_crops_are_put_together_as_they_were_cut() -> None:
    photos = torch.randn(2, 3, 12, 12)
    assert torch.equal(put_together(cut(photos, 3), 3), photos)


def test_the_map_of_centres_spans_the_photo_however_it_is_divided() -> None:
    for mode in ("pool", "crop"):
        located = LocatedCells(Cells(tiny_backbone(), Grid(3), 48, mode), 3, 8)  # type: ignore[arg-type]
        assert located.places(48) == 6


def test_asking_for_the_size_of_the_map_changes_no_weight_or_statistic() -> None:
    located = LocatedCells(Cells(tiny_backbone(), Grid(3), 48, "pool"), 3, 8).train()
    before = {name: tensor.clone() for name, tensor in located.state_dict().items()}
    located.places(48)
    assert all(torch.equal(tensor, before[name]) for name, tensor in located.state_dict().items())
    assert located.training


class TestTraining:
    def config(self, root: Path, **sections: object) -> object:
        values = {
            "counter": "loc_sub",
            "backbone": {"name": "tiny", "frozen": False},
            "head": {"depth": 8, "hidden": 8, "heads": 2, "dropout": 0.0},
            "loss": {"centres": 1.0},
            "optimization": {"epochs": 4, "batch": 8, "views": 4, "zoom_out": True},
        }
        return tiny_config(root, **{**values, **sections})

    def test_centres_are_learned_beside_the_counts(self, tmp_path: Path) -> None:
        config = self.config(write_voc(tmp_path / "voc"))
        trained = train_counter(config, RunFolder(tmp_path / "run"), device="cpu")  # type: ignore[arg-type]
        losses = [epoch["loss"] for epoch in trained.progress.history]
        assert losses[-1] < losses[0]  # type: ignore[operator]

    def test_a_counter_that_does_not_locate_cannot_learn_centres(self, tmp_path: Path) -> None:
        config = self.config(write_voc(tmp_path / "voc"), counter="aso_sub", head={"hidden": [8]})
        with pytest.raises(CountingError, match=r"loss.centres: aso_sub does not have this loss"):
            train_counter(config, RunFolder(tmp_path / "run"), device="cpu")  # type: ignore[arg-type]

    def test_centres_need_a_backbone_that_learns(self) -> None:
        with pytest.raises(CountingError, match=r"loss.centres requires backbone.frozen: false"):
            parse_config({"counter": "loc_sub", "loss": {"centres": 1}}, "mine.yaml")

    @pytest.mark.parametrize(
        "section",
        [
            {"backbone": {"frozen_depthwise": True}},
            {"optimization": {"zoom_out": True}},
            {"optimization": {"blur": True}},
        ],
    )
    def test_what_a_frozen_backbone_would_not_use_is_refused(self, section: dict[str, object]) -> None:
        with pytest.raises(CountingError, match=r"requires backbone\.frozen: false"):
            parse_config({"counter": "aso_sub", **section}, "mine.yaml")

    def test_a_frozen_backbone_must_have_learned_to_locate_before(self, tmp_path: Path) -> None:
        config = self.config(
            write_voc(tmp_path / "voc"), backbone={"name": "tiny", "frozen": True}, loss={}, optimization={}
        )
        with pytest.raises(CountingError, match="loc_sub has untrained weights between its frozen backbone"):
            train_counter(config, RunFolder(tmp_path / "run"), device="cpu")  # type: ignore[arg-type]


def test_depth_is_a_multiple_of_the_groups_it_is_normalized_in() -> None:
    with pytest.raises(CountingError, match=r"head.depth"):
        build_counter("loc_sub", Cells(tiny_backbone(), Grid(2), 48, "pool"), ("a", "b"), {"depth": 12})
