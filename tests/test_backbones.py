"""Backbones: the embedded one really sees, the others load from a file, and yours joins them."""

from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import nn
from torchvision.models import resnet152, vgg16

from counting.inputs.preprocessing import to_square
from counting.networks.backbones import (
    IMAGENET,
    Backbone,
    Weights,
    _embedded_weights,
    build_backbone,
    fingerprint,
    register_backbone,
)
from counting_datasets.catalog import Place, load
from counting_datasets.errors import CountingError
from counting_datasets.scene import Scene

IMAGENET_CLASSES = {
    "aeroplane": {404, 895},
    "bicycle": {444, 671},
    "bird": {*range(7, 25), *range(80, 101), *range(127, 147)},
    "boat": {472, 484, 510, 554, 576, 625, 628, 724, 780, 814, 871, 914},
    "bus": {654, 779, 874},
    "car": {407, 436, 468, 511, 609, 627, 656, 661, 751, 817},
    "cat": {*range(281, 286)},
    "dog": {*range(151, 269)},
    "horse": {339},
    "motorbike": {665, 670},
    "sheep": {348, 349},
    "train": {466, 547, 705, 820, 829},
}
PHOTOS = 120


@pytest.fixture(scope="module")
def stored() -> list[torch.Tensor]:
    return list(torch.load(_embedded_weights(), weights_only=True).values())


def test_all_296_embedded_tensors_load_in_order(stored: list[torch.Tensor]) -> None:
    assert len(stored) == 296
    backbone = build_backbone("efficientnet_lite0")
    for mine, theirs in zip(backbone.state_dict().values(), stored, strict=False):
        assert torch.equal(mine, theirs)
    assert len(backbone.state_dict()) == 294  # all but the classifier's weight and bias


def test_the_embedded_backbone_gives_two_finite_maps() -> None:
    backbone = build_backbone("efficientnet_lite0").eval()
    with torch.inference_mode():
        fine, coarse = backbone(torch.randn(2, 3, 96, 96))
    assert (fine.shape, coarse.shape) == ((2, 112, 6, 6), (2, 1280, 3, 3))
    assert backbone.channels == (112, 1280)
    assert fine.isfinite().all()
    assert coarse.isfinite().all()
    assert coarse.std() > 0.1


@pytest.mark.parametrize(("stages", "learning"), [(0, "conv_stem"), (3, "blocks.3.0"), (4, "blocks.5.0"), (5, "")])
def test_freezing_holds_whole_stages_from_the_photo_on(stages: int, learning: str) -> None:
    backbone = build_backbone("efficientnet_lite0", None)
    backbone.freeze(stages)
    model = backbone.features.model
    assert isinstance(model, nn.Module)
    names = [name for name, parameter in model.named_parameters() if parameter.requires_grad]
    everything = [name for name, _ in model.named_parameters()]
    assert names == everything[len(everything) - len(names) :]
    assert names[0].startswith(learning or "conv_head")


def test_only_known_stages_can_be_frozen() -> None:
    with pytest.raises(CountingError, match=r"cannot freeze 6 stages, this backbone lists 5"):
        build_backbone("efficientnet_lite0", None).freeze(6)
    with pytest.raises(CountingError, match=r"cannot freeze 1 stages, this backbone lists 0"):
        build_backbone("vgg16", None).freeze(1)


def one_category_photos(root: Path) -> list[tuple[Scene, str]]:
    scenes = load("voc2007", "test", Place(root / "VOCdevkit" / "VOC2007"))
    named = [(scene, {scene.categories[label] for label in scene.labels}) for scene in scenes]
    fitting = [
        (scene, names.pop()) for scene, names in named if len(names) == 1 and names <= set(IMAGENET_CLASSES)
    ]
    return [(scene, name) for scene, name in fitting if scene.path.is_file()][:PHOTOS]


