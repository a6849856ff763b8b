"""A run's folder: everything about one training, each file whole or not there."""

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
    """``runs/<name>/`` and the names of what lies in it."""

    path: Path

    @property
    def best(self) -> Path:
        return self.path / "weights" / "best.safetensors"

    @property
    def last(self) -> Path:
        return self.path / "weights" / "last.safetensors"

    @property
    def subitized(self) -> Path:
        """A backbone that has learned to subitize; it is kept if a run is started again."""
        return self.path / "weights" / "subitizing.safetensors"

    @property
    def state(self) -> Path:
        return self.path / "state.pt"

    @property
    def metrics(self) -> Path:
        return self.path / "metrics.jsonl"

    def begin(self, config: Config, *, resume: bool) -> None:
        """Start or resume a run here.

        A run can be resumed if and only if there is a ``state.pt``, the last file that an epoch writes. Until then
        it can only be started again, and files of earlier attempts are deleted.

        Raises:
            CountingError: there is a run to resume, but not asked to; or none, or one of another configuration.
        """
        stored = self.path / "config.yaml"
        if resume:
            if not self.state.is_file():
                raise CountingError(f"{self.path}: nothing to resume, start it without --resume")
            if read_config(str(stored)) != config:
                raise CountingError(f"{self.path}: began with another configuration, see its config.yaml")
            remove_partial_files(self.path)
            return
        if self.state.exists():
            raise CountingError(
                f"{self.path}: holds a run; resume it with --resume, or start another with --name NAME"
            )
        remove_partial_files(self.path)
        for leftover in (self.best, self.last, self.metrics):
            leftover.unlink(missing_ok=True)
        if stored.exists() and stored.read_text(encoding="utf-8") != config.to_yaml():
            self.subitized.unlink(missing_ok=True)
        write_text(stored, config.to_yaml())
        write_json(self.path / "environment.json", _environment())

    def log(self, epochs: list[dict[str, float | None]]) -> None:
        """Rewrite ``metrics.jsonl``: a line an epoch."""
        write_text(self.metrics, "".join(json.dumps(epoch) + "\n" for epoch in epochs))

    def save_state(self, state: dict[str, Any]) -> None:
        content = io.BytesIO()
        torch.save(state, content)
        write_bytes(self.state, content.getvalue())

    def load_state(self) -> dict[str, Any]:
        """What ``save_state`` wrote.

        Raises:
            CountingError: it is damaged.
        """
        try:
            state: dict[str, Any] = torch.load(self.state, map_location="cpu", weights_only=True)
        except Exception as error:
            raise CountingError(f"{self.state}: cannot be resumed from ({str(error).splitlines()[0]})") from None
        return state


def _environment() -> dict[str, str]:
    packages = {name: version(name) for name in _PACKAGES}
    return {"python": platform.python_version(), "platform": platform.platform(), **packages}
