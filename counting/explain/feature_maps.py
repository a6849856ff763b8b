"""A layer's output as feature maps B×C×h×w: channels first, channels last, or tokens of an image's patches."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn

from counting.explain.layer_recording import find_layer
from counting_datasets.errors import CountingError

AsMaps = Callable[[Tensor], Tensor]
"""A layer's output → B×C×h×w."""

PREFIXES = (0, 1, 2, 4, 5)
"""Numbers of class, distillation and register tokens that vision transformers put before the patch tokens."""

_ROUNDED, _EXACT = 1, 2
_PREFIX_TOKENS = re.compile(r"(cls|class|dist|distillation|reg|register|storage)_(tokens?|embedding)$")
_PASS = (
    "pass as_maps=, a function from the layer's output to maps B×C×h×w, such as "
    "lambda tokens: tokens[:, 1:].transpose(1, 2).unflatten(2, (rows, columns)), or name another layer"
)


@dataclass(frozen=True)
class Layout:
    """What is known about the layout of a layer's output.

    Attributes:
        image_size: height and width of the model's input; None if its input is not images.
        prefixes: possible numbers of tokens before the patch tokens, most plausible first.
        channels_first: whether a map is certainly B×C×h×w.
        convolutional: whether to read a map as B×C×h×w if B×h×w×C fits the image too.
    """

    image_size: tuple[int, int] | None = None
    prefixes: tuple[int, ...] = PREFIXES
    channels_first: bool = False
    convolutional: bool = False


def layout_of(model: nn.Module, layer: str, images: Tensor) -> Layout:
    """The layout of ``layer``, inferred from the model and its input B×3×H×W."""
    module = find_layer(model, layer)
    normalizes_tokens = any("LayerNorm" in type(one).__name__ for one in model.modules())
    inside = list(module.modules())
    plain = all(type(one).__module__.startswith("torch.nn") for one in inside)
    return Layout(
        image_size=(images.shape[2], images.shape[3]) if images.ndim == 4 else None,
        prefixes=_prefixes(model),
        channels_first=type(module).__name__.endswith("2d"),
        convolutional=not normalizes_tokens and (plain or any(isinstance(one, nn.BatchNorm2d) for one in inside)),
    )


def to_maps(output: Tensor, layout: Layout) -> Tensor:
    """A layer's output → B×C×h×w, from B×C×h×w, B×h×w×C, or B×N×C tokens, row by row.

    Class and register tokens are left out. The grid must agree with the height and width of the image.

    Raises:
        CountingError: the output is none of these, or is ambiguous; says what to pass.
    """
    if output.ndim == 4:
        return output.permute(0, 3, 1, 2) if _channels_last(output, layout) else output
    if output.ndim != 3:
        raise CountingError(
            f"a layer's output of shape {tuple(output.shape)} is neither a map (B×C×h×w or B×h×w×C) "
            "nor tokens (B×N×C)"
        )
    prefix, height, width = _token_grid(output.shape[1], layout)
    return output[:, prefix:].transpose(1, 2).reshape(len(output), output.shape[2], height, width)


def _channels_last(output: Tensor, layout: Layout) -> bool:
    size = layout.image_size
    if size is None or layout.channels_first:
        return False
    first, last = (_fit(output.shape[a], output.shape[b], size) for a, b in ((2, 3), (1, 2)))
    if first == last != 0 and not layout.convolutional:
        raise CountingError(
            f"a layer's output of shape {tuple(output.shape)} fits an image of {size[0]}×{size[1]} "
            f"as B×C×h×w and as B×h×w×C: {_PASS}"
        )
    if not first and not last and not layout.convolutional:
        raise CountingError(
            f"a layer's output of shape {tuple(output.shape)} does not fit an image of {size[0]}×{size[1]}: "
            f"{_PASS}"
        )
    return last > first


def _token_grid(tokens: int, layout: Layout) -> tuple[int, int, int]:
    """Tokens before the grid, and its height and width."""
    size = layout.image_size
    if size is None:
        raise CountingError(f"cannot tell the grid of {tokens} tokens without an image: {_PASS}")
    fitting: list[tuple[int, int, int]] = []
    for prefix in dict.fromkeys(layout.prefixes):
        patches = tokens - prefix
        for height in (side for side in range(1, patches + 1) if patches % side == 0):
            grid = (prefix, height, patches // height)
            fit = _fit(height, patches // height, size)
            if fit == _EXACT:
                return grid
            if fit:
                fitting.append(grid)
    if len(fitting) != 1:
        found = " or ".join(f"{height}×{width} after {prefix}" for prefix, height, width in fitting)
        why = f"they may be {found}" if found else "no grid of them has the image's proportions"
        raise CountingError(f"{tokens} tokens for an image of {size[0]}×{size[1]}: {why}: {_PASS}")
    return fitting[0]


def _fit(height: int, width: int, size: tuple[int, int]) -> int:
    """How square patches of an image of ``size`` (height, width) fit the grid: exactly, rounded, or not (0)."""
    if size[0] * width == size[1] * height and size[0] % height == 0:
        return _EXACT
    largest = max(size) if height == 1 else min(size[0] // (height - 1) + 1, max(size))
    for stride in range(max(size[0] // (height + 1), 1), largest + 1):
        down, up = (tuple(sign * (sign * pixels // stride) for pixels in size) for sign in (1, -1))
        if (height, width) in (down, up):
            return _ROUNDED
    return 0


def _prefixes(model: nn.Module) -> tuple[int, ...]:
    """Possible numbers of tokens before the patches': from the model's attribute, else its tokens' names."""
    for module in model.modules():
        number = getattr(module, "num_prefix_tokens", None)
        if isinstance(number, int):
            return (number, 0) if number else (0,)
    tokens = [weight for name, weight in model.named_parameters() if _PREFIX_TOKENS.search(name)]
    number = sum(weight.shape[-2] if weight.ndim > 1 else 1 for weight in tokens)
    return (number, 0) if number else PREFIXES
