"""A layer's output becomes a map by the image's proportions, or is refused: never a wrong map."""

import pytest
import timm
import torch
from torch import Tensor, nn

from counting.explain.feature_maps import PREFIXES, Layout, layout_of, to_maps
from counting.explain.grad_cam import grad_cam
from counting_datasets.errors import CountingError


def everything(logits: Tensor) -> Tensor:
    return logits


def numbered(prefix: int, height: int, width: int) -> Tensor:
    """Tokens 1×N×1 numbered row by row from 0, those before them −1."""
    return torch.cat([torch.full((prefix,), -1), torch.arange(height * width)]).float()[None, :, None]


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize(
    ("size", "grid"),
    [
        ((112, 144), (7, 9)),
        ((48, 64), (3, 4)),
        ((64, 48), (4, 3)),
        ((224, 224), (14, 14)),
        ((100, 130), (7, 9)),
        ((16, 160), (1, 10)),
        ((518, 392), (37, 28)),
    ],
)
def test_tokens_become_the_grid_of_the_images_proportions(
    size: tuple[int, int], grid: tuple[int, int], prefix: int
) -> None:
    maps = to_maps(numbered(prefix, *grid), Layout(size, prefixes=(prefix, 0)))
    assert torch.equal(maps[0, 0], torch.arange(grid[0] * grid[1]).float().reshape(grid))


@pytest.mark.parametrize(
    ("tokens", "size"),
    [(63, (112, 112)), (15, (48, 64)), (197, (160, 320)), (7, (224, 224)), (785, (224, 112))],
)
def test_tokens_that_make_no_grid_of_the_images_proportions_are_refused(
    tokens: int, size: tuple[int, int]
) -> None:
    with pytest.raises(CountingError, match=r"pass as_maps=.*unflatten"):
        to_maps(torch.zeros(1, tokens, 8), Layout(size))


def test_tokens_without_an_image_are_refused() -> None:
    with pytest.raises(CountingError, match="cannot tell the grid of 16 tokens without an image: pass as_maps="):
        to_maps(torch.zeros(1, 16, 8), Layout())


def test_a_grid_that_could_be_two_is_refused() -> None:
    """8 tokens of 31×62 pixels: 2×4 without a prefix, or 2×2, 2×3 or 1×3 after one."""
    with pytest.raises(CountingError, match=r"they may be 2×4 after 0 or .* after"):
        to_maps(torch.zeros(1, 8, 3), Layout((31, 62)))


def test_channels_last_maps_are_told_from_channels_first_ones() -> None:
    first = torch.randn(2, 96, 7, 9)
    layout = Layout((112, 144))
    assert torch.equal(to_maps(first, layout), first)
    assert torch.equal(to_maps(first.permute(0, 2, 3, 1), layout), first)


def test_a_map_that_fits_both_ways_is_refused_unless_the_layer_is_convolutional() -> None:
    cube = torch.randn(1, 7, 7, 7)
    with pytest.raises(CountingError, match="as B×C×h×w and as B×h×w×C: pass as_maps="):
        to_maps(cube, Layout((112, 112)))
    assert to_maps(cube, Layout((112, 112), convolutional=True)) is cube
    assert to_maps(cube, Layout((112, 112), channels_first=True)) is cube


def test_a_map_that_fits_in_no_way_is_refused() -> None:
    """Attention weights are B×heads×N×N."""
    with pytest.raises(CountingError, match="does not fit an image of 224×224"):
        to_maps(torch.zeros(1, 3, 197, 197), Layout((224, 224)))


class Patches(nn.Module):
    """Sums of 8×8 patches in one channel, laid out as asked for."""

    def __init__(self, layout: str, tokens: int = 0) -> None:
        super().__init__()
        self.layout = layout
        self.patch = nn.Conv2d(3, 1, 8, stride=8, bias=False)
        nn.init.ones_(self.patch.weight)
        self.register_tokens = nn.Parameter(torch.zeros(1, tokens, 1)) if tokens else None

    def forward(self, images: Tensor) -> Tensor:
        maps = self.patch(images)
        if self.layout == "B×h×w×C":
            return maps.permute(0, 2, 3, 1)
        tokens = maps.flatten(2).transpose(1, 2)
        if self.register_tokens is not None:
            tokens = torch.cat([self.register_tokens.expand(len(images), -1, -1), tokens], dim=1)
        return tokens


