"""The counts of a WHAT: any counter, detector, baseline or results file named on the command line."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from counting.networks.baselines import BASELINES
from counting.tables.count_table import CountTable
from counting.tables.join import check_missing, join
from counting.tables.table_files import read_table, split_source
from counting_datasets.errors import CountingError, DataError
from counting_datasets.protocol import Protocol
from counting_datasets.scene import SceneSet

FILE_SUFFIXES = (".csv", ".tsv", ".parquet", ".json", ".npz")
"""Extensions of files of counts or detections."""

DETECTOR = "torchvision:"
"""Prefix of a torchvision detector's name."""


@dataclass(frozen=True)
class Split:
    """The true counts of a split and its photos; ``scenes`` is None if the truth comes from a counts file."""

    truth: CountTable
    scenes: SceneSet | None = None
    protocol: Protocol = field(default_factory=Protocol)


@dataclass(frozen=True)
class Fit:
    """The data to fit counters on, read only when needed.

    Attributes:
        val: the validation split.
        train: the counts of the training split.
        files: the validation counterparts of the members that are results files, in order.
        boxes: how the boxes of a fitted detector are counted, "soft" or "threshold".
        weights: the weights of an ensemble, "average" or "fitted".
    """

    val: Callable[[], Split]
    train: Callable[[], CountTable]
    files: Sequence[str] = ()
    boxes: str = "soft"
    weights: str = "average"


@dataclass(frozen=True)
class Counts:
    """The counts of a WHAT; ``skipped`` maps each unreadable photo to the reason."""

    table: CountTable
    rounded: bool = True
    skipped: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Member:
    """A member of a WHAT, and the validation counterpart if it is a results file."""

    name: str
    val_file: str | None = None


def counts_of(what: str, split: Split, fit: Fit, device: str | None = None) -> Counts:
    """The counts of ``split`` by ``what``; members joined with ``+`` form an ensemble.

    Raises:
        CountingError: unknown counter, or it needs photos, validation files or training counts that are not given.
    """
    members = _members(what, fit.files)
    answers = [_answer(member, split, fit, device) for member in members]
    if len(members) == 1:
        return answers[0]
    from counting.networks.counters.ensemble import average, fit_weights

    skipped = {photo: why for answer in answers for photo, why in answer.skipped.items()}
    tables = _shared([answer.table for answer in answers], split.truth, members)
    if fit.weights == "average":
        return Counts(average(tables), skipped=skipped)
    val = fit.val()
    on_val = [_answer(_on_val(member), val, fit, device).table for member in members]
    shared = _shared(on_val, val.truth, members)
    weights = fit_weights(shared, val.truth.select(shared[0].images))
    return Counts(weights.combine(tables), skipped=skipped)


def is_results_file(name: str) -> bool:
    """Whether a member of a WHAT is a file of counts or detections."""
    if name.startswith(DETECTOR):
        return False
    path, _ = split_source(name)
    return path.suffix.lower() in FILE_SUFFIXES and not path.is_dir()


def member_names(what: str) -> list[str]:
    """The members of a WHAT, which are separated by ``+``; file names may contain ``+`` themselves.

    Of all ways to split, take the one with the least text in unknown names, then with the fewest members.
    """
    parts = what.split("+")
    best: list[tuple[int, list[str]]] = [(0, [])]
    for end in range(1, len(parts) + 1):
        ways = []
        for start in range(end):
            name = "+".join(parts[start:end])
            unknown, before = best[start]
            ways.append((unknown + (0 if _is_known(name) else len(name)), [*before, name]))
        best.append(min(ways, key=lambda way: (way[0], len(way[1]))))
    return best[-1][1]


def _is_known(name: str) -> bool:
    if name.startswith(DETECTOR):
        weights = name.partition("@")[2]
        return Path(weights).is_file() if weights else "+" not in name
    path, split = split_source(name)
    return name in BASELINES or ("+" not in split and path.exists())


def files_in(what: str) -> int:
    """How many members of a WHAT are files of counts or detections."""
    return sum(is_results_file(name) for name in member_names(what))


