"""Checks of what has the shape of personal data: whether it holds together, and where it begins and ends."""

from __future__ import annotations

import ipaddress
import re

from holdfast.datasets.personal import IBAN_LENGTHS
from holdfast.guards.text._labels import Labelled
from holdfast.guards.text._shapes import LABELLED, Found, stands_alone


def email(labelled: Labelled, start: int, end: int) -> Found | None:
    """An e-mail address: not the name of a file, nor a repository's."""
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


def iban(labelled: Labelled, start: int, _end: int) -> Found | None:
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


_VERSION = re.compile(r"(?:versions?|ver|v|releases?|oid|sections?|chapters?|build)\W{0,3}\Z", re.IGNORECASE)


def ipv4(labelled: Labelled, start: int, end: int) -> Found | None:
    """An address of a host that is somebody's."""
    text = labelled.text
    if not stands_alone(text, start, end):
        return None
    octets = [int(part) for part in text[start:end].split(".")]
    if max(octets) > 255 or any(len(part) > 1 and part[0] == "0" for part in text[start:end].split(".")):
        return None
    address = ipaddress.IPv4Address(text[start:end])
    labels = labelled.before(start)
    is_no_host = address.is_loopback or address.is_unspecified or octets[0] == 255
    if is_no_host or text[start - 1 : start] == "/" or _VERSION.search(text, max(0, start - 16), start):
        return Found(start, end, "ip", 0.2)
    return Found(start, end, "ip", LABELLED if "ip" in labels else 0.4 if max(octets) < 20 else 0.8)


def ipv6(labelled: Labelled, start: int, end: int) -> Found | None:
    """The same of IPv6, and no slice or time of day."""
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


def mac(labelled: Labelled, start: int, end: int) -> Found | None:
    """An address of a network card, and no longer fingerprint."""
    text = labelled.text
    beside = text[max(0, start - 1) : start] + text[end : end + 1]
    if any(c.isalnum() or c in ":-" for c in beside) or len({*text[start:end].lower()} - set(":-.")) < 3:
        return None
    return Found(start, end, "mac", 0.75)


def login(labelled: Labelled, start: int, end: int) -> Found | None:
    """The user and password in an address."""
    text = labelled.text
    after = text.index("://", start) + 3
    user = text[after : end - 1].partition(":")[0]
    is_stand_in = user.lower() in ("user", "username", "me", "git") or user[:1] in "{[<$"
    return Found(after, end - 1, "login", 0.4 if is_stand_in else 0.9)


def born(labelled: Labelled, start: int, end: int) -> Found | None:
    """A date that is said to be one of birth."""
    text = labelled.text
    if not stands_alone(text, start, end):
        return None
    gap = labelled.before(start).get("born")
    return Found(start, end, "birth_date", 0.85) if gap is not None and gap <= 24 else None


def postal(labelled: Labelled, start: int, end: int) -> Found | None:
    """A number that is said to be a postal code."""
    text = labelled.text
    if not stands_alone(text, start, end) or not any(c.isdigit() for c in text[start:end]):
        return None
    gap = labelled.before(start).get("postal")
    return Found(start, end, "postal_code", 0.8) if gap is not None and gap <= 12 else None


def plate(labelled: Labelled, start: int, end: int) -> Found | None:
    """A number plate behind the word for one."""
    text = labelled.text
    tail = re.search(r"[A-ZÄÖÜ0-9]{1,4}(?:[ -][A-Z0-9]{1,4}){0,3}\Z|[A-Z0-9]{5,8}\Z", text[start:end])
    if (
        tail is None
        or not (re.search(r"\d", tail[0]) and re.search(r"[A-Z]", tail[0]))
        or not stands_alone(text, start + tail.start(), end)
    ):
        return None
    return Found(start + tail.start(), end, "plate", 0.75)


def is_mrz(line: str) -> bool:
    """Whether the check digits of a passport's second machine-readable line agree (ICAO 9303, part 4, 4.2.2)."""
    return all(_check(line[a:b]) == line[b] for a, b in ((0, 9), (13, 19), (21, 27)))


def _check(part: str) -> str:
    values = (0 if c == "<" else int(c, 36) for c in part)
    return str(sum(v * (7, 3, 1)[place % 3] for place, v in enumerate(values)) % 10)


def is_nino(text: str) -> bool:
    """A British national insurance number: prefixes that were never given out are none (HMRC NIM39110)."""
    return text[1] not in "DFIOQUV" and text[:2] not in ("BG", "GB", "KN", "NK", "NT", "TN", "ZZ")


def is_nric(text: str) -> bool:
    """A Singaporean identity number, by its letter."""
    weighed = sum(int(d) * w for d, w in zip(text[1:8], (2, 7, 6, 5, 4, 3, 2), strict=True)) + 4 * (text[0] in "TG")
    return ("JZIHGFEDCBA" if text[0] in "ST" else "XWUTRQPNMLK")[weighed % 11] == text[8]


def is_hkid(text: str) -> bool:
    """An identity number of Hong Kong, by its check digit."""
    body = re.sub(r"[() ]", "", text).rjust(9)
    values = [36 if c == " " else int(c, 36) for c in body]
    return sum(v * w for v, w in zip(values, range(9, 0, -1), strict=True)) % 11 == 0


def is_bech32(text: str) -> bool:
    """A SegWit address: BIP 173's and BIP 350's checksum."""
    charset, checksum = "qpzry9x8gf2tvdw0s3jn54khce6mua7l", 1
    for value in [3, 3, 0, 2, 3, *(charset.find(c) for c in text.lower()[3:])]:
        top, checksum = checksum >> 25, (checksum & 0x1FFFFFF) << 5 ^ value
        for bit, mask in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            checksum ^= mask if top >> bit & 1 else 0
    return checksum in (1, 0x2BC830A3)
