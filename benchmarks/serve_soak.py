"""Claim: after 20,000 requests, one in twenty of them bad, no answer is lost or wrong and memory has not grown.

    python benchmarks/serve_soak.py [--requests 20000] [--counter WHAT]

Starts `counting serve` and sends small drawn photos from sixteen clients. Each answer is compared with that of the
same call in Python. Bad requests are damaged photos, pixel bombs, other files, 100 MB, malformed forms, paths out
of the page's folder, and connections that send nothing or half a request and wait; each has its own error. Prints
the number of answers by status, and the server's memory after every tenth of the requests.

By default, the counter is a small untrained one, so that what is tested is the server; it takes about 3 ms of one
processor a photo.
"""

import argparse
import io
import json
import random
import socket
import struct
import tempfile
import time
import zlib
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from threading import Lock, Thread
from typing import Any, NamedTuple

import torch
from served import Client, Server, form, served

import counting
from counting.networks.checkpoint import build, save
from counting.networks.config import parse_config
from counting.stats.count_distribution import Calibration
from counting_datasets.generated import draw_scene

CLIENTS = 16
PHOTOS = 40
SIDE = 160
BAD_SHARE = 0.05
SETTLED = 2000
"""Number of requests after which memory should not grow."""


class Request(NamedTuple):
    """A request, and the status and JSON that should answer it; only the status if the JSON is None."""

    kind: str
    path: str
    body: bytes
    content_type: str
    status: int
    expected: Any = None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--counter", help="default: a small one, untrained")
    parser.add_argument("--minutes", type=float, default=240, help="stop earlier, after so many minutes")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        counter = arguments.counter or small_counter(Path(folder))
        good, bad = good_requests(counter), bad_requests()
        with served("--counter", counter) as server:
            Soak(server, good, bad, arguments.requests, arguments.minutes).run()


def small_counter(folder: Path) -> str:
    """The file of a calibrated counter that locates, on a backbone at 96 pixels."""
    config = parse_config(
        {
            "counter": "loc_sub",
            "data": {"name": "voc", "root": "."},
            "backbone": {"name": "efficientnet_lite0_pyramid"},
            "cells": {"grid": 3, "side": 96},
            "head": {"depth": 8, "hidden": 8, "heads": 2},
        },
        "small",
    )
    torch.manual_seed(0)
    weights = torch.tensor([[0.0, 1.0, 0.5, 0.0, 1.0, 0.0]]).repeat(3, 1)
    path = folder / "small.safetensors"
    save(build(config, ("cat", "dog", "person")), config, path, calibration=Calibration(weights, 20))
    return str(path)


def good_requests(counter: str) -> list[Request]:
    """Photos in forms and as bytes, and questions, with the answers of Python."""
    predictor = counting.load(counter, "cpu")
    question = f"how many {predictor.categories[-1]}s are there?"
    requests = []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(PHOTOS):
            file = io.BytesIO()
            draw_scene(number).image.resize((SIDE, SIDE)).save(file, "JPEG")
            photo, path = file.getvalue(), Path(folder) / f"{number}.jpg"
            path.write_bytes(photo)
            in_form = as_json({"results": [predictor.count(path).to_dict()]})
            as_bytes = as_json({"results": [predictor.count(photo).to_dict()]})
            answer = as_json({"file_name": "photo", **predictor.ask(photo, question).to_dict()})
            ask = f"/v1/ask?question={question.replace(' ', '%20')}"
            requests += [
                Request("form", "/v1/count", *form(photo, path.name), 200, in_form),
                Request("form", "/v1/count", *form(photo, f"../../{path.name}"), 200, in_form),
                Request("bytes", "/v1/count", photo, "image/jpeg", 200, as_bytes),
                Request("question", ask, photo, "image/jpeg", 200, answer),
            ]
    return requests


def as_json(value: Any) -> Any:
    return json.loads(json.dumps(value))


