"""counting predict --every and --webcam: counts over time"""

import argparse
import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from counting.commands.predict_arguments import counter_options
from counting.commands.video_outputs import OUT_ENDINGS, PLOT_ENDINGS, Summary, open_outputs
from counting.inputs.photo_sources import checked_path
from counting.inputs.video import Video, open_camera, open_video
from counting.predictor.over_time import CountsNow, CountsOverTime, Moment, counted_frames
from counting.predictor.predictor import load
from counting.utils.clock import clock
from counting.utils.progress import console as standard_error
from counting.utils.progress import follow
from counting_datasets.errors import CountingError

WEBCAM_EVERY = 1.0
"""Default of --every for a camera, in seconds."""

_FOR_PHOTOS = ("draw", "region", "resume", "address", "tile")
"""Options that apply only to photos."""


def run(arguments: argparse.Namespace) -> int:
    """Count a video or a camera over time."""
    _check(arguments)
    if arguments.webcam is not None:
        return _watch(arguments)
    with open_video(checked_path(arguments.photos[0])) as video:
        counter = load(**counter_options(arguments))
        with CountsOverTime(counter) as series:
            try:
                frames = counted_frames(counter, video, arguments.every, arguments.workers)
                for second, result in follow(frames, "counting", video.expected_frames(arguments.every)):
                    series.add(second, result)
            except KeyboardInterrupt:  # what was counted so far is written
                if len(series):
                    _write(series, arguments, video.name)
                raise
            _report_damage(video)
            _write(series, arguments, video.name)
    return 0


def _check(arguments: argparse.Namespace) -> None:
    camera = arguments.webcam is not None
    if camera and arguments.photos:
        raise CountingError(f"--webcam counts what a camera sees; leave {arguments.photos[0]} out")
    if not camera and len(arguments.photos) != 1:
        raise CountingError(f"--every counts one video at a time, not {len(arguments.photos)}")
    for option in _FOR_PHOTOS:
        if getattr(arguments, option):
            plot = "; a video's counts are plotted with --plot FILE.png" if option == "draw" else ""
            raise CountingError(f"--{option} is for photos{plot}")
    if arguments.engine == "ray":
        raise CountingError("--engine ray is for photos")
    for option, file, endings in (
        ("--out", arguments.out, OUT_ENDINGS),
        ("--plot", arguments.plot, PLOT_ENDINGS),
    ):
        if file and camera:
            raise CountingError(f"{option} is for videos; --webcam only prints (--json for a program)")
        if file and file.suffix.lower() not in endings:
            raise CountingError(f"{option} {file}: must end in {', '.join(endings[:-1])} or {endings[-1]}")


def _report_damage(video: Video) -> None:
    if video.damage:
        standard_error.print(f"{video.name}: {video.damage}", style="yellow", highlight=False, soft_wrap=True)


def _watch(arguments: argparse.Namespace) -> int:
    """Print what a camera sees, whenever it changes, or as one JSON object for each frame."""
    with open_camera(arguments.webcam or None) as camera:
        counter = load(**counter_options(arguments))
        now = CountsNow(counter)
        said = None
        for second, result in counted_frames(counter, camera, arguments.every or WEBCAM_EVERY, workers=1):
            moment = now.add(second, result)
            if arguments.json:
                print(json.dumps(_now_row(moment), ensure_ascii=False), flush=True)
            elif moment.text != said:
                said = moment.text
                print(f"{clock(second):>7}  {said}", flush=True)
        _report_damage(camera)
    return 0


def _now_row(moment: Moment) -> dict[str, Any]:
    return {"seconds": round(moment.seconds, 3), "counts": moment.counts, "text": moment.text}


def _write(series: CountsOverTime, arguments: argparse.Namespace, video: str) -> None:
    """Write the smoothed counts to the requested outputs; a file is written whole or not at all."""
    summary = Summary(series.categories, len(series))
    with ExitStack() as contexts:
        outputs = [summary.add, *open_outputs(arguments.out, arguments.json, contexts)]
        for moment in follow(series.smoothed(), "writing", len(series)):
            for add in outputs:
                add(moment)
    if arguments.plot:
        summary.plot(arguments.plot, Path(video).name)
    if not arguments.json:
        summary.print(video)
        for written in filter(None, (arguments.out, arguments.plot)):
            print(f"wrote {written}")
