"""Explain a classifier's score of a class: Grad-CAM of any torch model, as published."""

from collections.abc import Sequence

from PIL import Image
from torch import Tensor, nn

from counting.explain.count_explanation import detailed
from counting.explain.explanation import Explanation, Map, Subject, explanation
from counting.explain.feature_maps import AsMaps
from counting.explain.grad_cam import grad_cam
from counting.explain.guided_backpropagation import guided_backpropagation
from counting.inputs.preprocessing import Normalization, to_square
from counting.networks.backbones import IMAGENET
from counting_datasets.errors import CountingError


def explain_model(
    model: nn.Module,
    photo: Image.Image,
    categories: Sequence[str],
    *,
    classes: Sequence[str],
    layer: str,
    side: int = 224,
    normalization: Normalization = IMAGENET,
    as_maps: AsMaps | None = None,
    guided: bool = False,
) -> list[Explanation]:
    """Explain a classifier's scores of ``categories`` for ``photo``.

    Args:
        model: B×3×side×side → B×classes scores before the softmax; explained in evaluation mode.
        categories: names from ``classes``.
        classes: names of the columns of the scores, such as ``ResNet50_Weights.DEFAULT.meta["categories"]``.
        layer: as for ``grad_cam``.
        side, normalization: size and scaling of the model's input. The whole photo is resized, not cropped, so
            that the maps cover the photo.
        as_maps: as for ``grad_cam``.
        guided: also compute Guided Grad-CAM.

    Raises:
        CountingError: an unknown class, or a layer that does not exist or whose output is no map.
    """
    unknown = [name for name in categories if name not in classes]
    if unknown:
        raise CountingError(f"{unknown[0]!r} is not one of the model's {len(classes)} classes")
    columns = [list(classes).index(name) for name in categories]

    def scores(logits: Tensor) -> Tensor:
        return logits[:, columns]

    photo = photo.convert("RGB")
    image = normalization(to_square(photo, side, normalization.interpolation))[None]
    image = image.to(next(model.parameters()).device)
    cam = grad_cam(model, image, layer, scores, as_maps=as_maps)
    details: Sequence[Map | None] = [None] * len(categories)
    if guided:
        details = detailed(cam, guided_backpropagation(model, image, scores), photo.size)
    return [
        explanation(photo, cam, row, _subject(name, float(cam.scores[0, row])), guided=details[row])
        for row, name in enumerate(categories)
    ]


def _subject(name: str, score: float) -> Subject:
    return Subject(
        heading=f"{name}: score {score:.2f}",
        evidence=f"evidence for {name}",
        against=f"evidence against {name}",
        score=f"the score is {score:.2f}",
        category=name,
    )
