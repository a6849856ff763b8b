"""What a training run is told: a YAML file, with ``key=value`` on the command line on top."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, Self, get_args

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    ValidationError,
    model_validator,
)

from counting_datasets.errors import CountingError, choices, unknown_key


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SourceConfig(_Strict):
    """One of several data sets; its keys are those of ``DataConfig``.

    A source without ``train`` is not trained on, one without ``val`` not validated on. In training, photos of a
    source with ``weight`` 2 are shown twice as often as those of one with 1. ``boxes`` is a file of a detector's
    boxes on its training photos, for a teacher: COCO results, or an .npz as ``counting.detection.photo_boxes``
    describes.
    """

    name: str
    root: Path | None = None
    annotations: Path | None = None
    images: Path | None = None
    unannotated_are_empty: bool = False
    train: str | None = None
    val: str | None = None
    weight: PositiveFloat = 1
    boxes: Path | None = None


class DataConfig(_Strict):
    """Which data set and splits; ``voc`` and ``coco`` are the user's own in that format.

    A split of ``coco`` may also be an instances file (``train: my/train.json``), its photos in ``images``; or both
    splits are shares of one file, ``annotations`` (``train: train:80/20``, ``val: val:80/20``). Paths may contain
    environment variables.

    In place of one data set there may be several ``sources``, or a list of them in place of the whole section.
    They share their categories by name, in the order in which the sources list them, unless ``categories`` names
    some. What a source does not annotate is unknown in its photos. In training, categories that occur in a smaller
    share of the photos than ``rare`` are shown more often.
    """

    name: str = "voc2007"
    root: Path | None = None
    annotations: Path | None = None
    images: Path | None = None
    categories: tuple[str, ...] | None = None
    unannotated_are_empty: bool = False
    train: str = "train"
    val: str = "val"
    protocol: str = "all"
    sources: tuple[SourceConfig, ...] = ()
    rare: float = Field(default=0, ge=0, lt=1)

    @model_validator(mode="before")
    @classmethod
    def _a_list_is_of_sources(cls, values: Any) -> Any:
        return {"sources": values} if isinstance(values, list) else values

    @model_validator(mode="after")
    def _sources_say_where_they_are(self) -> Self:
        given = [
            key
            for key in ("name", "root", "annotations", "images", "unannotated_are_empty", "train", "val")
            if getattr(self, key) != DataConfig.model_fields[key].default
        ]
        if self.sources and given:
            raise ValueError(f"{', '.join(given)}: where there are sources, each has its own")
        for split in ("train", "val"):
            if self.sources and not any(getattr(source, split) for source in self.sources):
                raise ValueError(f"no source has a {split} split")
        return self


class SubitizingConfig(_Strict):
    """What a backbone learns before it counts (glance-sos): photos in folders named 0, 1, 2, 3 and 4+."""

    folder: Path
    side: PositiveInt = 224
    epochs: PositiveInt = 5
    batch: PositiveInt = 32
    learning_rate: PositiveFloat = 1e-4


class BackboneConfig(_Strict):
    """A backbone's name, a file of weights in place of its own, and how much of it stays as it is.

    Of a backbone that is not ``frozen``, the first ``frozen_stages`` still are, and with ``frozen_depthwise`` all
    of its depthwise kernels, whose gradient is slow on a CPU.
    """

    name: str = "efficientnet_lite0"
    weights: Path | None = None
    frozen: bool = True
    frozen_stages: NonNegativeInt = 0
    frozen_depthwise: bool = False
    subitizing: SubitizingConfig | None = None


class CellsConfig(_Strict):
    """``grid`` × ``grid`` cells of a photo stretched to ``side`` × ``side`` pixels."""

    mode: Literal["pool", "crop"] = "pool"
    grid: PositiveInt = 3
    side: PositiveInt = 576

    @model_validator(mode="after")
    def _crops_are_whole_pixels(self) -> Self:
        if self.mode == "crop" and self.side % self.grid:
            raise ValueError(f"side {self.side} does not divide into {self.grid} crops of whole pixels")
        return self


class LossConfig(_Strict):
    """See ``counting.networks.losses.CountLoss``; ``balanced`` weighs the categories by their spread in training.

    ``centres`` is the weight of ``counting.networks.locating.centre_loss`` beside it, for a counter that locates.
    """

    kind: Literal["huber", "mse"] = "mse"
    on: tuple[Literal["cells", "sum"] | PositiveInt, ...] = Field(default=("cells", "sum"), min_length=1)
    beta: PositiveFloat = 0.5
    balanced: bool = False
    centres: float = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _beta_is_hubers(self) -> Self:
        if self.kind != "huber" and self.beta != LossConfig.model_fields["beta"].default:
            raise ValueError("beta is for kind: huber")
        return self


class OptimizationConfig(_Strict):
    """AdamW with a one-cycle rate. A backbone that learns gets the share ``backbone_rate`` of it.

    It may see photos of ``side`` × ``side`` pixels, fewer than later: things in random crops are larger.
    Each epoch shows every photo in one of its ``views``: 1 the photo itself, 2 its mirror image too, more add
    random crops. ``zoom_out`` lets some of those show the photo small, on grey, and ``blur`` gives some less
    detail, as of smaller photos. The validation split is scored after every ``validate_every`` epochs and after
    the last; training stops when that has not improved for ``patience`` epochs. With ``rescale`` the counts are
    multiplied by the number that fits it best.
    ``bfloat16`` computes training steps (not validation) with fewer digits: faster on a CPU or GPU that has it.
    """

    epochs: PositiveInt = 40
    batch: PositiveInt = 64
    learning_rate: PositiveFloat = 1e-3
    weight_decay: float = Field(default=0.01, ge=0)
    patience: PositiveInt = 10
    gradient_norm: PositiveFloat = 5.0
    views: PositiveInt = 1
    backbone_rate: PositiveFloat = 0.1
    validate_every: PositiveInt = 1
    rescale: bool = False
    zoom_out: bool = False
    blur: bool = False
    side: PositiveInt | None = None
    bfloat16: bool = False


class HintConfig(_Strict):
    """HINT: the count of a category must rest on the cells where people see its objects.

    ``weight`` is λ, beside the count loss; 0.3 costs VOC's counts nothing (the paper's has another scale). Of the
    photos, ``share`` have been looked at by people: their importance is the share of a category's ``boxes``
    or ``masks`` in each cell, or of the light in a grey picture of their attention,
    ``FOLDER/<photo>-<category>.png``; masks and pictures serve for a photo and its mirror image, not for random
    crops. In place of the ``human`` cue a control may be ``random`` or ``irrelevant``.
    """

    weight: PositiveFloat = 0.3
    share: float = Field(default=0.06, gt=0, le=1)
    cue: Literal["human", "random", "irrelevant"] = "human"
    importance: Literal["boxes", "masks"] | Path = "boxes"


class TeacherConfig(_Strict):
    """Learn from a detector too, whose boxes on the training photos the sources name.

    Its counts, boxes weighted by how probable they are, are the targets of the categories that a photo was not
    annotated for; with ``distill``, of all categories, beside the true counts. ``weight`` is that of these
    targets, against 1 of the true ones.
    """

    weight: PositiveFloat = 0.5
    distill: bool = False


class Config(_Strict):
    """One training run.

    ``head`` holds the counter's own options. ``members`` heads, each begun differently, learn side by side and
    answer with their mean. ``start`` names a counter to go on from, which may lack some of the categories; with
    ``keep`` its own categories answer as before, and only the weights of the new ones are trained. ``final`` names
    the run that settled these settings: then the validation split is trained on too, for all the epochs, and that
    run's scale and calibration are used. ``plugins`` are Python files, relative to the configuration's own, that
    register the user's own counters and backbones.
    """

    counter: str
    plugins: tuple[Path, ...] = ()
    members: PositiveInt = 1
    start: str | None = None
    keep: bool = False
    final: str | None = None
    data: DataConfig = DataConfig()
    backbone: BackboneConfig = BackboneConfig()
    cells: CellsConfig = CellsConfig()
    head: dict[str, Any] = {}
    loss: LossConfig = LossConfig()
    hint: HintConfig | None = None
    teacher: TeacherConfig | None = None
    optimization: OptimizationConfig = OptimizationConfig()
    seed: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _a_frozen_backbone_does_not_learn(self) -> Self:
        if self.backbone.frozen and (self.backbone.frozen_stages or self.optimization.side):
            raise ValueError("backbone.frozen_stages and optimization.side are for a backbone with frozen: false")
        return self

    @model_validator(mode="after")
    def _nothing_is_asked_that_a_frozen_backbone_would_not_use(self) -> Self:
        options = self.optimization
        if self.backbone.frozen and (self.backbone.frozen_depthwise or options.zoom_out or options.blur):
            raise ValueError(
                "backbone.frozen_depthwise, optimization.zoom_out and optimization.blur are for a backbone with "
                "frozen: false"
            )
        return self

    @model_validator(mode="after")
    def _crops_in_training_are_whole_pixels(self) -> Self:
        side = self.optimization.side
        if side and self.cells.mode == "crop" and side % self.cells.grid:
            raise ValueError(f"optimization.side {side} does not divide into {self.cells.grid} crops")
        return self

    @model_validator(mode="after")
    def _a_frozen_backbone_does_not_learn_centres(self) -> Self:
        if self.loss.centres and self.backbone.frozen:
            raise ValueError("loss.centres is for a backbone with frozen: false")
        return self

    @model_validator(mode="after")
    def _what_is_kept_is_a_start(self) -> Self:
        if self.keep and (self.start is None or self.optimization.rescale):
            raise ValueError("keep is for a run with a start, and without optimization.rescale")
        return self

    @model_validator(mode="after")
    def _a_teacher_has_boxes(self) -> Self:
        boxes = any(source.boxes for source in self.data.sources if source.train)
        if self.teacher and not boxes:
            raise ValueError("teacher: name the boxes that it found in at least one of data.sources")
        if boxes and not self.teacher:
            raise ValueError("data.sources: boxes are for a teacher, and there is no section teacher")
        if self.teacher and self.hint and self.hint.importance != "boxes":
            raise ValueError("hint.importance must be boxes where there is a teacher")
        return self

    def to_yaml(self) -> str:
        """The whole configuration, defaults included."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False)


