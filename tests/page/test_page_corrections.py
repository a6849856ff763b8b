"""Corrections on the page of `counting serve`: made by a person, and never lost."""

import os
import signal
from pathlib import Path
from typing import Any

from browser import CHROMIUM, Person
from visit import dots, edits, only, photo, words


class TestCorrections:
    def test_dots_are_added_moved_and_deleted(self, counted: Person, result: dict[str, Any]) -> None:
        category, count = only(result["counts"])
        edits(counted, category)
        counted.clicks_photo(0.9, 0.1)
        counted.sees(f".count[data-category='{category}'] .words", f"{category}: {count + 1}")
        assert dots(counted) == sum(result["counts"].values()) + 1
        new = f"[data-key='dot-{category}-{count}']"
        x0 = counted.left_of(new)
        frame = counted.page.locator(".frame")
        counted.page.locator(new).drag_to(frame, target_position=counted.place_of(0.5, 0.9))
        assert counted.left_of(new) < x0 - 50
        counted.page.locator(new).press("Delete")
        counted.sees(f".count[data-category='{category}'] .words", f"{category}: {count}")
        counted.sees(f".count[data-category='{category}']", "counter: ")
        counted.waits_until_saved()

    def test_a_number_is_set_and_says_how_many_have_no_dot(self, counted: Person, result: dict[str, Any]) -> None:
        category, count = only(result["counts"])
        edits(counted, category)
        number = counted.page.locator(f"[data-key='number-{category}']")
        number.fill(str(count + 2))
        number.press("Enter")
        counted.sees(f".count[data-category='{category}'] .was", "2 without a dot")
        number.fill("-3")
        number.press("Enter")
        assert number.input_value() == str(count + 2)
        counted.press("Undo")
        counted.sees(f".count[data-category='{category}'] .words", words(result)[0])

    def test_a_correction_survives_a_reload(self, counted: Person, result: dict[str, Any]) -> None:
        category, count = only(result["counts"])
        edits(counted, category)
        counted.clicks_photo(0.1, 0.9)
        counted.waits_until_saved()
        counted.page.reload()
        counted.sees(".count .words", f"{category}: {count + 1}")
        counted.sees("#saved[data-state=saved]")

    def test_a_saved_correction_survives_a_killed_browser(
        self, address: str, browser: tuple[Any, Any], result: dict[str, Any], tmp_path: Path
    ) -> None:
        options = {"executable_path": CHROMIUM, "args": ["--no-sandbox"]}
        launch = browser[0].chromium.launch_persistent_context
        first = Person(launch(str(tmp_path), **options), address)
        first.add(photo(), *(photo(f"{seed}.png", seed) for seed in range(1, 9)))
        first.page.locator("[data-key^=open-]", has_text="noise.png").click()
        first.sees(".count-name")
        category, count = only(result["counts"])
        edits(first, category)
        first.clicks_photo(0.1, 0.9)
        first.waits_until_saved()
        for process in processes_with(f"--user-data-dir={tmp_path}"):
            os.kill(process, signal.SIGKILL)
        (tmp_path / "SingletonLock").unlink(missing_ok=True)
        with launch(str(tmp_path), **options) as context:
            second = Person(context, address)
            second.press("Photo")
            second.page.locator("#strip [aria-label='noise.png']").click()
            second.sees(".count .words", f"{category}: {count + 1}")
            assert second.page.locator("#strip button").count() == 9

    def test_without_the_server_corrections_are_saved_and_photos_can_be_counted_later(
        self, counted: Person, result: dict[str, Any]
    ) -> None:
        counted.page.route("**/v1/**", lambda route: route.abort())
        category, count = only(result["counts"])
        edits(counted, category)
        counted.clicks_photo(0.1, 0.9)
        counted.waits_until_saved()
        counted.add(photo("later.png", 7))
        counted.sees(".failure", "The server does not answer")
        counted.page.unroute("**/v1/**")
        counted.press("Try again")
        counted.sees(".count-name")
        counted.page.locator("#strip [aria-label='noise.png']").click()
        counted.sees(".count .words", f"{category}: {count + 1}")


def processes_with(argument: str) -> list[int]:
    """The processes that were started with an argument, by /proc."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if argument.encode() in file.read_bytes().split(b"\0"):
                found.append(int(file.parent.name))
        except OSError:
            continue  # it has just ended
    return found
