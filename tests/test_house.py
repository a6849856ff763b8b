"""The house: a folder imports only the folders below it, and no two modules import each other in a circle."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = {"counting": ROOT / "counting", "counting_datasets": ROOT / "datasets" / "counting_datasets"}

ROOMS = (
    "cli",
    "commands",
    "web",
    "bulk",
    "predictor",
    "report",
    "explain",
    "questions",
    "training",
    "detection",
    "export",
    "networks",
    "inputs",
    "search",
    "evaluation",
    "tables",
    "stats",
    "utils",
)
"""From the top floor down."""


def modules() -> dict[str, Path]:
    found = {}
    for package, folder in SOURCES.items():
        for file in folder.rglob("*.py"):
            name = ".".join((package, *file.relative_to(folder).with_suffix("").parts))
            found[name.removesuffix(".__init__")] = file
    return found


MODULES = modules()


def imports(file: Path) -> Iterator[str]:
    """Modules of ours that a file imports anywhere, also inside functions."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name if name in MODULES else node.module for name in names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def room(module: str) -> str | None:
    package, *rest = module.split(".")
    return rest[0] if package == "counting" and rest else None


def test_every_room_has_a_floor() -> None:
    assert {room(module) for module in MODULES} - {None} <= set(ROOMS)


@pytest.mark.parametrize("module", sorted(MODULES))
def test_nothing_imports_a_room_above_its_own(module: str) -> None:
    here = room(module)
    targets = [
        target for target in imports(MODULES[module]) if target.split(".")[0] in (*SOURCES, "recipes", "tests")
    ]
    if module.startswith("counting_datasets"):
        assert all(target.startswith("counting_datasets") for target in targets)
    elif here is not None:
        above = ROOMS[: ROOMS.index(here)]
        assert [target for target in targets if room(target) in above or target.startswith("recipes")] == []


def test_no_modules_import_each_other_in_a_circle() -> None:
    left = {
        name: {target for target in imports(file) if target in MODULES and target != name}
        for name, file in MODULES.items()
    }
    while free := {name for name, targets in left.items() if not targets & left.keys()}:
        left = {name: targets for name, targets in left.items() if name not in free}
    assert left == {}