@torch.inference_mode()
def share_right(backbone: Backbone, stored: list[torch.Tensor], photos: list[tuple[Scene, str]]) -> float:
    """How often ImageNet's top-1 falls in the photo's class."""
    backbone.eval()
    weight, bias = stored[-2:]
    right = 0
    for start in range(0, len(photos), 8):
        batch = photos[start : start + 8]
        normalization = backbone.normalization
        squares = [to_square(scene.image(), 224, normalization.interpolation) for scene, _ in batch]
        pooled = backbone(normalization(torch.stack(squares)))[-1].mean(dim=(2, 3))
        top = (pooled @ weight.T + bias).argmax(dim=1).tolist()
        right += sum(best in IMAGENET_CLASSES[name] for best, (_, name) in zip(top, batch, strict=True))
    return right / len(photos)


def test_the_embedded_backbone_recognizes_photos_and_plain_preprocessing_does_not_do(
    data_root: Path, stored: list[torch.Tensor]
) -> None:
    photos = one_category_photos(data_root)
    if len(photos) < PHOTOS:
        pytest.skip(f"needs {PHOTOS} photos of VOC2007 test with one category each")
    plain = timm.create_model("efficientnet_lite0")
    plain.load_state_dict(dict(zip(plain.state_dict(), stored, strict=True)))
    features = Backbone(Features(plain), (1280,), IMAGENET)
    assert share_right(build_backbone("efficientnet_lite0"), stored, photos) > 0.70
    assert share_right(features, stored, photos) < 0.67


class Features(nn.Module):
    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.model.forward_features(images)


def assert_loads(name: str, model: nn.Module, file: Path, channels: int) -> None:
    backbone = build_backbone(name, file).eval()
    assert backbone.channels == (channels,)
    with torch.inference_mode():
        (maps,) = backbone(torch.randn(1, 3, 64, 64))
    assert maps.shape == (1, channels, 2, 2)
    theirs, mine = next(iter(model.state_dict().values())), next(iter(backbone.state_dict().values()))
    assert torch.equal(theirs, mine)
    last_of_mine = [t for t in backbone.state_dict().values() if t.dim() == 4][-1]
    last_of_theirs = [t for t in model.state_dict().values() if t.dim() == 4][-1]
    assert torch.equal(last_of_mine, last_of_theirs)


def convolutions(model: nn.Module) -> dict[str, torch.Tensor]:
    state = model.state_dict()
    return {name: tensor for name, tensor in state.items() if not name.startswith(("classifier", "fc"))}


def test_vgg16_from_a_file_without_its_classifier(tmp_path: Path) -> None:
    model = vgg16()
    torch.save(convolutions(model), tmp_path / "vgg16.pth")
    assert_loads("vgg16", model, tmp_path / "vgg16.pth", 512)


def test_resnet152_from_a_file(tmp_path: Path) -> None:
    model = resnet152()
    save_file(model.state_dict(), tmp_path / "resnet152.safetensors")
    assert_loads("resnet152", model, tmp_path / "resnet152.safetensors", 2048)


def test_timm_by_name_from_a_file_with_a_classifier_of_other_classes(tmp_path: Path) -> None:
    model = timm.create_model("resnet10t", num_classes=7)
    save_file(model.state_dict(), tmp_path / "resnet10t.safetensors")
    assert_loads("timm/resnet10t", model, tmp_path / "resnet10t.safetensors", 512)


@pytest.mark.parametrize(
    ("name", "channels", "places"),
    [("vit_tiny_patch16_224", 192, 6), ("swin_tiny_patch4_window7_224", 768, 3), ("convnext_atto", 320, 3)],
)
def test_transformers_of_timm_give_maps_of_any_photo_size(name: str, channels: int, places: int) -> None:
    backbone = build_backbone(f"timm/{name}", None, side=96).eval()
    assert backbone.channels == (channels,)
    with torch.inference_mode():
        (maps,) = backbone(torch.randn(2, 3, 96, 96))
    assert maps.shape == (2, channels, places, places)


