"""Grad-CAM of any model: the published formula, nothing left behind, and words where a map is empty."""

import gc
from collections.abc import Callable

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from torch import Tensor, nn
from torchvision.models import resnet18, vgg11

from counting.explain.classifier_explanation import explain_model
from counting.explain.grad_cam import Cam, grad_cam
from counting_datasets.errors import CountingError


def by_hand() -> tuple[nn.Sequential, Tensor]:
    """A layer "0" with two maps of one 2×2 image, and two scores that are linear in them."""
    model = nn.Sequential(nn.Conv2d(1, 2, 1), nn.Flatten(), nn.Linear(8, 2, bias=False))
    with torch.no_grad():
        model[0].weight.copy_(torch.tensor([1.0, -1.0]).view(2, 1, 1, 1))
        model[0].bias.copy_(torch.tensor([0.0, 3.0]))
        model[2].weight.copy_(torch.tensor([[4.0, 0, 0, 0, 1, 1, 1, -7], [-1, -1, -1, -1, -1, -1, -1, -1]]))
    return model.eval(), torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])


def residual() -> nn.Module:
    torch.manual_seed(0)
    return resnet18(weights=None, num_classes=10).eval()


def everything(logits: Tensor) -> Tensor:
    return logits


def state_of(model: nn.Module) -> list[int]:
    modules = list(model.modules())
    return [len(module._forward_hooks) + len(module._forward_pre_hooks) for module in modules] + [
        len(module._backward_hooks) for module in modules
    ]


def test_importance_and_map_by_hand() -> None:
    model, image = by_hand()
    cam = grad_cam(model, image, "0", everything)
    # A = [[1, 2], [3, 4]] and 3 − that; α of the first score: means of (4, 0, 0, 0) and of (1, 1, 1, −7).
    assert cam.importance.tolist() == [[[1.0, -1.0], [-1.0, -1.0]]]
    assert cam.evidence[0, 0].tolist() == [[1 - 2, 2 - 1], [3 - 0, 4 + 1]]
    assert cam.maps[0, 0].tolist() == [[0, 1], [3, 5]]
    assert cam.counterfactuals[0, 0].tolist() == [[1, 0], [0, 0]]
    assert cam.scores.tolist() == [[4 + 2 + 1 + 0 + 7, -12]]


@pytest.mark.parametrize(
    ("build", "layer"), [(residual, "layer4"), (residual, "layer2.0.conv1"), (vgg11, "features.18")]
)
def test_equals_captum(build: type, layer: str) -> None:
    """``features.18`` of VGG is followed by a ReLU that writes in place."""
    captum = pytest.importorskip("captum.attr")
    torch.manual_seed(1)
    model, images = build().eval(), torch.randn(2, 3, 96, 96)
    cam = grad_cam(model, images, layer, lambda logits: logits[:, [3, 7]])
    theirs = captum.LayerGradCam(model, model.get_submodule(layer))
    for place, category in enumerate((3, 7)):
        expected = theirs.attribute(images, target=category)[:, 0].detach()
        scale = expected.abs().max()
        torch.testing.assert_close(cam.evidence[:, place] / scale, expected / scale, atol=1e-5, rtol=0)


def test_many_categories_in_one_pass_are_as_one_by_one_and_a_batch_as_photo_by_photo() -> None:
    model, images = residual(), torch.randn(3, 3, 64, 64)
    runs = []
    handle = model.conv1.register_forward_hook(lambda *_: runs.append(1))
    together = grad_cam(model, images, "layer3", everything)
    assert len(runs) == 1
    handle.remove()
    for category in (0, 9):
        alone = grad_cam(model, images[1:2], "layer3", lambda logits, k=category: logits[:, [k]])
        torch.testing.assert_close(together.evidence[1, category], alone.evidence[0, 0])
        torch.testing.assert_close(together.importance[1, category], alone.importance[0, 0])


@pytest.mark.parametrize("surrounding", [torch.enable_grad, torch.no_grad, torch.inference_mode])
def test_frozen_models_are_explained_wherever_they_are_called(surrounding: type) -> None:
    model, image = by_hand()
    with surrounding():
        images = image + 0
        assert grad_cam(model.requires_grad_(False), images, "0", everything).maps.any()
        assert torch.is_grad_enabled() == (surrounding is torch.enable_grad)


