"""Make the pictures of the default counter in docs/figures: ``python docs/screenshots.py [FOLDER]``.

``counted.jpg`` shows the photos of docs/photos with dots and counts, ``page.jpg`` and ``page_phone.jpg`` the page
that ``counting serve`` serves. Needs the extra ``web``, playwright and Chromium.
"""

import shutil
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn
from PIL import Image
from playwright.sync_api import Page, sync_playwright

import counting
from counting.web.app import create_app

DOCS = Path(__file__).parent
PHOTOS = [DOCS / "photos" / name for name in ("cat.jpg", "astronaut.jpg")]
HEIGHT, GAP = 480, 12
DESKTOP: dict[str, Any] = {"viewport": {"width": 1280, "height": 860}, "color_scheme": "light"}
PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "color_scheme": "dark",
    "device_scale_factor": 2,
    "is_mobile": True,
}


def side_by_side(counter: counting.Predictor) -> Image.Image:
    """The photos with dots and counts, of the same height."""
    drawn = [counter.count(photo).draw() for photo in PHOTOS]
    scaled = [one.resize((round(one.width * HEIGHT / one.height), HEIGHT)) for one in drawn]
    picture = Image.new("RGB", (sum(one.width + GAP for one in scaled) - GAP, HEIGHT), "white")
    left = 0
    for one in scaled:
        picture.paste(one, (left, 0))
        left += one.width + GAP
    return picture


@contextmanager
def serving(counter: counting.Predictor) -> Iterator[str]:
    """The address of the page, with ``counter``."""
    server = uvicorn.Server(uvicorn.Config(create_app(counter), port=0, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        thread.join(0.05)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/"
    server.should_exit = True
    thread.join()


def show(page: Page, address: str) -> None:
    """Both photos counted, the second with its cells, its evidence and an answer."""
    page.set_default_timeout(120_000)
    page.goto(address)
    for photo in PHOTOS:
        page.set_input_files("#file-input", str(photo))
        page.locator(".count-name").first.wait_for()
    page.locator(f"#strip [aria-current=true][title='{PHOTOS[-1].name}']").wait_for()
    page.locator(".count-name").first.wait_for()
    page.locator("#question").fill("How many people are there?")
    page.locator("#question").press("Enter")
    page.locator(".answer .result").wait_for()
    page.get_by_role("button", name="Evidence", exact=True).click()
    page.locator(".map").wait_for()
    page.evaluate("scrollTo(0, 0)")


def main(folder: Path) -> None:
    counter = counting.load()
    side_by_side(counter).save(folder / "counted.jpg", quality=90)
    with serving(counter) as address, sync_playwright() as playwright, tempfile.TemporaryDirectory() as temporary:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for name, options in {"page": DESKTOP, "page_phone": PHONE}.items():
            page = browser.new_page(**options)
            show(page, address)
            taken = Path(temporary) / f"{name}.png"
            page.screenshot(path=taken)
            Image.open(taken).convert("RGB").save(folder / f"{name}.jpg", quality=88)
            page.close()
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else DOCS / "figures")
