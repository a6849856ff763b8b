"""Configuration of a training run: a YAML file, which ``key=value`` on the command line can override."""

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

    Leave out ``train`` or ``val`` to use a source only for validation or only for training. Photos of a source
    with ``weight`` 2 are shown twice as often in training as photos of a source with ``weight`` 1. ``boxes`` is a
    file of a detector's boxes on the training photos, for a teacher: COCO results, or an .npz as described in
    ``counting.detection.photo_boxes``.
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
    """The data set and its splits; ``voc`` and ``coco`` are data of your own in that format.

    A split of ``coco`` may also be an instances file (``train: my/train.json``) with its photos in ``images``, or
    a part of one file, ``annotations`` (``train: train:80/20``, ``val: val:80/20``). Paths may contain environment
    variables.

    Several data sets are listed as ``sources``, or as a list in place of the whole section. Their categories are
    merged by name, in the order in which the sources list them, unless ``categories`` names them. A category that
    a source does not annotate is unknown in its photos. Categories in less than the share ``rare`` of the training
    photos are shown more often.
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
    def _a_list_means_sources(cls, values: Any) -> Any:
        return {"sources": values} if isinstance(values, list) else values

    @model_validator(mode="after")
    def _sources_replace_the_single_data_set(self) -> Self:
        given = [
            key
            for key in ("name", "root", "annotations", "images", "unannotated_are_empty", "train", "val")
            if getattr(self, key) != DataConfig.model_fields[key].default
        ]
        if self.sources and given:
            raise ValueError(f"{', '.join(given)}: give this for each of the sources instead")
        for split in ("train", "val"):
            if self.sources and not any(getattr(source, split) for source in self.sources):
                raise ValueError(f"no source has a {split} split")
        return self


class SubitizingConfig(_Strict):
    """Pretraining of the backbone for glance-sos, on photos in folders named 0, 1, 2, 3 and 4+."""

    folder: Path
    side: PositiveInt = 224
    epochs: PositiveInt = 5
    batch: PositiveInt = 32
    learning_rate: PositiveFloat = 1e-4


class BackboneConfig(_Strict):
    """The backbone, a file of weights in place of its own pretrained ones, and which of its weights are frozen.

    With ``frozen: false``, the first ``frozen_stages`` stages can still be frozen, and with ``frozen_depthwise``
    all depthwise kernels, whose gradient is slow on a CPU.
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
            raise ValueError(f"side {self.side} must be a multiple of grid {self.grid} for mode: crop")
        return self


class LossConfig(_Strict):
    """The options of ``counting.networks.losses.CountLoss``.

    ``balanced`` weights each category by the inverse of its counts' standard deviation in training. ``centres`` is
    the weight of ``counting.networks.locating.centre_loss``, for counters that locate objects.
    """

    kind: Literal["huber", "mse"] = "mse"
    on: tuple[Literal["cells", "sum"] | PositiveInt, ...] = Field(default=("cells", "sum"), min_length=1)
    beta: PositiveFloat = 0.5
    balanced: bool = False
    centres: float = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _only_huber_has_beta(self) -> Self:
        if self.kind != "huber" and self.beta != LossConfig.model_fields["beta"].default:
            raise ValueError("beta requires kind: huber")
        return self


