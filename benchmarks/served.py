"""Shared by the benchmarks of `counting serve`: a server in a process of its own, and a client."""

import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit


class Server(NamedTuple):
    """A running server: its address, and the id of its process."""

    host: str
    port: int
    process: int

    def memory(self) -> int:
        """Its resident memory in KiB."""
        status = Path(f"/proc/{self.process}/status").read_text(encoding="ascii")
        return int(status.partition("VmRSS:")[2].split()[0])

    def processor_seconds(self) -> float:
        """The processor time it has used."""
        fields = Path(f"/proc/{self.process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def served(*arguments: object) -> Iterator[Server]:
    """`counting serve` with these arguments on a free port, until the block ends."""
    command = [sys.executable, "-m", "counting.cli", "serve", "--port", "0", *map(str, arguments)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    try:
        line = process.stdout.readline()
        address = next((word for word in line.split() if word.startswith("http://")), None)
        if address is None:
            raise SystemExit("the server did not start")
        found = urlsplit(address)
        yield Server(str(found.hostname), int(found.port or 0), process.pid)
    finally:
        process.terminate()
        process.wait()


class Answer(NamedTuple):
    status: int
    content: Any
    seconds: float


class Client:
    """One connection, opened again when the server closes it."""

    def __init__(self, server: Server, patience: float = 600) -> None:
        self._server = server
        self._patience = patience
        self._connection = self._connect()

    def _connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self._server.host, self._server.port, timeout=self._patience)

    def send(self, path: str, body: bytes, kind: str, method: str = "POST") -> Answer:
        """The answer to a request, asked again for as long as the server says that it is busy."""
        start = time.perf_counter()
        while True:
            status, content, retry = self._once(path, body, kind, method)
            if status != 503:
                return Answer(status, content, time.perf_counter() - start)
            time.sleep(float(retry or 1))

    def _once(self, path: str, body: bytes, kind: str, method: str) -> tuple[int, Any, str | None]:
        for attempt in (1, 2):
            try:
                self._connection.request(method, path, body, {"Content-Type": kind} if kind else {})
                answer = self._connection.getresponse()
                text = answer.read()
                break
            except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
                self._connection.close()
                self._connection = self._connect()
                if attempt == 2:
                    raise
        is_json = answer.headers.get_content_type() == "application/json"
        return answer.status, json.loads(text) if is_json else text, answer.headers.get("Retry-After")


def form(photo: bytes, file_name: str) -> tuple[bytes, str]:
    """The body and content type of a form with one photo."""
    boundary = "a-boundary-that-no-photo-contains"
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="photo"; filename="{file_name}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    return head.encode() + photo + f"\r\n--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"
