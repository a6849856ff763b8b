"""The page of `counting serve` on narrow screens, with the keyboard alone, and by the rules of accessibility."""

from typing import Any

import pytest
from browser import Person
from visit import Opens, edits, only, photo

ALL_RULES = ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"]
"""axe's rules of the guidelines WCAG 2.2, levels A and AA, and its own."""


class TestEverybody:
    @pytest.mark.parametrize("width", [1280, 390])
    def test_it_fits_and_has_no_serious_accessibility_problem_in_light_and_dark(
        self, opens: Opens, result: dict[str, Any], width: int
    ) -> None:
        axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe-playwright-python")
        person = opens(viewport={"width": width, "height": 844}, has_touch=width < 500)

        def look(name: str) -> None:
            for scheme, rules in (("light", ALL_RULES), ("dark", ["color-contrast"])):
                person.page.emulate_media(color_scheme=scheme)
                person.keeps_screenshot(f"{name}-{scheme}-{width}")
                found = axe.Axe().run(person.page, options={"runOnly": rules}).response["violations"]
                serious = [one for one in found if one["impact"] in ("serious", "critical")]
                assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in serious] == []
            assert not person.scrolls_sideways()

        look("empty")
        person.add(photo())
        person.sees(".pill").first.click()
        person.sees(".answer .result")
        look("photo")
        edits(person, only(result["counts"])[0])
        person.clicks_photo(0.3, 0.3)
        person.press("Regions")
        person.press("Add a rectangle")
        look("regions")
        person.add(photo("1.png", 1), {"name": "bad.jpg", "mimeType": "image/jpeg", "buffer": b"no"})
        person.sees("td.failed")
        person.sees_exactly(0, "td.pending")
        look("list")
        person.press("Export")
        look("export")

    def test_the_keyboard_alone_is_enough(self, person: Person, result: dict[str, Any]) -> None:
        def goes_to(key: str) -> None:
            for _ in range(60):
                person.page.keyboard.press("Tab")
                if (
                    person.page.evaluate(
                        "document.activeElement.dataset.key ?? document.activeElement.dataset.example"
                    )
                    == key
                ):
                    return
            raise AssertionError(f"Tab does not reach {key}")

        goes_to("examples/cat.jpg")
        person.page.keyboard.press("Enter")
        person.sees("#question")
        goes_to("mode-correct")
        person.page.keyboard.press("Enter")
        goes_to("new-category")
        person.page.keyboard.type("apple")
        person.page.keyboard.press("Enter")
        person.page.locator("#main").focus()
        goes_to("add-dot")
        person.page.keyboard.press("Enter")
        for key in ("ArrowLeft", "ArrowUp", "Shift+ArrowLeft"):
            person.page.keyboard.press(key)
        person.sees(".count .words", "apple: 1")
        person.page.keyboard.press("Delete")
        person.sees(".count .words", "apple: 0")
        person.page.keyboard.press("Control+z")
        person.sees(".count .words", "apple: 1")
        person.waits_until_saved()
