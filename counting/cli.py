"""The command line of ``counting``. The code of a command is imported only when the command runs."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from counting import __version__
from counting.commands.arguments import (
    Commands,
    Parser,
    add_command,
    add_counter,
    add_device,
    folder_name,
    integer,
    name,
    number,
    path,
)
from counting.commands.convert_arguments import add_convert
from counting.commands.export_arguments import add_export
from counting.commands.outcome import REFUSED, finished, run_command
from counting.commands.predict_arguments import add_predict
from counting.commands.scoring_arguments import add_evaluate, add_fit, add_fuse, add_improve
from counting.utils.memory import keep_freed_memory
from counting.utils.output import Output
from counting_datasets.data_sets import downloadable

_ONE_THREAD = ("predict", "ask", "questions", "explain", "evaluate", "serve")
"""Commands that run torch in one thread unless OMP_NUM_THREADS is set. Threads that share one photo wait for each
other on a busy machine; ``predict`` counts several photos in parallel instead."""

_COUNTER = "a name from `counting models`, a run folder or a .safetensors file"

_MAX_SEED = 2**32 - 1
_MAX_BEAMS = 1000
_MAX_WORKERS = 256
_MAX_STRENGTH = 1000
_MAX_PORT = 65535


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code: 0 done, 2 a request that cannot be met, 130 on Ctrl-C."""
    with Output() as output:
        try:
            parsed = parse(arguments)
        except SystemExit as stop:
            return finished(stop.code if isinstance(stop.code, int) else REFUSED, "counting", output)
        keep_freed_memory()
        if parsed.command in _ONE_THREAD:
            os.environ.setdefault("OMP_NUM_THREADS", "1")
        return run_command(parsed, output)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the arguments; the key=value arguments of ``train`` may stand before and after options."""
    parser, commands = _parser()
    parsed, left = parser.parse_known_args(arguments)
    if parsed.command == "train" and all("=" in part and not part.startswith("-") for part in left):
        parsed.overrides += left
    elif left:
        commands[parsed.command].unknown_options(left)
    return parsed


def _parser() -> tuple[Parser, dict[str, Parser]]:
    """The main parser, and the parser of each command by name."""
    parser = Parser(
        prog="counting",
        description="Count everyday objects in everyday photos, and see why.",
        epilog="example:\n  counting predict photo.jpg",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("-V", "--version", action="version", version=f"counting {__version__}")
    commands = parser.add_subparsers(title="commands", dest="command", required=True, metavar="COMMAND")
    for add in (
        add_predict,
        _add_ask,
        _add_questions_for,
        _add_explain,
        _add_train,
        add_evaluate,
        add_fit,
        add_improve,
        add_fuse,
        add_convert,
        _add_serve,
        add_export,
        _add_models,
        _add_download,
    ):
        add(commands)
    return parser, dict(commands.choices)


def _add_ask(commands: Commands) -> None:
    parser = add_command(
        commands,
        "ask",
        "answer a question about a photo",
        'counting ask photo.jpg "how many dogs are there?"',
    )
    parser.add_argument("photo", type=path, metavar="PHOTO", help="the photo's file")
    parser.add_argument("question", metavar="QUESTION", help="a how-many question in English, in quotes")
    add_counter(parser)
    parser.add_argument("--json", action="store_true", help="print the answer as JSON")
    add_device(parser)


def _add_questions_for(commands: Commands) -> None:
    parser = add_command(
        commands,
        "questions",
        "generate different questions about a photo and answer them",
        "counting questions photo.jpg\n  counting questions photo.jpg --beams 20 --groups 10 --strength 0.5",
    )
    parser.add_argument("photo", type=path, metavar="PHOTO", help="the photo's file")
    parser.add_argument("--counter", type=name, metavar="WHAT", help=_COUNTER)
    parser.add_argument(
        "--method",
        choices=["beam", "diverse", "sample"],
        default="diverse",
        help="how to generate questions: Diverse Beam Search (diverse, default), plain beam search (beam) or "
        "sampling (sample)",
    )
    parser.add_argument(
        "--beams",
        type=integer(1, _MAX_BEAMS),
        default=20,
        metavar="B",
        help="beam width: generate B questions, print those worth asking (default: 20)",
    )
    parser.add_argument(
        "--groups",
        type=integer(1, _MAX_BEAMS),
        metavar="G",
        help="number of diverse beam groups; must divide B (default: B)",
    )
    parser.add_argument(
        "--diversity",
        choices=["hamming", "cumulative", "ngram", "embedding"],
        help="what to compare between groups: words at the same position (hamming, default), all words so far "
        "(cumulative), pairs of words (ngram) or word meanings (embedding)",
    )
    parser.add_argument(
        "--strength",
        type=number(0, _MAX_STRENGTH),
        metavar="λ",
        help="diversity strength, at least 0 (default: 1, or 0.35 with --style captions)",
    )
    parser.add_argument("--seed", type=integer(0, _MAX_SEED), help="seed for --method sample (default: 0)")
    parser.add_argument(
        "--style",
        choices=["people", "captions"],
        default="people",
        help="people: questions as people ask them (default); captions: longer and more detailed",
    )
    parser.add_argument("--json", action="store_true", help="print the questions and answers as JSON")
    add_device(parser)


def _add_explain(commands: Commands) -> None:
    parser = add_command(
        commands,
        "explain",
        "show where in a photo a count comes from (Grad-CAM)",
        "counting explain photo.jpg --category dog --category person --out why/",
    )
    parser.add_argument("photo", type=path, metavar="PHOTO", help="the photo's file")
    parser.add_argument("--category", action="append", help="a category to explain; may be repeated")
    parser.add_argument("--question", help="a how-many question: explain the count it asks for")
    parser.add_argument(
        "--answer-score",
        action="store_true",
        help="with --question: explain the score of the answer itself instead",
    )
    parser.add_argument("--out", type=path, default=Path(), metavar="DIR", help="output folder (default: current)")
    parser.add_argument("--counterfactual", action="store_true", help="also map the evidence against the count")
    parser.add_argument("--guided", action="store_true", help="also write Guided Grad-CAM, which has finer detail")
    parser.add_argument("--layer", help="name of the layer to explain (default: the backbone's feature maps)")
    parser.add_argument(
        "--method",
        choices=["fused", "grad-cam"],
        default="fused",
        help="fused: Grad-CAM on all feature maps of the backbone (default); grad-cam: on the last, as published",
    )
    parser.add_argument("--counter", type=name, metavar="WHAT", help=_COUNTER)
    parser.add_argument("--json", action="store_true", help="print the results as JSON")
    add_device(parser)


def _add_train(commands: Commands) -> None:
    parser = add_command(
        commands,
        "train",
        "train a counter",
        "counting train voc2007/seq_sub optimization.epochs=20 --name my-seq-sub",
    )
    parser.add_argument(
        "config", type=name, metavar="CONFIG", help="a YAML file, or a name such as voc2007/seq_sub"
    )
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="configuration values to override")
    parser.add_argument("--resume", action="store_true", help="resume an interrupted run")
    parser.add_argument(
        "--name", type=folder_name, help="name of the run's folder in runs/ (default: the configuration's name)"
    )
    parser.add_argument(
        "--workers",
        type=integer(0, _MAX_WORKERS),
        metavar="N",
        help="processes that load photos while a backbone is trained (default: 0 on a CPU, else up to 8)",
    )
    add_device(parser)


def _add_serve(commands: Commands) -> None:
    parser = add_command(
        commands,
        "serve",
        "count photos in the browser, and for programs by HTTP",
        "counting serve\n  counting serve --host 0.0.0.0 --token-file token.txt",
    )
    add_counter(parser)
    parser.add_argument(
        "--host",
        type=name,
        default="127.0.0.1",
        help="address to listen at (default: 127.0.0.1, this machine only)",
    )
    parser.add_argument(
        "--port",
        type=integer(0, _MAX_PORT),
        default=8765,
        help="port to listen at; 0 chooses a free one (default: 8765)",
    )
    parser.add_argument(
        "--token-file", type=path, metavar="FILE", help="file with a token that clients of the API must send"
    )
    parser.add_argument(
        "--workers",
        type=integer(1, _MAX_WORKERS),
        metavar="N",
        help="number of photos to count in parallel (default: one per processor, at most 8)",
    )
    limits = parser.add_argument_group("limits")
    for option, high, default, what in (
        ("--max-mb", 1024, 32, "MiB in a request"),
        ("--max-megapixels", 400, 64, "million pixels in a photo"),
        ("--max-photos", 1000, 16, "photos in a request"),
        ("--max-requests", 1000, 64, "requests at a time"),
        ("--max-seconds", 3600, 60, "seconds for a request to arrive, and again for its answer"),
    ):
        limits.add_argument(
            option, type=integer(1, high), default=default, metavar="N", help=f"{what} (default: {default})"
        )
    add_device(parser)


def _add_models(commands: Commands) -> None:
    parser = add_command(commands, "models", "list counters, configurations and baselines", "counting models")
    parser.add_argument("--json", action="store_true", help="print the list as JSON")


def _add_download(commands: Commands) -> None:
    parser = add_command(
        commands,
        "download",
        "download a data set; run again to resume",
        "counting download voc2007 --root ~/data",
    )
    parser.add_argument("dataset", choices=downloadable(), help="the data set to download")
    parser.add_argument("--root", type=path, metavar="DIR", help="target folder (default: $COUNTING_DATA)")


if __name__ == "__main__":
    sys.exit(main())
