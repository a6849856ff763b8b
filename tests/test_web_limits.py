"""What the server refuses: what is no photo, what is too large, and more than it can do at once."""

import io
import struct
import zlib
from collections.abc import Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor
from threading import Thread
from typing import Any

import pytest
from tiny_server import Held, encoded, tiny_predictor

pytest.importorskip("fastapi", reason="needs the packages of the extra `web`")

from fastapi.testclient import TestClient
from PIL import Image

from counting.inputs.photo_sources import PhotoSource
from counting.predictor.predictor import Predictor
from counting.web.app import create_app
from counting.web.limits import Limits
from counting.web.worker import QueueFullError, Worker

SMALL = Limits(bytes=20_000, pixels=10_000, photos=2)
FORM = {"Content-Type": "multipart/form-data; boundary=x"}


UNFINISHED = b'--x\r\nContent-Disposition: form-data; name="photo"\r\n\r\nphoto'


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes whose header promises any number of pixels."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def postscript() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, "EPS")
    return file.getvalue()


def photos(*contents: bytes) -> list[tuple[str, tuple[str, bytes]]]:
    return [("photo", (f"{number}.jpg", content)) for number, content in enumerate(contents)]


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with TestClient(create_app(tiny_predictor(), SMALL)) as client:
        yield client


@pytest.mark.parametrize(
    ("content", "status", "error"),
    [
        (b"", 415, "0.jpg: empty, or not an image of a known format"),
        (b"GIF89a", 415, "0.jpg: empty, or not an image of a known format"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", 415, "0.jpg: empty, or not an image of a known format"),
        (postscript(), 415, "0.jpg: empty, or not an image of a known format"),
        (b"http://127.0.0.1/photo.jpg", 415, "0.jpg: empty, or not an image of a known format"),
        (bomb(50_000, 50_000), 413, "0.jpg: 50000×50000 pixels, the maximum is 10,000"),
        (bomb(100, 101), 413, "0.jpg: 100×101 pixels, the maximum is 10,000"),
        (encoded(kind="JPEG")[:-200], 422, "0.jpg: not a readable image"),
        (encoded()[:300], 422, "0.jpg: not a readable image"),
        (bytes(30_000), 413, "the request is larger than 0.0190735 MiB"),
    ],
)
def test_a_file_that_is_no_photo_is_refused(client: TestClient, content: bytes, status: int, error: str) -> None:
    answer = client.post("/v1/count", files=photos(content))
    assert answer.status_code == status
    assert list(answer.json()) == ["error"]
    assert answer.json()["error"].startswith(error)


@pytest.mark.parametrize(
    ("path", "request_", "status", "error"),
    [
        ("count", {}, 400, "no photo"),
        ("count", {"content": b"", "headers": {"Content-Type": "image/jpeg"}}, 400, "no photo"),
        ("count", {"files": [("file", b"x")]}, 400, "no photo"),
        ("count", {"json": {"photo": "http://127.0.0.1/photo.jpg"}}, 415, "application/json: send a form"),
        ("count", {"data": {"photo": "x"}}, 415, "application/x-www-form-urlencoded: send a form"),
        ("count", {"content": b"x", "headers": {"Content-Type": "multipart/form-data"}}, 400, "malformed form"),
        ("count", {"content": b"no form", "headers": FORM}, 400, "malformed form"),
        ("count", {"content": b"--x\r\n\r\nphoto\r\n--x--\r\n", "headers": FORM}, 400, "malformed form: a field"),
        ("count", {"content": UNFINISHED, "headers": FORM}, 400, "incomplete form"),
        ("count", {"files": [("photo", (f"{n}.png", encoded(n))) for n in range(3)]}, 413, "3 photos"),
        ("count", {"content": iter([bytes(15_000)] * 2)}, 413, "the request is larger than"),
        ("ask", {"files": photos(encoded())}, 400, "no question"),
        ("ask", {"files": photos(encoded()), "data": {"question": "how " * 400}}, 400, "1599 characters"),
        ("ask", {"files": photos(encoded(), encoded(1)), "data": {"question": "how many dogs?"}}, 400, "2 photos"),
        ("ask", {"files": photos(b"x"), "data": {"question": "how many dogs?"}}, 415, "0.jpg: empty"),
        ("explain", {"files": photos(encoded())}, 400, "no category"),
        ("explain", {"files": photos(encoded()), "data": {"category": "dig"}}, 422, "does not count 'dig'"),
        ("questions", {"files": photos(encoded()[:300])}, 422, "0.jpg: not a readable image"),
        ("nothing", {}, 404, "/v1/nothing: no such page"),
        ("nothing" * 1000, {}, 404, "nothing: no such page"),
    ],
)  # fmt: skip
def test_a_malformed_request_is_refused_in_one_line(
    client: TestClient, path: str, request_: dict[str, Any], status: int, error: str
) -> None:
    answer = client.post(f"/v1/{path}", **request_)
    assert answer.status_code == status
    assert list(answer.json()) == ["error"]
    assert error in answer.json()["error"]
    assert "\n" not in answer.json()["error"]
    assert len(answer.json()["error"]) < 400


def test_other_methods_are_refused(client: TestClient) -> None:
    answer = client.get("/v1/count")
    assert (answer.status_code, answer.json()) == (405, {"error": "/v1/count does not accept GET"})


@pytest.fixture
def held() -> Iterator[Held]:
    held = Held()
    yield held
    held.released.set()


def sources(*contents: Any) -> list[PhotoSource]:
    return [PhotoSource(content) for content in contents]


def started(held: Any, waiting: int) -> Worker:
    """A worker that is busy with the photo "first"."""
    worker = Worker(held, waiting=waiting)
    worker.start()
    worker.count(sources("first"))
    assert held.begun.wait(60)
    return worker


def test_what_waits_is_counted_together_in_order_without_what_was_cancelled(held: Held) -> None:
    sizes: list[int] = []
    worker = Worker(held, waiting=4, on_batch=sizes.append)  # type: ignore[arg-type]
    futures = worker.count(sources("a", "b")) + worker.count(sources("c", "d"))
    assert futures[2].cancel()
    held.released.set()
    worker.start()
    assert [future.result(60) for future in (futures[0], futures[1], futures[3])] == ["a", "b", "d"]
    worker.stop()
    assert sizes == [3]


def test_photos_in_tiles_are_counted_apart_from_others(held: Held) -> None:
    sizes: list[int] = []
    worker = Worker(held, waiting=9, on_batch=sizes.append)  # type: ignore[arg-type]
    futures = worker.count(sources("a")) + worker.count(sources("b", "c"), 2) + worker.count(sources("d"))
    held.released.set()
    worker.start()
    assert [future.result(60) for future in futures] == ["a", "b", "c", "d"]
    worker.stop()
    assert sizes == [1, 2, 1]


def test_a_full_queue_takes_all_photos_of_a_request_or_none(held: Held) -> None:
    worker = started(held, waiting=2)
    waiting = worker.count(sources("a"))
    with pytest.raises(QueueFullError):
        worker.count(sources("b", "c"))
    with pytest.raises(QueueFullError):
        worker.count(sources("b"))[0] and worker.call(lambda: "d")
    held.released.set()
    assert waiting[0].result(60) == "a"
    worker.stop()
    assert held.counted == ["first", "a", "b"]


def test_a_cancelled_photo_makes_room_for_another(held: Held) -> None:
    worker = started(held, waiting=1)
    (waiting,) = worker.count(sources("a"))
    waiting.cancel()
    assert worker.waiting == 0
    (other,) = worker.count(sources("b"))
    held.released.set()
    assert other.result(60) == "b"
    worker.stop()
    assert held.counted == ["first", "b"]


def test_a_photo_that_meets_a_bug_fails_alone(held: Held) -> None:
    worker = started(held, waiting=9)
    first, poison, last = worker.count(sources(b"a", b"poison", b"b"))
    held.released.set()
    assert (first.result(60), last.result(60)) == (b"a", b"b")
    with pytest.raises(RuntimeError, match="a bug"):
        poison.result(60)
    assert worker.call(lambda: "goes on").result(60) == "goes on"
    worker.stop()


def test_a_worker_that_stops_cancels_what_waits_and_takes_no_more(held: Held) -> None:
    worker = started(held, waiting=1)
    (waiting,) = worker.count(sources("a"))
    stopping = Thread(target=worker.stop)
    stopping.start()
    with pytest.raises(CancelledError):
        waiting.result(60)
    with pytest.raises(QueueFullError):
        worker.count(sources("b"))
    held.released.set()
    stopping.join()
    assert held.counted == ["first"]


def busy(answer: Any) -> bool:
    """Whether an answer asks to try again."""
    return answer.status_code == 503 and int(answer.headers["Retry-After"]) > 0 and "error" in answer.json()


def test_a_server_that_does_not_answer_in_time_or_has_no_room_says_so(held: Held) -> None:
    limits = Limits(seconds=0.2, waiting=1)
    with TestClient(create_app(held, limits)) as client:  # type: ignore[arg-type]
        assert busy(client.post("/v1/count", content=encoded()))
        assert busy(client.post("/v1/count", files=photos(encoded(), encoded())))
        assert client.get("/healthz").status_code == 200
        held.released.set()


def test_only_so_many_requests_are_in_progress(held: Held) -> None:
    with (
        TestClient(create_app(held, Limits(requests=1))) as client,  # type: ignore[arg-type]
        ThreadPoolExecutor() as pool,
    ):
        first = pool.submit(client.post, "/v1/count", content=encoded())
        assert held.begun.wait(60)
        assert busy(client.post("/v1/count", content=encoded()))
        assert client.get("/").status_code == 200
        first.cancel()
        held.released.set()


def test_bodies_of_all_requests_together_have_a_limit() -> None:
    predictor: Predictor = tiny_predictor()
    with TestClient(create_app(predictor, Limits(waiting_bytes=10))) as client:
        assert busy(client.post("/v1/count", content=encoded()))
    with TestClient(create_app(predictor, Limits(waiting_bytes=len(encoded())))) as client:
        assert [client.post("/v1/count", content=encoded()).status_code for _ in range(3)] == [200] * 3
