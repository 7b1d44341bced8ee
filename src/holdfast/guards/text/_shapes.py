"""Personal data that its shape gives away: one pattern, one check and one score each; labels raise the score.

Scores are how sure a find is, from 0 to 1, as people judged it who wrote these rules: not a probability. Check digits
and formats are those of python-stdnum, which names each one's official source.
"""

from __future__ import annotations

import importlib
import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass

from holdfast.datasets.personal import IBAN_LENGTHS
from holdfast.guards.text._labels import Labelled

Check = Callable[[Labelled, int, int], "Found | None"]

LABELLED = 0.95
"""The score of what has the shape of a kind, and stands behind a word that says so."""


@dataclass(frozen=True, slots=True)
class Found:
    """Personal data in a text: where, of which kind, and how sure that is."""

    start: int
    end: int
    kind: str
    score: float


@dataclass(frozen=True, slots=True)
class Shape:
    """What a kind looks like: a pattern in RE2's syntax, how sure it is `alone`, the label that makes it surer, and
    what checks it: a module of python-stdnum, or a function of the text and the place.
    """

    kind: str
    looks: str
    alone: float
    label: str = ""
    number: str = ""
    holds: Callable[[str], bool] | None = None
    exact: Check | None = None

    def found(self, labelled: Labelled, start: int, end: int) -> Found | None:
        """What stands at a place that matches; None where it only looks like it."""
        if self.exact is not None:
            return self.exact(labelled, start, end)
        text = labelled.text
        if not stands_alone(text, start, end):
            return None
        part = text[start:end]
        if self.number and not is_number(self.number, part):
            return None
        if self.holds is not None and not self.holds(part):
            return None
        is_labelled = self.label and self.label in labelled.before(start)
        return Found(start, end, self.kind, LABELLED if is_labelled else self.alone)


def stands_alone(text: str, start: int, end: int) -> bool:
    """Whether no longer word or number goes on before or after a place."""
    return not _goes_on(text[max(0, start - 2) : start][::-1]) and not _goes_on(text[end : end + 2])


def _goes_on(beside: str) -> bool:
    return bool(beside) and (beside[0].isalnum() or beside[0] == "_" or (beside[0] in "-./" and beside[1:2].isdigit()))


def is_number(module: str, text: str) -> bool:
    """Whether python-stdnum's module says that it is one of its numbers."""
    try:
        return bool(importlib.import_module(f"stdnum.{module}").is_valid(text))
    except (ValueError, IndexError, KeyError):  # a few modules break on numbers that are not quite theirs
        return False


def _email(labelled: Labelled, start: int, end: int) -> Found | None:
    text = labelled.text
    local, _, domain = text[start:end].rpartition("@")
    start += len(local) - len(local.lstrip(".'-+&="))
    tail = domain.rpartition(".")[2].lower()
    if start >= end - len(domain) - 1 or ".." in domain or tail in FILES or text[end : end + 1] in ("@", "_"):
        return None
    is_remote = local.lower() == "git" and text[end : end + 1] in (":", "/")
    return None if is_remote else Found(start, end, "email", 0.99)


FILES = frozenset(["png", "jpg", "jpeg", "gif", "svg", "webp", "js", "ts", "css", "json", "md", "txt", "html", "pdf"])
"""Ends of names of files, which are also written ``name@2x.png``."""


def _iban(labelled: Labelled, start: int, _end: int) -> Found | None:
    """ISO 13616: as long as its country says, in groups or in one, with check digits modulo 97."""
    text = labelled.text
    length = IBAN_LENGTHS.get(text[start : start + 2].upper())
    if length is None or (start and text[start - 1].isalnum()):
        return None
    taken, at, gap = 0, start, 0
    while at < len(text) and taken < length and gap < 2:
        is_part = text[at].isascii() and text[at].isalnum()
        if not is_part and text[at] not in " -\u00a0":
            return None
        taken, gap, at = taken + is_part, 0 if is_part else gap + 1, at + 1
    if taken < length or text[at : at + 1].isalnum():
        return None
    number = re.sub(r"[^A-Za-z0-9]", "", text[start:at]).upper()
    if int("".join(str(int(c, 36)) for c in number[4:] + number[:4])) % 97 == 1:
        return Found(start, at, "iban", 0.98)
    return Found(start, at, "iban", 0.6) if "iban" in labelled.before(start) else None


