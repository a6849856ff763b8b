"""Write the pages of the manual that are made from the code: ``python docs/generate.py``; ``make docs`` runs it.

They are not part of the repository, so they cannot become outdated.
"""

import argparse
import inspect
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from counting.cli import _parser
from counting.networks.config import Config
from counting.networks.zoo.cards import BEST, FOLDER, models, read_categories

DOCS = Path(__file__).parent


def commands() -> str:
    """The commands and their options, from the argument parser."""
    lines = ["# Commands", "", "Each command prints this with `--help`.", ""]
    for name, parser in _parser()[1].items():
        _, _, example = (parser.epilog or "").partition("\n")
        summary, _, more = (parser.description or "").partition("\n")
        lines += [f"## counting {name}", "", summary, ""]
        if more.strip():
            lines += ["```text", *more.strip("\n").splitlines(), "```", ""]
        for group in parser._action_groups:
            rows = [_option(action) for action in group._group_actions if action.dest != "help"]
            if rows:
                title = {"positional arguments": "argument", "options": "option"}.get(
                    group.title or "", group.title
                )
                lines += [f"| {title} | meaning |", "|---|---|", *rows, ""]
        lines += ["```sh", *(line.strip() for line in example.splitlines()), "```", ""]
    return "\n".join(lines)


def _option(action: argparse.Action) -> str:
    value = action.metavar or (
        f"{{{','.join(map(str, action.choices))}}}" if action.choices else action.dest.upper()
    )
    takes_value = action.nargs != 0
    shown = ", ".join(f"{name} {value}" if takes_value else name for name in action.option_strings) or str(value)
    return f"| `{shown}` | {_cell(action.help or '').replace('%%', '%')} |"


def _cell(text: str) -> str:
    """Text that does not end a cell of a table."""
    return text.replace("|", "\\|").replace("\n", " ")


_INTRODUCTION = (
    "`counting train CONFIG` reads these keys from a YAML file. On the command line, `key=value` changes one. "
    "The key follows the name of its section and a dot: `counting train mine.yaml optimization.epochs=20 seed=1`."
)


def configuration() -> str:
    """The keys of a configuration, from its models."""
    lines = ["# Configuration", "", _INTRODUCTION, ""]
    for section, model in _sections(Config, ""):
        text, _, attributes = inspect.cleandoc(model.__doc__ or "").partition("\n\nAttributes:\n")
        meanings = dict(re.findall(r"^    (\w+): ((?:.+\n?)(?:^ {8}.+\n?)*)", attributes, re.MULTILINE))
        lines += [f"## {section or 'Top level'}", "", *(_prose(part) + "\n" for part in text.split("\n\n"))]
        lines += ["| key | meaning | value | default |", "|---|---|---|---|"]
        for key, field in model.model_fields.items():
            nested = next(_models(field.annotation), None)
            inner = f"{section}.{key}".lstrip(".")
            kind = f"section [{inner}](#{inner.replace('.', '')})" if nested else _type(field.annotation)
            meaning = _cell(_prose(meanings[key]).rstrip("."))
            lines.append(f"| `{key}` | {meaning} | {kind} | {_default(field)} |")
        lines.append("")
    return "\n".join(lines)


def _prose(text: str) -> str:
    return " ".join(text.split()).replace("``", "`")


def _default(field: FieldInfo) -> str:
    """The default of a key as YAML has it; nothing for a section, an empty list or mapping, or none."""
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    return "" if isinstance(value, BaseModel) or value in (None, (), {}) else f"`{json.dumps(value)}`"


def _type(annotation: Any) -> str:
    """The values that a key takes, in words."""
    kind, parts = get_origin(annotation), get_args(annotation)
    if kind is Annotated:
        return _type(parts[0])
    if kind is Literal:
        return " or ".join(f"`{part}`" for part in parts)
    if kind is tuple:
        return f"list of: {_type(parts[0])}"
    if kind in (Union, UnionType):
        return " or ".join(_type(part) for part in parts if part is not type(None))
    return {str: "text", Path: "path", int: "whole number", float: "number", bool: "`true` or `false`"}.get(
        annotation, "mapping"
    )


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """The sections that a key's annotation names."""
    for one in (annotation, *get_args(annotation)):
        if isinstance(one, type) and issubclass(one, BaseModel):
            yield one


def _sections(model: type[BaseModel], name: str) -> Iterator[tuple[str, type[BaseModel]]]:
    yield name, model
    for key, field in model.model_fields.items():
        for nested in _models(field.annotation):
            yield from _sections(nested, f"{name}.{key}".lstrip("."))


def model_cards() -> str:
    """The cards of the counters that come with the package."""
    lines = [
        "# Model cards",
        "",
        "The counters that come with the package. A name always means the same weights, and so the same counts; a "
        "counter that is trained again gets a new name.",
        "",
        "| counter | categories | size | mRMSE / mRMSE-nz |",
        "|---|---|---|---|",
    ]
    cards = models()
    for name, card in cards.items():
        score = card["scores"][0]
        size = (FOLDER / f"{name}.safetensors").stat().st_size / 1e6
        default = " (default)" if name == BEST else ""
        known = len(read_categories(FOLDER / f"{name}.safetensors") or ())
        figures = f"{score['mRMSE']:.3f} / {score['mRMSE_nz']:.3f} on {score['data']} {score['split']}"
        lines.append(f"| [{name}](#{name}){default} | {known} | {size:.1f} MB | {figures} |")
    for name, card in cards.items():
        lines += ["", *_card(name, card)]
    return "\n".join([*lines, "", *_LIMITS, ""])


def _card(name: str, card: dict[str, Any]) -> Iterator[str]:
    categories = read_categories(FOLDER / f"{name}.safetensors") or ()
    yield f"## {name}"
    yield ""
    yield "| | |"
    yield "|---|---|"
    shown = {"counter": "model", "data": "trained on", "chosen_on": "settings chosen on", "backbone": "backbone"}
    for key, title in shown.items():
        if key in card:
            yield f"| {title} | {_cell(str(card[key]))} |"
    yield f"| trained with | `{_cell(card['command'])}` |"
    yield f"| categories | {', '.join(categories)} |"
    yield ""
    yield "| data | protocol | images | mRMSE | mRMSE-nz | m-relRMSE | m-relRMSE-nz | exact |"
    yield "|---|---|---|---|---|---|---|---|"
    for score in card["scores"]:
        figures = " | ".join(
            f"{score[key]:.3f}" for key in ("mRMSE", "mRMSE_nz", "m_relRMSE", "m_relRMSE_nz", "exact")
        )
        yield f"| {score['data']} {score['split']} | `{score['protocol']}` | {score['images']:,} | {figures} |"


_LIMITS = (
    "## Use and limits",
    "",
    "- For counting everyday objects in ordinary photos, for research, and as a start for categories of your own.",
    "- Not for decisions about people, for safety, or for crowd estimates: large crowds are undercounted.",
    "- Only the listed categories are counted. Another thing is not counted, or taken for a similar one.",
    "- Trained and calibrated on photos of VOC and COCO, which come from Flickr. On other photos (from above, at "
    "night, drawings) neither counts nor intervals have been tested.",
    "- Breeds, colours, actions and identities are not told apart.",
)

PAGES: dict[str, Callable[[], str]] = {
    "reference/commands.md": commands,
    "reference/configuration.md": configuration,
    "models.md": model_cards,
}
"""Path in docs/ → the page's text."""


def main() -> None:
    for path, write in PAGES.items():
        (DOCS / path).write_text(write(), encoding="utf-8")


if __name__ == "__main__":
    main()
