"""Configuration of a training run: a YAML file, which ``key=value`` on the command line can override."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self, get_args

import yaml
from pydantic import BaseModel, Field, PositiveInt, ValidationError, model_validator

from counting.networks.config_sections import (
    BackboneConfig,
    CellsConfig,
    DataConfig,
    HintConfig,
    LossConfig,
    OptimizationConfig,
    Section,
    TeacherConfig,
)
from counting_datasets.errors import CountingError, choices, unknown_key


class Config(Section):
    """One training run.

    Attributes:
        counter: ``glance``, ``aso_sub``, ``seq_sub``, ``att_sub``, ``loc_sub``, ``gt_class``, or that of a plugin.
        plugins: Python files that register counters and backbones of your own, relative to the configuration file.
        members: number of heads, initialized differently and trained side by side, whose counts are averaged.
        start: a counter to initialize the weights from; it may lack some of the categories.
        keep: train only the weights of categories that ``start`` lacks.
        final: the run that chose these settings; the counter is then trained on the training and validation
            splits, for all epochs, and takes scale and calibration from that run.
        data: the data set or data sets.
        backbone: the network that turns pixels into features.
        cells: the cells in which objects are counted.
        head: the counter's own options, such as the sizes of its hidden layers.
        loss: the loss between predicted and true counts.
        hint: HINT, a loss that makes the counter look at the objects; without this section it is not used.
        teacher: training also on a detector's counts; without this section its boxes are ignored.
        optimization: epochs, views, learning rates and so on.
        seed: determines everything random.
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
    head: dict[str, Any] = Field(default_factory=dict)
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
