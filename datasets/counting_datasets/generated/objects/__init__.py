"""Drawings of the counted objects, each in several shapes, colours and poses."""

from collections.abc import Callable

from numpy.random import Generator
from PIL import Image

from counting_datasets.generated.objects.bottle import draw_bottle
from counting_datasets.generated.objects.car import draw_car
from counting_datasets.generated.objects.chair import draw_chair
from counting_datasets.generated.objects.person import draw_person
from counting_datasets.generated.objects.pottedplant import draw_pottedplant
from counting_datasets.generated.objects.sheep import draw_sheep

Drawer = Callable[[Generator, float], Image.Image]
"""Draws an object at a scale in pixels per metre; it stands on the middle of the patch's lower edge."""

DRAWERS: dict[str, Drawer] = {
    "bottle": draw_bottle,
    "car": draw_car,
    "chair": draw_chair,
    "person": draw_person,
    "pottedplant": draw_pottedplant,
    "sheep": draw_sheep,
}
