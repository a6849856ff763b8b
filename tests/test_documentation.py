"""The pages: their links lead somewhere, their commands are accepted, and their Python runs."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from counting.cli import parse
from counting_datasets.generated.writing import draw_scene

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", *ROOT.glob("docs/**/*.md"), *ROOT.glob("datasets/*.md")])
RUN = ("README.md", "docs/how_to/evaluation.md")
"""Pages whose Python is run; the others need models or photos that are not part of the repository."""


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
