"""Cars from the side and from the front."""

from numpy.random import Generator
from PIL import Image

from counting_datasets.generated.chance import between, one_of
from counting_datasets.generated.colors import PAINTS, Color, darker, lighter
from counting_datasets.generated.pen import Pen, Point

_TYRE: Color = (38, 38, 42)
_WINDOW: Color = (78, 104, 124)


def draw_car(rng: Generator, scale: float) -> Image.Image:
    """A hatchback, saloon, van or pickup from the side, or a car from the front."""
    kind = one_of(rng, ("hatchback", "saloon", "van", "pickup", "front"))
    paint = one_of(rng, PAINTS)
    return _car_front(rng, scale, paint) if kind == "front" else _car_side(rng, scale, paint, kind)


# Each kind's cabin, (x, y) in half lengths and heights of the car: rear foot, rear roof, front roof, front foot.
_CABINS: dict[str, tuple[Point, Point, Point, Point]] = {
    "hatchback": ((-0.94, 0.6), (-0.72, 1.0), (0.12, 1.0), (0.52, 0.6)),
    "saloon": ((-0.66, 0.6), (-0.38, 1.0), (0.14, 1.0), (0.5, 0.6)),
    "van": ((-0.98, 0.6), (-0.96, 1.0), (0.5, 1.0), (0.82, 0.6)),
    "pickup": ((-0.12, 0.6), (-0.06, 1.0), (0.3, 1.0), (0.58, 0.6)),
}


def _car_side(rng: Generator, scale: float, paint: Color, kind: str) -> Image.Image:
    half = {"hatchback": 1.9, "saloon": 2.2, "van": 2.3, "pickup": 2.4}[kind] * between(rng, 0.95, 1.05)
    height = {"hatchback": 1.5, "saloon": 1.42, "van": 1.95, "pickup": 1.65}[kind] * between(rng, 0.95, 1.05)
    pen = Pen(2 * half + 0.2, height, scale)
    belt, sill, wheel = 0.6 * height, 0.26, 0.33
    cabin = [(x * half, y * height) for x, y in _CABINS[kind]]
    pen.polygon(cabin, paint)
    body = [(-half, sill + 0.1), (-half * 0.98, belt - 0.06), (-half * 0.9, belt), (half * 0.55, belt)]
    body += [(half * 0.93, belt - 0.16), (half, belt - 0.34), (half, sill + 0.08), (half * 0.95, sill)]
    pen.polygon([*body, (-half * 0.96, sill)], paint)
    pen.polygon(
        [(-half, sill + 0.12), (half, sill + 0.12), (half * 0.95, sill), (-half * 0.96, sill)],
        darker(paint, 0.4),
    )
    pen.stroke([(-half * 0.92, belt - 0.03), (half * 0.56, belt - 0.03)], 0.05, lighter(paint, 0.4))
    _side_windows(pen, cabin, belt)
    pen.stroke([(-0.05, belt - 0.05), (-0.05, sill + 0.14)], 0.025, darker(paint, 0.35))
    pen.box((-0.32, belt - 0.16), (-0.14, belt - 0.12), darker(paint, 0.5), radius=0.02)
    pen.box((half * 0.9, belt - 0.4), (half * 0.985, belt - 0.26), (255, 244, 200), radius=0.04)
    pen.box((-half * 0.99, belt - 0.28), (-half * 0.93, belt - 0.1), (196, 30, 34), radius=0.03)
    for x in (-half * 0.62, half * 0.62):
        pen.disc((x, wheel + 0.03), wheel + 0.07, darker(paint, 0.65))
        pen.disc((x, wheel), wheel, _TYRE)
        pen.disc((x, wheel), wheel * 0.6, (178, 182, 188))
        pen.disc((x, wheel), wheel * 0.22, (96, 98, 104))
    return pen.finish(mirrored=rng.random() < 0.5)


def _side_windows(pen: Pen, cabin: list[Point], belt: float) -> None:
    """Two panes inside the cabin, with a pillar between them."""
    (rear, _), (rear_roof, roof), (front_roof, _), (front, _) = cabin
    top, bottom = roof - 0.09, belt + 0.02
    pillar = (rear_roof + front_roof) / 2 + 0.1
    lean = 0.09 / (roof - belt)
    rear_top, front_top = rear_roof + (rear - rear_roof) * lean, front_roof + (front - front_roof) * lean
    panes = (
        ((rear + 0.14, bottom), (rear_top + 0.1, top), (pillar - 0.05, top), (pillar - 0.05, bottom)),
        ((pillar + 0.05, bottom), (pillar + 0.05, top), (front_top - 0.06, top), (front - 0.16, bottom)),
    )
    for pane in panes:
        pen.polygon(pane, _WINDOW)
        (x0, y0), (x1, y1), (x2, y2), (x3, y3) = pane
        glint = [(x0 + (x3 - x0) * 0.25, y0), (x1 + (x2 - x1) * 0.45, y1)]
        glint += [(x1 + (x2 - x1) * 0.7, y2), (x0 + (x3 - x0) * 0.5, y3)]
        pen.polygon(glint, lighter(_WINDOW, 0.3))


def _car_front(rng: Generator, scale: float, paint: Color) -> Image.Image:
    half, height = between(rng, 0.84, 0.95), between(rng, 1.4, 1.7)
    pen = Pen(2 * half + 0.4, height, scale)
    belt = 0.58 * height
    for side in (-1, 1):
        pen.box((side * half * 0.95, 0), (side * half * 0.62, 0.45), _TYRE, radius=0.05)
        pen.ellipse((side * (half + 0.06), belt + 0.08), 0.12, 0.07, darker(paint, 0.2))
    pen.polygon([(-half * 0.92, belt), (-half * 0.68, height), (half * 0.68, height), (half * 0.92, belt)], paint)
    glass = [(-half * 0.82, belt + 0.02), (-half * 0.6, height - 0.09)]
    glass += [(half * 0.6, height - 0.09), (half * 0.82, belt + 0.02)]
    pen.polygon(glass, _WINDOW)
    pen.polygon(
        [
            (-half * 0.3, belt + 0.02),
            (-0.02, height - 0.09),
            (half * 0.2, height - 0.09),
            (half * 0.02, belt + 0.02),
        ],
        lighter(_WINDOW, 0.3),
    )
    pen.box((-half, 0.2), (half, belt + 0.04), paint, radius=0.14)
    pen.box((-half * 0.9, belt - 0.05), (half * 0.9, belt), lighter(paint, 0.35), radius=0.02)
    pen.box((-half, 0.2), (half, 0.36), darker(paint, 0.45), radius=0.08)
    pen.box((-half * 0.48, 0.46), (half * 0.48, 0.62), (44, 46, 52), radius=0.05)
    pen.box((-0.24, 0.26), (0.24, 0.38), (244, 244, 236), radius=0.01)
    for side in (-1, 1):
        pen.ellipse((side * half * 0.74, 0.62), 0.16, 0.1, (90, 92, 96))
        pen.ellipse((side * half * 0.74, 0.62), 0.13, 0.075, (255, 248, 214))
    return pen.finish()
