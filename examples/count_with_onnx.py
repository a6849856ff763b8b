"""Count with an exported counter, with onnxruntime, numpy and pillow alone.

counting export --out counter.onnx
python examples/count_with_onnx.py counter.onnx photo.jpg
"""

import json
import sys

import numpy as np
import onnxruntime
from PIL import Image, ImageOps

session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
counter = json.loads(session.get_modelmeta().custom_metadata_map["counting"])
given, threshold = counter["input"], counter["calibration"]["shown_from"]
for file in sys.argv[2:]:
    photo = ImageOps.exif_transpose(Image.open(file)).convert("RGB")
    square = photo.resize((given["side"],) * 2, Image.Resampling[given["interpolation"].upper()])
    pixels = (np.asarray(square, dtype=np.float32) / 255 - np.float32(given["mean"])) / np.float32(given["std"])
    cells, chances = session.run(["cells", "distribution"], {"images": pixels.transpose(2, 0, 1)[None]})
    counts = np.floor(cells[0].sum(axis=0) + 0.5).astype(int).tolist()
    shown = (1 - chances[0, :, 0] >= threshold).tolist()
    print(
        file, {name: n for name, n, show in zip(counter["categories"], counts, shown, strict=True) if n and show}
    )
