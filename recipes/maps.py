"""Maps of the frozen part of a loc-sub counter's backbone: stored once per view of a photo, read in windows."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import load_file
from safetensors.torch import save as serialized
from torch import Tensor, nn

from counting.inputs.augmentation import VISIBLE_SHARE
from counting.inputs.preprocessing import to_square
from counting.inputs.views import FIRST_RANDOM_VIEW, View
from counting.networks.counters.base import Counter
from counting.networks.locating import LocatedCells
from counting.utils.files import write_bytes
from counting_datasets.errors import CountingError
from counting_datasets.scene import Scene
from recipes.pool import Pool, put_together

FROZEN_STAGES, FROZEN_BLOCKS = 3, 3
"""Number of stages of EfficientNet-Lite0 up to stride 8, and of the block groups in them."""

MIDDLE_BLOCKS = 5
"""Number of block groups up to stride 16."""


class Stages(nn.Module):
    """An EfficientNet-Lite0 counter in two parts: the frozen stages and the trained rest."""

    def __init__(self, counter: Counter) -> None:
        super().__init__()
        if not isinstance(counter.cells, LocatedCells):
            raise CountingError("cached maps require counter: loc_sub")
        self.counter = counter
        self.model: Any = counter.cells.backbone.features.model

    @torch.no_grad()
    def trunk(self, images: Tensor) -> Tensor:
        """B×3×H×W photos → B×40×H/8×W/8."""
        images = images.contiguous(memory_format=torch.channels_last)
        stem = self.model.act(self.model.bn1(self.model.conv_stem(images)))
        fine: Tensor = self.model.blocks[:FROZEN_BLOCKS](stem)
        return fine

    def forward(self, fine: Tensor) -> tuple[Tensor, Tensor]:
        """The trunk's map → the head's output, and the logits of centres."""
        coarse = self.model.blocks[FROZEN_BLOCKS:MIDDLE_BLOCKS](fine)
        last = self.model.blocks[MIDDLE_BLOCKS:](coarse)
        last = self.model.act(self.model.bn2(self.model.conv_head(last)))
        cells = self.counter.cells
        assert isinstance(cells, LocatedCells)
        of_cells, logits = cells.locate((fine, coarse, last), self.counter.grid.side)
        return self.counter.head(of_cells), logits


@dataclass(frozen=True)
class Window:
    """A square part of a photo's map, in pairs of its places."""

    left: int
    top: int
    side: int

    def of(self, map_: Tensor) -> Tensor:
        """This part of a map."""
        right, bottom = self.left + self.side, self.top + self.side
        return map_[:, 2 * self.top : 2 * bottom, 2 * self.left : 2 * right]

    def view(self, whole: View, places: int) -> View:
        """The objects of a view that are in the window."""
        boxes = (whole.boxes * places - np.array([self.left, self.top] * 2)) / self.side
        inside = boxes.clip(0, 1)
        seen = _areas(inside) >= VISIBLE_SHARE * np.maximum(_areas(boxes), 1e-12)
        return View(inside[seen], whole.kept[seen], FIRST_RANDOM_VIEW)


def _areas(boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]))


@dataclass(frozen=True)
class Seen:
    """A view with its map.

    Attributes:
        scene: the scene whose objects the view shows.
        view: the objects that are visible.
        map: 40×2n×2n half floats: the trunk's map.
    """

    scene: Scene
    view: View
    map: Tensor

    def within(self, window: Window, places: int) -> "Seen":
        """A part of the view, whose map has 2 · ``places`` rows."""
        return Seen(self.scene, window.view(self.view, places), window.of(self.map))


@dataclass(frozen=True)
class CachedMaps:
    """The maps of photos and of a pool's views, read from files or computed."""

    stages: Stages
    pool: Pool
    folder: Path

    def photo(self, scene: Scene) -> Seen:
        """A photo as it is."""
        path = self.folder / f"{scene.id.replace('/', '-')}.0.npy"
        try:
            stored = torch.from_numpy(np.load(path))
        except (OSError, ValueError, EOFError):
            stored = self._computed(scene.image())
            np.save(path.with_suffix(".part.npy"), stored.numpy())
            path.with_suffix(".part.npy").replace(path)
        extent = np.array([*scene.size, *scene.size])
        return Seen(scene, View(scene.boxes / extent, np.arange(len(scene.boxes))), stored)

    def view(self, number: int) -> Seen:
        """A view of the pool."""
        path = self.folder / "pool" / str(number // 1000) / f"{number}.safetensors"
        try:
            stored = load_file(path)
        except FileNotFoundError:
            stored = self._drawn(number)
            path.parent.mkdir(parents=True, exist_ok=True)
            write_bytes(path, serialized(stored))
        view = View(stored["boxes"].numpy(), stored["kept"].numpy(), FIRST_RANDOM_VIEW)
        return Seen(put_together(self.pool.photos(number)), view, stored["map"])

    def _drawn(self, number: int) -> dict[str, Tensor]:
        image, view = self.pool.draw(number)
        boxes, kept = torch.from_numpy(view.boxes), torch.from_numpy(view.kept)
        return {"map": self._computed(image), "boxes": boxes, "kept": kept}

    def _computed(self, photo: Image.Image) -> Tensor:
        cells = self.stages.counter.cells
        normalization = cells.backbone.normalization
        pixels = normalization(to_square(photo, cells.side, normalization.interpolation))
        with torch.autocast("cpu", torch.bfloat16):
            map_ = self.stages.trunk(pixels[None])[0]
        return map_.half().contiguous()


def stacked(maps: Sequence[Tensor]) -> Tensor:
    return torch.stack(list(maps)).float().contiguous(memory_format=torch.channels_last)
