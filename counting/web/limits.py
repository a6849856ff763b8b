"""Limits of the server, so that no request can exhaust memory or block the others."""

from dataclasses import dataclass

MEBIBYTE = 1 << 20


@dataclass(frozen=True)
class Limits:
    """What the server accepts.

    Attributes:
        bytes: largest body of a request.
        pixels: largest photo, checked before it is decoded.
        photos: number of photos in a request.
        seconds: time for a request's body to arrive, and again for its answer.
        requests: number of requests in progress.
        waiting: number of photos and questions that wait for the counter.
        waiting_bytes: total size of the bodies of all requests in progress.
    """

    bytes: int = 32 * MEBIBYTE
    pixels: int = 64_000_000
    photos: int = 16
    seconds: float = 60
    requests: int = 64
    waiting: int = 128
    waiting_bytes: int = 256 * MEBIBYTE
