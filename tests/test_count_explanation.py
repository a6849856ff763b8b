"""Grad-CAM of counters: any of them, cells pooled or cropped, and their photos at their own size."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.ndimage import gaussian_filter
from tiny import tiny_cells
from torch import Tensor

from counting.explain.count_explanation import explain_category, explain_photo
from counting.explain.count_grad_cam import explain_counts
from counting.explain.figure import Panel, overlay, side_by_side
from counting.explain.grad_cam import Cam, grad_cam
from counting.explain.layer_fusion import BLUR, fuse
from counting.explain.map_evaluation import MapEvaluator, occluded
from counting.networks.counters import Committee, Counter, build_counter
from counting.networks.zoo import BEST, find_counter
from counting_datasets.errors import CountingError
from counting_datasets.photo import open_photo
from counting_datasets.scene import Scene

CATEGORIES = ("cat", "dog", "person")
SMALL: dict[str, dict[str, Any]] = {
    "aso_sub": {"hidden": [8]},
    "att_sub": {"hidden": 8, "heads": 2},
    "glance": {"hidden": [8, 8]},
    "gt_class": {"hidden": [8], "largest": 4},
    "loc_sub": {"depth": 8, "hidden": 8, "heads": 2},
    "seq_sub": {"hidden": 8, "recurrent": 4},
}


def small(name: str, mode: Any = "pool") -> Counter:
    torch.manual_seed(0)
    return build_counter(name, tiny_cells(3, side=96, mode=mode), CATEGORIES, SMALL[name]).eval()


def photos(number: int = 2) -> Tensor:
    return torch.randn(number, 3, 96, 96, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("name", SMALL)
def test_every_counter_is_explained_by_its_unclipped_count(name: str) -> None:
    counter = small(name)
    counter.cells.requires_grad_(False)
    found = explain_counts(counter, photos(), ["dog", "cat"])
    with torch.no_grad():
        raw = counter(photos())[:, :, [1, 0]]
    torch.testing.assert_close(found.cells, raw)
    torch.testing.assert_close(found.cam.scores, raw.sum(dim=1))
    direct = grad_cam(counter, photos(), "cells.backbone", lambda cells: cells.sum(dim=1)[:, [1, 0]])
    torch.testing.assert_close(found.cam.evidence, direct.evidence)
    assert found.cam.evidence.shape == (2, 2, 12, 12)
    assert found.cam.importance.abs().amax() > 0


def test_maps_of_cropped_cells_are_put_together_each_with_its_own_importance() -> None:
    counter = small("aso_sub", mode="crop")
    found = explain_counts(counter, photos(), ["person"]).cam
    assert found.evidence.shape == (2, 1, 12, 12)
    assert found.importance.shape == (2, 9, 1, 8)
    alone = small("aso_sub")
    alone.load_state_dict(counter.state_dict())
    for cell in (0, 5):
        row, column = divmod(cell, 3)
        crop = photos()[:, :, row * 32 : row * 32 + 32, column * 32 : column * 32 + 32]
        alone.cells.grid = replace(alone.cells.grid, side=1)
        expected = explain_counts(alone, crop, ["person"]).cam
        piece = found.evidence[:, :, row * 4 : row * 4 + 4, column * 4 : column * 4 + 4]
        torch.testing.assert_close(piece, expected.evidence)
        torch.testing.assert_close(found.importance[:, cell], expected.importance)


def test_a_committee_is_explained_by_the_mean_of_its_members() -> None:
    torch.manual_seed(0)
    cells = tiny_cells(3, side=96)
    members = [build_counter("aso_sub", cells, CATEGORIES, SMALL["aso_sub"]) for _ in range(2)]
    together = explain_counts(Committee(members).eval(), photos(), ["cat"]).cam.evidence
    apart = [explain_counts(member.eval(), photos(), ["cat"]).cam.evidence for member in members]
    torch.testing.assert_close(together, torch.stack(apart).mean(dim=0))


@pytest.mark.parametrize(
    ("layer", "shape"), [("cells.backbone.features.0", (24, 24)), ("head.0", (3, 3)), ("cells", (3, 3))]
)
def test_any_layer_will_do(layer: str, shape: tuple[int, int]) -> None:
    for method in ("fused", "grad-cam"):
        cam = explain_counts(small("aso_sub"), photos(), ["cat"], layer=layer, method=method).cam
        assert cam.evidence.shape == (2, 1, *shape)


def test_fused_maps_weigh_a_share_of_the_photo_alike_in_every_layer() -> None:
    random = np.random.default_rng(0)
    coarse, fine = random.normal(size=(18, 18)), random.normal(size=(36, 36))
    ones = torch.ones(1, 1)
    cams = [
        Cam(ones, torch.zeros(1, 1, channels), torch.tensor(evidence)[None, None], ones > 0)
        for evidence, channels in ((fine, 5), (coarse, 7))
    ]
    fused = fuse(cams)
    assert fused.importance.shape == (1, 1, 12)
    doubled = torch.nn.functional.interpolate(cams[1].evidence, (36, 36), mode="bilinear")[0, 0].numpy()
    expected = gaussian_filter(fine + doubled / 4, 36 * BLUR, mode="constant", truncate=3)
    np.testing.assert_allclose(fused.evidence[0, 0].numpy(), expected, atol=1e-6)


def test_importance_stays_in_the_graph_where_a_loss_wants_it() -> None:
    for name in SMALL:
        counter = small(name)
        explain_counts(counter, photos(), ["cat"], create_graph=True).cam.maps.sum().backward()
        assert any(parameter.grad is not None for parameter in counter.head.parameters())
        first = next(counter.cells.backbone.parameters())
        assert first.grad is not None
        assert first.grad.abs().sum() > 0


def test_a_category_goes_by_any_of_its_names_and_an_unknown_one_is_refused() -> None:
    counter = small("aso_sub")
    photo = Image.new("RGB", (40, 30))
    assert [one.subject.category for one in explain_photo(counter, photo, ["Dog", "cat"])] == ["dog", "cat"]
    with pytest.raises(CountingError, match="does not count 'cow': it knows cat, dog, person"):
        explain_photo(counter, photo, ["cow"])


def noise(width: int, height: int) -> Image.Image:
    random = np.random.default_rng(3)
    return Image.fromarray(random.integers(0, 255, (height, width, 3), dtype=np.uint8))


@pytest.mark.parametrize("size", [(1, 1), (700, 20), (123, 245)])
def test_maps_have_the_photos_size_and_reach_from_0_to_1(size: tuple[int, int]) -> None:
    photo = noise(*size)
    for one in explain_photo(small("seq_sub"), photo, CATEGORIES, guided=True):
        for values, why in ((one.map, one.why_empty), (one.against, one.why_nothing_against)):
            assert values.shape == (size[1], size[0])
            assert values.dtype == np.float32
            assert values.min() >= 0
            assert values.max() == (0 if why else pytest.approx(1))
        drawn = one.figure(counterfactual=True)
        assert drawn.mode == "RGB"
        assert overlay(photo, one.map).width >= 1


def test_an_empty_map_names_the_count_and_its_figure_bears_the_reason() -> None:
    counter = small("aso_sub")
    with torch.no_grad():
        counter.head[-1].weight.zero_()
        counter.head[-1].bias.fill_(-0.1)
    photo = Image.new("RGB", (400, 300), (90, 90, 90))
    (one,) = explain_photo(counter, photo, ["cat"])
    assert one.why_empty == "the layer has no influence on it: every gradient is 0; the counter counts 0.0"
    assert not one.map.any()
    assert (np.asarray(one.figure())[300:, 420:] == 255).all(axis=2).any(), "the reason stands beneath the map"


def test_overlays_glow_where_the_evidence_is() -> None:
    values = np.zeros((300, 400), dtype=np.float32)
    values[100:200, 100:200] = 1.0
    drawn = np.asarray(overlay(Image.new("RGB", (400, 300), (90, 90, 90)), values), dtype=int)
    glowing, dimmed = drawn[240, 240], drawn[400, 500]
    assert glowing.sum() > 2 * dimmed.sum()
    against = np.asarray(overlay(Image.new("RGB", (400, 300), (90, 90, 90)), values, against=True), dtype=int)
    assert glowing[0] > glowing[2]
    assert against[240, 240, 2] > against[240, 240, 0]


def test_occlusion_covers_each_patch_once_with_the_mean_colour() -> None:
    pixels = np.asarray(noise(61, 47))
    changed = np.stack([(variant != pixels).any(axis=2) for variant in occluded(pixels)])
    assert len(changed) == 36
    assert (changed.sum(axis=0) <= 1).all()
    assert changed.any(axis=0).mean() > 0.99


def test_a_counter_of_pixels_passes_every_test_of_its_maps(tmp_path: Any) -> None:
    """Its count is how red the photo is, so the map, the pointing, the erasing and the occlusion are known."""
    counter = small("aso_sub")
    counter.cells.backbone.features = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 8, stride=8), torch.nn.ReLU())
    with torch.no_grad():
        convolution = counter.cells.backbone.features[0]
        convolution.weight.zero_()
        convolution.bias.fill_(-2.2)
        convolution.weight[0, 0] = 2 / 64
    counter.head = torch.nn.Linear(16, 3, bias=False)
    with torch.no_grad():
        counter.head.weight.zero_()
        counter.head.weight[1, 0] = 4
    photo = Image.new("RGB", (96, 96), (90, 100, 110))
    photo.paste((255, 0, 0), (32, 32, 64, 64))
    photo.save(tmp_path / "red.png")
    scene = Scene(
        "red",
        "red",
        tmp_path / "red.png",
        (96, 96),
        np.array([[32.0, 32, 64, 64], [0, 0, 9, 9]]),
        np.array([1, 2]),
        np.array([False, True]),
        np.array([False, False]),
        CATEGORIES,
    )
    evaluator = MapEvaluator(counter)
    evaluator.add(scene)
    scores = evaluator.scores()
    assert (scores.pairs, scores.photos, scores.erased, scores.occluded) == (1, 1, 1, 1)
    published = scores.maps["grad-cam"].figures()
    assert published["pointing"] == published["localization"] == 1
    assert published["energy"] > 0.75
    assert published["occlusion"] > 0.5
    erased = scores.erasure.figures()
    assert erased["left_without_objects"] == 0
    assert erased["left_without_background"] == pytest.approx(1, abs=1e-4)
    assert erased["falls_to_zero"] == erased["stays_the_same"] == 1
    assert scores.maps["random"].figures()["energy"] == pytest.approx(1 / 9, abs=0.02)
    assert "1 pairs" in str(scores.to_table("red").title)


def test_a_counter_in_training_is_explained_as_in_evaluation_and_left_as_it_was() -> None:
    counter, photo = small("aso_sub"), noise(50, 40)
    (expected,) = explain_photo(counter, photo, ["dog"], guided=True)
    counter.train()
    state = {name: tensor.clone() for name, tensor in counter.state_dict().items()}
    (found,) = explain_photo(counter, photo, ["dog"], guided=True)
    np.testing.assert_array_equal(found.map, expected.map)
    assert found.score == expected.score
    assert all(module.training for module in counter.modules())
    assert all(torch.equal(tensor, state[name]) for name, tensor in counter.state_dict().items())


def test_a_counter_made_in_inference_mode_is_explained() -> None:
    photo = noise(50, 40)
    (expected,) = explain_photo(small("seq_sub"), photo, ["dog"], guided=True)
    with torch.inference_mode():
        (found,) = explain_photo(small("seq_sub"), photo, ["dog"], guided=True)
    np.testing.assert_allclose(found.map, expected.map, atol=1e-6)


def test_categories_are_told_apart_by_their_exact_names_first() -> None:
    torch.manual_seed(0)
    counter = build_counter("aso_sub", tiny_cells(3, side=96), ("Cat", "cat", "sofa", "couch"), {"hidden": [8]})
    names = ["cat", "Cat", "couch", "sofa", "CAT"]
    found = explain_photo(counter, noise(50, 40), names)
    assert [one.subject.category for one in found] == ["cat", "Cat", "couch", "sofa", "Cat"]
    scores = [one.score for one in found]
    assert len({round(score, 6) for score in scores[:4]}) == 4


def test_nothing_is_drawn_over_the_photo_but_the_lines_between_cells() -> None:
    photo = Image.new("RGB", (300, 300), (90, 90, 90))
    (one,) = explain_photo(small("aso_sub"), photo, ["dog"])
    panel = np.asarray(one.figure())[:300, :300]
    changed = np.argwhere((panel != 90).any(axis=2))
    assert len(changed) > 0
    assert all(min(abs(x - 100), abs(x - 200), abs(y - 100), abs(y - 200)) <= 2 for y, x in changed.tolist())


@pytest.mark.parametrize("size", [(20, 700), (700, 20), (480, 300)])
def test_captions_stay_within_their_panels(size: tuple[int, int]) -> None:
    caption = "an extraordinarily long question about how many things of all kinds there might be? 2 " * 3
    panels = [Panel(Image.new("RGB", size), caption + "w" * 200, "a note " * 30) for _ in range(2)]
    drawn = np.asarray(side_by_side(panels))
    edge = drawn.shape[1] // 2
    assert not (drawn[:, edge - 6 : edge + 6] == 255).all(axis=2).any()
    assert not (drawn[:, -6:] == 255).all(axis=2).any()
    assert not (drawn[-6:] == 255).all(axis=2).any()


def test_the_heading_says_the_best_guess_and_what_the_cells_add_up_to() -> None:
    checkpoint = find_counter(BEST, "cpu")
    photo = open_photo(Path(__file__).parents[1] / "docs" / "gallery" / "dogs.jpg")
    found = explain_category(checkpoint, photo, "dog")
    assert found.cells is not None
    counts = np.zeros(len(checkpoint.counter.categories))
    column = checkpoint.counter.categories.index("dog")
    counts[column] = found.cells.sum()
    guess = checkpoint.guesses(counts)[column].words("dog")
    assert found.subject.heading == f"{guess}; the cells add up to {counts[column]:.1f}"
    assert (found.map.shape, found.map.dtype) == ((photo.height, photo.width), np.float32)
    assert found.figure().height > 100
    assert "\n" not in repr(found)


def test_any_photo_is_explained_in_colour() -> None:
    checkpoint = find_counter(BEST, "cpu")
    for mode in ("L", "RGBA", "P", "CMYK", "1"):
        assert explain_category(checkpoint, Image.new(mode, (30, 20)), "dog").map.shape == (20, 30)
