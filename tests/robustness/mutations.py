"""Damage to the contents of files: bytes, numbers in text, JSON trees and XML trees.

Every function takes a source of random numbers, so that an input is made again from its seed.
"""

from __future__ import annotations

import copy
import json
import re
import struct
from random import Random
from typing import Any
from xml.etree import ElementTree

INTEGERS = (0, 1, 2, 3, 127, 128, 255, 256, 65535, 10**6, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**40, 2**63 - 1, 2**63)
FLOATS = (0.0, -0.0, -1.0, 1e-300, 1e-40, 1e6, 1e20, 3e38, 1e300, float("nan"), float("inf"), float("-inf"))
WORDS = (
    "", " ", "0", "-1", "1", "0.5", "1e999", "-1e999", "nan", "inf", "1e308", "1e-300", "1,5", "0x10", "1_000", "+3",
    "٣", "2147483648", "4294967296", "9223372036854775808", "9" * 400, "abc", "none", "true", "..", ".", "/", "~",
    "../../x.png", "/x/y.png", "a\0b", "é" * 200, "x" * 5000, "a/" * 300 + "b", "CON", "000.png", ".png", "\ud800",
    "-", "--", "%s", "{}",
)  # fmt: skip
"""Words that take the place of words and numbers of a text."""
_NUMBER = re.compile(rb"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")


class Raw(str):
    """Text that becomes a part of JSON as it is."""


DEEP = Raw("[" * 100_000 + "]" * 100_000)
DEEP_OBJECTS = Raw('{"a":' * 50_000 + "1" + "}" * 50_000)
VALUES: tuple[Any, ...] = (
    None, True, False, [], {}, [[]], [None], [1, 2], [[1, 2], [3]], [0] * 16, [0] * 5000, {"a": 1}, -1, 0, 1, 0.5, -0.0,
    1e-300, 1e308, 10**400, 2**31, 2**32, 2**63, 2**64, 10**6, 10**9, Raw("1e999"), Raw("-1e999"), Raw("NaN"),
    Raw("Infinity"), Raw("9" * 5000), DEEP, DEEP_OBJECTS, Raw('"\\ud800.png"'), *WORDS[:-6],
)  # fmt: skip
"""Values that take the place of those in JSON."""


def damaged_bytes(random: Random, data: bytes, other: bytes = b"") -> tuple[bytes, str]:
    """Contents with a few bytes changed, cut, put in or taken from elsewhere; and what was done."""
    ways = (_flip, _flip, _cut, _insert, _piece, _number, _number)
    if other and random.random() < 0.15:
        one, two = random.randrange(len(data) + 1), random.randrange(len(other) + 1)
        return data[:one] + other[two:], f"spliced at {one} and {two}"
    return random.choice(ways)(random, data)


def _flip(random: Random, data: bytes) -> tuple[bytes, str]:
    changed, count = bytearray(data), random.choice((1, 1, 2, 4, 16, 64))
    for _ in range(count if changed else 0):
        # What is wrong near the beginning or the end is wrong about all the rest.
        at = min(int(random.expovariate(1 / 200)), len(changed) - 1)
        at = random.choice((random.randrange(len(changed)), at, len(changed) - 1 - at))
        changed[at] = random.choice((0, 255, 127, 128, changed[at] ^ (1 << random.randrange(8)), random.randrange(256)))
    return bytes(changed), f"{count} bytes"