class OptimizationConfig(_Strict):
    """AdamW with a one-cycle learning rate; the backbone's rate is ``backbone_rate`` times that of the head.

    ``side``: height and width of training photos, which may be smaller than ``cells.side`` because objects in
    random crops are larger. ``views``: number of views of each photo, one per epoch; the first is the photo
    itself, the second its mirror image, all others are random crops. ``zoom_out``: shrink some of the random views
    on a grey background. ``blur``: give some of them the detail of a smaller photo. ``validate_every``: epochs
    between scores on the validation split, which is also scored after the last epoch. ``patience``: epochs without
    improvement after which training stops. ``rescale``: multiply all counts by the factor that fits the validation
    split best. ``bfloat16``: run training steps, but not validation, in bfloat16, which is faster where the
    hardware supports it.
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
    """HINT: train the counter to base a category's count on the cells where people see its objects.

    ``weight`` is λ, the weight beside the count loss; 0.3 does not harm the counts on VOC (the paper's λ has
    another scale). ``share`` is the share of the photos with human importance. ``importance`` is its source: the
    objects' ``boxes`` or ``masks``, or a folder of grey attention maps ``<photo>-<category>.png``. Masks and
    attention maps apply to a photo and its mirror image, not to random crops. ``cue`` replaces human importance by
    a control, ``random`` or ``irrelevant``.
    """

    weight: PositiveFloat = 0.3
    share: float = Field(default=0.06, gt=0, le=1)
    cue: Literal["human", "random", "irrelevant"] = "human"
    importance: Literal["boxes", "masks"] | Path = "boxes"


class TeacherConfig(_Strict):
    """Training on a detector's boxes as well, which ``data.sources`` name.

    Its counts, the sums of its boxes' probabilities, are targets for the categories that are not annotated in a
    photo; with ``distill`` for all categories, in addition to the true counts. ``weight`` is the weight of this
    loss; that of the true counts is 1.
    """

    weight: PositiveFloat = 0.5
    distill: bool = False


class Config(_Strict):
    """One training run.

    ``head``: the counter's own options. ``members``: number of heads, initialized differently and trained side by
    side, whose counts are averaged. ``start``: a counter to initialize the weights from; it may lack some of the
    categories. ``keep``: train only the weights of categories that ``start`` lacks. ``final``: the run that chose
    these settings; the counter is then trained on the training and validation splits, for all epochs, and takes
    scale and calibration from that run. ``plugins``: Python files that register counters and backbones of your
    own, relative to the configuration file.
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
    def _a_frozen_backbone_has_no_training_options(self) -> Self:
        if not self.backbone.frozen:
            return self
        for key, value in (
            ("backbone.frozen_stages", self.backbone.frozen_stages),
            ("backbone.frozen_depthwise", self.backbone.frozen_depthwise),
            ("optimization.side", self.optimization.side),
            ("optimization.zoom_out", self.optimization.zoom_out),
            ("optimization.blur", self.optimization.blur),
            ("loss.centres", self.loss.centres),
        ):
            if value:
                raise ValueError(f"{key} requires backbone.frozen: false")
        return self

    @model_validator(mode="after")
    def _crops_in_training_are_whole_pixels(self) -> Self:
        side = self.optimization.side
        if side and self.cells.mode == "crop" and side % self.cells.grid:
            raise ValueError(
                f"optimization.side {side} must be a multiple of cells.grid {self.cells.grid} for mode: crop"
            )
        return self

    @model_validator(mode="after")
    def _only_the_categories_of_a_start_can_be_kept(self) -> Self:
        if self.keep and (self.start is None or self.optimization.rescale):
            raise ValueError("keep requires a start and excludes optimization.rescale")
        return self

    @model_validator(mode="after")
    def _a_teacher_has_boxes(self) -> Self:
        boxes = any(source.boxes for source in self.data.sources if source.train)
        if self.teacher and not boxes:
            raise ValueError("teacher: give a file of boxes for at least one training split of data.sources")
        if boxes and not self.teacher:
            raise ValueError("data.sources: boxes require a section teacher")
        if self.teacher and self.hint and self.hint.importance != "boxes":
            raise ValueError("hint.importance must be boxes if there is a teacher")
        return self

    def to_yaml(self) -> str:
        """The whole configuration, defaults included."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False)


class _Loader(yaml.SafeLoader):
    """A YAML loader that reads only true and false as booleans, as in YAML 1.2; ``on`` and ``no`` are strings."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":bool")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("(?i:true|false)$"), list("tTfF"))


def config_folder() -> Path:
    """The folder of the published configurations: in the package, or beside it in a checkout."""
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
            f"no configuration {source!r}: give a file or a name; {choices(source, config_names())}"
        )
    try:
        values = yaml.load(path.read_text(encoding="utf-8"), _Loader)
    except (yaml.YAMLError, ValueError) as error:
        raise CountingError(f"{path}: not YAML ({str(error).splitlines()[0]})") from None
    if not isinstance(values, dict):
        raise CountingError(f"{path}: not a configuration, which maps keys to values")
    named_here = values.get("plugins")
    for override in overrides:
        _apply(values, override)
    config = parse_config(values, str(path))
    folder = path.parent if values.get("plugins") is named_here else Path()
    return config.model_copy(update={"plugins": tuple((folder / file).resolve() for file in config.plugins)})


def parse_config(values: dict[str, Any], where: str) -> Config:
    """The configuration with these keys and values; ``where`` names its source in errors.

    Raises:
        CountingError: a key is unknown or missing, or a value is wrong.
    """
    try:
        return Config.model_validate(values)
    except ValidationError as error:
        raise CountingError(
            f"{where}: {'; '.join(_problem(e['type'], e['loc'], e['msg']) for e in error.errors())}"
        ) from None


def _problem(kind: str, location: tuple[int | str, ...], message: str) -> str:
    """The message for one error in a configuration."""
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
        if section.isdigit():  # an index of a list
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
        raise CountingError(f"{override!r}: write a change to the configuration as key=value")
    *sections, last = key.split(".")
    for section in sections:
        values = values.setdefault(section, {})
        if not isinstance(values, dict):
            raise CountingError(f"{override!r}: {section!r} is not a section of the configuration")
    try:
        values[last] = yaml.load(value, _Loader)
    except (yaml.YAMLError, ValueError):
        raise CountingError(f"{override!r}: the value is not YAML") from None
