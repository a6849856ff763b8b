"""Devices: which ones this machine has, and the one that a name stands for."""

import torch

from counting_datasets.errors import CountingError


def available_devices() -> tuple[str, ...]:
    """The names of all devices that can compute here, such as cpu and cuda:0."""
    if not torch.accelerator.is_available():
        return ("cpu",)
    accelerator = torch.accelerator.current_accelerator()
    assert accelerator is not None  # one is available
    return ("cpu", *(f"{accelerator.type}:{index}" for index in range(torch.accelerator.device_count())))


def find_device(name: str | torch.device | None = None) -> torch.device:
    """The device called ``name`` (cpu, cuda, cuda:1, mps); without a name, CUDA's if there is one, else the CPU.

    Raises:
        CountingError: there is no such device here.
    """
    if name is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    known = available_devices()
    try:
        device = torch.device(name)
    except RuntimeError:
        device = None
    if device is None or not any(one in (str(device), f"{device}:0") for one in known):
        raise CountingError(f"device {str(name)!r} is not available here: use {' or '.join(known)}")
    return device
