"""The HTTP API answers as the Python API does, and refuses what is no photo in one line."""

from collections.abc import Iterator
from typing import Any

import pytest
from tiny_server import encoded, tiny_predictor

pytest.importorskip("fastapi", reason="needs the packages of the extra `web`")

from fastapi.testclient import TestClient

from counting.predictor.predictor import Predictor
from counting.web.app import create_app


@pytest.fixture(scope="module")
def counter() -> Predictor:
    return tiny_predictor()


@pytest.fixture(scope="module")
def client(counter: Predictor) -> Iterator[TestClient]:
    with TestClient(create_app(counter)) as client:
        yield client


def form(*photos: bytes, **fields: str) -> dict[str, Any]:
    """Arguments that send a form."""
    return {"files": [("photo", (f"{n:06}.png", photo)) for n, photo in enumerate(photos)], "data": fields}


def test_a_photo_in_a_form_is_counted_as_a_file_of_that_name(
    client: TestClient, counter: Predictor, tmp_path: Any
) -> None:
    file = tmp_path / "000000.png"
    file.write_bytes(encoded())
    answer = client.post("/v1/count", **form(encoded()))
    assert (answer.status_code, answer.json()) == (200, {"results": [counter.count(file).to_dict()]})


def test_the_bytes_of_a_photo_are_counted_as_bytes(client: TestClient, counter: Predictor) -> None:
    for kind in ("image/png", "application/octet-stream"):
        answer = client.post("/v1/count", content=encoded(), headers={"Content-Type": kind})
        assert answer.json() == {"results": [counter.count(encoded()).to_dict()]}


def test_photos_are_answered_in_order_and_a_bad_one_among_them_by_its_error(
    client: TestClient, counter: Predictor
) -> None:
    results = client.post("/v1/count", **form(encoded(1), b"no photo", encoded(2))).json()["results"]
    assert [one["file_name"] for one in results] == ["000000.png", "000001.png", "000002.png"]
    assert results[1] == {
        "file_name": "000001.png",
        "error": "000001.png: empty, or not an image of a known format",
    }
    for seed, one in ((1, results[0]), (2, results[2])):
        assert one["rows"][0]["count_raw"] == counter.count(encoded(seed)).to_dict()["rows"][0]["count_raw"]


def test_questions_are_answered_as_in_python(client: TestClient, counter: Predictor) -> None:
    for question in ("how many people are there?", "how many red dogs are there?"):
        answer = client.post("/v1/ask", **form(encoded(), question=question))
        expected = {"file_name": "000000.png", **counter.ask(encoded(), question).to_dict()}
        assert answer.json() == expected
        in_query = client.post("/v1/ask", params={"question": question}, content=encoded())
        assert in_query.json() == {**expected, "file_name": "photo"}


def test_health_and_page(client: TestClient) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
    assert "<title>" in client.get("/").text
