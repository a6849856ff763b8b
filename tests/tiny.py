"""A backbone and a data set so small that a test can train on them."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import nn

from counting.inputs.grid import Grid
from counting.networks.backbones import IMAGENET, Backbone, Weights, register_backbone
from counting.networks.cells import Cells
from counting.networks.checkpoint import build, save
from counting.networks.config import Config, parse_config
from counting.stats.count_distribution import Calibration

CATEGORIES = ("blue", "red")
COLOURS = {"blue": (40, 60, 230), "red": (230, 50, 40)}


@register_backbone("tiny")
def tiny_backbone(weights: Weights = "own") -> Backbone:
    """Two convolutions, stride 8 in all; its own weights are always the same."""
    with torch.random.fork_rng():
        if weights == "own":
            torch.manual_seed(0)
        layers = nn.Sequential(
            nn.Conv2d(3, 8, 5, stride=4, padding=2),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.Conv2d(8, 8, 3, stride=2, padding=1),
            nn.ReLU(),
        )
    return Backbone(layers, (8,), IMAGENET)


def tiny_cells(grid: int = 2, side: int = 48, mode: Any = "pool") -> Cells:
    return Cells(tiny_backbone(), Grid(grid), side, mode)


def tiny_config(root: Path, **sections: Any) -> Config:
    """A run of ``aso_sub`` on the tiny backbone; ``sections`` replace keys of the configuration's sections."""
    values: dict[str, Any] = {
        "counter": "aso_sub",
        "data": {"name": "voc", "root": str(root)},
        "backbone": {"name": "tiny"},
        "cells": {"grid": 2, "side": 48},
        "head": {"hidden": [16], "dropout": 0.2},
        "optimization": {"epochs": 6, "batch": 8, "views": 3},
    }
    for key, value in sections.items():
        values[key] = {**values[key], **value} if isinstance(values.get(key), dict) and key != "head" else value
    return parse_config(values, "tiny")


def write_voc(root: Path, train: int = 24, val: int = 12) -> Path:
    """Photos of 0 to 4 red and blue rectangles, in VOC's layout; the same ones every time."""
    random = np.random.default_rng(0)
    for folder in ("JPEGImages", "Annotations", "ImageSets/Main"):
        (root / folder).mkdir(parents=True)
    names = [f"{number:06d}" for number in range(train + val)]
    for name in names:
        _write_scene(root, name, random)
    (root / "ImageSets/Main/train.txt").write_text("\n".join(names[:train]))
    (root / "ImageSets/Main/val.txt").write_text("\n".join(names[train:]))
    return root


def _write_scene(root: Path, name: str, random: np.random.Generator) -> None:
    width, height = (int(size) for size in random.integers(64, 97, size=2))
    photo = Image.new("RGB", (width, height), (110, 120, 110))
    objects = []
    for _ in range(random.integers(0, 5)):
        category = CATEGORIES[random.integers(2)]
        x0, y0 = int(random.integers(0, width - 24)), int(random.integers(0, height - 24))
        x1, y1 = x0 + int(random.integers(10, 24)), y0 + int(random.integers(10, 24))
        ImageDraw.Draw(photo).rectangle((x0, y0, x1 - 1, y1 - 1), fill=COLOURS[category])
        corners = zip(("xmin", "ymin", "xmax", "ymax"), (x0 + 1, y0 + 1, x1, y1), strict=True)
        box = "".join(f"<{key}>{value}</{key}>" for key, value in corners)
        objects.append(f"<object><name>{category}</name><bndbox>{box}</bndbox></object>")
    photo.save(root / "JPEGImages" / f"{name}.jpg", quality=95)
    size = f"<size><width>{width}</width><height>{height}</height></size>"
    (root / "Annotations" / f"{name}.xml").write_text(f"<annotation>{size}{''.join(objects)}</annotation>")


def save_tiny_counter(folder: Path, seed: int = 1) -> Path:
    """A calibrated counter of red and blue things, not trained, which other processes can load too."""
    plugin = folder / "uses_tiny.py"
    plugin.write_text(f"import sys\nsys.path.append({str(Path(__file__).parent)!r})\nimport tiny\n")
    config = tiny_config(folder, plugins=[str(plugin)])
    torch.manual_seed(seed)
    path = folder / f"counter-{seed}.safetensors"
    weights = torch.tensor([[0.0, 1.0, 0.5, 0.0, 1.0, 0.0]]).repeat(2, 1)
    save(build(config, CATEGORIES), config, path, calibration=Calibration(weights, 20))
    return path


def write_photos(folder: Path, number: int) -> Path:
    """Small photos of noise, the same ones every time."""
    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    for n in range(number):
        Image.fromarray(random.integers(0, 256, (24, 32, 3), dtype=np.uint8)).save(folder / f"{n:04}.jpg")
    return folder
