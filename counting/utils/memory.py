"""Memory of freed tensors is kept for the next ones."""

import ctypes

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""glibc's names for them in mallopt(3)."""


def keep_freed_memory() -> None:
    """Tell glibc to keep large freed blocks; does nothing with another C library.

    It otherwise returns every large tensor to the kernel, which zeroes fresh pages for the next: of a backbone's
    pass over photos of 576 px, more than half the time.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, TypeError, AttributeError):
        return
    mallopt(_MMAP_THRESHOLD, 1 << 30)
    mallopt(_TRIM_THRESHOLD, (1 << 31) - 1)
