"""Arguments of the commands that read files of counts, boxes or answers: evaluate, improve and fuse."""

from counting.commands.arguments import Commands, Options, add_command, add_device, add_place, integer, name, path
from counting_datasets.data_sets import DATA_SETS

_WHAT = """\
WHAT is one of these, or several joined with + to form an ensemble:
  a name from `counting models`, a run folder or a .safetensors file
  a baseline: always-0, always-1, mean, category-mean, presence-oracle
  a file of counts: .csv, .parquet, .json or .npz:SPLIT
  a COCO results file
  a detector: torchvision:NAME, ultralytics:FILE, rfdetr:NAME, transformers:MODEL or
    onnx:FILE
The last two may be followed by the counter that `counting fit` wrote for them:
boxes.json+yolo.counter.json, torchvision:NAME+yolo.counter.json"""


_DATA = ", ".join(DATA_SETS)

_PROTOCOL = (
    "objects and images to score: all (default), non-difficult, no-crowd or non-empty, or several joined with +; "
    "ilc (image-level counting): non-difficult for VOC, non-difficult+non-empty for COCO"
)

_MAX_RESAMPLES = 1_000_000


def add_evaluate(commands: Commands) -> None:
    """Add `counting evaluate`."""
    parser = add_command(
        commands,
        "evaluate",
        "score a counter against true counts",
        "counting evaluate voc2007-seq-sub --against voc2007-aso-sub --bootstrap 1000\n"
        "  counting evaluate --questions q.json --answers annotations.json \\\n"
        "      --counts counts.parquet",
    )
    parser.description = f"Score a counter against true counts, or answers to how-many questions.\n\n{_WHAT}"
    parser.add_argument("what", type=name, metavar="WHAT", nargs="?")
    parser.add_argument(
        "--against", type=name, metavar="WHAT2", help="compare with another counter, photo by photo"
    )
    parser.add_argument(
        "--bootstrap",
        type=integer(1, _MAX_RESAMPLES),
        metavar="N",
        help="95%% intervals from N bootstrap resamples",
    )
    parser.add_argument("--json", action="store_true", help="print the contents of results.json only")
    parser.add_argument("--per-category", action="store_true", help="also print a table of all categories")
    parser.add_argument(
        "--report", type=path, metavar="DIR", help="write report.html, plots, counts.csv and results.json"
    )
    parser.add_argument(
        "--explanations", action="store_true", help="score the maps of `counting explain` instead of the counts"
    )
    add_device(parser)
    _add_truth(parser.add_argument_group("true counts"))
    _add_fitting(parser.add_argument_group("fitting on the validation split"))
    _add_question_scoring(parser.add_argument_group("how-many questions, instead of WHAT"))


def _add_truth(group: Options) -> None:
    group.add_argument(
        "--data",
        default="voc2007",
        help=f"the data set: {_DATA}; voc and coco are your own, in that format (default: voc2007)",
    )
    add_place(group)
    group.add_argument("--split", type=name, default="test", help="the split to score on (default: test)")
    group.add_argument("--protocol", default="all", help=_PROTOCOL)
    group.add_argument("--truth", type=name, metavar="FILE", help="a file of true counts, instead of --data")
    group.add_argument(
        "--train-truth", type=name, metavar="FILE", help="true training counts, for baselines that use them"
    )


def _add_fitting(group: Options) -> None:
    group.add_argument(
        "--fit",
        action="append",
        type=name,
        default=[],
        metavar="FILE",
        help="the validation counterpart of a file in WHAT or WHAT2; repeat it for each, in order",
    )
    group.add_argument("--fit-truth", type=name, metavar="FILE", help="true validation counts (with --truth)")
    group.add_argument(
        "--boxes",
        choices=["soft", "threshold"],
        default="soft",
        help="how to count the boxes of a fitted detector: each with a weight (soft, default) or those above a "
        "threshold",
    )
    group.add_argument(
        "--weights",
        choices=["average", "fitted"],
        default="average",
        help="ensemble weights: equal (average, default) or fitted on the validation split",
    )


def _add_question_scoring(group: Options) -> None:
    _add_questions(group, required=False)
    group.add_argument("--answers", type=path, metavar="FILE", help="the VQA annotations file of the questions")
    group.add_argument(
        "--train-questions",
        type=path,
        metavar="FILE",
        help="training questions, for the baseline that gives the most common answer per noun",
    )
    group.add_argument(
        "--train-answers", type=path, metavar="FILE", help="the VQA annotations file of --train-questions"
    )
    group.add_argument(
        "--filter",
        choices=["count-qa", "howmany-qa"],
        default="count-qa",
        help="the published selection of questions to score (default: count-qa)",
    )


