"""Counts over a day at a street corner: an hourly table and a plot, from photos with times or from a video.

    python examples/street_corner.py photos/ --category person --category car --out street/
    python examples/street_corner.py street.mp4 --every 10s --start 2026-05-01T08:00 --out street/

A photo's time is that of its camera (EXIF), else the one in its name (IMG_20260501_081500.jpg), else that of its
file. Each count is the number of objects in view at a moment: nothing is tracked, so an hour's mean says how busy
the corner was, not how many people passed.
"""

import argparse
import csv
import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image

import counting
from counting.commands.video_arguments import interval_seconds
from counting.report.plots import LIGHT, save
from counting.report.timeline import MAX_PANELS, Timeline, timelines_figure
from counting.utils.files import atomic_write
from counting_datasets.errors import choices
from counting_datasets.photo_files import find_photos

COLUMNS = ("hour", "category", "frames", "mean", "low", "high", "most")


def main(arguments: Sequence[str] | None = None) -> int:
    """Write ``hours.csv`` and ``day.png``; exit code 2 if nothing can be counted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, help="a folder of photos, or a video")
    parser.add_argument("--category", action="append", help="category to report (default: all that appear)")
    parser.add_argument("--counter", help="the counter (default: the default counter)")
    parser.add_argument("--every", type=interval_seconds, default=10.0, help="time between a video's frames")
    parser.add_argument("--start", type=datetime.fromisoformat, help="when a video starts (default: by its file)")
    parser.add_argument("--out", type=Path, default=Path("street"), help="output folder")
    parsed = parser.parse_args(arguments)
    try:
        _report(parsed)
    except counting.CountingError as error:
        print(f"street_corner: {error}", file=sys.stderr)
        return 2
    return 0


def taken_at(photo: Path) -> datetime:
    """The time of a photo by its EXIF data, its name or its file."""
    try:
        with Image.open(photo) as image:
            exif = image.getexif()
            noted = exif.get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.DateTimeOriginal)
            return datetime.strptime(str(noted or exif.get(ExifTags.Base.DateTime)).strip(), "%Y:%m:%d %H:%M:%S")
    except (OSError, ValueError, SyntaxError):
        pass
    named = re.search(r"(20\d{6})[-_T ]?(\d{6})", photo.stem)
    try:
        return datetime.strptime("".join(named.groups()), "%Y%m%d%H%M%S") if named else _modified(photo)
    except ValueError:
        return _modified(photo)


def _modified(file: Path) -> datetime:
    return datetime.fromtimestamp(file.stat().st_mtime)


def _report(parsed: argparse.Namespace) -> None:
    counter = counting.load(parsed.counter)
    for name in parsed.category or ():
        if name not in counter.categories:
            raise counting.CountingError(f"unknown category {name!r}: {choices(name, counter.categories)}")
    if parsed.source.is_dir():
        photos = sorted((taken_at(photo), photo) for photo in find_photos(parsed.source))
        if not photos:
            raise counting.CountingError(f"{parsed.source}: no photos in this folder")
        start = photos[0][0]
        moments = counting.over_time(counter, [((time - start).total_seconds(), photo) for time, photo in photos])
    else:
        moments = counting.over_time(counter, parsed.source, parsed.every)
        start = parsed.start
    counted = list(moments)
    start = start or _modified(parsed.source) - timedelta(seconds=counted[-1].seconds)
    names = parsed.category or _that_appear(counted)
    _write_hours(counted, start, names, parsed.out / "hours.csv")
    _plot(counted, start, names, parsed.out / "day.png")


def _that_appear(moments: Iterable[counting.Moment]) -> list[str]:
    """The categories that are shown at any time, the most numerous first."""
    total: dict[str, float] = defaultdict(float)
    for moment in moments:
        for name, count in moment.counts.items():
            total[name] += count
    return sorted(total, key=lambda name: -total[name])


def _write_hours(moments: Sequence[counting.Moment], start: datetime, names: Sequence[str], path: Path) -> None:
    """Per hour and category: mean expected count, means of the ends of its 80 % interval, largest best guess."""
    hours: dict[datetime, list[counting.Moment]] = defaultdict(list)
    for moment in moments:
        time = start + timedelta(seconds=moment.seconds)
        hours[time.replace(minute=0, second=0, microsecond=0)].append(moment)
    with atomic_write(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for hour, within in hours.items():
            print(f"{hour:%Y-%m-%d %H:00}", end="")
            for name in names:
                guesses = [moment.guesses[name] for moment in within]
                means = [
                    np.mean([getattr(guess, end) for guess in guesses]) for end in ("expected", "low", "high")
                ]
                most = max(guess.count for guess in guesses)
                row = (f"{hour:%Y-%m-%d %H:00}", name, len(within), *(f"{mean:.2f}" for mean in means), most)
                writer.writerow(row)
                print(f"   {name} {means[0]:.1f} ({means[1]:.1f}–{means[2]:.1f})", end="")
            print()


def _plot(moments: Sequence[counting.Moment], start: datetime, names: Sequence[str], path: Path) -> None:
    seconds = np.array([moment.seconds for moment in moments])
    timelines = []
    for name in names[:MAX_PANELS]:
        guesses = [moment.guesses[name] for moment in moments]
        values = ([getattr(guess, end) for guess in guesses] for end in ("expected", "low", "high"))
        timelines.append(Timeline(name, seconds, *(np.array(each, dtype=np.float64) for each in values)))
    time_of_day = (start - start.replace(hour=0, minute=0, second=0, microsecond=0)).total_seconds()
    save(timelines_figure(f"{start:%d %B %Y}", timelines, LIGHT, time_of_day), path)


if __name__ == "__main__":
    sys.exit(main())
