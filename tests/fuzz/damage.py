"""Ways to damage a file: its bytes, its text, and the values in its JSON, XML or table."""

import json
import re
from collections.abc import Callable
from random import Random
from typing import Any

NASTY: tuple[Any, ...] = (
    *(
        None,
        True,
        False,
        "",
        " ",
        "x" * 2000,
        "NaN",
        "1e400",
        "-1",
        "0",
        "1.5",
        "a\0b",
        "\ud800",
        "é",
        "e\u0301",
        "東",
    ),
    *(0, -1, 1.5, 2**31, 2**63, 2**70, -(2**70), 10**400, 1e308, 5e-324, float("nan"), float("inf"), -0.0),
    *(
        [],
        {},
        [[]],
        [None],
        [1, 2, 3],
        {"a": 1},
        [1e308] * 4,
        ["1", "2", "3", "4"],
        {"size": [-1, 5], "counts": [1]},
    ),
)
"""Values that take the place of right ones."""

WORDS = (
    "",
    " ",
    "-1",
    "0",
    "1e308",
    "nan",
    "inf",
    "9" * 400,
    "1,5",
    "0x10",
    "١٢",
    "½",
    "a\0b",
    "<!--",
    "&amp;",
    "&x;",
    '"',
    "\r",
)

EXTREMES = (b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff", b"\x80\0\0\0")
ENCODINGS = ("utf-16", "utf-8-sig", "utf-32", "cp1252")


def damage_bytes(random: Random, content: bytes) -> bytes:
    """Flip, cut, repeat, insert or transcode."""
    data = bytearray(content)
    for _ in range(random.choice((1, 1, 2, 5, 20))):
        place = random.randrange(len(data) + 1)
        length = random.choice((1, 2, 4, 16, 64))
        match random.randrange(7):
            case 0 if data:
                data[min(place, len(data) - 1)] ^= 1 << random.randrange(8)
            case 1:
                del data[place:]
            case 2:
                del data[place : place + length]
            case 3:
                data[place:place] = data[place : place + length]
            case 4:
                data[place:place] = random.randbytes(length)
            case 5:
                data[place : place + 4] = random.choice(
                    (b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff", b"\x80\0\0\0")
                )
            case _ if random.random() < 0.2:
                text = bytes(data).decode("utf-8", errors="replace")
                data = bytearray(text.encode(random.choice(ENCODINGS), "replace"))
    return bytes(data)


def damage_json(random: Random, content: bytes) -> bytes:
    """Replace, drop, repeat or nest values; now and then damage the bytes."""
    if random.random() < 0.15:
        return damage_bytes(random, content)
    value = json.loads(content)
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        value = _changed(random, value)
    if random.random() < 0.02:
        depth = random.choice((50, 2000, 100_000))
        return b"[" * depth + json.dumps(value).encode() + b"]" * depth
    return json.dumps(value).encode("utf-8", errors="replace")


def _changed(random: Random, value: Any) -> Any:
    """``value`` with one place in it changed."""
    if not isinstance(value, dict | list) or not value or random.random() < 0.15:
        return random.choice(NASTY)
    if isinstance(value, list):
        copy = list(value)
        place = random.randrange(len(copy))
        match random.randrange(6):
            case 0:
                copy.insert(place, copy[place])
            case 1:
                del copy[place]
            case _:
                copy[place] = _changed(random, copy[place])
        return copy
    key = random.choice(list(value))
    match random.randrange(6):
        case 0:
            return {name: each for name, each in value.items() if name != key}
        case 1:
            return {(key + "_" if name == key else name): each for name, each in value.items()}
        case _:
            return {**value, key: _changed(random, value[key])}


def damage_xml(random: Random, content: bytes) -> bytes:
    """Change words, drop, repeat or rename elements, add entities; now and then damage the bytes."""
    if random.random() < 0.15:
        return damage_bytes(random, content)
    text = content.decode()
    for _ in range(random.choice((1, 1, 2, 3))):
        match random.randrange(6):
            case 0:
                text = _replace_one(random, r">([^<>]+)<", lambda found: f">{random.choice(WORDS)}<", text)
            case 1:
                text = _replace_one(random, r"</?\w+>", lambda found: "", text)
            case 2:
                text = _replace_one(random, r"<(\w+)>[^<]*</\1>", lambda found: found[0] * 3, text)
            case 3:
                text = _replace_one(random, r"<(\w+)>", lambda found: f"<{found[1].upper()}>", text)
            case 4:
                bomb = (
                    '<!DOCTYPE a [<!ENTITY x "ha"><!ENTITY y "&x;&x;&x;"><!ENTITY z SYSTEM "file:///etc/passwd">]>'
                )
                text = bomb + text.replace("</name>", random.choice(("&y;", "&z;")) + "</name>", 1)
            case _:
                depth = random.choice((10, 3000))
                text = text.replace("</annotation>", "<part>" * depth + "</part>" * depth + "</annotation>")
    return text.encode("utf-8", errors="replace")


def damage_table(random: Random, content: bytes) -> bytes:
    """Change cells, separators and rows of a CSV file; now and then damage the bytes."""
    if random.random() < 0.2:
        return damage_bytes(random, content)
    rows = [line.split(",") for line in content.decode().splitlines()]
    for _ in range(random.choice((1, 1, 2, 5))):
        row = random.choice(rows)
        match random.randrange(6):
            case 0:
                rows.insert(random.randrange(len(rows) + 1), list(row))
            case 1:
                rows = [each for each in rows if each is not row] or rows
            case 2:
                row.append(random.choice(WORDS))
            case _ if row:
                row[random.randrange(len(row))] = random.choice(WORDS)
    separator = random.choice((",", ",", ",", ";", "\t"))
    return "\n".join(separator.join(row) for row in rows).encode("utf-8", errors="replace")


def damage_yaml(random: Random, content: bytes) -> bytes:
    """Change values, keys and indentation; now and then damage the bytes."""
    if random.random() < 0.15:
        return damage_bytes(random, content)
    words = (
        *WORDS,
        "[]",
        "{}",
        "~",
        "yes",
        "[1, [2]]",
        "&a [*a]",
        "!!python/object:os.system x",
        "2024-01-01",
        "|",
        "1e9",
    )
    text = content.decode()
    for _ in range(random.choice((1, 1, 2, 3))):
        match random.randrange(4):
            case 0:
                text = _replace_one(random, r"\w+:", lambda found: found[0][:-2] + ":", text)
            case 1:
                text = _replace_one(random, r"\n +", lambda found: "\n", text)
            case _:
                text = _replace_one(random, r": [^\n{]+", lambda found: f": {random.choice(words)}", text)
    return text.encode("utf-8", errors="replace")


def _replace_one(random: Random, pattern: str, new: Callable[[re.Match[str]], str], text: str) -> str:
    found = list(re.finditer(pattern, text))
    if not found:
        return text
    one = random.choice(found)
    return text[: one.start()] + new(one) + text[one.end() :]
