"""`counting serve` as a process, and slow, broken and killed connections."""

import http.client
import json
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from shell import Shell
from tiny_server import encoded, tiny_predictor

pytest.importorskip("fastapi", reason="needs the packages of the extra `web`")

import counting
from counting.web import server as serving
from counting.web.app import create_app
from counting.web.limits import Limits

COUNTER = "voc2007-glance"


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


def port_of(process: "subprocess.Popen[str]") -> int:
    """The port that a starting server prints."""
    assert process.stdout
    line = process.stdout.readline()
    assert line.startswith(f"{COUNTER} counts at http://127.0.0.1:"), line
    return int(line.split()[3].rpartition(":")[2])


def post(port: int, photo: bytes) -> tuple[int, bytes] | None:
    """The status and the whole body of an answer; None if the server went away before."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    try:
        connection.request("POST", "/v1/count", photo, {"Content-Type": "image/png"})
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def test_the_server_says_where_it_listens_answers_as_python_and_stops_at_ctrl_c(shell: Shell) -> None:
    process = shell.start("serve", "--port", 0, "--counter", COUNTER)
    answer = post(port_of(process), encoded())
    assert answer is not None
    expected = {"results": [counting.load(COUNTER).count(encoded()).to_dict()]}
    assert (answer[0], json.loads(answer[1])) == (200, json.loads(json.dumps(expected)))
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (130, "", "counting serve: stopped\n")


def test_the_client_of_the_documentation_counts_and_passes_errors_on(tmp_path: Path) -> None:
    page = (Path(__file__).parents[1] / "docs" / "how_to" / "serve.md").read_text(encoding="utf-8")
    (client,) = re.findall(r"^```python\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    assert len([line for line in client.splitlines() if line and not line.startswith(("import", "from"))]) <= 10
    names: dict[str, Any] = {}
    exec(compile(client, "serve.md", "exec"), names)
    photo, broken = tmp_path / "photo.png", tmp_path / "broken.png"
    photo.write_bytes(encoded())
    broken.write_bytes(b"no photo")
    with served() as port:
        server = f"http://127.0.0.1:{port}"
        assert names["count"](photo, server) == tiny_predictor().count(photo).to_dict()
        with pytest.raises(ValueError, match=r"broken.png: empty, or not an image of a known format"):
            names["count"](broken, server)


def test_kill_9_loses_no_confirmed_answer_and_leaves_no_file_behind(shell: Shell) -> None:
    """Answers that arrived are complete, the others are missing as a whole; a new server gives the same ones."""
    temporary = shell.folder / "temporary"
    temporary.mkdir()
    shell.environment["TMPDIR"] = str(temporary)
    photos = [encoded(seed) for seed in range(24)]
    process = shell.start("serve", "--port", 0, "--counter", COUNTER)
    port = port_of(process)
    first = post(port, photos[0])

    def post_or_kill(number: int) -> tuple[int, bytes] | None:
        answer = post(port, photos[number])
        if number == 8:
            process.kill()
        return answer

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(post_or_kill, range(24)))
    process.communicate(timeout=60)
    assert answers[0] == first
    assert None in answers
    confirmed = {number: answer for number, answer in enumerate(answers) if answer is not None}
    assert all(status == 200 and json.loads(body)["results"] for status, body in confirmed.values())
    process = shell.start("serve", "--port", 0, "--counter", COUNTER)
    port = port_of(process)
    again = [post(port, photo) for photo in photos]
    process.terminate()
    process.communicate(timeout=60)
    assert {number: again[number] for number in confirmed} == confirmed
    assert None not in again
    assert list(temporary.iterdir()) == []


def test_a_start_that_cannot_succeed_is_refused_in_one_line(shell: Shell) -> None:
    (shell.folder / "short.txt").write_text("secret")
    (shell.folder / "binary.txt").write_bytes(b"\xff" * 40)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"port {port} is in use" in shell.refuses("serve", "--port", port)
    for arguments, told in (
        (("--host", "no.such.host.invalid"), "no such address"),
        (("--host", "192.0.2.1"), "not an address of this machine"),
        (("--token-file", "missing.txt"), "missing.txt: No such file"),
        (("--token-file", "short.txt"), "at least 16 characters"),
        (("--token-file", "binary.txt"), "not plain ASCII"),
        (("--counter", "voc2007-glanze"), "did you mean 'voc2007-glance'"),
        (("--port", "65536"), "must be between"),
        (("--max-photos", "0"), "must be between"),
    ):
        assert told in shell.refuses("serve", "--port", 0, *arguments)


@contextmanager
def served(limits: Limits | None = None, counter: Any = None) -> Iterator[int]:
    """The port of a server in this process."""
    with serving.bind("127.0.0.1", 0) as listening:
        server = serving.server(create_app(counter or tiny_predictor(), limits))
        thread = Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join()


def exchange(port: int, sent: bytes) -> bytes:
    """What the server sends until it closes the connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(sent)
        received = b""
        try:
            while data := connection.recv(65536):
                received += data
        except ConnectionResetError:
            pass
        return received


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"POST /v1/count HTTP/1.1\r\nHost: localhost\r\nX-Slow",
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ],
    ids=["nothing", "half a header", "an idle connection"],
)
def test_a_connection_without_a_request_is_closed(monkeypatch: pytest.MonkeyPatch, sent: bytes) -> None:
    monkeypatch.setattr(serving, "REQUEST_SECONDS", 0.5)
    with served() as port:
        assert exchange(port, sent).count(b"HTTP/1.1") == sent.count(b"\r\n\r\n")
        assert post(port, encoded()) is not None


def test_a_body_that_does_not_arrive_in_time_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "REQUEST_SECONDS", 0.5)
    head = (
        b"POST /v1/count HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\nContent-Length: 900\r\n\r\nslow"
    )
    with served(Limits(seconds=0.5)) as port:
        answer = exchange(port, head)
    assert answer.startswith(b"HTTP/1.1 400")
    assert b'{"error":"the request did not arrive in 0.5 seconds"}' in answer


@pytest.mark.parametrize(
    "sent", [b"\x16\x03\x01 hello\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/1.1\r\n" + b"a" * 90_000]
)
def test_what_is_not_http_is_refused(sent: bytes) -> None:
    with served() as port:
        answer = exchange(port, sent)
        assert answer.startswith(b"HTTP/1.1 400") or answer == b""
        assert post(port, encoded()) is not None


def test_two_requests_sent_at_once_on_one_connection_are_both_answered() -> None:
    request = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with served() as port:
        answers = exchange(port, request + request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
    assert answers.count(b'{"status":"ok"}') == 2
