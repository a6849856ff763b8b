"""Other categories for a trained counter: the weights of the old ones move, those of new ones are added.

Which weights belong to a category is told from the shapes: a counter is built for one category more, without
memory, and each axis that grew by one has a place for each category. Inputs of the first layer are the cells'
features, and the cells know which of these belong to a category.
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

Places = NDArray[np.int64]
"""For each index on an axis, the category that it belongs to; -1 for none."""

Axes = dict[str, tuple[int, Places]]
"""By name of a tensor, the axis of its categories and the places on it."""


@dataclass(frozen=True, eq=False)
class OldWeights:
    """Weights of the old categories that training must not change.

    Attributes:
        weights: for each tensor, the axis of its categories, the indices of the old ones, and their values.
    """

    weights: tuple[tuple[Tensor, int, Tensor, Tensor], ...]

    @torch.no_grad()
    def restore(self) -> None:
        """Undo what an optimizer changed."""
        for tensor, axis, index, values in self.weights:
            tensor.index_copy_(axis, index, values)


def take_over(counter: Counter, config: Config, start: Checkpoint) -> None:
    """Give ``counter``, built as ``config`` says, the weights of one that counts some of its categories.

    Weights of new categories stay as they are, but the head does not read their features: if no old category is
    dropped, their counts are at first those of ``start``.

    Raises:
        CountingError: the counters share no category or differ in more than that.
    """
    other = start.counter
    match = match_categories(other.categories, counter.categories)
    if not match:
        raise CountingError(f"counts other categories: {', '.join(other.categories)}")
    ours, theirs = category_axes(counter, config), category_axes(other, start.config)
    try:
        moved = dict(_moved(counter, ours, other.state_dict(), theirs, match))
        counter.load_state_dict(moved)
    except (KeyError, RuntimeError):
        raise CountingError("its weights do not fit this configuration's counter") from None


def train_new_categories_alone(counter: Counter, old: tuple[str, ...], config: Config) -> OldWeights:
    """Freeze all weights of ``counter`` but those of the categories that are not among the ``old`` ones.

    Raises:
        CountingError: there is no new category, or an old one is dropped, whose features the others may rest on.
    """
    match = match_categories(old, counter.categories)
    if len(match) < len(old):
        dropped = next(name for index, name in enumerate(old) if index not in match)
        raise CountingError(f"keep: its category {dropped!r} is not among those to count")
    if len(set(match.values())) == len(counter.categories):
        raise CountingError("keep: there is no new category to train")
    axes = category_axes(counter, config)
    kept = []
    for name, parameter in counter.named_parameters():
        axis, places = axes.get(name, (0, np.zeros(0, dtype=np.int64)))
        if name not in axes or _are_inputs(places):
            parameter.requires_grad_(False)
            continue
        index = torch.from_numpy(np.flatnonzero(~_is_new(places, match))).to(parameter.device)
        kept.append((parameter, axis, index, parameter.detach().index_select(axis, index).clone()))
    return OldWeights(tuple(kept))


def category_axes(counter: Counter, config: Config) -> Axes:
    """For each tensor of the state that depends on the categories: the axis, and the category of each index there.

    Raises:
        CountingError: a tensor depends on the categories in another way.
    """
    size, width = len(counter.categories), counter.cells.width
    more = build_empty(config, (*counter.categories, *_another(counter.categories)))
    axes: Axes = {}
    for name, wider in more.state_dict().items():
        shape = counter.state_dict()[name].shape
        for axis, (now, then) in enumerate(zip(shape, wider.shape, strict=True)):
            if now == then:
                continue
            if (now, then) == (size, size + 1):
                axes[name] = (axis, np.arange(size))
            elif (now, then) == (width, more.cells.width):
                axes[name] = (axis, counter.cells.feature_categories())
            else:
                raise CountingError(f"{config.counter} cannot take over the weights of other categories")
    return axes


def _another(categories: tuple[str, ...]) -> tuple[str]:
    return ("another " * (1 + max(len(name) for name in categories)),)


def _are_inputs(places: Places) -> bool:
    """Whether the axis is that of the cells' features, most of which belong to no category."""
    return bool((places < 0).any())


def _is_new(places: Places, match: dict[int, int]) -> NDArray[np.bool_]:
    return np.asarray((places >= 0) & ~np.isin(places, list(match.values())))


def _sources(places: Places, theirs: Places, match: dict[int, int]) -> Places:
    """For each index on our axis the one on theirs with the same meaning; -1 for new categories.

    A category's places keep their order, as do those of no category.
    """
    source = np.full(len(places), -1)
    for their_category, category in [(-1, -1), *match.items()]:
        ours, others = np.flatnonzero(places == category), np.flatnonzero(theirs == their_category)
        source[ours] = others[: len(ours)]
    return source


def _moved(
    counter: Counter, ours: Axes, old: Mapping[str, Tensor], theirs: Axes, match: dict[int, int]
) -> Iterator[tuple[str, Tensor]]:
    """The tensors of the counter's state with the old weights in their new places."""
    for name, tensor in counter.state_dict().items():
        if name not in ours:
            yield name, old[name]
            continue
        (axis, places), (_, their_places) = ours[name], theirs[name]
        source = _sources(places, their_places, match)
        index, rows = (torch.from_numpy(part) for part in (np.flatnonzero(source >= 0), source[source >= 0]))
        moved = tensor.cpu().index_copy(axis, index, old[name].cpu().index_select(axis, rows))
        if _are_inputs(places):
            moved.index_fill_(axis, torch.from_numpy(np.flatnonzero(_is_new(places, match))), 0)
        yield name, moved
