"""The command ``counting``: what a person types. Each command's work is imported only when it runs."""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import TypeAlias

from counting import __version__
from counting.utils.interruption import Interruption
from counting.utils.memory import keep_freed_memory
from counting_datasets.errors import CountingError

_WHAT = """\
WHAT is a run folder, a .safetensors file, a counter of the zoo, a baseline (always-0, always-1, mean,
category-mean, presence-oracle), a file of counts (.csv, .parquet, .json, .npz:split), a COCO results file, a
detector (torchvision:NAME or torchvision:NAME@WEIGHTS), or several joined with + for their ensemble."""


_DATA = "voc2007, voc2012, coco2014, coco2017, voc, coco"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code: 0 done, 2 a request that cannot be met, 130 on Ctrl-C."""
    parsed = _parse(arguments)
    keep_freed_memory()
    with Interruption() as interruption:
        try:
            code: int = import_module(f"counting.commands.{parsed.command}").run(parsed)
        except BrokenPipeError:
            sys.stderr.close()
            return 0
        except (Exception, KeyboardInterrupt) as error:
            if interruption.came or isinstance(error, KeyboardInterrupt):
                print(f"counting {parsed.command}: stopped", file=sys.stderr)
                return 130
            if isinstance(error, CountingError):
                print(f"counting {parsed.command}: {error}", file=sys.stderr)
                return 2
            raise
    return code


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Unlike argparse alone, takes a configuration's key=value on either side of the options."""
    parser = _parser()
    parsed, left = parser.parse_known_args(arguments)
    if parsed.command == "train" and all("=" in part and not part.startswith("-") for part in left):
        parsed.overrides += left
    elif left:
        parser.error(f"unrecognized arguments: {' '.join(left)}")
    return parsed


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="counting",
        description="Count everyday objects in everyday photos, and see why.",
        epilog="example:\n  counting predict photo.jpg",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"counting {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for add in (
        _add_predict,
        _add_ask,
        _add_questions_for,
        _add_explain,
        _add_train,
        _add_evaluate,
        _add_improve,
        _add_fuse,
        _add_models,
        _add_download,
    ):
        add(commands)
    return parser


Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def _command(commands: Commands, name: str, summary: str, example: str) -> argparse.ArgumentParser:
    return commands.add_parser(
        name,
        help=summary,
        description=summary[0].upper() + summary[1:] + ".",
        epilog=f"example:\n  {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def _add_device(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", help="cpu, cuda, cuda:1, mps (default: cuda where there is one)")


