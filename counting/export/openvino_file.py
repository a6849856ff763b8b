"""Counters in OpenVINO's format: an .xml file and a .bin file beside it."""

from pathlib import Path
from tempfile import TemporaryDirectory

from counting.export.description import KEY, as_json, describe
from counting.export.onnx_file import to_onnx, write_onnx
from counting.export.packages import need
from counting.networks.checkpoint import Checkpoint
from counting.utils.files import write_bytes


def write_openvino(checkpoint: Checkpoint, name: str, path: Path) -> None:
    """Write a counter called ``name`` with float32 weights; its description is the runtime info "counting".

    Raises:
        CountingError: a package is missing, the counter cannot be exported, or a file cannot be written.
    """
    need("openvino", extra="openvino")
    import openvino

    with TemporaryDirectory() as folder:
        source, target = Path(folder) / "counter.onnx", Path(folder) / "counter.xml"
        write_onnx(to_onnx(checkpoint, name), source)
        model = openvino.convert_model(source)
        model.set_rt_info(as_json(describe(checkpoint, name)), KEY)
        openvino.save_model(model, target, compress_to_fp16=False)
        write_bytes(path.with_suffix(".bin"), target.with_suffix(".bin").read_bytes())
        write_bytes(path, target.read_bytes())
