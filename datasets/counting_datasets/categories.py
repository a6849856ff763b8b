"""Category names of VOC and COCO, and synonyms among them."""

from collections import Counter
from collections.abc import Sequence

from counting_datasets.errors import DataError
from counting_datasets.text_files import nfc

VOC_CATEGORIES = (
    "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow",
    "diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
)  # fmt: skip

COCO_CATEGORIES = (
    "person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat", "traffic light",
    "fire hydrant", "stop sign", "parking meter", "bench", "bird", "cat", "dog", "horse", "sheep", "cow",
    "elephant", "bear", "zebra", "giraffe", "backpack", "umbrella", "handbag", "tie", "suitcase", "frisbee",
    "skis", "snowboard", "sports ball", "kite", "baseball bat", "baseball glove", "skateboard", "surfboard",
    "tennis racket", "bottle", "wine glass", "cup", "fork", "knife", "spoon", "bowl", "banana", "apple",
    "sandwich", "orange", "broccoli", "carrot", "hot dog", "pizza", "donut", "cake", "chair", "couch",
    "potted plant", "bed", "dining table", "toilet", "tv", "laptop", "mouse", "remote", "keyboard",
    "cell phone", "microwave", "oven", "toaster", "sink", "refrigerator", "book", "clock", "vase", "scissors",
    "teddy bear", "hair drier", "toothbrush",
)  # fmt: skip

_SAME = {
    "airplane": "aeroplane", "plane": "aeroplane", "bike": "bicycle", "motorcycle": "motorbike",
    "couch": "sofa", "tv": "tvmonitor", "television": "tvmonitor", "tv monitor": "tvmonitor",
    "potted plant": "pottedplant", "dining table": "diningtable",
}  # fmt: skip


def canonical(name: str) -> str:
    """One name for VOC's and COCO's synonyms: ``couch`` → ``sofa``, ``Potted_Plant`` → ``pottedplant``."""
    plain = " ".join(_lower(name).replace("_", " ").replace("-", " ").split())
    return _SAME.get(plain, plain)


def _lower(name: str) -> str:
    return nfc(name).strip().casefold()


def match_categories(theirs: Sequence[str], ours: Sequence[str]) -> dict[int, int]:
    """Index in ``theirs`` → index in ``ours``, for names with the same meaning; other names are left out.

    Identical names match first, then names that differ only in case, then ``canonical`` names. A name in ``ours``
    with an identical match takes no similar one: of bike and bicycle, only bicycle matches ours, bicycle.
    """
    matched: dict[int, int] = {}
    for form in (nfc, _lower, canonical):
        taken = set(matched.values())
        place = {form(name): k for k, name in reversed(list(enumerate(ours))) if k not in taken}
        rest = ((i, form(name)) for i, name in enumerate(theirs) if i not in matched)
        matched |= {i: place[name] for i, name in rest if name in place}
    return dict(sorted(matched.items()))


def parse_categories(text: str) -> tuple[str, ...]:
    """Parse a list such as ``apple, pear``; spaces around names and a trailing comma are ignored.

    Raises:
        DataError: no name or a duplicate.
    """
    names = tuple(nfc(name) for name in map(str.strip, text.split(",")) if name)
    if not names:
        raise DataError(f"categories {text!r}: name at least one, such as apple,pear")
    require_distinct(names)
    return names


def require_distinct(categories: Sequence[str]) -> None:
    """Raise DataError if a category is listed twice."""
    name, times = Counter(map(nfc, categories)).most_common(1)[0]
    if times > 1:
        raise DataError(f"duplicate category {name!r} in {', '.join(categories)}")
