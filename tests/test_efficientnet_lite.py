"""The embedded network gives timm's numbers from timm's weights, and needs no timm."""

import subprocess
import sys

import pytest
import timm
import torch

from counting.networks.efficientnet_lite import EfficientNetLite0


def test_weights_have_the_names_order_and_shapes_of_timm() -> None:
    ours, theirs = EfficientNetLite0().state_dict(), timm.create_model("tf_efficientnet_lite0").state_dict()
    assert [(name, tensor.shape) for name, tensor in ours.items()] == [
        (name, tensor.shape) for name, tensor in theirs.items()
    ]


@pytest.mark.parametrize("size", [(64, 64), (97, 130), (33, 35)])
def test_maps_and_logits_equal_those_of_timm(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    theirs, ours = timm.create_model("tf_efficientnet_lite0").eval(), EfficientNetLite0().eval()
    for module in theirs.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.uniform_(-1, 1)
            module.running_var.uniform_(0.5, 2)
    ours.load_state_dict(theirs.state_dict())
    images = torch.rand(2, 3, *size)
    with torch.inference_mode():
        (last, maps), (true_last, true_maps) = (
            model.forward_intermediates(images, indices=[0, 1, 2, 3, 4]) for model in (ours, theirs)
        )
        for one, true in zip([*maps, last, ours(images)], [*true_maps, true_last, theirs(images)], strict=True):
            torch.testing.assert_close(one, true, rtol=1e-4, atol=1e-5)
    assert [info["num_chs"] for info in ours.feature_info] == [info["num_chs"] for info in theirs.feature_info]
    assert [info["module"] for info in ours.feature_info] == [info["module"] for info in theirs.feature_info]


def test_counting_a_photo_imports_no_library_that_it_does_not_need() -> None:
    slow = ("timm", "torchvision", "albumentations", "pyarrow", "matplotlib", "accelerate", "scipy", "pandas")
    code = (
        "import sys, counting, PIL.Image; counter = counting.load(); "
        "counter.count(PIL.Image.new('RGB', (32, 32))); "
        f"print(*[name for name in {slow!r} if name in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert out.split() == []
