"""The server answers its own page and programs, not other sites; it touches no file and fetches nothing."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tiny_server import encoded, tiny_predictor

pytest.importorskip("fastapi", reason="needs the packages of the extra `web`")

from fastapi.testclient import TestClient

from counting.predictor.predictor import Predictor
from counting.web.app import DOCUMENTATION, STATIC, create_app

PAGES = sorted([*STATIC.rglob("*.html"), *DOCUMENTATION.rglob("*.html")])
TOKEN = "a-token-of-some-length"


@pytest.fixture(scope="module")
def counter() -> Predictor:
    return tiny_predictor()


@pytest.fixture(scope="module")
def client(counter: Predictor) -> Iterator[TestClient]:
    with TestClient(create_app(counter, local_only=True), base_url="http://127.0.0.1:8765") as client:
        yield client


@pytest.mark.parametrize(
    "path", ["/", "/docs", "/openapi.json", "/healthz", "/v1/models", "/v1/count", "/nothing"]
)
def test_every_answer_has_the_security_headers(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "no-referrer"
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert "Server" not in headers


@pytest.mark.parametrize("page", PAGES, ids=lambda page: "/".join(page.parts[-2:]))
def test_pages_have_no_inline_scripts_or_styles_and_load_nothing_from_elsewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=|javascript:", text)
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", text)


def test_the_documentation_shows_the_api_without_a_network(client: TestClient) -> None:
    page = client.get("/docs")
    assert page.headers["Content-Type"].startswith("text/html")
    for file in re.findall(r'(?:src|href)="(docs/[^"]+)"', page.text):
        assert client.get(f"/{file}").status_code == 200
    paths = client.get("/openapi.json").json()["paths"]
    assert {"/v1/count", "/v1/ask", "/v1/explain", "/v1/questions", "/v1/models"} <= set(paths)


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "[", "", "10.0.0.1:8765"])
def test_a_name_that_points_here_from_elsewhere_is_refused(client: TestClient, host: str) -> None:
    assert client.get("/v1/models", headers={"Host": host}).status_code == 400


@pytest.mark.parametrize("host", ["localhost:8765", "127.0.0.1", "[::1]:8765"])
def test_the_names_of_this_machine_are_accepted(client: TestClient, host: str) -> None:
    assert client.get("/v1/models", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "http://evil.example"}, 400),
        ({"Origin": "null"}, 400),
        ({"Origin": "http://127.0.0.1:9999"}, 400),
        ({"Sec-Fetch-Site": "cross-site"}, 400),
        ({"Sec-Fetch-Site": "same-site"}, 400),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "https://behind.a.proxy"}, 200),
        ({"Origin": "http://127.0.0.1:8765"}, 200),
        ({}, 200),
    ],
)
def test_other_sites_cannot_send_photos(client: TestClient, headers: dict[str, str], status: int) -> None:
    assert client.post("/v1/count", content=encoded(), headers=headers).status_code == status


def test_a_token_guards_the_api_and_the_metrics_but_not_the_page(counter: Predictor) -> None:
    def status(path: str, token: str | None) -> int:
        return client.get(path, headers={"Authorization": token} if token else {}).status_code

    with TestClient(create_app(counter, token=TOKEN)) as client:
        for path in ("/v1/models", "/metrics"):
            assert status(path, None) == 401
            assert status(path, "Bearer wrong") == 401
            assert status(path, f"Basic {TOKEN}") == 401
            assert status(path, f"bearer {TOKEN}") == status(path, f"Bearer {TOKEN}") == 200
        assert status("/", None) == status("/healthz", None) == status("/docs", None) == 200
        refused = client.post("/v1/count", content=encoded())
        assert (refused.status_code, refused.headers["WWW-Authenticate"]) == (401, "Bearer")


OPENED: list[tuple[str, Any]] = []
WATCHING = [False]


def watch(event: str, arguments: tuple[Any, ...]) -> None:
    if WATCHING[0] and event in ("open", "socket.connect", "subprocess.Popen", "pickle.find_class", "os.listdir"):
        OPENED.append((event, arguments[0]))


@pytest.mark.parametrize(
    ("sent", "name"),
    [
        ("../../../../etc/passwd.png", "passwd.png"),
        ("/etc/passwd", "passwd"),
        ("C:\\Windows\\photo.png", "photo.png"),
        ("..", "photo"),
        ("http://127.0.0.1/photo.png", "photo.png"),
        ("a\x7fb.png", "ab.png"),
        ("x" * 300 + ".png", "x" * 251 + ".png"),
        ("", "photo"),
    ],
)
def test_a_file_name_is_only_a_name_no_file_is_opened_and_nothing_fetched(
    client: TestClient, sent: str, name: str
) -> None:
    sys.addaudithook(watch)
    body = (
        f'--x\r\nContent-Disposition: form-data; name="photo"; filename="{sent}"\r\n\r\n'.encode()
        + encoded()
        + b"\r\n--x--\r\n"
    )
    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    client.post("/v1/count", content=body, headers=kind)
    OPENED.clear()
    WATCHING[0] = True
    try:
        (result,) = client.post("/v1/count", content=body, headers=kind).json()["results"]
    finally:
        WATCHING[0] = False
    assert (result["file_name"], OPENED) == (name, [])


@pytest.mark.parametrize("path", ["/../app.py", "/%2e%2e/app.py", "/..%2fapp.py", "/docs/../../app.py", "/%00"])
def test_no_file_outside_the_page_is_served(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code in (400, 404)
    assert "create_app" not in answer.text
