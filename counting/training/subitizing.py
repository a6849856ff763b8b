"""Salient object subitizing: pretraining of glance-sos's backbone on photos of 0, 1, 2, 3 or 4+ objects."""

from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file
from safetensors.torch import save as serialize
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, Dataset

from counting.inputs.batches import EpochSampler
from counting.inputs.preprocessing import to_square
from counting.networks.backbones import Backbone
from counting.networks.config_sections import SubitizingConfig
from counting.training.trainer import hold_batch_norm
from counting.utils.files import write_bytes
from counting.utils.progress import console, report_skipped
from counting_datasets.errors import CountingError, PhotoError
from counting_datasets.photo import open_photo
from counting_datasets.photo_files import is_photo_name, is_stray

CLASSES = ("0", "1", "2", "3", "4+")


class SubitizingPhotos(Dataset[tuple[Tensor, int]]):
    """Photos in folders named 0, 1, 2, 3 and 4+; epochs take turns in mirroring one half of them.

    Raises:
        CountingError: a folder is missing, or contains no photo that can be read.
    """

    def __init__(self, folder: Path, backbone: Backbone, side: int) -> None:
        self.normalization = backbone.normalization
        self.side = side
        self.epoch = 0
        self.photos = [(photo, label) for label, name in enumerate(CLASSES) for photo in _photos(folder / name)]

    def __len__(self) -> int:
        return len(self.photos)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        path, label = self.photos[index]
        square = self.normalization(to_square(open_photo(path), self.side, self.normalization.interpolation))
        return (square.flip(-1) if (self.epoch + index) % 2 else square), label


class Subitizer(nn.Module):
    """A backbone and a linear classifier on its pooled last map."""

    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        self.backbone = backbone
        self.classifier = nn.Linear(backbone.channels[-1], len(CLASSES))

    def forward(self, images: Tensor) -> Tensor:
        """B×3×H×W normalized photos → B×5 logits."""
        logits: Tensor = self.classifier(self.backbone(images)[-1].mean(dim=(2, 3)))
        return logits


def learn_to_subitize(backbone: Backbone, config: SubitizingConfig, seed: int, stored: Path) -> None:
    """Fine-tune ``backbone`` in place on ``config.folder``; ``stored`` keeps its weights for the next call.

    (CEOS, glance-sos; the task is Zhang et al.'s Salient Object Subitizing, CVPR 2015.)
    """
    if stored.is_file():
        backbone.load_state_dict(load_file(stored))
        return
    photos = SubitizingPhotos(config.folder, backbone, config.side)
    network = Subitizer(backbone).to(next(backbone.parameters()).device)
    optimizer = torch.optim.AdamW(network.parameters(), lr=config.learning_rate)
    for epoch in range(config.epochs):
        torch.manual_seed(seed + epoch)
        photos.epoch = epoch
        loss, accuracy = _train_epoch(
            network, optimizer, photos, EpochSampler(len(photos), seed + epoch), config.batch
        )
        console.print(f"subitizing epoch {epoch + 1}  loss {loss:.4f}  accuracy {accuracy:.3f}", highlight=False)
    tensors = {name: tensor.cpu().contiguous() for name, tensor in backbone.state_dict().items()}
    write_bytes(stored, serialize(tensors))


def _train_epoch(
    network: Subitizer,
    optimizer: torch.optim.Optimizer,
    photos: SubitizingPhotos,
    sampler: EpochSampler,
    batch: int,
) -> tuple[float, float]:
    """Train on every photo once; returns the mean loss and the accuracy."""
    device = network.classifier.weight.device
    network.train()
    hold_batch_norm(network)
    total, correct = 0.0, 0
    for images, labels in DataLoader(photos, batch, sampler=sampler):
        logits = network(images.to(device))
        loss = cross_entropy(logits, labels.to(device))
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
        total += float(loss.detach()) * len(labels)
        correct += int((logits.argmax(dim=1).cpu() == labels).sum())
    return total / len(photos), correct / len(photos)


def _photos(folder: Path) -> Sequence[Path]:
    """The readable photos of one class."""
    if not folder.is_dir():
        raise CountingError(f"{folder}: no such folder; subitizing needs one each of {', '.join(CLASSES)}")
    readable, unreadable = [], []
    for path in sorted(file for file in folder.iterdir() if is_photo_name(file) and not is_stray(file.name)):
        try:
            open_photo(path)
            readable.append(path)
        except PhotoError as error:
            unreadable.append(str(error))
    report_skipped(unreadable)
    if not readable:
        raise CountingError(f"{folder}: no readable photo in this folder")
    return readable
