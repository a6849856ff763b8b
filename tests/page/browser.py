"""A server with a tiny counter, and Chromium to open its page with, as a person uses it."""

import os
import re
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

SCREENSHOTS = os.environ.get("COUNTING_SCREENSHOTS")
"""The folder that keeps what the tests saw, if any."""

SECONDS = 60
"""How long to wait for what the page should show: long enough for a busy machine."""


@contextmanager
def serving(app: Any) -> Iterator[str]:
    """The address at which ``app`` answers, from a thread of its own."""
    import uvicorn

    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive(), "the server did not start"
            thread.join(0.02)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}/"
    finally:
        server.should_exit = True
        thread.join()


@contextmanager
def chromium() -> Iterator[Any]:
    """(playwright, a Chromium that runs); skips the test where there is none."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs the package playwright")
    if CHROMIUM is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield running, browser
        browser.close()


class Person:
    """Somebody with a browser at the page."""

    def __init__(self, context: Any, address: str) -> None:
        self.context = context
        context.set_default_timeout(SECONDS * 1000)
        self.page = context.new_page()
        self.problems: list[str] = []
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("console", self._on_console)
        self.page.on("request", lambda request: self._on_request(request.url, address))
        self.page.goto(address)

    def _on_console(self, message: Any) -> None:
        refused = message.text.startswith("Failed to load resource")  # an error that the page words itself
        if message.type in ("error", "warning") and not refused:
            self.problems.append(message.text)

    def _on_request(self, url: str, address: str) -> None:
        if not url.startswith((address, "blob:", "data:")):
            self.problems.append(f"a request to {url}")

    def add(self, *files: Path | dict[str, Any]) -> None:
        self.page.set_input_files("#file-input", [str(one) if isinstance(one, Path) else one for one in files])

    def press(self, name: str, within: str = "body") -> None:
        self.page.locator(within).get_by_role("button", name=name, exact=True).click()

    def sees(self, selector: str, text: str | None = None) -> Any:
        """Waits until an element is visible, with this text in it."""
        found = self.page.locator(selector, has_text=text) if text else self.page.locator(selector)
        found.first.wait_for()
        return found

    def sees_exactly(self, count: int, selector: str) -> None:
        """Waits until there are so many elements, visible or not."""
        from playwright.sync_api import expect

        expect(self.page.locator(selector)).to_have_count(count, timeout=SECONDS * 1000)

    def waits_until_saved(self) -> None:
        self.sees("#saved[data-state=saved]")

    def texts(self, selector: str) -> list[str]:
        read = "all => all.map((one) => one.innerText ?? one.textContent)"
        return [re.sub(r"\s+", " ", text).strip() for text in self.page.locator(selector).evaluate_all(read)]

    def downloads(self, option: str, folder: Path, *, checked_only: bool = False) -> Path:
        """The file of an option of the dialog "Export"."""
        self.press("Export")
        self.page.locator(f"#export-dialog input[value={option}]").check()
        self.page.locator("#export-dialog [data-key=checked-only]").set_checked(checked_only)
        with self.page.expect_download() as coming:
            self.page.locator("#export-dialog [data-key=download]").click()
        file = folder / coming.value.suggested_filename
        coming.value.save_as(file)
        return file

    def place_of(self, x: float, y: float) -> dict[str, float]:
        """The position on the stage of a share of the photo's width and height."""
        box = self.page.locator(".frame").bounding_box()
        return {"x": x * box["width"], "y": y * box["height"]}

    def left_of(self, selector: str) -> float:
        """The x of an element, read at once: the page may draw the element again at any time."""
        self.page.locator(selector).wait_for()
        read = "selector => document.querySelector(selector).getBoundingClientRect().x"
        return float(self.page.evaluate(read, selector))

    def clicks_photo(self, x: float, y: float) -> None:
        self.page.locator(".frame").click(position=self.place_of(x, y))

    def scrolls_sideways(self) -> bool:
        return bool(self.page.evaluate("document.documentElement.scrollWidth > window.innerWidth"))

    def keeps_screenshot(self, name: str) -> None:
        if SCREENSHOTS:
            Path(SCREENSHOTS).mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=str(Path(SCREENSHOTS) / f"{name}.png"), full_page=True)
