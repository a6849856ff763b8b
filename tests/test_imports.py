"""Importing the library leaves the host process as it was."""

import subprocess
import sys

CODE = """
import logging, os, signal, sys, warnings
from PIL import Image
import cv2, matplotlib, numpy, torch  # what they set is their own
before = dict(os.environ), Image.MAX_IMAGE_PIXELS, signal.getsignal(signal.SIGINT), logging.root.handlers[:]
import counting.cli, counting.inputs.augmentation, counting_datasets.photo, counting.training.run
import counting.report.report, counting.questions.answering, counting.detection.improvement
from counting.inputs.augmentation import augment
augment(Image.new("RGB", (40, 40)), numpy.zeros((0, 4)), 16, 0)
after = dict(os.environ), Image.MAX_IMAGE_PIXELS, signal.getsignal(signal.SIGINT), logging.root.handlers[:]
changed = {name for name in after[0] if after[0][name] != before[0].get(name)}
assert before == after, changed or (before[1:], after[1:])
"""


def test_importing_sets_no_environment_variable_limit_or_handler_and_prints_nothing() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


NOT_FOR_COUNTING = {
    "accelerate",
    "albumentations",
    "cv2",
    "matplotlib",
    "pandas",
    "pyarrow",
    "pycocotools",
    "scipy",
    "timm",
    "torchvision",
    "wordllama",
}


def test_counting_a_photo_imports_only_what_it_needs() -> None:
    count = "counting.load().count(numpy.zeros((8, 8, 3), numpy.uint8))"
    code = f"import sys, numpy, counting; {count}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert NOT_FOR_COUNTING & set(done.stdout.split()) == set()
