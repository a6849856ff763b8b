"""WHAT on the command line: anything that counts, found by what it is and asked for its counts."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from counting.models.baselines import BASELINES
from counting.tables.count_table import CountTable, check_missing, join
from counting.tables.table_files import read_table
from counting_datasets.errors import CountingError
from counting_datasets.scene import SceneSet
from counting_datasets.text_files import read_json

TABLE_SUFFIXES = (".csv", ".parquet")
DETECTOR = "torchvision:"


@dataclass(frozen=True)
class Split:
    """Photos to count and what is true of them; ``scenes`` is None where the truth came from a file."""

    truth: CountTable
    scenes: SceneSet | None = None


@dataclass(frozen=True)
class Fit:
    """What counters are fitted on, read only where one needs it.

    Attributes:
        val: Count-val.
        train: the counts of Count-train.
        files: the val counterparts of the members that are files, in order.
        boxes: how fitted boxes count, "soft" or "threshold".
        weights: how an ensemble is weighed, "average" or "fitted".
    """

    val: Callable[[], Split]
    train: Callable[[], CountTable]
    files: Sequence[str] = ()
    boxes: str = "soft"
    weights: str = "average"


@dataclass(frozen=True)
class Counts:
    """What a WHAT answered. ``lost`` maps photos it could not read to why."""

    table: CountTable
    rounded: bool = True
    lost: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Member:
    """One part of a WHAT, and the val counterpart of its file."""

    name: str
    val_file: str | None = None


def counts_of(what: str, split: Split, fit: Fit, device: str | None = None) -> Counts:
    """Ask ``what`` for its counts of ``split``; members joined with ``+`` answer as their ensemble.

    Raises:
        CountingError: it is nothing that counts, or needs photos, a fit or training counts that are not given.
    """
    members = _members(what, fit.files)
    answers = [_answer(member, split, fit, device) for member in members]
    if len(members) == 1:
        return answers[0]
    from counting.models.counters.ensemble import average, fit_weights

    lost = {photo: why for answer in answers for photo, why in answer.lost.items()}
    tables = _shared([answer.table for answer in answers], split.truth, members)
    if fit.weights == "average":
        return Counts(average(tables), lost=lost)
    val = fit.val()
    on_val = [_answer(_on_val(member), val, fit, device).table for member in members]
    shared = _shared(on_val, val.truth, members)
    weights = fit_weights(shared, val.truth.select(shared[0].images))
    return Counts(weights.combine(tables), lost=lost)


def is_file_of_answers(name: str) -> bool:
    """Whether a member of a WHAT is a file of counts or detections, which has a val counterpart to fit on."""
    if name.startswith(DETECTOR):
        return False
    suffix = Path(name.partition(":")[0]).suffix
    return suffix in (*TABLE_SUFFIXES, ".json", ".npz")


def _members(what: str, val_files: Sequence[str]) -> list[_Member]:
    names = what.split("+")
    files = [name for name in names if is_file_of_answers(name)]
    if len(val_files) not in (0, len(files)):
        raise CountingError(f"--fit was given {len(val_files)} times, but {what!r} has {len(files)} files")
    val_file: Iterator[str] = iter(val_files)
    return [_Member(name, next(val_file, None) if is_file_of_answers(name) else None) for name in names]


def _on_val(member: _Member) -> _Member:
    """The member that answers for Count-val."""
    if not is_file_of_answers(member.name):
        return member
    if member.val_file is None:
        raise CountingError(f"fitted weights need {member.name}'s counterpart on val: name it with --fit FILE")
    return _Member(member.val_file, member.val_file)


def _answer(member: _Member, split: Split, fit: Fit, device: str | None) -> Counts:
    name = member.name
    if name in BASELINES:
        baseline = BASELINES[name]
        train = fit.train() if baseline.learns else None
        return Counts(baseline.predict(split.truth, train), baseline.rounded)
    if name.startswith(DETECTOR):
        return _detector(name, split, fit, device)
    if not is_file_of_answers(name):
        return _learned(name, split, device)
    if Path(name).suffix == ".json" and _holds_boxes(Path(name)):
        return Counts(_detected(member, split, fit))
    return Counts(read_table(name).in_categories(split.truth.categories))


def _detector(name: str, split: Split, fit: Fit, device: str | None) -> Counts:
    """``torchvision:NAME`` or ``torchvision:NAME@WEIGHTS``, run over Count-val to fit and over the split."""
    from counting.detection.detect import FITTERS
    from counting.detection.detector import build_detector, detect_scenes
    from counting.utils.devices import find_device

    architecture, _, file = name.removeprefix(DETECTOR).partition("@")
    model, classes = build_detector(architecture, Path(file) if file else None)
    place = find_device(device)
    val = fit.val()
    if split.scenes is None or val.scenes is None:
        raise CountingError(f"{name} looks at photos, but --truth gives none: use --data")
    on_val, lost_on_val = detect_scenes(model, classes, val.scenes, val.truth, place)
    fitted_on = val.truth.select([image for image in val.truth.images if image not in lost_on_val])
    detections, lost = detect_scenes(model, classes, split.scenes, split.truth, place)
    return Counts(FITTERS[fit.boxes](on_val, fitted_on).counts(detections), lost=lost)


def _learned(name: str, split: Split, device: str | None) -> Counts:
    from counting.models.inference import count_scenes
    from counting.models.zoo import find_counter

    checkpoint = find_counter(name, device)
    if split.scenes is None:
        raise CountingError(f"{name} counts in photos, but --truth gives none: use --data")
    table, lost = count_scenes(checkpoint, split.scenes)
    return Counts(table.in_categories(split.truth.categories), lost=lost)


def _holds_boxes(path: Path) -> bool:
    rows = read_json(path)
    return isinstance(rows, list) and (not rows or (isinstance(rows[0], dict) and "bbox" in rows[0]))


def _detected(member: _Member, split: Split, fit: Fit) -> CountTable:
    from counting.detection.detect import FITTERS, FIXED_THRESHOLD
    from counting.detection.detections import read_detections

    detections = read_detections(Path(member.name), split.truth)
    if member.val_file is None:
        return FIXED_THRESHOLD.counts(detections)
    val = fit.val().truth
    on_val = read_detections(Path(member.val_file), val)
    return FITTERS[fit.boxes](on_val, val).counts(detections)


def _shared(tables: Sequence[CountTable], truth: CountTable, members: Sequence[_Member]) -> list[CountTable]:
    """The tables' rows of the images that all of them have, in the truth's order."""
    joined = []
    for table, member in zip(tables, members, strict=True):
        _, theirs, missing = join(truth, table)
        check_missing(missing, len(truth.images), member.name)
        joined.append(theirs)
    common = set.intersection(*(set(table.images) for table in joined))
    images = [image for image in truth.images if image in common]
    return [table.select(images) for table in joined]
