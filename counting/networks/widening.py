"""Changing a trained counter's categories: weights of old categories are moved, those of new ones are added.

Shapes tell which weights belong to which category: the counter is built again on the meta device with one more
category, and every axis that is one longer has an index for each category. The inputs of the first layer are the
cells' features, and the cells know which of these belong to a category.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from counting.networks.checkpoint import Checkpoint, build_empty
from counting.networks.config import Config
from counting.networks.counters import Counter
from counting_datasets.categories import match_categories
from counting_datasets.errors import CountingError

Owners = NDArray[np.int64]
"""The category that each index of an axis belongs to; -1 for none."""

Axes = dict[str, tuple[int, Owners]]
"""Name of a tensor → its category axis, and the category of each index on it."""


@dataclass(frozen=True, eq=False)
class OldWeights:
    """Weights of old categories that must stay fixed, but share a tensor with trained weights.

    Attributes:
        weights: each tensor with its category axis, the indices of the old categories, and their values.
    """

    weights: tuple[tuple[Tensor, int, Tensor, Tensor], ...]

    @torch.no_grad()
    def restore(self) -> None:
        """Set the weights back to their values, after an optimizer step."""
        for tensor, axis, index, values in self.weights:
            tensor.index_copy_(axis, index, values)


def take_over(counter: Counter, config: Config, start: Checkpoint) -> None:
    """Copy the weights of ``start`` into ``counter``, built from ``config``, for the categories that both count.

    Weights of new categories keep their initial values, but the head's weights for their features are set to 0: if
    no category is dropped, the counts of the old ones do not change.

    Raises:
        CountingError: the counters share no category, or differ in other ways too.
    """
    other = start.counter
    match = match_categories(other.categories, counter.categories)
    if not match:
        raise CountingError(f"none of its categories is to be counted: {', '.join(other.categories)}")
    ours, theirs = category_axes(counter, config), category_axes(other, start.config)
    try:
        moved = dict(_moved(counter, ours, other.state_dict(), theirs, match))
        counter.load_state_dict(moved)
    except (KeyError, RuntimeError):
        raise CountingError("its weights do not fit this configuration's counter") from None


def train_new_categories_alone(counter: Counter, old: tuple[str, ...], config: Config) -> OldWeights:
    """Freeze all weights of ``counter`` except those of new categories, which are not among the ``old`` ones.

    Raises:
        CountingError: there is no new category, or an old one is dropped, whose features the others may use.
    """
    match = match_categories(old, counter.categories)
    if len(match) < len(old):
        dropped = next(name for index, name in enumerate(old) if index not in match)
        raise CountingError(f"keep: the start's category {dropped!r} must be counted too")
    if len(set(match.values())) == len(counter.categories):
        raise CountingError("keep: there is no new category to train")
    axes = category_axes(counter, config)
    kept = []
    for name, parameter in counter.named_parameters():
        axis, owners = axes.get(name, (0, np.zeros(0, dtype=np.int64)))
        if name not in axes or _are_inputs(owners):
            parameter.requires_grad_(False)
            continue
        index = torch.from_numpy(np.flatnonzero(~_is_new(owners, match))).to(parameter.device)
        kept.append((parameter, axis, index, parameter.detach().index_select(axis, index).clone()))
    return OldWeights(tuple(kept))


def category_axes(counter: Counter, config: Config) -> Axes:
    """The category axis of each tensor that depends on the categories.

    Raises:
        CountingError: a tensor depends on the categories in another way.
    """
    size, width = len(counter.categories), counter.cells.width
    wider = build_empty(config, (*counter.categories, _unused_name(counter.categories)))
    axes: Axes = {}
    for name, tensor in wider.state_dict().items():
        shape = counter.state_dict()[name].shape
        for axis, (length, longer) in enumerate(zip(shape, tensor.shape, strict=True)):
            if length == longer:
                continue
            if (length, longer) == (size, size + 1):
                axes[name] = (axis, np.arange(size))
            elif (length, longer) == (width, wider.cells.width):
                axes[name] = (axis, counter.cells.feature_categories())
            else:
                raise CountingError(f"the categories of a trained {config.counter} cannot be changed")
    return axes


def _unused_name(categories: tuple[str, ...]) -> str:
    return "x" * (1 + max(len(name) for name in categories))


def _are_inputs(owners: Owners) -> bool:
    """Whether the axis is that of the cells' features, most of which belong to no category."""
    return bool((owners < 0).any())


def _is_new(owners: Owners, match: dict[int, int]) -> NDArray[np.bool_]:
    return np.asarray((owners >= 0) & ~np.isin(owners, list(match.values())))


def _sources(owners: Owners, old_owners: Owners, match: dict[int, int]) -> NDArray[np.int64]:
    """For each index of the new axis, the corresponding index of the old one; -1 for new categories.

    Indices of the same category keep their order, as do those that belong to no category.
    """
    source = np.full(len(owners), -1)
    for old_category, category in [(-1, -1), *match.items()]:
        new, old = np.flatnonzero(owners == category), np.flatnonzero(old_owners == old_category)
        source[new] = old[: len(new)]
    return source


def _moved(
    counter: Counter, ours: Axes, old: Mapping[str, Tensor], theirs: Axes, match: dict[int, int]
) -> Iterator[tuple[str, Tensor]]:
    """The tensors of the counter's state, with the old weights at their new indices."""
    for name, tensor in counter.state_dict().items():
        if name not in ours:
            yield name, old[name]
            continue
        (axis, owners), (_, old_owners) = ours[name], theirs[name]
        source = _sources(owners, old_owners, match)
        index, rows = (torch.from_numpy(part) for part in (np.flatnonzero(source >= 0), source[source >= 0]))
        moved = tensor.cpu().index_copy(axis, index, old[name].cpu().index_select(axis, rows))
        if _are_inputs(owners):
            moved.index_fill_(axis, torch.from_numpy(np.flatnonzero(_is_new(owners, match))), 0)
        yield name, moved