def _cut(random: Random, data: bytes) -> tuple[bytes, str]:
    left = random.choice((0, 1, 4, 8, 9, len(data) // 2, len(data) - 1, random.randrange(len(data) + 1)))
    return data[: max(0, left)], f"cut to {left} of {len(data)} bytes"


def _insert(random: Random, data: bytes) -> tuple[bytes, str]:
    at, count = random.randrange(len(data) + 1), random.choice((1, 2, 7, 64, 1000))
    return data[:at] + random.randbytes(count) + data[at:], f"{count} bytes more at {at}"


def _piece(random: Random, data: bytes) -> tuple[bytes, str]:
    at, count = random.randrange(len(data) + 1), random.choice((1, 4, 16, 100, 1000))
    piece = data[at : at + count]
    new, what = random.choice(((b"", "gone"), (piece * 2, "twice"), (bytes(len(piece)), "zero")))
    return data[:at] + new + data[at + count :], f"{count} bytes at {at} {what}"


def _number(random: Random, data: bytes) -> tuple[bytes, str]:
    """An aligned number in binary becomes one that is seldom right."""
    kind = random.choice(("<I", "<Q", "<i", "<q", "<f", "<d", ">I", "<H"))
    size = struct.calcsize(kind)
    number = random.choice(FLOATS) if kind[1] in "fd" else random.choice(INTEGERS) % 2 ** (8 * size - 1)
    if kind[1] == "f" and abs(number) > 3.1e38 and number - number == 0:  # no such number in four bytes
        number = 3e38
    at = size * random.randrange(max(1, min(len(data), random.choice((64, len(data)))) // size))
    return data[:at] + struct.pack(kind, number) + data[at + size :], f"{number} as {kind} at {at}"


def damaged_text(random: Random, data: bytes) -> tuple[bytes, str]:
    """Text with odd numbers, numbers that changed places, odd words, or lines that are gone, twice or cut."""
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        data, said = random.choice((_odd_number, _odd_number, _swapped, _odd_word, _odd_line))(random, data)
    return data, said


def _odd_number(random: Random, data: bytes) -> tuple[bytes, str]:
    places = [found.span() for found in _NUMBER.finditer(data)]
    if not places:
        return damaged_bytes(random, data)
    start, end = random.choice(places)
    word = random.choice(WORDS)
    return data[:start] + word.encode("utf-8", "surrogatepass") + data[end:], f"{word[:30]!r} at {start}"


def _swapped(random: Random, data: bytes) -> tuple[bytes, str]:
    places = [found.span() for found in _NUMBER.finditer(data)]
    if len(places) < 2:
        return damaged_bytes(random, data)
    (a, b), (c, d) = sorted(random.sample(places, 2))
    return data[:a] + data[c:d] + data[b:c] + data[a:b] + data[d:], f"numbers at {a} and {c} swapped"


def _odd_word(random: Random, data: bytes) -> tuple[bytes, str]:
    places = [found.span() for found in re.finditer(rb"[^\s,;]+", data)]
    if not places:
        return damaged_bytes(random, data)
    start, end = random.choice(places)
    word = random.choice(WORDS)
    return data[:start] + word.encode("utf-8", "surrogatepass") + data[end:], f"{word[:30]!r} at {start}"


def _odd_line(random: Random, data: bytes) -> tuple[bytes, str]:
    lines = data.split(b"\n")
    at = random.randrange(len(lines))
    new, what = random.choice(
        (([], "gone"), ([lines[at]] * 2, "twice"), ([lines[at][: len(lines[at]) // 2]], "cut"), ([b"#"], "a comment"),
         ([b"\xff\xfe"], "no text"), ([lines[at] + b" 7"], "longer"), ([lines[at], *lines], "the whole again"))
    )  # fmt: skip
    return b"\n".join([*lines[:at], *new, *lines[at + 1 :]]), f"line {at} {what}"


def damaged_json(random: Random, data: bytes) -> tuple[bytes, str]:
    """JSON with values that are odd, gone, twice or in another's place; seldom, text that is none."""
    if random.random() < 0.1:
        return random.choice((damaged_bytes, damaged_text))(random, data)
    if random.random() < 0.05:
        whole = random.choice((b"", b"\xef\xbb\xbf" + data, DEEP.encode(), b"null", b"[]", b"{}", b"\xff" * 100,
                               data.decode().encode("utf-16"), data + data))  # fmt: skip
        return whole, "another text"
    tree = json.loads(data)
    said = [_edit(random, tree) for _ in range(random.choice((1, 1, 1, 2, 3)))]
    return dumped(tree).encode("utf-8", "surrogatepass"), "; ".join(said)


def _edit(random: Random, tree: Any) -> str:
    places = list(_places(tree))
    if not places:
        return "nothing"
    # Numbers in lists outnumber the values that have names by far.
    named = [place for place in places if isinstance(place[1], str)]
    parent, key = random.choice(named if named and random.random() < 0.7 else places)
    old = parent[key]
    match random.randrange(10):
        case 0 if isinstance(parent, dict):
            del parent[key]
            return f"no {key}"
        case 1 if isinstance(parent, list):
            parent[key:key] = [old] * random.choice((1, 1, 300))
            return f"[{key}] again"
        case 2 if isinstance(parent, list):
            del parent[key]
            return f"no [{key}]"
        case 3 if isinstance(old, (int, float)) and not isinstance(old, bool) and abs(old) < 1e300:
            parent[key] = random.choice((-old, str(old), [old], old * 10**6, old + 0.5, old / 3, float(old)))
            return f"{key}: another number"
        case 4:
            other, at = random.choice(places)
            # Of copies: no value becomes a part of itself.
            parent[key], other[at] = copy.deepcopy(other[at]), copy.deepcopy(old)
            return f"{key} and {at} swapped"
        case 5:
            parent[key] = [old] if random.random() < 0.5 else {str(key): old}
            return f"{key} in a container"
    value = random.choice(VALUES)
    parent[key] = value
    return f"{key}: {str(value)[:30]!r}"


def _places(tree: Any) -> Any:
    """Every place of a tree, as its container and the key there."""
    for key in list(tree) if isinstance(tree, dict) else range(len(tree)) if isinstance(tree, list) else ():
        yield tree, key
        yield from _places(tree[key])


def dumped(tree: Any) -> str:
    """JSON of a tree in which `Raw` text stands for itself."""
    raw: dict[str, str] = {}

    def marked(value: Any) -> Any:
        if isinstance(value, Raw):
            raw[mark := f"@{len(raw)}@"] = value
            return mark
        if isinstance(value, dict):
            return {key: marked(each) for key, each in value.items()}
        return [marked(each) for each in value] if isinstance(value, list) else value

    text = json.dumps(marked(tree))
    for mark, value in raw.items():
        text = text.replace(f'"{mark}"', value)
    return text


_BOMB = '<!DOCTYPE x [<!ENTITY a0 "x">{}]>'.format(
    "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12))
)
_FOREIGN = '<!DOCTYPE x [<!ENTITY a11 SYSTEM "file:///etc/passwd">]>'


def damaged_xml(random: Random, data: bytes) -> tuple[bytes, str]:
    """XML with elements and attributes that are odd, gone, twice or renamed; seldom, entities that swell."""
    choice = random.random()
    if choice < 0.2:
        return random.choice((damaged_bytes, damaged_text))(random, data)
    if choice < 0.25:
        entity = random.choice((_BOMB, _FOREIGN))
        text = re.sub(r"^<\?xml.*?\?>", "", data.decode()).strip()
        return (entity + text.replace(">", ">&a11;", 1)).encode(), "entities"
    if choice < 0.28:
        return b"<a>" * 100_000 + b"</a>" * 100_000, "nested deeply"
    root = ElementTree.fromstring(data)
    said = [_edit_element(random, root) for _ in range(random.choice((1, 1, 2, 3)))]
    return ElementTree.tostring(root, "utf-8"), "; ".join(said)


def _edit_element(random: Random, root: ElementTree.Element) -> str:
    parents = {child: parent for parent in root.iter() for child in parent}
    element = random.choice(list(root.iter()))
    printable = [word for word in WORDS if word.isprintable()]  # others are no XML at all
    match random.randrange(6):
        case 0 if element in parents:
            parents[element].remove(element)
            return f"no {element.tag}"
        case 1 if element in parents:
            parents[element].extend([element] * random.choice((1, 1, 300)))
            return f"{element.tag} again"
        case 2:
            element.tag = random.choice(("x", "polygon", "camera", "mask", "track", "chunk"))
            return f"now {element.tag}"
        case 3 if element.attrib:
            del element.attrib[key := random.choice(list(element.attrib))]
            return f"no {element.tag}.{key}"
        case 4 if element.attrib:
            element.attrib[key := random.choice(list(element.attrib))] = (word := random.choice(printable))
            return f"{element.tag}.{key}: {word[:30]!r}"
    source = element.text or random.choice(list(element.attrib.values()) or ["1"])
    changed = damaged_text(random, source.encode())[0].decode(errors="replace")
    text = "".join(letter for letter in changed if letter.isprintable() or letter in "\n\t")
    if element.attrib and not (element.text or "").strip():
        element.attrib[key := random.choice(list(element.attrib))] = text
        return f"{element.tag}.{key} is {text[:30]!r}"
    element.text = text
    return f"{element.tag} is {text[:30]!r}"