class Total(nn.Module):
    def forward(self, features: Tensor) -> Tensor:
        return features.flatten(1).sum(dim=1, keepdim=True)


@pytest.mark.parametrize("model", [Patches("B×h×w×C"), Patches("tokens"), Patches("tokens", 7)])
@pytest.mark.parametrize(("height", "width"), [(56, 72), (24, 32), (32, 24), (40, 40)])
def test_the_map_points_at_the_bright_patch_in_every_layout(model: Patches, height: int, width: int) -> None:
    image = torch.zeros(1, 3, height, width)
    image[:, :, 16:24, 8:16] = 1
    found = grad_cam(nn.Sequential(model, Total()), image, "0", everything).maps[0, 0]
    assert found.shape == (height // 8, width // 8)
    assert found.nonzero().tolist() == [[2, 1]]


def test_swins_channels_last_maps_are_maps_of_the_image() -> None:
    torch.manual_seed(0)
    model = timm.create_model("swin_tiny_patch4_window7_224", img_size=(64, 96), window_size=2, num_classes=3)
    images = torch.randn(2, 3, 64, 96)
    for layer, shape in {"layers.0": (16, 24), "layers.2": (4, 6), "layers.3": (2, 3), "norm": (2, 3)}.items():
        assert grad_cam(model, images, layer, everything).maps.shape == (2, 3, *shape)
    by_hand = grad_cam(model, images, "norm", everything, as_maps=lambda out: out.permute(0, 3, 1, 2))
    torch.testing.assert_close(grad_cam(model, images, "norm", everything).evidence, by_hand.evidence)


@pytest.mark.parametrize(
    ("name", "layer"),
    [
        ("vit_tiny_patch16_224", "blocks.11.norm1"),
        ("deit_tiny_distilled_patch16_224", "blocks.11.norm1"),
        ("vit_medium_patch16_reg4_gap_256", "blocks.11.norm1"),
        ("vit_small_patch14_reg4_dinov2", "blocks.11.norm1"),
    ],
)
def test_a_vision_transformer_of_an_oblong_image_has_an_oblong_map(name: str, layer: str) -> None:
    torch.manual_seed(0)
    side = 14 if "patch14" in name else 16
    model = timm.create_model(name, img_size=(3 * side, 4 * side), num_classes=2)
    images = torch.randn(1, 3, 3 * side, 4 * side)
    found = grad_cam(model, images, layer, everything)
    assert found.maps.shape == (1, 2, 3, 4)
    prefix = model.num_prefix_tokens
    by_hand = grad_cam(
        model,
        images,
        layer,
        everything,
        as_maps=lambda tokens: tokens[:, prefix:].transpose(1, 2).unflatten(2, (3, 4)),
    )
    torch.testing.assert_close(found.evidence, by_hand.evidence)


def test_a_window_of_tokens_is_no_map_of_the_image() -> None:
    model = timm.create_model("swin_tiny_patch4_window7_224", img_size=64, window_size=2, num_classes=3)
    with pytest.raises(CountingError, match="returns 64 maps for 1 images"):
        grad_cam(model, torch.randn(1, 3, 64, 64), "layers.0.blocks.0.attn", everything)


def test_as_maps_must_give_a_map_for_each_image() -> None:
    model = timm.create_model("vit_tiny_patch16_224", img_size=64, num_classes=2)
    with pytest.raises(CountingError, match=r"as_maps returns \(1, 17, 192\) for 1 images, should be B×C×h×w"):
        grad_cam(model, torch.randn(1, 3, 64, 64), "blocks.11.norm1", everything, as_maps=lambda out: out)


def test_a_residual_network_whose_map_is_a_cube_is_read_as_convolutional() -> None:
    model = timm.create_model("resnet18", num_classes=2)
    assert grad_cam(model, torch.randn(1, 3, 256, 256), "layer1", everything).maps.shape == (1, 2, 64, 64)
    assert layout_of(model, "layer1", torch.zeros(1, 3, 256, 256)).convolutional