def _add_place(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--root", type=Path, help="the folder that holds JPEGImages or annotations")
    parser.add_argument("--annotations", type=Path, help="a COCO instances file, in place of --root")
    parser.add_argument("--images", type=Path, help="the folder of its photos")
    parser.add_argument("--categories", help="a,b,c: those of your own VOC data, or some of another data set's")


def _add_predict(commands: Commands) -> None:
    parser = _command(
        commands,
        "predict",
        "count objects in photos",
        "counting predict holiday/ --out counts.csv --draw drawn/",
    )
    parser.add_argument("photos", nargs="+", metavar="PHOTO|FOLDER|GLOB")
    parser.add_argument("--counter", metavar="WHAT", help="a zoo name, run folder or .safetensors file")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write counts as .csv, .json or .parquet")
    parser.add_argument("--draw", type=Path, metavar="DIR", help="write each photo with its cells' counts on it")
    parser.add_argument("--json", action="store_true", help="print the counts as JSON rows")
    _add_device(parser)


def _add_ask(commands: Commands) -> None:
    parser = _command(
        commands,
        "ask",
        "answer a question about a photo",
        'counting ask photo.jpg "how many dogs are there?"',
    )
    parser.add_argument("photo", type=Path, metavar="PHOTO")
    parser.add_argument("question", metavar="QUESTION", help="how many …? in English")
    parser.add_argument("--counter", metavar="WHAT", help="a zoo name, run folder or .safetensors file")
    parser.add_argument("--json", action="store_true", help="print the answer as JSON")
    _add_device(parser)


def _add_questions_for(commands: Commands) -> None:
    parser = _command(
        commands,
        "questions",
        "ask different questions about a photo, and answer them",
        "counting questions photo.jpg\n  counting questions photo.jpg --beams 20 --groups 10 --strength 0.5",
    )
    parser.add_argument("photo", type=Path, metavar="PHOTO")
    parser.add_argument("--counter", metavar="WHAT", help="a zoo name, run folder or .safetensors file")
    parser.add_argument(
        "--method",
        choices=["beam", "diverse", "sample"],
        default="diverse",
        help="how to find them: diverse"
        " (default: Diverse Beam Search), beam (plain beam search) or sample (draw them)",
    )
    parser.add_argument(
        "--beams",
        type=int,
        default=20,
        metavar="B",
        help="find B, and print those worth asking (default: 20)",
    )
    parser.add_argument("--groups", type=int, metavar="G", help="in G equal groups that differ (default: B)")
    parser.add_argument(
        "--diversity",
        choices=["hamming", "cumulative", "ngram", "embedding"],
        help="how they differ: in words at the same place (default), in words so far, in pairs of words anywhere, "
        "in what words mean",
    )
    parser.add_argument(
        "--strength",
        type=float,
        metavar="λ",
        help="how much they should, from 0 (default: 1; .35 in the style of captions)",
    )
    parser.add_argument("--seed", type=int, help="of --method sample (default: 0)")
    parser.add_argument(
        "--style",
        choices=["people", "captions"],
        default="people",
        help="as people ask (default), or longer, as captions tell of a photo",
    )
    parser.add_argument("--json", action="store_true", help="print questions and answers as JSON")
    _add_device(parser)


def _add_explain(commands: Commands) -> None:
    parser = _command(
        commands,
        "explain",
        "show where in a photo a count comes from (Grad-CAM)",
        "counting explain photo.jpg --category dog --category person --out why/",
    )
    parser.add_argument("photo", type=Path, metavar="PHOTO")
    parser.add_argument("--category", action="append", help="what is counted; may be repeated")
    parser.add_argument("--question", help="how many …?: explain the count that it asks for")
    parser.add_argument(
        "--answer-score",
        action="store_true",
        help="with --question: explain the answer's own score",
    )
    parser.add_argument("--out", type=Path, default=Path(), metavar="DIR", help="where to write (default: here)")
    parser.add_argument("--counterfactual", action="store_true", help="also map the evidence against the count")
    parser.add_argument("--guided", action="store_true", help="also Guided Grad-CAM: fine details")
    parser.add_argument("--layer", help="the layer to explain, by name (default: the backbone's feature maps)")
    parser.add_argument(
        "--method",
        choices=["fused", "grad-cam"],
        default="fused",
        help="fused: Grad-CAM of all the backbone's feature maps (default); grad-cam: of the last, as published",
    )
    parser.add_argument("--counter", metavar="WHAT", help="a zoo name, run folder or .safetensors file")
    parser.add_argument("--json", action="store_true", help="print what was found as JSON")
    _add_device(parser)


def _add_train(commands: Commands) -> None:
    parser = _command(
        commands,
        "train",
        "train a counter",
        "counting train voc2007/seq_sub optimization.epochs=20 --name my-seq-sub",
    )
    parser.add_argument("config", metavar="CONFIG", help="a YAML file, or a name such as voc2007/seq_sub")
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="changes to the configuration")
    parser.add_argument("--resume", action="store_true", help="continue a run that was broken off")
    parser.add_argument("--name", help="the run's folder under runs/ (default: the configuration's name)")
    _add_device(parser)


def _add_evaluate(commands: Commands) -> None:
    parser = _command(
        commands,
        "evaluate",
        "score a counter against the truth",
        "counting evaluate voc2007-seq-sub --against voc2007-aso-sub --bootstrap 1000\n"
        "  counting evaluate --questions q.json --answers annotations.json --counts counts.parquet",
    )
    parser.description = (
        f"Score a counter against the truth, or answers from counts to questions about photos.\n\n{_WHAT}"
    )
    parser.add_argument("what", metavar="WHAT", nargs="?")
    parser.add_argument("--against", metavar="WHAT2", help="compare with another counter, photo by photo")
    parser.add_argument("--data", default="voc2007", help=f"{_DATA} (default: voc2007)")
    _add_place(parser)
    parser.add_argument("--split", default="test", help="default: test")
    parser.add_argument("--protocol", default="all", help="all (default), ilc, non-difficult, no-crowd, non-empty")
    parser.add_argument("--truth", metavar="FILE", help="true counts from a file, in place of --data")
    parser.add_argument("--train-truth", metavar="FILE", help="training counts, for baselines that learn")
    parser.add_argument(
        "--fit",
        action="append",
        default=[],
        metavar="FILE",
        help="the val counterpart of each results or counts file in WHAT, in order",
    )
    parser.add_argument("--fit-truth", metavar="FILE", help="true val counts from a file, with --truth")
    parser.add_argument(
        "--boxes",
        choices=["soft", "threshold"],
        default="soft",
        help="how fitted boxes count (default: soft)",
    )
    parser.add_argument(
        "--weights", choices=["average", "fitted"], default="average", help="how an ensemble is weighed"
    )
    parser.add_argument("--bootstrap", type=int, metavar="N", help="95 %% intervals from N resamples")
    parser.add_argument("--json", action="store_true", help="print results.json and nothing else")
    parser.add_argument(
        "--explanations", action="store_true", help="score a learned counter's maps (see explain), not its counts"
    )
    parser.add_argument(
        "--report", type=Path, metavar="DIR", help="write report.html, plots, counts.csv, results.json"
    )
    _add_device(parser)
    group = parser.add_argument_group("how-many questions, in place of WHAT")
    _add_questions(group, required=False)
    group.add_argument("--answers", type=Path, metavar="FILE", help="the annotations of a VQA file")
    group.add_argument("--train-questions", type=Path, metavar="FILE", help="for the commonest answer per noun")
    group.add_argument("--train-answers", type=Path, metavar="FILE", help="the annotations of a VQA file")
    group.add_argument(
        "--filter",
        choices=["count-qa", "howmany-qa"],
        default="count-qa",
        help="default: count-qa",
    )


