"""Category names of VOC and COCO, and which names mean the same thing."""

from collections.abc import Sequence

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
    """The name under which VOC and COCO agree: ``couch`` → ``sofa``, ``Potted_Plant`` → ``pottedplant``."""
    plain = name.strip().lower().replace("_", " ").replace("-", " ")
    return _SAME.get(plain, plain)


def match_categories(theirs: Sequence[str], ours: Sequence[str]) -> dict[int, int]:
    """Index in ``theirs`` → index in ``ours``, for the names that mean the same; the rest are left out."""
    place = {canonical(name): index for index, name in enumerate(ours)}
    return {i: place[canonical(name)] for i, name in enumerate(theirs) if canonical(name) in place}
