"""The page of `counting serve` in a real browser: it shows what the counter says, or what a person says."""

import csv
import json
import os
import re
import signal
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="needs the packages of the extra `web`")

from browser import CHROMIUM, Person, chromium, serving
from tiny import tiny_config
from tiny_server import encoded, tiny_predictor

from counting.predictor.predictor import Predictor
from counting.tables.table_files import read_table
from counting.training.run import train_counter
from counting.training.run_folder import RunFolder
from counting.web.app import create_app
from counting_datasets.coco import load_coco
from counting_datasets.protocol import Protocol

Opens = Callable[..., Person]

ALL_RULES = ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"]
"""axe's rules of the guidelines WCAG 2.2, levels A and AA, and its own."""


def photo(name: str = "noise.png", seed: int = 0) -> dict[str, Any]:
    return {"name": name, "mimeType": "image/png", "buffer": encoded(seed, (320, 240))}


@pytest.fixture(scope="module")
def counter() -> Predictor:
    return tiny_predictor()


@pytest.fixture(scope="module")
def address(counter: Predictor) -> Iterator[str]:
    with serving(create_app(counter)) as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[tuple[Any, Any]]:
    with chromium() as found:
        yield found


@pytest.fixture
def opens(address: str, browser: tuple[Any, Any]) -> Iterator[Opens]:
    """Opens the page for another person; no script may fail, and nothing may be fetched from elsewhere."""
    people = []
    with ExitStack() as stack:

        def open_page(**options: Any) -> Person:
            context = stack.enter_context(
                browser[1].new_context(
                    **{"viewport": {"width": 1280, "height": 900}, "reduced_motion": "reduce", **options}
                )
            )
            people.append(Person(context, address))
            return people[-1]

        yield open_page
        assert [problem for person in people for problem in person.problems] == []


@pytest.fixture
def person(opens: Opens) -> Person:
    return opens()


@pytest.fixture
def counted(person: Person) -> Person:
    """Somebody who has added one photo."""
    person.add(photo())
    person.sees(".count-name")
    return person


@pytest.fixture
def result(counter: Predictor) -> dict[str, Any]:
    """What the counter says of that photo."""
    found: dict[str, Any] = counter.count(photo()["buffer"]).to_dict()
    assert sum(found["counts"].values()) > 1
    return found


def only(counts: dict[str, int]) -> tuple[str, int]:
    """The most numerous category and its count."""
    return next(iter(counts.items()))


def words(result: dict[str, Any]) -> list[str]:
    """The counts in words; the page writes the intervals beside them."""
    return [re.sub(r" \(.*\)", "", one) for one in result["text"].split(", ")]


def dots(person: Person) -> int:
    """The number of objects that have a dot."""
    return sum(
        int(objects)
        for objects in person.page.locator(".dot").evaluate_all("all => all.map((one) => one.dataset.objects)")
    )


def edits(person: Person, category: str) -> None:
    person.press("Correct")
    person.page.locator(f".count[data-category='{category}'] .count-name").click()


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


