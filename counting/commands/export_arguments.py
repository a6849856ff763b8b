"""The arguments of ``counting export``."""

from counting.commands.arguments import Commands, add_command, name, path


def add_export(commands: Commands) -> None:
    """Add the parser of ``counting export``."""
    parser = add_command(
        commands,
        "export",
        "write a trained counter as ONNX, torch.export or OpenVINO file",
        "counting export --out counter.onnx\n  counting export runs/mine --int8 photos/",
    )
    parser.add_argument(
        "counter",
        nargs="?",
        type=name,
        metavar="COUNTER",
        help="a name from `counting models`, a run folder or a .safetensors file (default: the default counter)",
    )
    parser.add_argument(
        "--format",
        choices=["onnx", "torch-export", "openvino"],
        default="onnx",
        help="onnx (.onnx, default), torch-export (.pt2) or openvino (.xml and .bin)",
    )
    parser.add_argument("--out", type=path, metavar="FILE", help="the file to write (default: the counter's name)")
    parser.add_argument(
        "--int8",
        type=name,
        metavar="FOLDER|GLOB",
        help="quantize the ONNX file to 8-bit integers, with these photos as calibration data",
    )
    parser.add_argument(
        "--json", action="store_true", help="print the file's name, size, inputs and outputs as JSON"
    )