def _ipv4(labelled: Labelled, start: int, end: int) -> Found | None:
    text = labelled.text
    if not stands_alone(text, start, end):
        return None
    octets = [int(part) for part in text[start:end].split(".")]
    if max(octets) > 255 or any(len(part) > 1 and part[0] == "0" for part in text[start:end].split(".")):
        return None
    address = ipaddress.IPv4Address(text[start:end])
    labels = labelled.before(start)
    is_no_host = address.is_loopback or address.is_unspecified or octets[0] == 255 or octets[-1:] == [0]
    if is_no_host or ("other" in labels and "ip" not in labels) or text[start - 1 : start] == "/":
        return Found(start, end, "ip", 0.2)
    return Found(start, end, "ip", LABELLED if "ip" in labels else 0.4 if max(octets) < 20 else 0.8)


def _ipv6(labelled: Labelled, start: int, end: int) -> Found | None:
    text = labelled.text
    part = text[start:end]
    if (start and (text[start - 1].isalnum() or text[start - 1] in ":.")) or text[end : end + 1].isalnum():
        return None
    groups = [group for group in part.split(":") if group]
    is_short = len(groups) < 3 and "ip" not in labelled.before(start)
    if is_short or text[end : end + 1] == ":" or not any(c.isdigit() for c in part):
        return None
    try:
        address = ipaddress.IPv6Address(part)
    except ValueError:
        return None
    return None if address.is_loopback or address.is_unspecified else Found(start, end, "ip", 0.8)


def _mac(labelled: Labelled, start: int, end: int) -> Found | None:
    text = labelled.text
    beside = text[max(0, start - 1) : start] + text[end : end + 1]
    if any(c.isalnum() or c in ":-" for c in beside) or len({*text[start:end].lower()} - set(":-.")) < 3:
        return None
    return Found(start, end, "mac", 0.75)


def _login(labelled: Labelled, start: int, end: int) -> Found | None:
    """The user and password in an address."""
    text = labelled.text
    after = text.index("://", start) + 3
    user = text[after : end - 1].partition(":")[0]
    is_stand_in = user.lower() in ("user", "username", "me", "git") or user[:1] in "{[<$"
    return Found(after, end - 1, "login", 0.4 if is_stand_in else 0.9)


def _born(labelled: Labelled, start: int, end: int) -> Found | None:
    text = labelled.text
    if not stands_alone(text, start, end):
        return None
    gap = labelled.before(start).get("born")
    return Found(start, end, "birth_date", 0.85) if gap is not None and gap <= 24 else None


def _postal(labelled: Labelled, start: int, end: int) -> Found | None:
    text = labelled.text
    if not stands_alone(text, start, end) or not any(c.isdigit() for c in text[start:end]):
        return None
    gap = labelled.before(start).get("postal")
    return Found(start, end, "postal_code", 0.8) if gap is not None and gap <= 12 else None


def _plate(labelled: Labelled, start: int, end: int) -> Found | None:
    text = labelled.text
    tail = re.search(r"[A-ZÄÖÜ0-9]{1,4}(?:[ -][A-Z0-9]{1,4}){0,3}\Z|[A-Z0-9]{5,8}\Z", text[start:end])
    if (
        tail is None
        or not (re.search(r"\d", tail[0]) and re.search(r"[A-Z]", tail[0]))
        or not stands_alone(text, start + tail.start(), end)
    ):
        return None
    return Found(start + tail.start(), end, "plate", 0.75)


def _is_mrz(line: str) -> bool:
    """Whether the check digits of a passport's second machine-readable line agree (ICAO 9303, part 4, 4.2.2)."""
    return all(_check(line[a:b]) == line[b] for a, b in ((0, 9), (13, 19), (21, 27)))


