"""Numbers that are personal data: of cards and phones by how they are made, of others by what they are said to be.

A number is a few groups of digits with single separators between. Each group is looked at as a beginning, and no number
depends on more than what stands some forty characters before it: so a text in pieces reads as it does in one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from holdfast.datasets.personal import luhn
from holdfast.guards.text._labels import Labelled
from holdfast.guards.text._shapes import LABELLED, Found, is_number, stands_alone

NUMBERS = r"\d[\d .()/\x{a0}\x{2010}-\x{2015}-]{3,}\d"
CODES = r"\b[A-Z]{1,6}-?\d[A-Z0-9-]{3,18}\b|\b\d{1,9}[A-Z-][A-Z0-9-]{2,18}\b"
"""Where a number, and a code of letters and digits, may be; in RE2's syntax."""

MOST_GROUPS, LEAST_DIGITS, MOST_DIGITS = 20, 6, 19
_GROUP = re.compile(r"\d+")
_BETWEEN = re.compile(r"[ .\-/\u00a0\u2010-\u2015]|[)] ?|[)][-./]| ?[(]|[(]| [-/] |[)] [(]")
_EXTENSION = re.compile(r" ?(?:x|ext\.? ?)\d{1,5}\b", re.IGNORECASE)
_CURRENCY = "$€£¥₹"

SCHEMES = (
    ("4", (13, 16, 19)),
    ("34 37", (15,)),
    ("300 301 302 303 304 305 309 36 38 39", (14, 16)),
    ("1800 2131", (15,)),
    ("35", (16,)),
    ("2221-2720", (16,)),
    ("50 56 57 58 63 67", (12, 13, 14, 15, 16, 17, 18, 19)),
    ("51 52 53 54 55", (16,)),
    ("60 64 65", (16, 17, 18, 19)),
    ("62 81", (16, 17, 18, 19)),
)
"""First digits of payment cards, and how long their numbers are (ISO/IEC 7812, as the schemes publish them)."""

BY_LABEL = {
    "ssn": ("ssn", 9, 9),
    "id": ("national_id", 7, 18),
    "tax": ("tax_id", 8, 15),
    "health": ("health_id", 6, 15),
    "passport": ("passport", 7, 9),
    "licence": ("driver_licence", 5, 16),
    "account": ("bank_account", 7, 17),
}
"""What a number is behind such a label, and how many digits it then has, at least and at most."""

NEAR = 28
"""Characters between a label and a number, at most."""


@dataclass(frozen=True, slots=True)
class Number:
    """Groups of digits that follow one another: where, and what stands between them."""

    start: int
    end: int
    groups: tuple[str, ...]
    between: tuple[str, ...]
    digits: str
    lengths: tuple[int, ...]


def numbers_in(labelled: Labelled, start: int, end: int, regions: tuple[str, ...]) -> Iterator[Found]:
    """Personal data among the digits of a stretch of text."""
    text = labelled.text
    groups = [(start + match.start(), start + match.end()) for match in _GROUP.finditer(text[start:end])]
    for first, (begin, _) in enumerate(groups):
        before = text[groups[first - 1][1] : begin] if first else text[max(0, begin - 2) : begin]
        if _may_begin(before, is_inside=first > 0):
            yield from _at(labelled, groups[first : first + MOST_GROUPS], regions)


def _may_begin(before: str, *, is_inside: bool) -> bool:
    """Whether a number can begin behind this: not in the middle of one that is written without spaces."""
    if is_inside:
        return " " in before or "\u00a0" in before or before.endswith("(")
    last = before[-1:]
    is_fraction = last in (".", ",") and before[:1].isdigit()
    return not (last.isalnum() or last == "_" or is_fraction or (last and last in _CURRENCY))


def _at(labelled: Labelled, groups: list[tuple[int, int]], regions: tuple[str, ...]) -> Iterator[Found]:
    """What begins with the first of these groups: a card's number, or the surest of other kinds."""
    numbers = list(_joined(labelled.text, groups))
    if not numbers or len(numbers[-1].digits) < LEAST_DIGITS:
        return
    labels = labelled.before(groups[0][0])
    numbers = [number for number in numbers if len(number.digits) >= LEAST_DIGITS]
    found = [*_cards(numbers, labels), *_said(numbers, labels), *_phones(labelled, numbers, labels, regions)]
    if found:
        yield max(found, key=lambda one: (one.score, one.end))


