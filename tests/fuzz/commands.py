"""Whole commands on damaged files and odd arguments, in this process."""

import contextlib
import io
import json
import signal
import traceback
from collections.abc import Iterator
from pathlib import Path
from random import Random

import counting
from fuzz import damage
from fuzz.kinds import BOXES, COCO, CONFIG, COUNTS, VQA

FILES = {
    "counts.csv": (COUNTS, damage.damage_table),
    "boxes.json": (json.dumps([{**row, "category_id": 5} for row in BOXES]).encode(), damage.damage_json),
    "coco.json": (json.dumps(COCO).encode(), damage.damage_json),
    "vqa.json": (json.dumps(VQA).encode(), damage.damage_json),
    "mine.yaml": (CONFIG, damage.damage_yaml),
    "photo.jpg": (b"no photo", damage.damage_bytes),
}

COMMANDS = (
    "evaluate counts.csv --truth counts.csv",
    "evaluate counts.csv --truth counts.csv --against always-0 --bootstrap 5 --json",
    "evaluate mean --truth counts.csv --train-truth counts.csv --per-category",
    "evaluate boxes.json --data coco --annotations coco.json --images .",
    "evaluate always-1 --data coco --annotations coco.json --split val --protocol ilc",
    "improve boxes.json --counts counts.csv --out better.json --data coco --annotations coco.json",
    "evaluate --questions vqa.json --answers vqa.json --counts counts.csv",
    "train mine.yaml --name x",
    "predict photo.jpg --json",
    "explain photo.jpg --category dog",
    "models --json",
)

ODD = (
    "",
    "-",
    "--",
    "x" * 300,
    "a\0b",
    "\udc80",
    "%s",
    "{}",
    "../..",
    "~x",
    "1e999",
    "-1",
    "*",
    "+",
    ":",
    "東",
    "--json=1",
)


def try_commands(seeds: range, seconds: int) -> Iterator[tuple[int, str]]:
    """Each seed with "accepted", "refused" or what went wrong."""
    counting.load()  # imports are slow, and no part of what is timed
    for seed in seeds:
        random = Random(seed)
        for name, (content, broken) in FILES.items():
            Path(name).write_bytes(broken(random, content) if random.random() < 0.4 else content)
        command = random.choice(COMMANDS).split()
        for _ in range(random.choice((0, 0, 1, 2))):
            place = random.randrange(1, len(command) + 1)
            if random.random() < 0.5:
                command.insert(place, random.choice(ODD))
            else:
                command[place : place + 1] = [random.choice(ODD)]
        yield seed, outcome(command, seconds)


def outcome(command: list[str], seconds: int) -> str:
    from counting.cli import main

    out, err = io.StringIO(), io.StringIO()
    signal.alarm(seconds)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main(command)
    except BaseException:
        return f"{command}\n{traceback.format_exc()}"
    finally:
        signal.alarm(0)
    if code == 0:
        return "accepted"
    errors = [line for line in err.getvalue().splitlines() if not line.startswith(("skipped", "left out", "note"))]
    if code == 2 and len(errors) == 1:
        return "refused"
    return f"{command}\nexit code {code}, standard error:\n{err.getvalue()}"
