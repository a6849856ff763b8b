"""HINT: the grounding loss, what people find important, and training with both."""

from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as some
from hypothesis.extra.numpy import arrays
from PIL import Image
from scipy.stats import spearmanr
from tiny import CATEGORIES, tiny_cells, tiny_config, write_voc

from counting.inputs.batches import ViewDataset
from counting.inputs.grid import Grid
from counting.inputs.views import view_of
from counting.networks.checkpoint import load as load_checkpoint
from counting.networks.config import parse_config
from counting.networks.config_sections import HintConfig
from counting.networks.counters.base import Outputs, build_counter
from counting.networks.feature_cache import FeatureCache
from counting.training.hint.human_importance import (
    HumanImportance,
    attention,
    cued,
    importance_of_masks,
    is_marked,
    mean_by_cell,
    mirrored,
)
from counting.training.hint.loss import HintLoss, hint_loss, importance
from counting.training.run import train_counter
from counting.training.run_folder import RunFolder
from counting_datasets.catalog import Place, load
from counting_datasets.errors import CountingError
from counting_datasets.protocol import Protocol

ALL = Protocol.parse("all", "voc")
HINT = HintLoss(1.0, HumanImportance(HintConfig(share=1), Grid(2), ALL, seed=0))


@given(
    arrays(np.float64, (3, 4), elements=some.floats(-3, 3)), arrays(np.int64, (3, 4), elements=some.integers(0, 2))
)
def test_the_loss_is_the_mean_over_pairs_that_people_rank(alpha: np.ndarray, human: np.ndarray) -> None:
    pairs = [(b, i, j) for b, i, j in product(range(3), range(4), range(4)) if human[b, i] > human[b, j]]
    expected = np.mean([max(0.0, alpha[b, j] - alpha[b, i]) for b, i, j in pairs]) if pairs else 0.0
    found = hint_loss(torch.from_numpy(alpha), torch.from_numpy(human).double())
    assert found.item() == pytest.approx(expected, abs=1e-12)


def test_the_importance_of_a_cell_is_its_summed_gradient() -> None:
    weights = torch.tensor([[1.0, -2.0, 4.0], [0.5, 0.5, 0.0]])  # 2 cells of 3 features
    features = torch.rand(5, 2, 3, requires_grad=True)
    score = (features.square() * weights).sum(dim=(1, 2))
    assert torch.allclose(importance(score, features), (2 * features * weights).sum(dim=2))


@pytest.mark.parametrize(
    ("counter", "options"),
    [
        ("glance", {"hidden": [8]}),
        ("aso_sub", {"hidden": [8]}),
        ("seq_sub", {"hidden": 8, "recurrent": 4}),
        ("att_sub", {"hidden": 8}),
    ],
)
def test_the_loss_reaches_the_weights_of_head_and_backbone(counter: str, options: dict[str, object]) -> None:
    torch.manual_seed(0)
    cells = tiny_cells()
    built = build_counter(counter, cells, CATEGORIES, options)
    human = torch.zeros(2, 4, 2)
    human[:, 0] = 1
    features = cells(torch.rand(2, 3, 48, 48))
    loss = HINT(built, Outputs(features, features, {}), human)
    torch.autograd.backward(loss)
    assert loss > 0
    reached = [weight.grad is not None and bool(weight.grad.any()) for weight in built.head.parameters()]
    assert any(reached)
    assert any(weight.grad is not None and bool(weight.grad.any()) for weight in cells.parameters())


def test_photos_that_nobody_has_looked_at_cost_nothing() -> None:
    cells = tiny_cells()
    counter = build_counter("aso_sub", cells, CATEGORIES, {"hidden": [8]})
    features = torch.rand(2, 4, cells.width)
    assert HINT(counter, Outputs(features, features, {}), torch.zeros(2, 4, 2)) == 0


def test_a_larger_share_keeps_the_photos_of_a_smaller_one() -> None:
    names = [f"{number:06d}" for number in range(4000)]
    few, half, every = ({name for name in names if is_marked(name, share, 0)} for share in (0.06, 0.5, 1.0))
    assert few < half < every == set(names)
    assert len(few) / len(names) == pytest.approx(0.06, abs=0.015)
    assert len(half) / len(names) == pytest.approx(0.5, abs=0.03)


def test_the_controls_mark_the_same_categories_but_not_the_same_cells() -> None:
    human = np.array([[0.7, 0.0], [0.3, 0.0], [0.0, 0.0], [0.0, 0.0]])
    assert cued(human, "human", 0) is human
    irrelevant = cued(human, "irrelevant", 0)
    assert np.allclose(irrelevant[:, 0], [0.0, 0.4, 0.7, 0.7])
    random = cued(human, "random", 3)
    assert np.array_equal(random, cued(human, "random", 3))
    assert not np.array_equal(random, cued(human, "random", 4))
    for cue in (irrelevant, random):
        assert not cue[:, 1].any()


