"""A server with a tiny counter, and people at its page."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from browser import Person, chromium, serving
from tiny_server import tiny_predictor
from visit import Opens, photo

from counting.predictor.predictor import Predictor


@pytest.fixture(scope="module")
def counter() -> Predictor:
    return tiny_predictor()


@pytest.fixture(scope="module")
def address(counter: Predictor) -> Iterator[str]:
    pytest.importorskip("fastapi", reason="needs the packages of the extra `web`")
    from counting.web.app import create_app

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
