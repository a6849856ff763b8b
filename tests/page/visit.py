"""What a person adds to the page of `counting serve`, does on it and reads off it."""

import re
from collections.abc import Callable
from typing import Any

from browser import Person
from tiny_server import encoded

Opens = Callable[..., Person]


def photo(name: str = "noise.png", seed: int = 0) -> dict[str, Any]:
    return {"name": name, "mimeType": "image/png", "buffer": encoded(seed, (320, 240))}


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