def test_a_vision_transformers_map_has_its_patches_where_they_are_in_the_photo() -> None:
    backbone = build_backbone("timm/vit_tiny_patch16_224", None, side=64).eval()
    model: nn.Module = backbone.features.model  # type: ignore[assignment]
    photo = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        (maps,) = backbone(photo)
        tokens = model.forward_intermediates(photo, indices=[11], output_fmt="NLC")[1][0]  # type: ignore[operator]
    for row, column in ((0, 0), (1, 3), (3, 2)):
        torch.testing.assert_close(maps[0, :, row, column], tokens[0, 4 * row + column])


def test_a_timm_model_that_takes_no_photos_of_a_size_is_refused_in_one_line() -> None:
    with pytest.raises(
        CountingError, match=r"timm/mixer_s32_224 does not accept photos of 96 × 96 pixels, change cells.side"
    ):
        build_backbone("timm/mixer_s32_224", None, side=96)


def test_a_users_own_backbone_by_decorator() -> None:
    @register_backbone("one convolution")
    def build(weights: Weights) -> Backbone:
        return Backbone(nn.Conv2d(3, 4, 3, stride=4), (4,), IMAGENET)

    (maps,) = build_backbone("one convolution")(torch.zeros(1, 3, 32, 32))
    assert maps.shape == (1, 4, 8, 8)


def test_the_fingerprint_tells_weights_and_normalization_apart() -> None:
    backbone = build_backbone("efficientnet_lite0")
    before = fingerprint(backbone)
    assert before == fingerprint(build_backbone("efficientnet_lite0"))
    assert before != fingerprint(Backbone(backbone.features, backbone.channels, IMAGENET))
    with torch.no_grad():
        next(backbone.parameters())[0, 0, 0, 0] += 1e-6
    assert fingerprint(backbone) != before


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("efficientnet_lite", "unknown backbone 'efficientnet_lite': did you mean 'efficientnet_lite0'?"),
        ("squeezenet", "unknown backbone 'squeezenet': available: .*efficientnet_lite0.*, or timm/NAME"),
        ("timm/resnet9", "no model 'resnet9': did you mean resnet"),
        ("timm/qqqqq", r"no model 'qqqqq': see timm.list_models\(\)"),
    ],
)
def test_an_unknown_name_is_answered_with_the_known_ones(name: str, says: str) -> None:
    with pytest.raises(CountingError, match=says):
        build_backbone(name)


def wrong_weights(folder: Path) -> dict[str, str]:
    """Files of weights that do not fit resnet10t, and what is said about each."""
    (folder / "text.pth").write_text("no weights")
    (folder / "text.safetensors").write_text("no weights")
    torch.save([1, 2], folder / "list.pth")
    torch.save({"layer.weight": torch.ones(2)}, folder / "other.pth")
    wider = timm.create_model("resnet10t").state_dict()
    wider["conv1.0.weight"] = torch.ones(5, 3, 3, 3)
    torch.save(wider, folder / "wider.pth")
    whole = (folder / "wider.pth").read_bytes()
    (folder / "cut.pth").write_bytes(whole[: len(whole) // 2])
    return {
        "none.pth": "no such weights file",
        "text.pth": "corrupt or truncated weights",
        "text.safetensors": "corrupt or truncated weights",
        "cut.pth": "corrupt or truncated weights",
        "list.pth": "not a state dict",
        "other.pth": "missing, such as conv1.0.weight",
        "wider.pth": "size mismatch for conv1.0.weight",
    }


def test_weights_that_do_not_fit_are_refused_in_one_line(tmp_path: Path) -> None:
    for name, says in wrong_weights(tmp_path).items():
        with pytest.raises(CountingError, match=says) as refused:
            build_backbone("timm/resnet10t", tmp_path / name)
        assert str(tmp_path / name) in str(refused.value)
        assert "\n" not in str(refused.value)


def test_without_a_network_a_file_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("https_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(CountingError, match=r"vgg16: cannot download the weights, give .* backbone\.weights"):
        build_backbone("vgg16")