def _add_questions(parser: "argparse._ActionsContainer", *, required: bool) -> None:
    parser.add_argument(
        "--questions",
        type=Path,
        metavar="FILE",
        required=required,
        help="a VQA or TallyQA file, or a COCO-QA folder",
    )
    parser.add_argument(
        "--counts",
        nargs="+",
        metavar="FILE",
        required=required,
        help="counts of its photos, whole or in parts: .csv, .parquet, .json or .npz:split",
    )


def _add_improve(commands: Commands) -> None:
    parser = _command(
        commands,
        "improve",
        "keep those of a detector's boxes that the counts speak for, and rescore them",
        "counting improve boxes.json --counts counts.parquet --out better.json\n"
        "  counting improve boxes.json --counts counts.parquet --out better.json \\\n"
        "      --fit boxes_val.json --fit-counts counts_val.parquet --data voc2007",
    )
    parser.add_argument("detections", type=Path, metavar="DETECTIONS.json", help="a COCO results file")
    parser.add_argument(
        "--counts", required=True, metavar="FILE", help="counts of the same photos: .csv, .parquet or .json"
    )
    parser.add_argument("--out", type=Path, required=True, metavar="OUT.json", help="the results file to write")
    parser.add_argument(
        "--rule",
        choices=["prior", "top-n"],
        help="prior: by how likely each box is, given how likely each count is; top-n: the surest boxes, as many "
        "as were counted (default: prior where the counts say how sure they are)",
    )
    parser.add_argument("--fit", type=Path, metavar="FILE", help="the detector's boxes on val, to learn from")
    parser.add_argument("--fit-counts", metavar="FILE", help="the counts of val, to learn from")
    parser.add_argument(
        "--data", help=f"whose val and categories: {_DATA} (default: by the categories of the counts)"
    )
    _add_place(parser)
    parser.add_argument("--json", action="store_true", help="print what was done as JSON")


def _add_fuse(commands: Commands) -> None:
    parser = _command(
        commands,
        "fuse",
        "fuse a VQA model's answers to how-many questions with the counts of the photos",
        "counting fuse answers.json --questions q.json --counts counts.parquet --out results.json",
    )
    parser.add_argument(
        "scores", type=Path, metavar="ANSWERS.json", help='rows {"question_id": 7, "answers": {"2": 0.6, …}}'
    )
    _add_questions(parser, required=True)
    parser.add_argument("--out", type=Path, required=True, metavar="OUT.json", help="the VQA results to write")
    parser.add_argument("--scores", type=Path, metavar="FILE", dest="scores_out", help="write fused scores too")
    parser.add_argument("--fit", type=Path, metavar="FILE", help="the model's answers on val, to learn from")
    parser.add_argument("--fit-questions", type=Path, metavar="FILE", help="the questions of val")
    parser.add_argument("--fit-answers", type=Path, metavar="FILE", help="their annotations, of a VQA file")
    parser.add_argument("--fit-counts", nargs="+", metavar="FILE", help="counts of val (default: --counts)")
    parser.add_argument("--json", action="store_true", help="print what was done as JSON")


def _add_models(commands: Commands) -> None:
    parser = _command(
        commands, "models", "list what can count: the zoo, configurations, baselines", "counting models"
    )
    parser.add_argument("--json", action="store_true", help="print the list as JSON")


def _add_download(commands: Commands) -> None:
    parser = _command(
        commands,
        "download",
        "fetch a data set; run again to resume",
        "counting download voc2007 --root ~/data",
    )
    parser.add_argument("dataset", choices=["voc2007", "coco2014"])
    parser.add_argument("--root", type=Path, help="where to (default: $COUNTING_DATA)")


if __name__ == "__main__":
    sys.exit(main())