def test_nothing_is_left_behind() -> None:
    model, images = residual(), torch.randn(1, 3, 64, 64)
    before = state_of(model)
    cam = grad_cam(model, images, "layer4", everything)
    assert not any(tensor.requires_grad for tensor in (cam.scores, cam.importance, cam.evidence, cam.moved))
    assert all(parameter.grad is None for parameter in model.parameters())
    assert state_of(model) == before

    def fails(logits: Tensor) -> Tensor:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        grad_cam(model, images, "layer4", fails)
    with pytest.raises(RuntimeError):
        grad_cam(model, images[:, :2], "layer4", everything)
    assert state_of(model) == before
    assert torch.is_grad_enabled()


def test_no_tensor_outlives_its_explanation() -> None:
    model, images = residual(), torch.randn(1, 3, 64, 64)

    def live() -> int:
        gc.collect()
        return sum(issubclass(type(one), Tensor) for one in gc.get_objects())

    grad_cam(model, images, "layer4", everything)
    before = live()
    for _ in range(5):
        grad_cam(model, images, "layer4", everything)
    assert live() == before


def test_a_loss_on_the_explanation_reaches_the_weights_on_both_sides_of_the_layer() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 3, 3), nn.Tanh(), nn.Conv2d(3, 2, 2), nn.Tanh(), nn.Flatten(), nn.Linear(8, 1)
    )
    image = torch.randn(1, 1, 5, 5, dtype=torch.float64)
    model.double()

    def loss() -> Tensor:
        cam = grad_cam(model, image, "0", everything, create_graph=True)
        return cam.maps.square().sum() + cam.importance.square().sum()

    loss().backward()
    for weight in (model[0].weight, model[2].weight):
        with torch.no_grad():
            weight.view(-1)[3] += 1e-6
            above = loss().item()
            weight.view(-1)[3] -= 2e-6
            below = loss().item()
            weight.view(-1)[3] += 1e-6
        assert weight.grad is not None
        assert weight.grad.view(-1)[3].item() == pytest.approx((above - below) / 2e-6, rel=1e-4)


def test_a_transformers_tokens_are_a_grid_without_its_class_token() -> None:
    torch.manual_seed(0)
    model = timm.create_model("vit_tiny_patch16_224", img_size=64, num_classes=5).eval()
    cam = grad_cam(model, torch.randn(2, 3, 64, 64), "blocks.11.norm1", everything)
    assert cam.maps.shape == (2, 5, 4, 4)


def test_behind_the_last_attention_only_the_class_token_counts_and_the_empty_map_says_so() -> None:
    model = timm.create_model("vit_tiny_patch16_224", img_size=64, num_classes=5).eval()
    cam = grad_cam(model, torch.randn(1, 3, 64, 64), "blocks.11", everything)
    assert cam.why_empty(0, 0) == "the layer has no influence on it: every gradient is 0"


def test_an_empty_map_says_why() -> None:
    evidence = torch.tensor([[[[-1.0, -2.0]], [[3.0, 0.0]], [[1.0, -1.0]]]])
    cam = Cam(torch.zeros(1, 3), torch.zeros(1, 3, 1), evidence, torch.ones(1, 3, dtype=torch.bool))
    assert cam.why_empty(0, 0) == "no evidence for it: the weighted sum of the channels is nowhere above 0"
    against = cam.why_empty(0, 1, counterfactual=True)
    assert against == "no evidence against it: the weighted sum of the channels is nowhere below 0"
    assert cam.why_empty(0, 2) is None
    assert cam.why_empty(0, 2, counterfactual=True) is None


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ("layer5", "unknown layer 'layer5': the model has conv1, bn1, .*layer4"),
        ("layer4.7", r"unknown layer 'layer4.7': layer4 has layer4.0, layer4.1$"),
        ("layer1.0.relu", "layer layer1.0.relu runs several times in one pass: name one that runs once"),
        ("fc", r"a layer's output of shape \(1, 10\) is neither a map"),
    ],
)
def test_a_layer_that_cannot_be_explained_is_named(layer: str, message: str) -> None:
    with pytest.raises(CountingError, match=message):
        grad_cam(residual(), torch.randn(1, 3, 64, 64), layer, everything)


