"""The sections of a configuration: their keys, values and defaults.

The page *Configuration* of the manual is made from these docstrings.
"""

from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, PositiveFloat, PositiveInt, model_validator


class Section(BaseModel):
    """A part of a configuration, which cannot be changed and rejects unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class SourceConfig(Section):
    """One of several data sets.

    Attributes:
        name: the data set, as in the section ``data``.
        root: the folder that holds ``JPEGImages`` or ``annotations``.
        annotations: a COCO instances file, in place of ``root``.
        images: the folder with the photos of ``annotations``.
        unannotated_are_empty: whether photos without an XML file count as photos without objects.
        train: the split to train on; without it, the source is only used for validation.
        val: the split to validate on; without it, the source is only used for training.
        weight: how often a photo is shown in training, relative to a photo of a source with weight 1.
        boxes: a file of a detector's boxes on the training photos, for a teacher: COCO results, or an .npz as
            described in ``counting.detection.photo_boxes``.
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


class DataConfig(Section):
    """The data set and its splits; ``voc`` and ``coco`` are data of your own in that format.

    A split of ``coco`` may also be an instances file (``train: my/train.json``) with its photos in ``images``, or
    a part of one file, ``annotations`` (``train: train:80/20``, ``val: val:80/20``). Paths may contain environment
    variables.

    Several data sets are listed as ``sources``, or as a list in place of the whole section. Their categories are
    merged by name, in the order in which the sources list them, unless ``categories`` names them. A category that
    a source does not annotate is unknown in its photos.

    Attributes:
        name: ``voc2007``, ``voc2012``, ``coco2014``, ``coco2017``, ``voc`` or ``coco``.
        root: the folder that holds ``JPEGImages`` or ``annotations``; by default, it is found in
            ``$COUNTING_DATA``.
        annotations: a COCO instances file, in place of ``root``.
        images: the folder with the photos of ``annotations``.
        categories: the categories to count; by default all that are annotated.
        unannotated_are_empty: whether photos without an XML file count as photos without objects.
        train: the split to train on.
        val: the split that chooses the best epoch and calibrates the intervals.
        protocol: which objects count.
        sources: several data sets, in place of the keys above.
        rare: categories in less than this share of the training photos are shown more often; 0 for none.
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


class SubitizingConfig(Section):
    """Pretraining of the backbone for glance-sos, to classify photos by the number of salient objects.

    Attributes:
        folder: a folder with photos in folders named 0, 1, 2, 3 and 4+.
        side: height and width of training photos in pixels.
        epochs: number of epochs.
        batch: number of photos in a batch.
        learning_rate: the learning rate.
    """

    folder: Path
    side: PositiveInt = 224
    epochs: PositiveInt = 5
    batch: PositiveInt = 32
    learning_rate: PositiveFloat = 1e-4


class BackboneConfig(Section):
    """The network that turns pixels into features.

    Attributes:
        name: ``efficientnet_lite0``, ``efficientnet_lite0_pyramid``, ``timm/NAME``, or that of a plugin.
        weights: a file of weights in place of the pretrained ones that come with the backbone.
        frozen: whether none of its weights are trained.
        frozen_stages: with ``frozen: false``, the number of first stages that are not trained.
        frozen_depthwise: with ``frozen: false``, do not train depthwise kernels, whose gradient is slow on a CPU.
        subitizing: pretraining for glance-sos.
    """

    name: str = "efficientnet_lite0"
    weights: Path | None = None
    frozen: bool = True
    frozen_stages: NonNegativeInt = 0
    frozen_depthwise: bool = False
    subitizing: SubitizingConfig | None = None


class CellsConfig(Section):
    """The cells in which objects are counted.

    Attributes:
        mode: ``pool``: pass the whole photo through the backbone once and average the features in each cell;
            ``crop``: pass each cell through the backbone by itself.
        grid: number of cells along each side of the photo.
        side: height and width in pixels to which photos are stretched.
    """

    mode: Literal["pool", "crop"] = "pool"
    grid: PositiveInt = 3
    side: PositiveInt = 576

    @model_validator(mode="after")
    def _crops_are_whole_pixels(self) -> Self:
        if self.mode == "crop" and self.side % self.grid:
            raise ValueError(f"side {self.side} must be a multiple of grid {self.grid} for mode: crop")
        return self


class LossConfig(Section):
    """The loss between predicted and true counts.

    Attributes:
        kind: ``mse``, the squared error, or ``huber``.
        on: which counts are compared: of the ``cells``, the ``sum`` of the photo, or of the larger cells of a grid
            with this number of cells per side. The losses are added up.
        beta: the error below which the Huber loss is quadratic.
        balanced: divide the loss of each category by the standard deviation of its counts in training.
        centres: weight of the loss of object centres, for counters that locate objects.
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


class OptimizationConfig(Section):
    """Training by AdamW with a one-cycle learning rate.

    Attributes:
        epochs: number of epochs.
        batch: number of photos in a batch.
        learning_rate: the maximum learning rate of the head.
        weight_decay: the weight decay of AdamW.
        patience: number of epochs without improvement on the validation split after which training stops.
        gradient_norm: the norm to which larger gradients are clipped.
        views: number of views of each photo, one per epoch; the first is the photo itself, the second its mirror
            image, all others are random crops.
        backbone_rate: the backbone's learning rate, as a share of that of the head.
        validate_every: number of epochs between scores on the validation split, which is also scored after the
            last epoch.
        rescale: multiply all counts by the factor that fits the validation split best.
        zoom_out: shrink some of the random views on a grey background.
        blur: give some of the random views the detail of a smaller photo.
        side: height and width of training photos, by default ``cells.side``; it may be smaller, because objects in
            random crops are larger.
        bfloat16: run training steps, but not validation, in bfloat16, which is faster where the hardware
            supports it.
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


class HintConfig(Section):
    """HINT: train the counter to base a category's count on the cells where people see its objects.

    Attributes:
        weight: λ, the weight of the HINT loss; that of the count loss is 1. (The paper's λ has another scale.)
        share: share of the photos with human importance.
        cue: ``human``, or a control in its place: ``random``, or ``irrelevant``, people's ranking reversed.
        importance: where people see the objects: ``boxes``, ``masks``, or a folder of grey attention maps
            ``<photo>-<category>.png``. Masks and attention maps apply to a photo and its mirror image, not to
            random crops.
    """

    weight: PositiveFloat = 0.3
    share: float = Field(default=0.06, gt=0, le=1)
    cue: Literal["human", "random", "irrelevant"] = "human"
    importance: Literal["boxes", "masks"] | Path = "boxes"


class TeacherConfig(Section):
    """Training also on the counts of a detector, whose boxes are named in ``data.sources``.

    The sums of the boxes' probabilities are targets for categories that are not annotated in a photo.

    Attributes:
        weight: the weight of this loss; that of the true counts is 1.
        distill: use the detector's counts for annotated categories too, in addition to the true counts.
    """

    weight: PositiveFloat = 0.5
    distill: bool = False