def test_importance_comes_from_boxes_in_every_view(tmp_path: Path) -> None:
    scenes = load("voc", "train", Place(write_voc(tmp_path / "voc"), None, None, None))
    human = HumanImportance(HintConfig(share=1), Grid(2), ALL, seed=0)
    for scene, number in product(scenes, range(4)):
        _, view = view_of(scene, number, 48)
        found = human(scene, view)
        counts = view.fractional_counts(scene, scene.counted(ALL), Grid(2))
        assert np.allclose(found.sum(axis=0), counts.sum(axis=0) > 0)
        assert np.allclose(found * counts.sum(axis=0), counts)


def test_importance_comes_from_masks(data_root: Path) -> None:
    scenes = load("coco", "train2017_subset", Place(data_root / "coco", None, None, None))
    protocol = Protocol.parse("all", "coco")
    scene = next(scene for scene in scenes if scene.masks is not None and len(scene.labels) > 2)
    found = importance_of_masks(scene, scene.counted(protocol), Grid(3))
    assert np.allclose(found.sum(axis=0), scene.counts(protocol))


def test_importance_comes_from_pictures_of_attention(tmp_path: Path) -> None:
    scenes = load("voc", "train", Place(write_voc(tmp_path / "voc"), None, None, None))
    scene = next(scene for scene in scenes if len(scene.labels))
    name = scene.categories[scene.labels[0]]
    light = np.zeros((30, 40), dtype=np.uint8)
    light[:15, 20:] = 200
    Image.fromarray(light).save(tmp_path / f"{scene.id}-{name}.png")
    human = HumanImportance(HintConfig(share=1, importance=tmp_path), Grid(2), ALL, seed=0)
    column = scene.labels[0]
    for number, expected in ((0, [0, 1, 0, 0]), (1, [1, 0, 0, 0]), (2, [0, 0, 0, 0])):
        _, view = view_of(scene, number, 48)
        assert np.allclose(human(scene, view)[:, column], expected)
    with pytest.raises(CountingError, match="give boxes, masks or a folder of maps"):
        attention(tmp_path / "nowhere", scene, Grid(2))


def test_mirrored_cells_are_those_of_the_mirrored_picture() -> None:
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 255, (30, 60), dtype=np.uint8))
    cells = mean_by_cell(picture, Grid(3))[:, None]
    of_mirrored = mean_by_cell(picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT), Grid(3))[:, None]
    assert np.allclose(mirrored(cells, Grid(3)), of_mirrored)


def agreement(run: Path, root: Path) -> float:
    """Mean rank correlation of a trained counter's importance with the boxes, on photos not trained on."""
    counter = load_checkpoint(run / "weights" / "last.safetensors").counter
    scenes = load("voc", "val", Place(root, None, None, None))
    cache = FeatureCache(counter.cells, root / "cache")
    cache.fill(scenes)
    human = HumanImportance(HintConfig(share=1), counter.cells.grid, ALL, seed=0)
    found = []
    targets = {"hint": HintLoss(1.0, human).target}
    views = ViewDataset(list(scenes), cache.read, counter.grid, ALL, targets=targets)
    for row in range(len(views)):
        features, wanted = views[row].inputs, views[row].targets["hint"]
        for category in np.flatnonzero(wanted.sum(dim=0)):
            batch = features[None].requires_grad_()
            score = counter.from_features(batch).sum(dim=1)[:, category]
            found.append(spearmanr(importance(score, batch)[0].detach(), wanted[:, category]).statistic)
    return float(np.nanmean(found))


@pytest.mark.parametrize("frozen", [True, False])
def test_a_counter_trained_with_hint_rests_its_counts_on_the_objects(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, frozen: bool
) -> None:
    monkeypatch.setenv("COUNTING_CACHE", str(tmp_path / "cache"))
    root = write_voc(tmp_path / "voc")
    optimization = {"epochs": 12, "batch": 8, "views": 2, "learning_rate": 0.01, "patience": 12}
    sections = {"backbone": {"frozen": frozen}, "optimization": optimization}
    train_counter(tiny_config(root, **sections), RunFolder(tmp_path / "plain"), device="cpu")
    hint = {"weight": 10.0, "share": 1.0}
    train_counter(tiny_config(root, hint=hint, **sections), RunFolder(tmp_path / "hint"), device="cpu")
    assert agreement(tmp_path / "hint", root) > agreement(tmp_path / "plain", root) + 0.15


@pytest.mark.parametrize(
    ("hint", "says"),
    [
        ({"weight": -1}, "hint.weight"),
        ({"share": 1.5}, "hint.share"),
        ({"share": 0}, "hint.share"),
        ({"cue": "machine"}, "hint.cue"),
        ({"lambda": 3}, "hint: unknown key 'lambda'"),
    ],
)
def test_a_mistaken_hint_is_named(hint: dict[str, object], says: str) -> None:
    with pytest.raises(CountingError, match=says):
        parse_config({"counter": "aso_sub", "hint": hint}, "here")