class _Loader(yaml.SafeLoader):
    """Booleans as in YAML 1.2, true and false alone: ``on`` and ``no`` are words."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":bool")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("(?i:true|false)$"), list("tTfF"))


def config_folder() -> Path:
    """Where the published configurations lie: in the package, or beside it in a checkout."""
    package = Path(__file__).parents[1]
    inside = package / "configs"
    return inside if inside.is_dir() else package.parent / "configs"


def config_names() -> tuple[str, ...]:
    """The names of the configurations that come with the package."""
    folder = config_folder()
    return tuple(sorted(str(file.relative_to(folder).with_suffix("")) for file in folder.rglob("*.yaml")))


def read_config(source: str, overrides: Sequence[str] = ()) -> Config:
    """Read a configuration from a path or by its name (``voc2007/seq_sub``), then apply ``key.key=value``.

    Raises:
        CountingError: no such file or name, not YAML, an unknown key or a value of the wrong type.
    """
    path = Path(source) if Path(source).is_file() else config_folder() / f"{source}.yaml"
    if not path.is_file():
        raise CountingError(
            f"no configuration {source!r}: give a file, or a name; {choices(source, config_names())}"
        )
    try:
        values = yaml.load(path.read_text(encoding="utf-8"), _Loader)
    except (yaml.YAMLError, ValueError) as error:
        raise CountingError(f"{path}: not YAML ({str(error).splitlines()[0]})") from None
    if not isinstance(values, dict):
        raise CountingError(f"{path}: a configuration is a mapping of keys to values")
    named_here = values.get("plugins")
    for override in overrides:
        _apply(values, override)
    config = parse_config(values, str(path))
    folder = path.parent if values.get("plugins") is named_here else Path()
    return config.model_copy(update={"plugins": tuple((folder / file).resolve() for file in config.plugins)})


def parse_config(values: dict[str, Any], where: str) -> Config:
    """Check a configuration's keys and values; ``where`` names its source in errors."""
    try:
        return Config.model_validate(values)
    except ValidationError as error:
        raise CountingError(
            f"{where}: {'; '.join(_problem(e['type'], e['loc'], e['msg']) for e in error.errors())}"
        ) from None


