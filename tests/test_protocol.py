"""Which objects and images each protocol counts."""

from pathlib import Path

import numpy as np
import pytest

from counting_datasets.errors import CountingError
from counting_datasets.protocol import Protocol
from counting_datasets.scene import Scene, SceneSet

CATEGORIES = ("cat", "dog")


def scene(name: str, *objects: tuple[str, str]) -> Scene:
    """A photo of ``objects``: (category, "", "difficult" or "crowd")."""
    return Scene(
        id=name,
        number=name,
        path=Path(f"{name}.jpg"),
        size=(9, 9),
        boxes=np.tile([0.0, 0.0, 3.0, 3.0], (len(objects), 1)),
        labels=np.array([CATEGORIES.index(category) for category, _ in objects], dtype=np.int64),
        difficult=np.array([flag == "difficult" for _, flag in objects], dtype=bool),
        crowd=np.array([flag == "crowd" for _, flag in objects], dtype=bool),
        categories=CATEGORIES,
    )


SCENES = SceneSet(
    "own",
    "test",
    "voc",
    CATEGORIES,
    (
        scene("mixed", ("cat", ""), ("dog", "difficult"), ("dog", "crowd"), ("dog", "")),
        scene("empty"),
        scene("hard", ("cat", "difficult")),
        scene("herd", ("dog", "crowd")),
    ),
)


@pytest.mark.parametrize(
    ("protocol", "expected"),
    [
        ("all", {"mixed": [1, 3], "empty": [0, 0], "hard": [1, 0], "herd": [0, 1]}),
        ("non-difficult", {"mixed": [1, 2], "empty": [0, 0], "hard": [0, 0], "herd": [0, 1]}),
        ("no-crowd", {"mixed": [1, 2], "empty": [0, 0], "hard": [1, 0], "herd": [0, 0]}),
        ("non-empty", {"mixed": [1, 3], "hard": [1, 0], "herd": [0, 1]}),
        ("non-difficult+non-empty", {"mixed": [1, 2], "herd": [0, 1]}),
        ("non-difficult+no-crowd+non-empty", {"mixed": [1, 1]}),
    ],
)
def test_what_each_protocol_counts(protocol: str, expected: dict[str, list[int]]) -> None:
    parsed = Protocol.parse(protocol)
    kept = SCENES.under(parsed)
    assert {scene.id: scene.counts(parsed).tolist() for scene in kept} == expected
    assert kept.counts(parsed).tolist() == list(expected.values())


def test_counts_of_no_scene_have_every_category() -> None:
    assert SCENES[:0].counts(Protocol()).shape == (0, 2)


@pytest.mark.parametrize(
    ("name", "family", "printed"),
    [
        ("all", "voc", "all"),
        ("non-empty+non-difficult", "voc", "non-difficult+non-empty"),
        ("ilc", "voc", "non-difficult"),
        ("ilc", "coco", "non-difficult+non-empty"),
    ],
)
def test_the_name_printed_beside_a_figure(name: str, family: str, printed: str) -> None:
    protocol = Protocol.parse(name, family)
    assert str(protocol) == printed
    assert Protocol.parse(printed) == protocol


@pytest.mark.parametrize("name", ["", "easy", "non-difficult+", "all+no-crowd", "ilc+no-crowd", "ALL"])
def test_any_other_name_is_refused(name: str) -> None:
    with pytest.raises(CountingError, match="use all, ilc, or non-difficult, no-crowd, non-empty joined with"):
        Protocol.parse(name)