class TestRegions:
    def test_regions_that_divide_the_photo_sum_to_its_counts(
        self, counted: Person, result: dict[str, Any]
    ) -> None:
        counted.press("Regions")
        for corners in ([(0, 0), (0.4, 0), (0.4, 1), (0, 1)], [(0.4, 0), (1, 0), (1, 1), (0.4, 1)]):
            for x, y in corners:
                counted.clicks_photo(min(max(x, 0.01), 0.99), min(max(y, 0.01), 0.99))  # near enough
            counted.page.keyboard.press("Enter")
        counted.sees("tr[data-region='region 2']")
        counted.keeps_screenshot("regions")
        rows = [[int(text.split()[0]) for text in row] for row in region_rows(counted)]
        assert rows[2] == [0] * len(rows[0])
        assert (
            [sum(column) for column in zip(*rows[:3], strict=True)] == rows[3] == list(result["counts"].values())
        )

    def test_they_are_counted_and_exported_as_in_python(
        self, counted: Person, counter: Predictor, tmp_path: Path
    ) -> None:
        counted.press("Regions")
        counted.press("Add a rectangle")
        with counted.page.expect_download() as coming:
            counted.press("Save as a file")
        (expected,) = counter.count(photo()["buffer"]).in_regions(coming.value.path())
        rows = json.loads(counted.downloads("json", tmp_path).read_text())
        assert [row["category"] for row in rows] == list(counter.categories)
        for row in rows:
            one = expected[row["category"]]
            (found,) = row["regions"]
            assert (found["region"], found["count"]) == ("region 1", one.count)
            assert found["expected"] == pytest.approx(one.expected, abs=1e-3)

    def test_they_are_copied_to_photos_of_other_sizes(self, counted: Person) -> None:
        counted.add({**photo("large.png"), "buffer": encoded(1, (640, 480))})
        counted.sees(".count-name")
        counted.press("Regions")
        counted.press("Add a rectangle")
        counted.press("Use in all photos")
        corner = counted.page.locator(".region").get_attribute("points").split()[0]
        counted.page.locator("#strip [aria-label='noise.png']").click()
        counted.sees("tr[data-region='region 1']")
        assert counted.page.locator(".region").get_attribute("points").split()[0] != corner == "160,120"

    def test_corners_are_moved_by_keys_and_a_region_is_deleted(self, counted: Person) -> None:
        counted.press("Regions")
        counted.press("Add a rectangle")
        corner = "[data-key='corner-0-0']"
        x0 = counted.left_of(corner)
        counted.page.locator(corner).press("ArrowLeft")
        assert counted.left_of(corner) < x0
        counted.press("Add a corner")
        counted.sees_exactly(5, ".corner.handle")
        counted.page.keyboard.press("Delete")
        counted.sees_exactly(4, ".corner.handle")
        counted.press("Delete region 1")
        assert not counted.page.locator("#regions").is_visible()


def region_rows(person: Person) -> list[list[str]]:
    rows = person.page.locator("#regions tbody tr, #regions tfoot tr").all()
    return [[cell.inner_text() for cell in row.locator("td").all()[:-1]] for row in rows]


class TestManyPhotos:
    def test_the_table_is_sorted_and_opens_a_photo(self, person: Person, counter: Predictor) -> None:
        person.add(*(photo(f"{seed}.png", seed) for seed in range(4)))
        person.sees_exactly(0, "td.pending")
        totals = {
            f"{seed}.png": sum(counter.count(photo(seed=seed)["buffer"]).counts.values()) for seed in range(4)
        }
        person.press("All", "#list-view")
        assert person.page.locator("th[aria-sort=descending]").inner_text().startswith("All")
        assert person.texts(".photos tbody .open") == sorted(totals, key=lambda name: -totals[name])
        person.press("Photo", "#list-view")
        assert person.texts(".photos tbody .open") == sorted(totals)
        person.keeps_screenshot("list")
        person.page.locator(".photos .open", has_text="2.png").click()
        person.sees("#strip [aria-current][aria-label='2.png']")

    def test_a_bad_file_gets_clear_words_and_the_others_are_counted(self, person: Person) -> None:
        bad = {"name": "letter.txt", "mimeType": "text/plain", "buffer": b"Dear reader"}
        person.add(photo(), bad)
        person.sees("td.failed", "not an image of a known format")
        person.sees(".photos tbody tr", "noise.png")
        person.press("Remove letter.txt")
        person.sees("#counts")
        assert not person.page.locator("#views").is_visible()

    def test_two_people_at_once_see_their_own_photos(self, opens: Opens, counter: Predictor) -> None:
        people = [opens(), opens()]
        for number, person in enumerate(people):
            person.add(*(photo(f"{number}-{seed}.png", 10 * number + seed) for seed in range(3)))
        for number, person in enumerate(people):
            person.sees_exactly(0, "td.pending")
            assert person.texts(".photos tbody .open") == [f"{number}-{seed}.png" for seed in range(3)]
            for seed in range(3):
                expected = counter.count(photo(seed=10 * number + seed)["buffer"]).counts
                row = person.page.locator(".photos tbody tr", has_text=f"{number}-{seed}.png")
                assert row.locator("td").first.inner_text() == str(sum(expected.values()))