def _add_questions(parser: Options, *, required: bool) -> None:
    parser.add_argument(
        "--questions",
        type=path,
        metavar="FILE",
        required=required,
        help="a VQA or TallyQA file, or a COCO-QA folder",
    )
    parser.add_argument(
        "--counts",
        nargs="+",
        type=name,
        metavar="FILE",
        required=required,
        help="counts of the photos, in one or more files: .csv, .parquet, .json or .npz:SPLIT",
    )


def add_fit(commands: Commands) -> None:
    """Add `counting fit`."""
    parser = add_command(
        commands,
        "fit",
        "fit how a detector's boxes count, on validation photos",
        "counting fit boxes_val.json --data voc --root my-data --out yolo.counter.json\n"
        "  counting predict photo.jpg --counter ultralytics:yolo.pt+yolo.counter.json",
    )
    parser.add_argument(
        "boxes",
        type=name,
        metavar="BOXES",
        help="a COCO results file of the validation photos, or a detector (torchvision:NAME, ultralytics:FILE, …) "
        "to run on them",
    )
    parser.add_argument(
        "--out", type=path, required=True, metavar="FILE.counter.json", help="the fitted counter to write"
    )
    parser.add_argument(
        "--data",
        default="voc2007",
        help=f"the data set: {_DATA}; voc and coco are your own, in that format (default: voc2007)",
    )
    add_place(parser)
    parser.add_argument("--split", type=name, default="val", help="the split to fit on (default: val)")
    parser.add_argument("--protocol", default="all", help=_PROTOCOL)
    parser.add_argument(
        "--boxes",
        dest="rule",
        choices=["soft", "threshold"],
        default="soft",
        help="how to count boxes: each with a weight (soft, default) or those above a threshold",
    )
    parser.add_argument("--json", action="store_true", help="print a summary as JSON")
    add_device(parser)


def add_improve(commands: Commands) -> None:
    """Add `counting improve`."""
    parser = add_command(
        commands,
        "improve",
        "filter and rescore a detector's boxes using counts",
        "counting improve boxes.json --counts counts.parquet --out better.json\n"
        "  counting improve boxes.json --counts counts.parquet --out better.json \\\n"
        "      --fit boxes_val.json --fit-counts counts_val.parquet --data voc2007",
    )
    parser.add_argument("detections", type=path, metavar="DETECTIONS.json", help="a COCO results file")
    parser.add_argument(
        "--counts",
        required=True,
        type=name,
        metavar="FILE",
        help="counts of the same photos: .csv, .parquet or .json",
    )
    parser.add_argument("--out", type=path, required=True, metavar="OUT.json", help="the results file to write")
    parser.add_argument(
        "--rule",
        choices=["prior", "top-n"],
        help="prior (default): keep a box by its probability given the count; top-n: keep the n boxes with the "
        "highest scores, where n is the count",
    )
    parser.add_argument(
        "--fit", type=path, metavar="FILE", help="the detector's boxes on the validation split, for fitting"
    )
    parser.add_argument(
        "--fit-counts", type=name, metavar="FILE", help="counts of the validation split, for fitting"
    )
    parser.add_argument(
        "--data",
        help=f"the data set of the boxes: {_DATA} (default: coco2014 if its categories fit, else voc2007)",
    )
    add_place(parser)
    parser.add_argument("--json", action="store_true", help="print a summary as JSON")


def add_fuse(commands: Commands) -> None:
    """Add `counting fuse`."""
    parser = add_command(
        commands,
        "fuse",
        "fuse a VQA model's answers to how-many questions with the counts of the photos",
        "counting fuse answers.json --questions q.json --counts counts.parquet \\\n      --out results.json",
    )
    parser.add_argument(
        "scores",
        type=path,
        metavar="ANSWERS.json",
        help='list of {"question_id": 7, "answers": {"2": 0.6, …}}',
    )
    _add_questions(parser, required=True)
    parser.add_argument("--out", type=path, required=True, metavar="OUT.json", help="the VQA results to write")
    parser.add_argument(
        "--scores", type=path, metavar="FILE", dest="scores_out", help="also write the fused scores"
    )
    parser.add_argument(
        "--fit",
        type=path,
        metavar="FILE",
        help="the model's answers on the validation split, for fitting",
    )
    parser.add_argument("--fit-questions", type=path, metavar="FILE", help="the questions of the validation split")
    parser.add_argument("--fit-answers", type=path, metavar="FILE", help="the annotations of --fit-questions")
    parser.add_argument(
        "--fit-counts",
        nargs="+",
        type=name,
        metavar="FILE",
        help="counts of the validation split (default: --counts)",
    )
    parser.add_argument("--json", action="store_true", help="print a summary as JSON")
