"""Arguments of `counting convert`."""

from counting.commands.arguments import Commands, add_command, path

TOOLS = ("cvat", "fiftyone", "label-studio")


def add_convert(commands: Commands) -> None:
    """Add `counting convert`."""
    parser = add_command(
        commands,
        "convert",
        "write located counts for an annotation tool: CVAT, FiftyOne or Label Studio",
        "counting predict holiday/ --out counts.json\n"
        "  counting convert counts.json --images holiday/ --to cvat --out annotations.xml",
    )
    parser.add_argument(
        "counts", type=path, metavar="COUNTS.json", help="counts with points, from `counting predict`"
    )
    parser.add_argument("--to", choices=TOOLS, required=True, help="the tool")
    parser.add_argument(
        "--images", type=path, required=True, metavar="DIR", help="the folder with the photos, for their sizes"
    )
    parser.add_argument(
        "--out", type=path, required=True, metavar="FILE", help="the file to write: .xml for CVAT, else .json"
    )
    parser.add_argument(
        "--prefix",
        default="",
        metavar="TEXT",
        help="for Label Studio: the part of the photos' addresses before their names, such as "
        "'/data/local-files/?d=holiday/'",
    )
    parser.add_argument("--json", action="store_true", help="print a summary as JSON")
