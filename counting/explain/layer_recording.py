"""Recording of a layer's output in a forward pass, and gradients of scores with respect to it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from counting_datasets.errors import CountingError


class Recording:
    """The tensors that a layer returned in one forward pass, each a node of the graph."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._tensors: tuple[Tensor, ...] = ()

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """One tensor, or several if the layer returns a tuple.

        Raises:
            CountingError: the model's forward pass did not use the layer.
        """
        if not self._tensors:
            raise CountingError(f"layer {self.name}: the model's forward pass does not use it")
        return self._tensors

    def take(self, output: Any, *, cut: bool) -> Any:
        """Keep ``output``; returns a copy for the model to continue with, safe from in-place layers."""
        if self._tensors:
            raise CountingError(f"layer {self.name} runs several times in one pass: name one that runs once")
        tensors = output if isinstance(output, tuple) else (output,)
        if not all(isinstance(tensor, Tensor) for tensor in tensors):
            raise CountingError(f"layer {self.name} does not return a tensor: name one that does")
        if cut or not all(tensor.requires_grad for tensor in tensors):
            tensors = tuple(tensor.detach().requires_grad_() for tensor in tensors)
        self._tensors = tensors
        copies = tuple(tensor.clone() for tensor in tensors)
        return copies if isinstance(output, tuple) else copies[0]

    def forget(self) -> None:
        """Release the tensors and their graph."""
        self._tensors = ()


@contextmanager
def recorded(model: nn.Module, layer: str, *, cut: bool = True) -> Iterator[Recording]:
    """Record the output of ``layer`` (a name from ``model.named_modules()``) in one forward pass within the block.

    With ``cut`` the graph begins at the layer, so a gradient costs only the layers after it. Without, gradients of
    gradients reach the weights before and after the layer, as a loss on the explanation needs. Parameters may be
    frozen either way. The hook is removed at the end of the block, also after an exception.

    Raises:
        CountingError: the model has no such layer.
    """
    recording = Recording(layer)

    def hook(_module: nn.Module, _inputs: Any, output: Any) -> Any:
        torch.set_grad_enabled(True)
        return recording.take(output, cut=cut)

    handle = find_layer(model, layer).register_forward_hook(hook)
    try:
        with torch.inference_mode(False), torch.set_grad_enabled(not cut):
            yield recording
    finally:
        handle.remove()
        recording.forget()


def find_layer(model: nn.Module, name: str) -> nn.Module:
    """The layer called ``name``.

    Raises:
        CountingError: there is none; lists the layers where the name first fails.
    """
    layer = model
    known = ""
    for part in name.split("."):
        children = dict(layer.named_children())
        if part not in children:
            there = ", ".join(f"{known}{child}" for child in children) or "nothing"
            raise CountingError(f"unknown layer {name!r}: {known.rstrip('.') or 'the model'} has {there}")
        layer = children[part]
        known += f"{part}."
    return layer


def gradients(scores: Tensor, tensors: Sequence[Tensor], *, create_graph: bool = False) -> tuple[Tensor, ...]:
    """B×T ``scores`` → B×T×... for each of ``tensors`` (B×...): ∂score/∂tensor, one backward pass per column.

    No score may depend on another image of the batch (a model in evaluation mode). ``create_graph`` keeps the
    result in the graph, for a loss on it.

    Raises:
        CountingError: the scores do not depend on any of the tensors, or hold no graph.
    """
    if not scores.requires_grad:
        raise CountingError("the score does not depend on this layer: name one that the score is computed from")
    by_column = [
        torch.autograd.grad(
            column.sum(), list(tensors), retain_graph=True, create_graph=create_graph, materialize_grads=True
        )
        for column in scores.unbind(dim=1)
    ]
    return tuple(torch.stack(of_tensor, dim=1) for of_tensor in zip(*by_column, strict=True))
