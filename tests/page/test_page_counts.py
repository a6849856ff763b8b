"""The page of `counting serve` in a real browser: the counts and answers that it shows are the counter's."""

from typing import Any

import pytest
from browser import Person, serving
from tiny_server import encoded
from visit import dots, edits, only, photo, words

from counting.predictor.predictor import Predictor

pytest.importorskip("fastapi", reason="needs the packages of the extra `web`")

from counting.web.app import create_app


class TestCounts:
    def test_an_example_is_counted(self, person: Person) -> None:
        person.keeps_screenshot("empty")
        person.page.locator("[data-example]").first.click()
        person.sees("#counts-title")
        assert not person.page.locator("#empty").is_visible()

    def test_the_page_says_what_the_api_says_with_a_dot_for_every_object(
        self, counted: Person, result: dict[str, Any]
    ) -> None:
        assert counted.texts(".count .words") == words(result)
        assert dots(counted) == sum(result["counts"].values())
        shown = [row["interval"] for row in result["rows"] if row["category"] in result["counts"]]
        assert counted.texts(".count .interval") == [f"80 % interval: {one['low']}–{one['high']}" for one in shown]

    def test_pointing_at_a_category_leaves_its_dots_and_dims_the_others(
        self, counted: Person, result: dict[str, Any]
    ) -> None:
        edits(counted, only(result["counts"])[0])
        counted.page.locator("#new-category").fill("apple")
        counted.press("Add", ".adding")
        counted.clicks_photo(0.9, 0.9)
        counted.press("View")
        counted.page.locator(".count[data-category='apple']").hover()
        counted.sees(".dot.dim")
        assert counted.page.locator(".dot:not(.dim)").count() == 1

    def test_cells_and_evidence_are_laid_over_the_photo(self, counted: Person, result: dict[str, Any]) -> None:
        counted.press("Cells")
        cells = next(row["cells"] for row in result["rows"] if row["category"] == only(result["counts"])[0])
        written = [f"{count:.1f}" for row in cells for count in row if count >= 0.05]
        assert counted.texts(".cell-count") == written
        counted.press("Evidence")
        counted.sees(".map")
        assert (
            counted.page.locator(".map").get_attribute("aria-label") == f"Evidence for {only(result['counts'])[0]}"
        )

    def test_a_large_photo_is_counted_in_tiles_on_request(self, person: Person, counter: Predictor) -> None:
        large = {**photo("large.png"), "buffer": encoded(0, (1000, 750))}
        person.add(large)
        whole, tiled = (counter.count(large["buffer"], tile=tile).to_dict() for tile in (None, "auto"))
        person.sees("#counts-title")
        assert person.texts(".count .words") == words(whole)
        person.page.get_by_label("Large photo").check()
        person.sees("[data-key=tiles]:checked")
        assert person.texts(".count .words") == words(tiled) != words(whole)

    def test_a_photo_can_be_dropped_or_pasted(self, person: Person) -> None:
        script = """([bytes, kind]) => {
            const data = new DataTransfer();
            data.items.add(new File([new Uint8Array(bytes)], "image.png", { type: "image/png" }));
            const options = { bubbles: true, cancelable: true };
            document.body.dispatchEvent(kind === "paste"
                ? new ClipboardEvent("paste", { ...options, clipboardData: data })
                : new DragEvent("drop", { ...options, dataTransfer: data }));
        }"""
        for number, kind in enumerate(("drop", "paste"), 1):
            person.page.evaluate(script, [list(encoded(number)), kind])
            person.sees(".count-name")
            person.sees_exactly(number, "#strip button")


class TestQuestions:
    def test_the_answer_what_was_understood_and_where(self, counted: Person, counter: Predictor) -> None:
        counted.page.locator("#question").fill("how many people are there?")
        counted.page.locator("#question").press("Enter")
        expected = counter.ask(photo()["buffer"], "how many people are there?")
        counted.sees(".answer .result", expected.text)
        counted.sees(".answer", f"Understood: {expected.understood}")
        counted.sees(".answer", "Where: ")
        assert counted.page.locator(".cell").count() == 9

    def test_a_question_that_counts_do_not_answer_gets_the_reason(
        self, counted: Person, counter: Predictor
    ) -> None:
        counted.page.locator("#question").fill("why is the sky blue?")
        counted.page.locator("#question").press("Enter")
        counted.sees(".answer .reason", counter.ask(photo()["buffer"], "why is the sky blue?").reason)

    def test_a_suggested_question_is_asked_with_a_click(self, counted: Person) -> None:
        question = counted.sees(".pill").first.inner_text()
        counted.press(question, ".suggestions")
        counted.sees(".answer .question", question)
        counted.sees(".answer .result")
        assert counted.page.locator("#question").input_value() == question


def test_a_server_with_a_token_asks_for_it(browser: tuple[Any, Any], counter: Predictor) -> None:
    token = "correct-horse-battery-staple"
    with serving(create_app(counter, token=token)) as address, browser[1].new_context() as context:
        person = Person(context, address)
        person.add(photo())
        for typed in ("wrong", token):
            person.sees("#token-dialog[open]", "not accepted" if typed == token else "asks for a token")
            person.page.locator("#token").fill(typed)
            person.press("Continue")
        person.sees(".count-name")
        assert person.problems == []