def _check(part: str) -> str:
    values = (0 if c == "<" else int(c, 36) for c in part)
    return str(sum(v * (7, 3, 1)[place % 3] for place, v in enumerate(values)) % 10)


def _is_nino(text: str) -> bool:
    """A British national insurance number: prefixes that were never given out are none (HMRC NIM39110)."""
    return text[1] not in "DFIOQUV" and text[:2] not in ("BG", "GB", "KN", "NK", "NT", "TN", "ZZ")


def _is_nric(text: str) -> bool:
    """A Singaporean identity number, by its letter."""
    weighed = sum(int(d) * w for d, w in zip(text[1:8], (2, 7, 6, 5, 4, 3, 2), strict=True)) + 4 * (text[0] in "TG")
    return ("JZIHGFEDCBA" if text[0] in "ST" else "XWUTRQPNMLK")[weighed % 11] == text[8]


def _is_hkid(text: str) -> bool:
    """An identity number of Hong Kong, by its check digit."""
    body = re.sub(r"[() ]", "", text).rjust(9)
    values = [36 if c == " " else int(c, 36) for c in body]
    return sum(v * w for v, w in zip(values, range(9, 0, -1), strict=True)) % 11 == 0


def _is_bech32(text: str) -> bool:
    """A SegWit address: BIP 173's and BIP 350's checksum."""
    charset, checksum = "qpzry9x8gf2tvdw0s3jn54khce6mua7l", 1
    for value in [3, 3, 0, 2, 3, *(charset.find(c) for c in text.lower()[3:])]:
        top, checksum = checksum >> 25, (checksum & 0x1FFFFFF) << 5 ^ value
        for bit, mask in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            checksum ^= mask if top >> bit & 1 else 0
    return checksum in (1, 0x2BC830A3)


_STREET = (
    r"(?:Street|St|Avenue|Ave|Road|Rd|Boulevard|Blvd|Lane|Ln|Drive|Dr|Court|Ct|Square|Sq|Place|Pl|Terrace|Way|Close|"
    r"Crescent|Highway|Hwy|Parkway|Pkwy)"
)
_MONTH = (
    r"(?i:jan|feb|mar|mär|apr|may|mai|jun|jul|aug|sep|oct|okt|nov|dec|dez|janv|févr|mars|avr|juin|juil|août|déc|ene|"
    r"abr|ago|dic|gen|mag|giu|lug|set|ott)[a-zé]{0,6}"
)
_ANY = r"\x{80}-\x{10ffff}"

