"""The devices of this machine."""

import torch

from counting_datasets.errors import CountingError


def available_devices() -> tuple[str, ...]:
    """The names of all available devices, such as cpu and cuda:0."""
    if not torch.accelerator.is_available():
        return ("cpu",)
    accelerator = torch.accelerator.current_accelerator()
    assert accelerator is not None
    return ("cpu", *(f"{accelerator.type}:{index}" for index in range(torch.accelerator.device_count())))


def find_device(name: str | torch.device | None = None) -> torch.device:
    """The device called ``name`` (cpu, cuda, cuda:1, mps); by default cuda if available, or else the CPU.

    Raises:
        CountingError: this machine has no such device.
    """
    if name is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    known = available_devices()
    try:
        device = torch.device(name)
    except RuntimeError:
        device = None
    if device is None or not any(one in (str(device), f"{device}:0") for one in known):
        raise CountingError(f"device {str(name)!r} is not available here; use {' or '.join(known)}")
    return device
