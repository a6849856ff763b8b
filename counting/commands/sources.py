"""WHAT on the command line: anything that counts, recognised by its name and asked for its counts."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from counting.networks.baselines import BASELINES
from counting.tables.count_table import CountTable
from counting.tables.join import check_missing, join
from counting.tables.table_files import read_table, split_source
from counting_datasets.errors import CountingError, DataError
from counting_datasets.scene import SceneSet

FILE_SUFFIXES = (".csv", ".tsv", ".parquet", ".json", ".npz")
"""Endings of files of counts or detections."""

DETECTOR = "torchvision:"
"""Beginning of the name of a torchvision detector."""


@dataclass(frozen=True)
class Split:
    """Photos to count and what is true of them; ``scenes`` is None where the truth came from a file."""

    truth: CountTable
    scenes: SceneSet | None = None


@dataclass(frozen=True)
class Fit:
    """What counters are fitted on, read only when one needs it.

    Attributes:
        val: the validation split.
        train: the counts of the training split.
        files: the validation counterparts of the members that are files, in order.
        boxes: how fitted boxes count, "soft" or "threshold".
        weights: how an ensemble is weighted, "average" or "fitted".
    """

    val: Callable[[], Split]
    train: Callable[[], CountTable]
    files: Sequence[str] = ()
    boxes: str = "soft"
    weights: str = "average"


@dataclass(frozen=True)
class Counts:
    """The counts of a WHAT. ``lost`` maps photos that it could not read to the reason."""

    table: CountTable
    rounded: bool = True
    lost: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Member:
    """One member of a WHAT, and the validation counterpart of its file."""

    name: str
    val_file: str | None = None


def counts_of(what: str, split: Split, fit: Fit, device: str | None = None) -> Counts:
    """The counts of ``split`` by ``what``; members joined with ``+`` count as an ensemble.

    Raises:
        CountingError: no such counter, or it needs photos, a fit or training counts that are not given.
    """
    members = _members(what, fit.files)
    answers = [_answer(member, split, fit, device) for member in members]
    if len(members) == 1:
        return answers[0]
    from counting.networks.counters.ensemble import average, fit_weights

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
    """Whether a member of a WHAT is a file of counts or detections, which fitting needs a counterpart of."""
    if name.startswith(DETECTOR):
        return False
    path, _ = split_source(name)
    return path.suffix.lower() in FILE_SUFFIXES and not path.is_dir()


def member_names(what: str) -> list[str]:
    """The members of a WHAT: its parts between the ``+``, which a file's name may hold, too.

    Of all ways to cut it, the one with the least text in unknown names, and of those the one with fewest members.
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
    return sum(is_file_of_answers(name) for name in member_names(what))


def _members(what: str, val_files: Sequence[str]) -> list[_Member]:
    names = member_names(what)
    files = [name for name in names if is_file_of_answers(name)]
    if len(val_files) not in (0, len(files)):
        raise CountingError(f"--fit was given {len(val_files)} times, but {what!r} has {len(files)} files")
    val_file: Iterator[str] = iter(val_files)
    return [_Member(name, next(val_file, None) if is_file_of_answers(name) else None) for name in names]


def _on_val(member: _Member) -> _Member:
    """The member that counts the validation split."""
    if not is_file_of_answers(member.name):
        return member
    if member.val_file is None:
        raise CountingError(f"fitted weights need the validation counterpart of {member.name}: --fit FILE")
    return _Member(member.val_file, member.val_file)


def _answer(member: _Member, split: Split, fit: Fit, device: str | None) -> Counts:
    name = member.name
    if name in BASELINES:
        baseline = BASELINES[name]
        train = fit.train() if baseline.needs_training else None
        return Counts(baseline.predict(split.truth, train), baseline.rounded)
    if name.startswith(DETECTOR):
        return _detector(name, split, fit, device)
    if not is_file_of_answers(name):
        return _learned(name, split, device)
    if Path(name).suffix.lower() == ".json" and _holds_boxes(Path(name)):
        return Counts(_detected(member, split, fit))
    return Counts(read_table(name).in_categories(split.truth.categories))


def _detector(name: str, split: Split, fit: Fit, device: str | None) -> Counts:
    """``torchvision:NAME`` or ``torchvision:NAME@WEIGHTS``, run over ``split``, and over validation to fit it."""
    from counting.detection.detect import FITTERS
    from counting.detection.detector import build_detector, detect_scenes
    from counting.utils.devices import find_device

    architecture, _, file = name.removeprefix(DETECTOR).partition("@")
    model, classes = build_detector(architecture, Path(file) if file else None)
    place = find_device(device)
    val = fit.val()
    if split.scenes is None or val.scenes is None:
        raise CountingError(f"{name} needs photos, but --truth gives none: use --data")
    on_val, lost_on_val = detect_scenes(model, classes, val.scenes, val.truth, place)
    fitted_on = val.truth.select([image for image in val.truth.images if image not in lost_on_val])
    detections, lost = detect_scenes(model, classes, split.scenes, split.truth, place)
    return Counts(FITTERS[fit.boxes](on_val, fitted_on).counts(detections), lost=lost)


def _learned(name: str, split: Split, device: str | None) -> Counts:
    from counting.networks.inference import count_scenes
    from counting.networks.zoo import find_counter

    checkpoint = find_counter(name, device)
    if split.scenes is None:
        raise CountingError(f"{name} needs photos, but --truth gives none: use --data")
    table, lost = count_scenes(checkpoint, split.scenes)
    return Counts(table.in_categories(split.truth.categories), lost=lost)


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
    """The tables' rows of the images that all of them have, in the truth's order."""
    joined = []
    for table, member in zip(tables, members, strict=True):
        _, theirs, missing = join(truth, table)
        check_missing(missing, len(truth.images), member.name)
        joined.append(theirs)
    common = set.intersection(*(set(table.images) for table in joined))
    images = [image for image in truth.images if image in common]
    return [table.select(images) for table in joined]
