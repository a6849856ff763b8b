"""The HTTP API answers as the Python API does, and refuses what is no photo in one line."""

import base64
import io
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tiny_server import encoded, tiny_predictor

pytest.importorskip("fastapi", reason="needs the packages of the extra `web`")

from fastapi.testclient import TestClient

import counting
from counting.predictor.predictor import Predictor
from counting.web import schemas
from counting.web.app import create_app
from counting.web.limits import Limits


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


@pytest.mark.parametrize("tile", ["auto", 2])
def test_a_large_photo_is_counted_in_tiles(client: TestClient, counter: Predictor, tile: Any) -> None:
    photo = encoded(size=(640, 480))
    answer = client.post("/v1/count", params={"tile": tile}, content=photo)
    assert answer.json() == {"results": [counter.count(photo, tile=tile).to_dict()]}
    assert answer.json() != client.post("/v1/count", content=photo).json()


@pytest.mark.parametrize("tile", ["0", "99", "-1", "two", "1.5", "9" * 5000])
def test_what_is_no_number_of_tiles_is_refused(client: TestClient, tile: str) -> None:
    answer = client.post("/v1/count", **form(encoded(), tile=tile))
    assert answer.status_code == 422
    assert answer.json()["error"].startswith("tile=")


def test_questions_are_answered_as_in_python(client: TestClient, counter: Predictor) -> None:
    for question in ("how many people are there?", "how many red dogs are there?"):
        answer = client.post("/v1/ask", **form(encoded(), question=question))
        expected = {"file_name": "000000.png", **counter.ask(encoded(), question).to_dict()}
        assert answer.json() == expected
        in_query = client.post("/v1/ask", params={"question": question}, content=encoded())
        assert in_query.json() == {**expected, "file_name": "photo"}


def test_questions_are_generated_as_in_python(client: TestClient, counter: Predictor) -> None:
    answer = client.post("/v1/questions", **form(encoded()))
    expected = [one.to_dict() for one in counter.questions(encoded())]
    assert expected
    assert answer.json() == {"file_name": "000000.png", "questions": expected}


@pytest.mark.parametrize("size", [(64, 48), (2000, 1000)])
def test_an_explanation_is_that_of_python_with_its_map_as_a_small_picture(
    client: TestClient, counter: Predictor, size: tuple[int, int]
) -> None:
    photo = encoded(size=size)
    answer = client.post("/v1/explain", **form(photo, category="person")).json()
    expected = counter.explain(photo, "person")
    assert (answer["category"], answer["score"], answer["size"]) == ("person", expected.score, list(size))
    with Image.open(io.BytesIO(base64.b64decode(answer["map"]))) as picture:
        assert picture.mode == "L"
        assert picture.size == ((64, 48) if size == (64, 48) else (1024, 512))
        resized = Image.fromarray((expected.map * 255).round().astype(np.uint8)).resize(picture.size)
        assert np.abs(np.asarray(picture, dtype=int) - np.asarray(resized, dtype=int)).max() <= 8


def test_the_models_and_the_limits_are_listed(client: TestClient, counter: Predictor) -> None:
    answer = client.get("/v1/models").json()
    assert answer["counter"] == "tiny"
    assert answer["categories"] == ["dog", "person"]
    assert answer["limits"] == asdict(Limits())
    assert answer["models"] == counting.models()


def test_the_documentation_names_every_key_of_the_answers(client: TestClient) -> None:
    question = {"question": "how many dogs?"}
    counts = client.post("/v1/count", **form(encoded(), b"no photo")).json()
    schemas.Counts.model_validate(counts)
    for keys, model in (
        (counts["results"][0], schemas.PhotoCounts),
        (counts["results"][1], schemas.PhotoRefused),
        (client.post("/v1/ask", **form(encoded(), **question)).json(), schemas.Asked),
        (client.post("/v1/ask", **form(encoded(), question="why?")).json(), schemas.Asked),
        (client.post("/v1/questions", **form(encoded())).json(), schemas.Questions),
        (client.post("/v1/explain", **form(encoded(), category="dog")).json(), schemas.Explained),
        (client.get("/v1/models").json(), schemas.Models),
        (client.get("/nothing").json(), schemas.Error),
    ):
        model.model_validate(keys)
        assert set(keys) == set(model.model_fields)
    assert set(counts["results"][0]["rows"][0]) <= set(schemas.Row.model_fields)


def test_requests_and_photos_are_measured(counter: Predictor) -> None:
    with TestClient(create_app(counter)) as client:
        client.post("/v1/count", **form(encoded(1), b"no photo", encoded(2)))
        client.post("/v1/count", content=b"no photo")
        client.get("/v1/anything")
        measured = client.get("/metrics").text.splitlines()
    for line in (
        'counting_requests_total{path="/v1/count",status="200"} 1.0',
        'counting_requests_total{path="/v1/count",status="415"} 1.0',
        'counting_photos_total{outcome="counted"} 2.0',
        'counting_photos_total{outcome="refused"} 2.0',
        "counting_batch_photos_count 1.0",
        "counting_batch_photos_sum 2.0",
        "counting_waiting 0.0",
    ):
        assert line in measured
    assert not [line for line in measured if "anything" in line]


def test_health_and_page(client: TestClient) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
    assert "<title>" in client.get("/").text