SHAPES = (
    Shape("email", rf"[\w.+%'&={_ANY}-]{{1,64}}@[\w.{_ANY}-]{{1,190}}\.[A-Za-z]{{2,24}}", 0.99, exact=_email),
    Shape("email", r"(?i)\b[a-z0-9._-]{1,40} ?[\[(] ?at ?[\])] ?[a-z0-9-]{1,40} ?[\[(] ?dot ?[\])] ?[a-z]{2,8}", 0.8),
    Shape("iban", r"\b[A-Za-z]{2}\d\d[ -]?[A-Za-z0-9]{2}", 0.98, exact=_iban),
    Shape("ip", r"\b\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}\b", 0.8, exact=_ipv4),
    Shape("ip", r"[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}", 0.8, exact=_ipv6),
    Shape("mac", r"\b(?:[0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}\b", 0.75, exact=_mac),
    Shape("mac", r"\b(?:[0-9A-Fa-f]{2}-){5}[0-9A-Fa-f]{2}\b", 0.75, exact=_mac),
    Shape("mac", r"\b[0-9a-f]{4}\.[0-9a-f]{4}\.[0-9a-f]{4}\b", 0.6, exact=_mac),
    Shape("login", r"\b[a-z][a-z0-9+.-]{1,20}://[^\s/@:?#]{1,64}(?::[^\s/@?#]{0,128})?@", 0.9, exact=_login),
    Shape("wallet", r"\b[13][1-9A-HJ-NP-Za-km-z]{25,34}\b", 0.9, "wallet", "bitcoin"),
    Shape("wallet", r"\b(?:bc1|BC1)[02-9ac-hj-np-zAC-HJ-NP-Z]{11,71}\b", 0.9, "wallet", holds=_is_bech32),
    Shape("wallet", r"\b0x[0-9a-fA-F]{40}\b", 0.7, "wallet"),
    Shape(
        "birth_date",
        r"\b(?:\d{1,2}[./-]\d{1,2}[./-](?:\d{4}|\d{2})|(?:19|20)\d\d[./-]\d{1,2}[./-]\d{1,2}|"
        rf"\d{{1,2}}(?:st|nd|rd|th)?\.? (?:of )?{_MONTH}\.?,? (?:19|20)\d\d|"
        rf"{_MONTH} \d{{1,2}}(?:st|nd|rd|th)?,? (?:19|20)\d\d)\b",
        0.85,
        exact=_born,
    ),
    Shape("postal_code", r"\b[A-Z]{1,2}\d[A-Z\d]? \d[A-Z]{2}\b|\b[A-Z]\d[A-Z] \d[A-Z]\d\b", 0.6, "postal"),
    Shape("postal_code", r"\b(?:[A-Z]{1,2}-)?\d{3,5}(?:[ -]\d{2,4}|[ ]?[A-Z]{2})?\b", 0.8, exact=_postal),
    Shape("address", rf"\b\d{{1,5}}[A-Za-z]? (?:[A-Z][\w.'{_ANY}-]{{0,24}} ){{1,4}}{_STREET}\b", 0.6),
    Shape("address", r"(?i)\bP\.? ?O\.? ?Box \d{1,6}\b", 0.7),
    Shape("address", r"\b[A-ZÄÖÜ][a-zäöüß]{2,24}(?:straße|strasse|str\.|weg|gasse|platz|allee) \d{1,4}[a-z]?\b", 0.7),
    Shape(
        "address",
        r"\b\d{1,4},? (?:bis |ter )?(?:rue|avenue|boulevard|place|allée|chemin|impasse) (?:de |du |des |la |l')*"
        r"[A-ZÉÈ][\w'\x{80}-\x{24f}-]{2,24}",
        0.6,
    ),
    Shape(
        "plate",
        r"(?i:\b(?:(?:licen[cs]e|number|registration|car|vehicle) plates?|kennzeichen|immatriculation|kenteken|"
        r"matrícula|targa|(?:car|vehicle) reg(?:istration)?)\b)[^\n\dA-ZÄÖÜ]{0,24}"
        r"[A-ZÄÖÜ0-9]{1,4}(?:[ -]?[A-Z0-9]{1,4}){1,3}\b",
        0.75,
        exact=_plate,
    ),
    Shape("passport", r"\b[A-Z0-9<]{9}\d[A-Z<]{3}\d{7}[MFX<]\d{7}[A-Z0-9<]{14}[\d<]\d", 0.95, holds=_is_mrz),
    Shape("passport", r"\bP[A-Z<][A-Z]{3}[A-Z]{1,30}<[A-Z<]{8,39}", 0.9),
    Shape("ssn", r"\b9\d\d-[5-9]\d-\d{4}\b", 0.7, "tax", "us.itin"),
    Shape(
        "health_id",
        r"\b[1-9][AC-HJKMNP-RT-Y][AC-HJKMNP-RT-Y0-9]\d-?[AC-HJKMNP-RT-Y][AC-HJKMNP-RT-Y0-9]\d-?"
        r"[AC-HJKMNP-RT-Y]{2}\d\d\b",
        0.7,
        "health",
    ),
    Shape("national_id", r"\b[A-Za-z]{6}\d\d[A-Za-z]\d\d[A-Za-z]\d{3}[A-Za-z]\b", 0.9, "id", "it.codicefiscale"),
    Shape("national_id", r"\b\d{8}-?[A-Z]\b", 0.6, "id", "es.dni"),
    Shape("national_id", r"\b[XYZ]-?\d{7}-?[A-Z]\b", 0.7, "id", "es.nie"),
    Shape("national_id", r"\b[A-Z]{4}\d{6}[HM][A-Z]{5}[A-Z0-9]\d\b", 0.9, "id", "mx.curp"),
    Shape("national_id", r"\b[A-Z]{5}\d{4}[A-Z]\b", 0.55, "id", "in_.pan"),
    Shape("national_id", r"\b\d{6}[-+A-FU-Y]\d{3}[0-9A-Z]\b", 0.8, "id", "fi.hetu"),
    Shape("national_id", r"\b(?:\d\d)?\d{6}[-+]\d{4}\b", 0.7, "id", "se.personnummer"),
    Shape("national_id", r"\b\d{6}-\d{4}\b", 0.4, "id", "dk.cpr"),
    Shape("national_id", r"\b\d\d\.\d\d\.\d\d-\d{3}\.\d\d\b", 0.9, "id", "be.nn"),
    Shape("national_id", r"\b\d{3}\.\d{3}\.\d{3}-\d\d\b", 0.9, "id", "br.cpf"),
    Shape("national_id", r"\b[12] ?\d\d ?(?:0[1-9]|1[0-2]) ?\d[\dAB] ?\d{3} ?\d{3} ?\d\d\b", 0.8, "id", "fr.nir"),
    Shape("national_id", r"\b756\.?\d{4}\.?\d{4}\.?\d\d\b", 0.85, "id", "ch.ssn"),
    Shape("national_id", r"\b\d{17}[\dXx]\b", 0.85, "id", "cn.ric"),
    Shape("national_id", r"\b\d{6}-[1-8]\d{6}\b", 0.75, "id", "kr.rrn"),
    Shape("national_id", r"\b\d{1,2}\.\d{3}\.\d{3}-[\dkK]\b", 0.75, "id", "cl.rut"),
    Shape("national_id", r"\b\d{6}/\d{3,4}\b", 0.6, "id", "cz.rc"),
    Shape("national_id", r"\b\d{6}-\d\d-\d{4}\b", 0.7, "id", "my.nric"),
    Shape("national_id", r"\b\d{5}-\d{7}-\d\b", 0.7, "id", "pk.cnic"),
    Shape("national_id", r"\b\d{4} \d{4} \d{4}\b", 0.45, "id", "in_.aadhaar"),
    Shape("national_id", r"\b\d{3}[ -]\d{3}[ -]\d{3}\b", 0.4, "id", "ca.sin"),
    Shape("national_id", r"\b\d{7}[A-W][A-IW]?\b", 0.55, "id", "ie.pps"),
    Shape("national_id", r"\b[A-CEGHJ-PR-TW-Z][A-Z] ?\d\d ?\d\d ?\d\d ?[A-D]\b", 0.8, "id", holds=_is_nino),
    Shape("national_id", r"\b[STFG]\d{7}[A-Z]\b", 0.75, "id", holds=_is_nric),
    Shape("national_id", r"\b[A-Z]{1,2}\d{6}\([0-9A]\)", 0.8, "id", holds=_is_hkid),
    Shape("tax_id", r"\b\d\d\.\d{3}\.\d{3}/\d{4}-\d\d\b", 0.85, "tax", "br.cnpj"),
    Shape("tax_id", r"\b\d\d-\d{8}-\d\b", 0.7, "tax", "ar.cuit"),
    Shape("tax_id", r"\b\d{3}-\d{3}-\d\d-\d\d\b", 0.7, "tax", "pl.nip"),
    Shape(
        "tax_id",
        r"\b(?:AT|BE|BG|CY|CZ|DE|DK|EE|EL|ES|FI|FR|HR|HU|IE|IT|LT|LU|LV|MT|NL|PL|PT|RO|SE|SI|SK)[A-Z0-9]{8,12}\b",
        0.65,
        "tax",
        "eu.vat",
    ),
    Shape("tax_id", r"\bGB ?\d{3} ?\d{4} ?\d\d\b", 0.65, "tax", "gb.vat"),
)  # fmt: skip
