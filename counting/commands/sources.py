"""The counts of a WHAT: any counter, detector, baseline or results file named on the command line."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from counting.detection.detectors.registry import COUNTER_FILE, find_detector, is_detector, split_counter_file
from counting.networks.baselines import BASELINES
from counting.tables.count_table import CountTable
from counting.tables.join import check_missing, join
from counting.tables.table_files import read_table, split_source
from counting_datasets.errors import CountingError, DataError
from counting_datasets.protocol import Protocol
from counting_datasets.scene import SceneSet

FILE_SUFFIXES = (".csv", ".tsv", ".parquet", ".json", ".npz")
"""Extensions of files of counts or detections."""


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
    """A member of a WHAT: its name, its validation counterpart if it is a file, and its fitted counter if any."""

    name: str
    val_file: str | None = None
    counter: Path | None = None


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
    if is_detector(name):
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
    return _with_counters(best[-1][1])


def _with_counters(names: Sequence[str]) -> list[str]:
    """The members, each with the fitted counter that follows it."""
    joined: list[str] = []
    for name in names:
        if name.lower().endswith(COUNTER_FILE) and joined:
            joined[-1] = f"{joined[-1]}+{name}"
        else:
            joined.append(name)
    return joined


def _is_known(name: str) -> bool:
    if is_detector(name):
        rest = name.partition(":")[2]
        return "+" not in rest or Path(rest.partition("@")[2] or rest).exists()
    path, split = split_source(name)
    return name in BASELINES or ("+" not in split and path.exists())


def files_in(what: str) -> int:
    """How many members of a WHAT are files of counts or detections."""
    return sum(is_results_file(member.name) for member in _split(what))


def _split(what: str) -> list[_Member]:
    return [_Member(name, counter=counter) for name, counter in map(split_counter_file, member_names(what))]


def _members(what: str, val_files: Sequence[str]) -> list[_Member]:
    members, files = _split(what), files_in(what)
    if len(val_files) not in (0, files):
        raise CountingError(f"--fit is given {len(val_files)} times, but {what!r} names {files} files")
    val_file: Iterator[str] = iter(val_files)
    return [
        replace(member, val_file=next(val_file, None)) if is_results_file(member.name) else member
        for member in members
    ]


def _on_val(member: _Member) -> _Member:
    """The same member, to be counted on the validation split."""
    if not is_results_file(member.name):
        return member
    if member.val_file is None:
        raise CountingError(f"--weights fitted needs the validation counterpart of {member.name}: --fit FILE")
    return replace(member, name=member.val_file)


def _answer(member: _Member, split: Split, fit: Fit, device: str | None) -> Counts:
    name = member.name
    holds_boxes = Path(name).suffix.lower() == ".json" and not is_detector(name) and _holds_boxes(Path(name))
    fitted = member.counter or (name if name.lower().endswith(COUNTER_FILE) else None)
    if fitted and not (holds_boxes or is_detector(name)):
        raise CountingError(f"{fitted}: a fitted counter follows its detector or a results file: boxes.json+FILE")
    if name in BASELINES:
        baseline = BASELINES[name]
        train = fit.train() if baseline.needs_training else None
        return Counts(baseline.predict(split.truth, train), baseline.rounded)
    if is_detector(name):
        return _detector(member, split, fit, device)
    if not is_results_file(name):
        return _learned(name, split, device)
    if holds_boxes:
        return Counts(_detected(member, split, fit))
    return Counts(read_table(name).in_categories(split.truth.categories))


def _detector(member: _Member, split: Split, fit: Fit, device: str | None) -> Counts:
    """The counts of a detector, by its fitted counter or else fitted on the validation split."""
    from counting.detection.counter_file import read_box_counter
    from counting.detection.detect import FITTERS
    from counting.detection.detect_scenes import detect_scenes

    if split.scenes is None:
        raise CountingError(f"{member.name} needs photos, but --truth gives none: use --data")
    if member.counter:
        counter = read_box_counter(member.counter)
        detector = find_detector(member.name, device, default_categories=counter.categories)
        photos = _photos(split.truth, counter.categories)
        detections, skipped = detect_scenes(detector, split.scenes, photos)
        return Counts(counter.counts(detections).in_categories(split.truth.categories), skipped=skipped)
    detector = find_detector(member.name, device, default_categories=split.truth.categories)
    val = fit.val()
    if val.scenes is None:
        raise CountingError(f"{member.name} needs photos, but --fit-truth gives none: use --data")
    on_val, skipped_on_val = detect_scenes(detector, val.scenes, val.truth)
    fitted_on = val.truth.select([image for image in val.truth.images if image not in skipped_on_val])
    detections, skipped = detect_scenes(detector, split.scenes, split.truth)
    return Counts(FITTERS[fit.boxes](on_val, fitted_on).counts(detections), skipped=skipped)


def _photos(truth: CountTable, categories: tuple[str, ...]) -> CountTable:
    """The photos of ``truth`` with other categories, whose counts do not matter."""
    nothing = np.zeros((len(truth.images), len(categories)))
    return CountTable(truth.images, categories, nothing, numbers=truth.numbers, category_ids=truth.category_ids)


def _learned(name: str, split: Split, device: str | None) -> Counts:
    from counting.networks.inference import count_scenes
    from counting.networks.zoo import find_counter

    checkpoint = find_counter(name, device)
    if split.scenes is None:
        raise CountingError(f"{name} needs photos, but --truth gives none: use --data")
    table, skipped = count_scenes(checkpoint, split.scenes)
    table = table.scaled(checkpoint.scales_under(split.protocol))
    return Counts(table.in_categories(split.truth.categories), skipped=skipped)


def _holds_boxes(path: Path) -> bool:
    from counting.detection.results_file import read_rows

    try:
        rows = read_rows(path)
    except DataError:
        return False
    return not rows or (isinstance(rows[0], dict) and not rows[0].keys().isdisjoint(("bbox", "score")))


def _detected(member: _Member, split: Split, fit: Fit) -> CountTable:
    from counting.detection.counter_file import read_box_counter
    from counting.detection.detect import FITTERS, FIXED_THRESHOLD
    from counting.detection.results_file import read_detections

    if member.counter:
        counter = read_box_counter(member.counter)
        photos = _photos(split.truth, counter.categories)
        counts = counter.counts(read_detections(Path(member.name), photos))
        return counts.in_categories(split.truth.categories)
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