def _problem(kind: str, location: tuple[int | str, ...], message: str) -> str:
    """One mistake in a configuration, in words."""
    *sections, key = (str(part) for part in location) if location else ("",)
    if kind == "extra_forbidden":
        unknown = unknown_key(key, _keys(sections))
        return f"{'.'.join(sections)}: {unknown}" if sections else unknown
    where = ".".join((*sections, key))
    return f"{where}: missing" if kind == "missing" else f"{where}: {message}" if where else message


def _keys(sections: Sequence[str]) -> tuple[str, ...]:
    """The keys that a section of a configuration takes."""
    model: type[BaseModel] = Config
    for section in sections:
        if section.isdigit():  # a place in a list
            continue
        annotation = model.model_fields[section].annotation
        (model,) = (
            one
            for one in (annotation, *get_args(annotation))
            if isinstance(one, type) and issubclass(one, BaseModel)
        )
    return tuple(model.model_fields)


def _apply(values: dict[str, Any], override: str) -> None:
    key, equals, value = override.partition("=")
    if not equals or not key:
        raise CountingError(f"{override!r}: a change to the configuration is written key=value")
    *sections, last = key.split(".")
    for section in sections:
        values = values.setdefault(section, {})
        if not isinstance(values, dict):
            raise CountingError(f"{override!r}: {section!r} is no section of the configuration")
    try:
        values[last] = yaml.load(value, _Loader)
    except (yaml.YAMLError, ValueError):
        raise CountingError(f"{override!r}: the value is not YAML") from None