def test_a_score_that_does_not_depend_on_the_layer_is_refused() -> None:
    model, image = by_hand()
    with pytest.raises(CountingError, match="does not depend on this layer"):
        grad_cam(model, image, "0", lambda logits: logits.detach())


def test_a_classifier_is_explained_by_the_names_of_its_classes() -> None:
    photo = Image.fromarray(np.random.default_rng(0).integers(0, 255, (50, 70, 3), dtype=np.uint8))
    names = [f"class {number}" for number in range(10)]
    model = residual()
    found = explain_model(
        model, photo, ["class 7", "class 2"], classes=names, layer="layer4", side=64, guided=True
    )
    assert [one.subject.category for one in found] == ["class 7", "class 2"]
    for one in found:
        assert one.cells is None
        assert one.map.shape == one.against.shape == (50, 70)
        assert one.map.dtype == np.float32
        assert one.guided is not None
        assert one.guided.shape == (50, 70, 3)
        assert np.abs(one.guided).max() == pytest.approx(1) or one.why_empty
        assert one.map.max() == pytest.approx(1) or one.why_empty
    with pytest.raises(CountingError, match="'dog' is not one of the model's 10 classes"):
        explain_model(model, photo, ["dog"], classes=names, layer="layer4")


def test_a_model_in_training_is_explained_as_in_evaluation_and_left_as_it_was() -> None:
    model, images = residual(), torch.randn(2, 3, 64, 64)
    expected = grad_cam(model, images, "layer4", everything)
    model.train()
    model.layer2.eval()
    modes = [module.training for module in model.modules()]
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    found = grad_cam(model, images, "layer4", everything)
    torch.testing.assert_close(found.evidence, expected.evidence)
    with pytest.raises(CountingError):
        grad_cam(model, images, "fc", everything)
    assert [module.training for module in model.modules()] == modes
    assert all(torch.equal(tensor, state[name]) for name, tensor in model.state_dict().items())


def test_weights_made_in_inference_mode_are_explained_and_stay_what_they_are() -> None:
    expected = grad_cam(*by_hand(), "0", everything)
    with torch.inference_mode():
        model, image = by_hand()
        before = dict(model.named_parameters())
        found = grad_cam(model, image, "0", everything)
    torch.testing.assert_close(found.evidence, expected.evidence)
    assert all(weight is before[name] and weight.is_inference() for name, weight in model.named_parameters())


def test_one_score_an_image_needs_no_second_axis() -> None:
    model, images = residual(), torch.randn(2, 3, 64, 64)
    expected = grad_cam(model, images, "layer4", lambda logits: logits[:, [7]])
    for scores in (lambda logits: logits[:, 7], lambda logits: logits[:, 7:8]):
        found = grad_cam(model, images, "layer4", scores)
        assert found.scores.shape == (2, 1)
        torch.testing.assert_close(found.evidence, expected.evidence)
    alone = grad_cam(model, images[:1], "layer4", lambda logits: logits[0, 7])
    torch.testing.assert_close(alone.evidence[0], expected.evidence[0])


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        (lambda logits: logits.sum(), r"scores of shape \(\) for 2 images: should be images × scores"),
        (lambda logits: logits[0], r"scores of shape \(10,\) for 2 images"),
        (lambda logits: logits[:, :, None], r"scores of shape \(2, 10, 1\) for 2 images"),
        (lambda logits: logits.tolist(), "scores must be a tensor of shape images × scores, but are list"),
        (lambda logits: logits / 0, "cannot explain a score that is not finite"),
    ],
)
def test_scores_of_another_shape_are_refused(scores: Callable[[Tensor], Tensor], message: str) -> None:
    with pytest.raises(CountingError, match=message):
        grad_cam(residual(), torch.randn(2, 3, 64, 64), "layer4", scores)
