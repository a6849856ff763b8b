"""counting questions"""

import argparse
import json
import sys

from counting.predictor.predictor import load
from counting.questions.generator.decoding import Method
from counting.questions.generator.for_photo import questions_for_photo
from counting.questions.generator.tokens import Mark


def run(arguments: argparse.Namespace) -> int:
    """Print different questions about a photo, each with its answer."""
    method = Method(
        arguments.method,
        arguments.beams,
        arguments.groups,
        arguments.diversity,
        arguments.strength,
        arguments.seed,
        Mark[arguments.style.upper()],
    )
    checkpoint = load(arguments.counter, arguments.device).checkpoint
    found = questions_for_photo(checkpoint, arguments.photo, method)
    if arguments.json:
        print(json.dumps({"photo": str(arguments.photo), "questions": [each.to_json() for each in found]}))
        return 0
    if not found:
        print("no questions: the counter finds no objects in this photo", file=sys.stderr)
    width = max((len(each.reading.question) for each in found), default=0)
    for each in found:
        print(f"{each.reading.question:{width}}  {each.text}")
    return 0
