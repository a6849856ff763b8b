"""A training run in a process of its own, alone or as one of several under torchrun.

python learn_tiny.py CONFIG RUN_FOLDER; each process leaves its weights, and what it saw, beside the run.
"""

import json
import sys
from pathlib import Path

import tiny  # noqa: F401 (registers the backbone)
import torch
from safetensors.torch import save_file

from counting.inputs.batches import Batch, ViewDataset
from counting.networks.config import read_config
from counting.training.run import train_counter
from counting.training.run_folder import RunFolder

seen: list[tuple[int, str]] = []
read = ViewDataset.__getitem__


def read_and_note(self: ViewDataset, index: int) -> Batch:
    if self.views > 1:
        seen.append((self.epoch, self.scenes[index].id))
    return read(self, index)


if __name__ == "__main__":
    config, folder = Path(sys.argv[1]), Path(sys.argv[2])
    ViewDataset.__getitem__ = read_and_note  # type: ignore[method-assign]  # to note what is read
    trained = train_counter(read_config(str(config)), RunFolder(folder), device="cpu")
    distributed = torch.distributed.is_initialized()
    rank, world = (torch.distributed.get_rank(), torch.distributed.get_world_size()) if distributed else (0, 1)
    save_file(trained.counter.state_dict(), folder / f"rank{rank}.safetensors")
    (folder / f"rank{rank}.json").write_text(json.dumps({"world": world, "seen": seen}))
    if distributed:
        torch.distributed.destroy_process_group()
