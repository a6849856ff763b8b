"""The pages: links lead somewhere, commands are accepted, Python runs, and the manual lists every page."""

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from scripts import load_script

import counting
from counting.cli import parse
from counting.networks.config import Config
from counting.networks.zoo.cards import models, zoo_names
from counting_datasets.generated.writing import draw_scene

ROOT = Path(__file__).parents[1]
GENERATED = {"models.md", "commands.md", "configuration.md"}
PAGES = sorted(
    page
    for page in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("datasets/*.md")]
    if page.name not in GENERATED
)
RUN = ("README.md", "docs/how_to/evaluation.md")
"""Pages whose Python is run; the others need models or photos that are not part of the repository."""


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    """docs/generate.py, which writes the pages that are made from the code."""
    return load_script("docs/generate.py")


def page_name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def links(page: Path) -> list[str]:
    prose = re.sub(r"^```.*?^```$|`[^`\n]*`", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    return re.findall(r"\]\(([^)\s]+)\)", prose)


def headings(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def commands() -> Iterator[tuple[str, list[str]]]:
    for page in PAGES:
        for block in blocks(page, "sh"):
            for line in block.replace("\\\n", " ").splitlines():
                words = shlex.split(line, comments=True)
                if words and words[0].removeprefix(".venv/bin/") == "counting":
                    yield page_name(page), words[1:]


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_links_lead_to_files_and_headings_that_exist(page: Path) -> None:
    for target in links(page):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, heading = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        assert linked.exists(), target
        assert not heading or heading in headings(linked), target


@pytest.mark.parametrize(("page", "words"), [*commands()], ids=str)
def test_commands_are_accepted(page: str, words: list[str]) -> None:
    assert parse(words).command == words[0]


@pytest.mark.parametrize("name", RUN)
def test_python_runs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw_scene(0).image.save(tmp_path / "photo.jpg")
    monkeypatch.chdir(tmp_path)
    snippets = blocks(ROOT / name, "python")
    assert snippets
    for snippet in snippets:
        exec(compile(snippet, name, "exec"), {})


def pages_in(navigation: Any) -> Iterator[str]:
    """The pages that a navigation lists, at any depth."""
    if isinstance(navigation, str):
        yield navigation
    else:
        for part in navigation.values() if isinstance(navigation, dict) else navigation:
            yield from pages_in(part)


def test_the_navigation_lists_every_page_once(generate: ModuleType) -> None:
    navigation = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]
    listed = sorted(pages_in(navigation))
    pages = {str(page.relative_to(ROOT / "docs")) for page in ROOT.glob("docs/**/*.md")} | set(generate.PAGES)
    assert listed == sorted(pages), "add the page to `nav` in mkdocs.yml"


@pytest.mark.parametrize("page", sorted(ROOT.glob("docs/results/*.md")), ids=page_name)
def test_a_page_of_results_names_its_data_its_command_and_its_date(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert re.search("VOC|COCO", text)
    assert re.search("`(counting evaluate|python benchmarks/)|^(counting|python) ", text, re.MULTILINE)
    assert re.search(r"[Mm]easured\W+(on )?20\d\d-\d\d-\d\d", text)


def test_the_reference_describes_the_whole_public_api() -> None:
    described = re.findall(r"^::: counting\.(\w+)$", (ROOT / "docs/reference/python.md").read_text(), re.MULTILINE)
    assert sorted(described) == sorted(set(counting.__all__) - {"__version__"})


def test_generated_pages_name_every_command_option_key_and_counter(generate: ModuleType) -> None:
    pages = {path: write() for path, write in generate.PAGES.items()}
    commands = pages["reference/commands.md"]
    for text in ("## counting predict", "| `--out FILE` |", "counting explain photo.jpg --category dog"):
        assert text in commands
    assert all(f"| `{key}` |" in pages["reference/configuration.md"] for key in Config.model_fields)
    assert all(f"## {name}\n" in pages["models.md"] for name in models())


def test_every_shipped_counter_is_pinned_as_the_manual_says() -> None:
    pinned = json.loads((ROOT / "tests/fixtures/shipped_counters.json").read_text(encoding="utf-8"))
    assert sorted(pinned) == sorted(zoo_names()), "a new counter: run python -m recipes.pin_counters"