def bad_requests() -> list[Request]:
    file = io.BytesIO()
    draw_scene(0).image.save(file, "JPEG")
    photo = file.getvalue()
    body, kind = form(photo, "photo.jpg")
    octets = "application/octet-stream"
    return [
        Request("truncated", "/v1/count", photo[: len(photo) // 2], "image/jpeg", 422),
        Request("pixel bomb", "/v1/count", bomb(60_000, 60_000), "image/png", 413),
        Request("another file", "/v1/count", b"%PDF-1.7 " + bytes(2000), octets, 415),
        Request("another type", "/v1/count", b'{"photo": "http://127.0.0.1/photo.jpg"}', "application/json", 415),
        Request("100 MB", "/v1/count", bytes(100_000_000), octets, 413),
        Request("malformed form", "/v1/count", body[:-20], kind, 400),
        Request("form without a photo", "/v1/count", *form(b"", ""), 415),
        Request("no question", "/v1/ask", photo, octets, 400),
        Request("unknown category", "/v1/explain?category=unicorn", photo, octets, 422),
        Request("path out of the folder", "/../../../../etc/passwd", b"", "", 404),
        Request("path out of the folder", "/docs/..%2f..%2fapp.py", b"", "", 404),
    ]


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes whose header promises a number of pixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


class Soak:
    """Sends a number of requests from several clients, and checks every answer."""

    def __init__(
        self, server: Server, good: list[Request], bad: list[Request], requests: int, minutes: float
    ) -> None:
        self._server = server
        self._good, self._bad, self._requests = good, bad, requests
        self._end = time.monotonic() + 60 * minutes
        self._numbers = count()
        self._lock = Lock()
        self._answers: Counter[str] = Counter()
        self._wrong: list[str] = []
        self._memory: dict[int, int] = {}
        self._idle: list[Thread] = []

    def run(self) -> None:
        with ThreadPoolExecutor(CLIENTS) as pool:
            for done in [pool.submit(self._client, number) for number in range(CLIENTS)]:
                done.result()
        for thread in self._idle:
            thread.join()
        self._report()

    def _client(self, seed: int) -> None:
        chance, client = random.Random(seed), Client(self._server)
        while (number := next(self._numbers)) < self._requests and time.monotonic() < self._end:
            if number % (self._requests // 10) == 0 or number == SETTLED:
                self._memory[number] = self._server.memory()
                print(f"{self._memory[number] / 1024:7.1f} MiB after {number} requests", flush=True)
            if chance.random() >= BAD_SHARE:
                self._check(client, chance.choice(self._good))
            elif chance.random() < 1 / (len(self._bad) + 1):
                self._start(self._slow_loris, chance.randrange(3))
            else:
                self._check(client, chance.choice(self._bad))

    def _check(self, client: Client, request: Request) -> None:
        method = "POST" if request.path.startswith("/v1/") else "GET"
        try:
            answer = client.send(request.path, request.body, request.content_type, method)
        except OSError as error:
            self._note(request.kind, f"lost: {error!r}")
            return
        is_error = request.status != 200 and list(answer.content) == ["error"]
        is_right = answer.content == request.expected if request.status == 200 else is_error
        self._note(
            f"{request.kind} {answer.status}",
            "" if answer.status == request.status and is_right else repr(answer)[:300],
        )

    def _start(self, function: Callable[[int], None], kind: int) -> None:
        """Wait for a slow connection beside the other requests."""
        thread = Thread(target=function, args=(kind,))
        thread.start()
        with self._lock:
            self._idle.append(thread)

    def _slow_loris(self, kind: int) -> None:
        """Send nothing, half a header or half a body, and wait until the server gives up."""
        head = b"POST /v1/count HTTP/1.1\r\nHost: localhost\r\n"
        sent = (b"", head, head + b"Content-Type: image/jpeg\r\nContent-Length: 9000\r\n\r\nhalf")[kind]
        try:
            with socket.create_connection((self._server.host, self._server.port), timeout=600) as connection:
                connection.sendall(sent)
                answer = b"".join(iter(lambda: connection.recv(65536), b""))
        except ConnectionResetError:
            answer = b""
        except OSError as error:
            self._note("slow", f"lost: {error!r}")
            return
        right = answer.startswith(b"HTTP/1.1 400") if kind == 2 else answer == b""
        self._note("slow", "" if right else repr(answer[:300]))

    def _note(self, kind: str, wrong: str) -> None:
        with self._lock:
            self._answers[kind] += 1
            if wrong:
                self._wrong.append(f"{kind}: {wrong}")

    def _report(self) -> None:
        for kind, number in sorted(self._answers.items()):
            print(f"{number:6} {kind}")
        lost = sum(" lost: " in wrong for wrong in self._wrong)
        print(f"{self._answers.total()} requests, {lost} lost, {len(self._wrong) - lost} wrong answers")
        print(*self._wrong[:10], sep="\n")
        memory = {**self._memory, self._requests: self._server.memory()}
        print(f"{memory[self._requests] / 1024:7.1f} MiB at the end")
        if SETTLED in memory:
            later = max(size for number, size in memory.items() if number > SETTLED)
            print(f"largest after {SETTLED}: {later / memory[SETTLED]:.3f} times the memory after {SETTLED}")


if __name__ == "__main__":
    main()
