"""The folder of a training run; all its files are written atomically."""

import io
import json
import platform
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from counting.networks.config import Config, read_config
from counting.utils.files import remove_partial_files, write_bytes, write_json, write_text
from counting_datasets.errors import CountingError

_PACKAGES = ("everyday-counting", "torch", "torchvision", "timm", "numpy", "albumentations", "accelerate")


@dataclass(frozen=True)
class RunFolder:
    """``runs/<name>/`` and the files in it."""

    path: Path

    @property
    def best(self) -> Path:
        return self.path / "weights" / "best.safetensors"

    @property
    def last(self) -> Path:
        return self.path / "weights" / "last.safetensors"

    @property
    def subitized(self) -> Path:
        """The backbone after pretraining on subitizing; it is reused if the run is started again."""
        return self.path / "weights" / "subitizing.safetensors"

    @property
    def state(self) -> Path:
        return self.path / "state.pt"

    @property
    def metrics(self) -> Path:
        return self.path / "metrics.jsonl"

    def begin(self, config: Config, *, resume: bool) -> None:
        """Start or resume a run in this folder.

        A run can be resumed once there is a ``state.pt``, the last file that an epoch writes. Before that it can
        only be started again, which deletes the files of earlier attempts.

        Raises:
            CountingError: there is a run already; or, with ``resume``, there is none or its configuration differs.
        """
        stored = self.path / "config.yaml"
        if resume:
            if not self.state.is_file():
                raise CountingError(f"{self.path}: there is no run to resume, start it without --resume")
            if read_config(str(stored)) != config:
                raise CountingError(f"{self.path}: this run has another configuration, see its config.yaml")
            remove_partial_files(self.path)
            return
        if self.state.exists():
            raise CountingError(
                f"{self.path}: there is a run already; resume it with --resume, or start another with --name NAME"
            )
        remove_partial_files(self.path)
        for leftover in (self.best, self.last, self.metrics):
            leftover.unlink(missing_ok=True)
        if stored.exists() and stored.read_text(encoding="utf-8") != config.to_yaml():
            self.subitized.unlink(missing_ok=True)
        write_text(stored, config.to_yaml())
        write_json(self.path / "environment.json", _environment())

    def log(self, epochs: list[dict[str, float | None]]) -> None:
        """Write ``metrics.jsonl``, one line per epoch."""
        write_text(self.metrics, "".join(json.dumps(epoch) + "\n" for epoch in epochs))

    def save_state(self, state: dict[str, Any]) -> None:
        content = io.BytesIO()
        torch.save(state, content)
        write_bytes(self.state, content.getvalue())

    def load_state(self) -> dict[str, Any]:
        """The state that ``save_state`` wrote.

        Raises:
            CountingError: the file is corrupt.
        """
        try:
            state: dict[str, Any] = torch.load(self.state, map_location="cpu", weights_only=True)
        except Exception as error:
            raise CountingError(
                f"{self.state}: corrupt or truncated, start another run ({str(error).splitlines()[0]})"
            ) from None
        return state


def _environment() -> dict[str, str]:
    packages = {name: version(name) for name in _PACKAGES}
    return {"python": platform.python_version(), "platform": platform.platform(), **packages}
