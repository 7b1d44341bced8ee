"""Personal data in the columns of a table: simple patterns, each with a check that a chance match rarely passes.

Names, addresses and birth dates have no pattern, so silence does not show that a column holds no personal data.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

MOST_VALUES = 200_000
"""Distinct values of a column that are looked at."""

IBAN_LENGTHS = {
    "AD": 24, "AE": 23, "AT": 20, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BR": 29, "CH": 21, "CY": 28, "CZ": 24,
    "DE": 22, "DK": 18, "EE": 20, "EG": 29, "ES": 24, "FI": 18, "FR": 27, "GB": 22, "GE": 22, "GI": 23, "GR": 27,
    "HR": 21, "HU": 28, "IE": 22, "IL": 23, "IS": 26, "IT": 27, "KW": 30, "KZ": 20, "LI": 21, "LT": 20, "LU": 20,
    "LV": 21, "MC": 27, "MD": 24, "ME": 22, "MK": 19, "MT": 31, "NL": 18, "NO": 15, "PK": 24, "PL": 28, "PT": 25,
    "QA": 29, "RO": 24, "RS": 22, "SA": 24, "SE": 24, "SI": 19, "SK": 24, "SM": 27, "TN": 24, "TR": 26, "UA": 29,
}  # fmt: skip
"""Characters of an IBAN by country (ISO 13616 registry); other countries' are not looked for."""


@dataclass(frozen=True)
class Pattern:
    """What one kind of personal data looks like. `least` is the share of values from which a column is said to hold it:
    chance fits the weaker patterns now and then.
    """

    name: str
    looks: re.Pattern[str]
    holds: Callable[[str], bool]
    least: float


@dataclass(frozen=True, slots=True)
class Personal:
    """Personal data in a column: of which kind, and in which share of its values."""

    column: str
    kind: str
    share: float
    rows: int


def luhn(digits: str) -> bool:
    """Whether the last digit checks the others (ISO/IEC 7812-1, annex B)."""
    doubled = [int(d) * (2 if place % 2 else 1) for place, d in enumerate(reversed(digits))]
    return sum(n - 9 if n > 9 else n for n in doubled) % 10 == 0


def _is_card(text: str) -> bool:
    digits = re.sub(r"\D", "", text)
    return len(set(digits)) > 1 and luhn(digits)


def _is_iban(text: str) -> bool:
    """ISO 13616. The last group may be the next word of a sentence, so the text without it is tried as well."""
    groups = re.split(r"[ -]", text)
    return _checks_mod_97("".join(groups)) or (len(groups) > 4 and _checks_mod_97("".join(groups[:-1])))


def _checks_mod_97(iban: str) -> bool:
    """As long as its country says; and the first four moved to the end, letters as numbers, leave 1 modulo 97."""
    if len(iban) != IBAN_LENGTHS.get(iban[:2].upper()):
        return False
    moved = (iban[4:] + iban[:4]).upper()
    return int("".join(str(int(c, 36)) for c in moved)) % 97 == 1


def _is_phone(text: str) -> bool:
    digits = re.sub(r"\D", "", text)
    return (
        8 <= len(digits) <= 15 and len(set(digits)) > 2 and not re.fullmatch(r"\d{4}([-./ ])\d\d\1\d\d", text.strip())
    )


PATTERNS = (
    Pattern(
        "e-mail address",
        re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@(?:[\w-]{1,63}\.)+[A-Za-z]{2,24}(?![\w-])"),
        lambda _: True,
        0.0,
    ),
    Pattern(
        "IBAN",
        re.compile(
            r"(?<![A-Za-z0-9])[A-Za-z]{2}\d\d"
            r"(?:[A-Za-z0-9]{11,30}|(?:[ -][A-Za-z0-9]{4}){2,7}(?:[ -][A-Za-z0-9]{1,4})?)(?![A-Za-z0-9])"
        ),
        _is_iban,
        0.0,
    ),
    Pattern(
        "payment card number",
        re.compile(r"(?<![\d.])(?:1800|[2-6]\d{3})(?:[ -]?\d){8,15}(?!\.?\d)"),
        _is_card,
        0.01,
    ),
    Pattern(
        "phone number",
        re.compile(
            r"(?<![\w.+])(?:\+\d{1,3}[ ./-]?(?:\(0\))?|\(\d{2,5}\)[ ./-]?|0\d{1,4}[ ./-]|\d{3}[ .-](?=\d{3}[ .-]))"
            r"\d(?:[ ./-]?\d){4,12}(?![\w.]?\d)"
        ),
        _is_phone,
        0.01,
    ),
)


def kinds_in(text: str) -> set[str]:
    """The kinds of personal data in a text."""
    return {p.name for p in PATTERNS if any(p.holds(match[0]) for match in p.looks.finditer(text))}


def personal_data(frame: pd.DataFrame) -> list[Personal]:
    """What was found, by column; columns of fractions are not looked at."""
    import pandas as pd

    found = []
    for name in map(str, frame.columns):
        column = frame[name]
        if pd.api.types.is_float_dtype(column) or pd.api.types.is_bool_dtype(column):
            continue
        counts = column.dropna().astype(str).value_counts().head(MOST_VALUES)
        rows: dict[str, int] = {}
        for text, count in counts.items():
            for kind in kinds_in(str(text)):
                rows[kind] = rows.get(kind, 0) + int(count)
        total = max(int(counts.sum()), 1)
        least = {pattern.name: pattern.least for pattern in PATTERNS}
        found += [Personal(name, k, n / total, n) for k, n in sorted(rows.items()) if n / total >= least[k]]
    return found
