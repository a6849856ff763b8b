"""Guided backpropagation, by hand."""

import pytest
import torch
from torch import Tensor, nn

from counting.explain.guided_backpropagation import guided_backpropagation, guided_grad_cam
from counting_datasets.errors import CountingError


def linear(weight: list[list[float]]) -> nn.Linear:
    layer = nn.Linear(len(weight[0]), len(weight), bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(weight))
    return layer


def everything(output: Tensor) -> Tensor:
    return output


FIRST = [[1.0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
PIXELS = torch.tensor([[2.0, -1.0, 3.0, 8.0]])
LAST = [[5.0, 5.0, -5.0, 5.0]]


@pytest.mark.parametrize("in_place", [False, True])
def test_only_positive_gradients_pass_a_relu_that_was_on(in_place: bool) -> None:
    model = nn.Sequential(linear(FIRST), nn.ReLU(inplace=in_place), linear(LAST))
    # The second unit is off; the third's gradient is below 0, which plain backpropagation would keep.
    assert guided_backpropagation(model, PIXELS, everything).tolist() == [[[5, 0, 0, 5]]]


def test_a_relu6_lets_nothing_through_beyond_6_either() -> None:
    model = nn.Sequential(linear(FIRST), nn.ReLU6(), linear(LAST))
    assert guided_backpropagation(model, PIXELS, everything).tolist() == [[[5, 0, 0, 0]]]


def test_other_activations_keep_their_own_gradient() -> None:
    model = nn.Sequential(linear(FIRST), nn.Tanh(), nn.ReLU(), linear([[1.0, 0, 0, 0]]))
    found = guided_backpropagation(model, PIXELS, everything)
    assert found[0, 0, 0] == pytest.approx(1 - torch.tanh(torch.tensor(2.0)) ** 2)


def test_a_model_without_relus_is_refused_and_left_as_it_was() -> None:
    with pytest.raises(CountingError, match="needs ReLU modules, and this model has none"):
        guided_backpropagation(nn.Sequential(linear(FIRST), nn.GELU()), PIXELS, everything)


def test_no_hook_is_left() -> None:
    model = nn.Sequential(linear(FIRST), nn.ReLU(), linear(LAST))
    guided_backpropagation(model.requires_grad_(False), PIXELS, everything)
    with pytest.raises(RuntimeError):
        guided_backpropagation(model, PIXELS[:, :3], everything)
    assert not model[1]._forward_hooks
    pixels = PIXELS.clone().requires_grad_()
    model(pixels).sum().backward()
    assert pixels.grad is not None
    assert pixels.grad.tolist() == [[5, 0, -5, 5]]


def test_a_model_in_training_is_left_in_training() -> None:
    model = nn.Sequential(linear(FIRST), nn.Dropout(0.99), nn.ReLU(), linear(LAST)).train()
    assert guided_backpropagation(model, PIXELS, everything).tolist() == [[[5, 0, 0, 5]]]
    assert all(module.training for module in model.modules())


def test_guided_grad_cam_is_the_product_with_the_map_at_the_images_size() -> None:
    slopes = torch.randn(1, 2, 3, 4, 4)
    halves = torch.tensor([[[[1.0]], [[0.0]]]])
    product = guided_grad_cam(halves, slopes)
    assert torch.equal(product[0, 0], slopes[0, 0])
    assert not product[0, 1].any()