def _members(what: str, val_files: Sequence[str]) -> list[_Member]:
    names = member_names(what)
    files = [name for name in names if is_results_file(name)]
    if len(val_files) not in (0, len(files)):
        raise CountingError(f"--fit is given {len(val_files)} times, but {what!r} names {len(files)} files")
    val_file: Iterator[str] = iter(val_files)
    return [_Member(name, next(val_file, None) if is_results_file(name) else None) for name in names]


def _on_val(member: _Member) -> _Member:
    """The same member, to be counted on the validation split."""
    if not is_results_file(member.name):
        return member
    if member.val_file is None:
        raise CountingError(f"--weights fitted needs the validation counterpart of {member.name}: --fit FILE")
    return _Member(member.val_file, member.val_file)


def _answer(member: _Member, split: Split, fit: Fit, device: str | None) -> Counts:
    name = member.name
    if name in BASELINES:
        baseline = BASELINES[name]
        train = fit.train() if baseline.needs_training else None
        return Counts(baseline.predict(split.truth, train), baseline.rounded)
    if name.startswith(DETECTOR):
        return _detector(name, split, fit, device)
    if not is_results_file(name):
        return _learned(name, split, device)
    if Path(name).suffix.lower() == ".json" and _holds_boxes(Path(name)):
        return Counts(_detected(member, split, fit))
    return Counts(read_table(name).in_categories(split.truth.categories))


def _detector(name: str, split: Split, fit: Fit, device: str | None) -> Counts:
    """The counts of ``torchvision:NAME`` or ``torchvision:NAME@WEIGHTS``, fitted on the validation split."""
    from counting.detection.detect import FITTERS
    from counting.detection.detector import build_detector, detect_scenes
    from counting.utils.devices import find_device

    architecture, _, file = name.removeprefix(DETECTOR).partition("@")
    model, classes = build_detector(architecture, Path(file) if file else None)
    place = find_device(device)
    val = fit.val()
    if split.scenes is None or val.scenes is None:
        raise CountingError(f"{name} needs photos, but --truth gives none: use --data")
    on_val, skipped_on_val = detect_scenes(model, classes, val.scenes, val.truth, place)
    fitted_on = val.truth.select([image for image in val.truth.images if image not in skipped_on_val])
    detections, skipped = detect_scenes(model, classes, split.scenes, split.truth, place)
    return Counts(FITTERS[fit.boxes](on_val, fitted_on).counts(detections), skipped=skipped)


def _learned(name: str, split: Split, device: str | None) -> Counts:
    from counting.networks.inference import count_scenes
    from counting.networks.zoo import find_counter

    checkpoint = find_counter(name, device)
    if split.scenes is None:
        raise CountingError(f"{name} needs photos, but --truth gives none: use --data")
    table, skipped = count_scenes(checkpoint, split.scenes)
    table = table.scaled(checkpoint.scale_under(split.protocol))
    return Counts(table.in_categories(split.truth.categories), skipped=skipped)


def _holds_boxes(path: Path) -> bool:
    from counting.detection.results_file import read_rows

    try:
        rows = read_rows(path)
    except DataError:
        return False
    return not rows or (isinstance(rows[0], dict) and not rows[0].keys().isdisjoint(("bbox", "score")))


def _detected(member: _Member, split: Split, fit: Fit) -> CountTable:
    from counting.detection.detect import FITTERS, FIXED_THRESHOLD
    from counting.detection.results_file import read_detections

    detections = read_detections(Path(member.name), split.truth)
    if member.val_file is None:
        return FIXED_THRESHOLD.counts(detections)
    val = fit.val().truth.in_categories(split.truth.categories)
    on_val = read_detections(Path(member.val_file), val)
    return FITTERS[fit.boxes](on_val, val).counts(detections)


def _shared(tables: Sequence[CountTable], truth: CountTable, members: Sequence[_Member]) -> list[CountTable]:
    """The rows of the images that all tables share, in the truth's order."""
    joined = []
    for table, member in zip(tables, members, strict=True):
        _, theirs, missing = join(truth, table)
        check_missing(missing, len(truth.images), member.name)
        joined.append(theirs)
    common = set.intersection(*(set(table.images) for table in joined))
    images = [image for image in truth.images if image in common]
    return [table.select(images) for table in joined]