def _joined(text: str, groups: list[tuple[int, int]]) -> Iterator[Number]:
    """The numbers that begin with the first group, from the shortest to the longest, that end where one can end."""
    start, parts, between, lengths, total = groups[0][0], list[str](), list[str](), list[int](), 0
    for place, (begin, end) in enumerate(groups):
        total += end - begin
        if place:
            gap = text[groups[place - 1][1] : begin]
            between.append(gap)
            if not _BETWEEN.fullmatch(gap):
                return
        if total > MOST_DIGITS:
            return
        parts.append(text[begin:end])
        lengths.append(end - begin)
        following = text[end : groups[place + 1][0]] if place + 1 < len(groups) else ""
        is_end = place + 1 == len(groups) or " " in following or "\u00a0" in following or ")" in following
        if is_end and not _goes_on(text, end):
            yield Number(start, end, tuple(parts), tuple(between), "".join(parts), tuple(lengths))


def _goes_on(text: str, end: int) -> bool:
    """Whether letters or a fraction follow; an extension may."""
    after = text[end : end + 2]
    if after[:1].isalnum() or after[:1] == "_":
        return _EXTENSION.match(text, end) is None
    return after[:1] in (".", ",") and after[1:].isdigit()


def _cards(numbers: list[Number], labels: dict[str, int]) -> Iterator[Found]:
    """Numbers of a known scheme; where a card is spoken of, of any."""
    for number in numbers:
        digits, is_said = number.digits, "card" in labels
        if len(digits) < 12 or len(set(digits)) < 2 or not _is_grouped_as_card(number) or not luhn(digits):
            continue
        if has_scheme(digits):
            alone = 0.8 if len(digits) >= 14 else 0.3
            yield Found(number.start, number.end, "card", 0.98 if is_said else alone)
        elif is_said and labels["card"] == min(labels.values()):
            yield Found(number.start, number.end, "card", 0.8)


def has_scheme(digits: str) -> bool:
    """Whether a scheme has numbers that begin like this and are as long."""
    return any(len(digits) in lengths and _begins(digits, first) for first, lengths in SCHEMES)


def _begins(digits: str, first: str) -> bool:
    if "-" in first:
        low, high = first.split("-")
        return low <= digits[: len(low)] <= high
    return digits.startswith(tuple(first.split()))


def _is_grouped_as_card(number: Number) -> bool:
    lengths = number.lengths
    is_fours = min(lengths[:-1], default=4) >= 4 and max(lengths) <= 6
    return len(lengths) == 1 or (len(set(number.between)) == 1 and (is_fours or set(lengths) == {1}))


def _said(numbers: list[Number], labels: dict[str, int]) -> Iterator[Found]:
    """What the nearest label says that it is."""
    for number in numbers:
        n = len(number.digits)
        if number.lengths == (3, 2, 4) and set(number.between) == {"-"} and is_number("us.ssn", number.digits):
            yield Found(number.start, number.end, "ssn", LABELLED if "ssn" in labels else 0.75)
        if number.lengths == (3, 3, 4) and "health" in labels and is_number("gb.nhs", number.digits):
            yield Found(number.start, number.end, "health_id", LABELLED)
        for label, gap in labels.items():
            kind, least, most = BY_LABEL.get(label, ("", 0, 0))
            if kind and gap <= NEAR and gap == min(labels.values()) and least <= n <= most and not _is_date(number):
                yield Found(number.start, number.end, kind, 0.85 if gap <= 12 else 0.6)


def _phones(
    labelled: Labelled, numbers: list[Number], labels: dict[str, int], regions: tuple[str, ...]
) -> Iterator[Found]:
    """The longest that is one, where several end at one end of a group."""
    text, best = labelled.text, None
    has_plus = text[max(0, numbers[0].start - 1) : numbers[0].start] == "+"
    for number in numbers:
        if best is not None and _is_next(best[0], number):
            break
        score = _phone(labelled, number, labels, regions, has_plus=has_plus)
        if score and (best is None or score >= best[1]):
            best = number, score
    if best is not None:
        number, score = best
        start = number.start - (has_plus or _opens(text, number))
        yield Found(start, _whole_end(text, number), "phone", score)


def _whole_end(text: str, number: Number) -> int:
    """Where a number ends, with its extension."""
    extension = _EXTENSION.match(text, number.end)
    return extension.end() if extension else number.end