class TestExport:
    @pytest.fixture
    def corrected(self, counted: Person, result: dict[str, Any]) -> Person:
        edits(counted, only(result["counts"])[0])
        counted.clicks_photo(0.9, 0.1)
        counted.waits_until_saved()
        return counted

    def test_csv_and_json_are_read_back_and_say_who_counted(
        self, corrected: Person, result: dict[str, Any], tmp_path: Path
    ) -> None:
        category, count = only(result["counts"])
        files = [corrected.downloads(option, tmp_path) for option in ("csv", "json")]
        for file in files:
            table = read_table(file)
            assert table.images == ("noise",)
            assert table.counts[0, table.categories.index(category)] == count + 1
        row = next(row for row in json.loads(files[1].read_text()) if row["category"] == category)
        assert (row["counted_by"], row["count_by_model"], len(row["points"])) == ("person", count, count + 1)
        with corrected.downloads("sheet", tmp_path).open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert [(row["photo"], row["counted_by"]) for row in rows if row["category"] == category] == [
            ("noise.png", "person")
        ]

    def test_coco_points_are_boxes_of_no_size(
        self, corrected: Person, result: dict[str, Any], tmp_path: Path
    ) -> None:
        category, count = only(result["counts"])
        scenes = load_coco(corrected.downloads("coco", tmp_path), tmp_path, split="counted")
        assert scenes.counts(Protocol.parse("all", "coco"))[0, scenes.categories.index(category)] == count + 1
        boxes = scenes[0].boxes
        assert (boxes[:, :2] == boxes[:, 2:]).all()

    def test_photos_without_a_dot_for_every_object_are_left_out_of_coco(
        self, corrected: Person, result: dict[str, Any]
    ) -> None:
        number = corrected.page.locator(f"[data-key='number-{only(result['counts'])[0]}']")
        number.fill("50")
        number.press("Enter")
        corrected.press("Export")
        corrected.page.locator("#export-dialog input[value=coco]").check()
        corrected.sees(".left-out", "noise.png")
        assert corrected.page.locator("[data-key=download]").is_disabled()

    def test_a_data_set_is_trained_on(self, corrected: Person, result: dict[str, Any], tmp_path: Path) -> None:
        corrected.add(photo("noise.png", 1), *(photo(f"{seed}.png", seed) for seed in range(2, 6)))
        corrected.sees_exactly(0, "td.pending")
        with zipfile.ZipFile(corrected.downloads("data-set", tmp_path)) as archive:
            assert archive.testzip() is None
            archive.extractall(tmp_path / "own")
        data = {"name": "coco", "train": "train:50/50", "val": "val:50/50"}
        trained = train_counter(
            tiny_config(tmp_path / "own", data=data, optimization={"epochs": 1}), RunFolder(tmp_path / "run")
        )
        assert trained.counter.categories == tuple(row["category"] for row in result["rows"])

    def test_only_what_a_person_checked_is_exported(self, corrected: Person, tmp_path: Path) -> None:
        corrected.add(photo("other.png", 3))
        corrected.sees("#strip [aria-current][aria-label='other.png']")
        corrected.sees(".count-name")
        assert read_table(corrected.downloads("csv", tmp_path, checked_only=True)).images == ("noise",)
        corrected.page.locator("[data-key=confirmed]").check()
        assert read_table(corrected.downloads("csv", tmp_path, checked_only=True)).images == ("noise", "other")


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
