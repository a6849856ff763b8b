"""Claim: sixteen clients get at least 1.5 times as many photos counted as one client, on the same processor.

    python benchmarks/serve_load.py [--photos 200] [--counter WHAT] [--workers N]

Starts `counting serve`, and sends VOC's photos from one client, which waits for each answer before it sends the
next photo, and then the same photos from sixteen. Prints photos per second, the server's processor time per photo,
and the median, 95th and 99th percentile of the time from a request to its answer. The clients run on the same
processor.
"""

import argparse
import os
import queue
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
from served import Client, Server, form, served

CLIENTS = (1, 16)
WARM_UP = 16


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = Path(os.environ.get("COUNTING_DATA", ".")) / "VOCdevkit" / "VOC2007"
    parser.add_argument("--root", type=Path, default=default, help="the folder that holds JPEGImages")
    parser.add_argument("--photos", type=int, default=200)
    parser.add_argument("--counter", help="default: the default counter")
    parser.add_argument("--workers", type=int, help="photos that the server counts in parallel")
    arguments = parser.parse_args()
    photos = sorted((arguments.root / "JPEGImages").glob("*.jpg"))[: arguments.photos]
    if not photos:
        parser.error("no photos there: set COUNTING_DATA or --root")
    options = [
        word
        for name in ("counter", "workers")
        if (value := vars(arguments)[name])
        for word in (f"--{name}", value)
    ]
    bodies = [form(photo.read_bytes(), photo.name) for photo in photos]
    with served(*options) as server:
        measure(server, bodies[:WARM_UP], 4)
        runs = [measure(server, bodies, clients) for clients in CLIENTS]
    for clients, run in zip(CLIENTS, runs, strict=True):
        p50, p95, p99 = (1000 * np.percentile(run.latencies, share) for share in (50, 95, 99))
        print(
            f"{clients:2} clients: {len(bodies) / run.seconds:6.2f} photos/s, "
            f"{1000 * run.processor / len(bodies):4.0f} ms of the server's processor time a photo, "
            f"p50 {p50:.0f} ms, p95 {p95:.0f} ms, p99 {p99:.0f} ms"
        )
    print(
        f"{CLIENTS[1]} clients against {CLIENTS[0]}: {runs[0].seconds / runs[1].seconds:.2f} times the throughput"
    )


class Run(NamedTuple):
    """Wall time, the server's processor time, and the time of every request, in seconds."""

    seconds: float
    processor: float
    latencies: list[float]


def measure(server: Server, bodies: list[tuple[bytes, str]], clients: int) -> Run:
    """Send every body once, from a number of clients at the same time."""
    waiting: queue.SimpleQueue[tuple[bytes, str]] = queue.SimpleQueue()
    for body in bodies:
        waiting.put(body)
    start, processor = time.perf_counter(), server.processor_seconds()
    with ThreadPoolExecutor(clients) as pool:
        latencies = [
            seconds
            for of_client in pool.map(_client, [server] * clients, [waiting] * clients)
            for seconds in of_client
        ]
    return Run(time.perf_counter() - start, server.processor_seconds() - processor, latencies)


def _client(server: Server, waiting: "queue.SimpleQueue[tuple[bytes, str]]") -> list[float]:
    """The time of each request that this client sends, until none is left."""
    client, seconds = Client(server), []
    while True:
        try:
            body, kind = waiting.get_nowait()
        except queue.Empty:
            return seconds
        answer = client.send("/v1/count", body, kind)
        if answer.status != 200:
            raise SystemExit(f"{answer.status}: {answer.content}")
        seconds.append(answer.seconds)


if __name__ == "__main__":
    main()