def _is_next(whole: Number, longer: Number) -> bool:
    """Whether what follows a whole number is another one: it stands apart, and the number's own groups do not."""
    added = longer.between[len(whole.between)]
    return len(whole.digits) >= 9 and added.isspace() and not any(" " in gap for gap in whole.between[1:])


def _opens(text: str, number: Number) -> bool:
    return text[max(0, number.start - 1) : number.start] == "(" and bool(number.between) and ")" in number.between[0]


def _phone(
    labelled: Labelled, number: Number, labels: dict[str, int], regions: tuple[str, ...], *, has_plus: bool
) -> float:
    digits, lengths = number.digits, number.lengths
    n, gap, nearest = len(digits), labels.get("phone"), min(labels.values(), default=0)
    if (
        not LEAST_DIGITS <= n <= 15
        or len(set(digits)) < 3
        or lengths.count(1) > 2
        or _is_date(number)
        or _is_quantity(number)
    ):
        return 0.0
    if has_plus and n >= 8:
        return 0.9 if gap is not None or _is_phone(f"+{digits}", None) else 0.7
    if digits.startswith("00") and n >= 10 and _is_phone(f"+{digits[2:]}", None):
        return 0.8
    is_near = gap is not None and gap == nearest <= NEAR
    if (n >= 7 or (gap is not None and gap <= 3)) and (
        is_near or labelled.is_phone_after(_whole_end(labelled.text, number))
    ):
        return 0.85
    if "other" in labels and labels["other"] == nearest:
        return 0.0
    if (
        lengths == (3, 3, 4)
        and not any(c in "/(" for gap in number.between for c in gap)
        and digits[0] >= "2"
        and digits[3] >= "2"
    ):
        return 0.65
    is_written_out = digits.startswith("0") and len(lengths) > 1 and 9 <= n <= 12
    if is_written_out and any(_is_phone(digits, region) for region in regions):
        return 0.55
    return 0.0


def _is_phone(digits: str, region: str | None) -> bool:
    """Whether such a number is given out, by the plans of the countries (libphonenumber)."""
    import phonenumbers

    try:
        return bool(phonenumbers.is_valid_number(phonenumbers.parse(digits, region)))
    except phonenumbers.NumberParseException:
        return False


def _is_quantity(number: Number) -> bool:
    """Whether it reads as thousands, one decimal number, the address of a host, or an American postal code."""
    lengths, between = number.lengths, set(number.between)
    is_address = len(lengths) == 4 and between == {"."} and all(int(group) <= 255 for group in number.groups)
    if is_address or (lengths == (5, 4) and between == {"-"}):
        return True
    if len(lengths) == 2 and between == {"."} and lengths[0] <= 3:
        return True
    is_thousands = len(between) == 1 and between <= {" ", ".", "\u00a0"} and set(lengths[1:]) == {3} and lengths[0] <= 3
    return is_thousands and number.groups[-1] == "000"


def _is_date(number: Number) -> bool:
    """Whether any three groups are a date, or two are years."""
    groups = number.groups
    if any(_is_year(a) and _is_year(b) for a, b in pairwise(groups)):
        return True
    for place, (a, b, c) in enumerate(zip(groups, groups[1:], groups[2:], strict=False)):
        gaps = set(number.between[place : place + 2])
        if len(gaps) == 1 and gaps <= {"-", ".", "/"} and (_is_day(a, b, c) or _is_day(c, b, a)):
            return True
    return False


def _is_day(year: str, a: str, b: str) -> bool:
    return _is_year(year) and len(a) <= 2 and len(b) <= 2 and 1 <= int(a) <= 31 and 1 <= int(b) <= 31


def _is_year(group: str) -> bool:
    return len(group) == 4 and group[:2] in ("19", "20")


CODE_LABELS = {
    "passport": ("passport", 6, 10),
    "licence": ("driver_licence", 5, 20),
    "health": ("health_id", 5, 20),
    "id": ("national_id", 6, 20),
    "tax": ("tax_id", 7, 16),
}


def code_at(labelled: Labelled, start: int, end: int) -> Found | None:
    """What a code of letters and digits is by the label before it."""
    text = labelled.text
    part = text[start:end]
    if part.isdigit() or sum(map(str.isdigit, part)) < 3 or not stands_alone(text, start, end):
        return None
    labels = labelled.before(start)
    nearest = min(labels.values(), default=NEAR + 1)
    for label, (kind, least, most) in CODE_LABELS.items():
        if labels.get(label) == nearest <= NEAR and least <= end - start <= most:
            return Found(start, end, kind, 0.8)
    return None
