"""Personal data that its shape gives away: one pattern, one check and one score each; labels raise the score.

Scores are how sure a find is, from 0 to 1, as people judged it who wrote these rules: not a probability. Check digits
and formats are those of python-stdnum, which names each one's official source.
"""

from __future__ import annotations

from holdfast.guards.text._checks import (
    born,
    email,
    iban,
    ipv4,
    ipv6,
    is_bech32,
    is_hkid,
    is_mrz,
    is_nino,
    is_nric,
    login,
    mac,
    plate,
    postal,
)
from holdfast.guards.text._shapes import Shape

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
    Shape("email", rf"[\w.+%'&={_ANY}-]{{1,64}}@[\w.{_ANY}-]{{1,190}}\.[A-Za-z]{{2,24}}", 0.99, exact=email),
    Shape("email", r"(?i)\b[a-z0-9._-]{1,40} ?[\[(] ?at ?[\])] ?[a-z0-9-]{1,40} ?[\[(] ?dot ?[\])] ?[a-z]{2,8}", 0.8),
    Shape("iban", r"\b[A-Za-z]{2}\d\d[ -]?[A-Za-z0-9]{2}", 0.98, exact=iban),
    Shape("ip", r"\b\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}\b", 0.8, exact=ipv4),
    Shape("ip", r"[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}", 0.8, exact=ipv6),
    Shape("mac", r"\b(?:[0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}\b", 0.75, exact=mac),
    Shape("mac", r"\b(?:[0-9A-Fa-f]{2}-){5}[0-9A-Fa-f]{2}\b", 0.75, exact=mac),
    Shape("mac", r"\b[0-9a-f]{4}\.[0-9a-f]{4}\.[0-9a-f]{4}\b", 0.6, exact=mac),
    Shape("login", r"\b[a-z][a-z0-9+.-]{1,20}://[^\s/@:?#]{1,64}(?::[^\s/@?#]{0,128})?@", 0.9, exact=login),
    Shape("wallet", r"\b[13][1-9A-HJ-NP-Za-km-z]{25,34}\b", 0.9, "wallet", "bitcoin"),
    Shape("wallet", r"\b(?:bc1|BC1)[02-9ac-hj-np-zAC-HJ-NP-Z]{11,71}\b", 0.9, "wallet", holds=is_bech32),
    Shape("wallet", r"\b0x[0-9a-fA-F]{40}\b", 0.7, "wallet"),
    Shape(
        "birth_date",
        r"\b(?:\d{1,2}[./-]\d{1,2}[./-](?:\d{4}|\d{2})|(?:19|20)\d\d[./-]\d{1,2}[./-]\d{1,2}|"
        rf"\d{{1,2}}(?:st|nd|rd|th)?\.? (?:of )?{_MONTH}\.?,? (?:19|20)\d\d|"
        rf"{_MONTH} \d{{1,2}}(?:st|nd|rd|th)?,? (?:19|20)\d\d)\b",
        0.85,
        exact=born,
    ),
    Shape("postal_code", r"\b[A-Z]{1,2}\d[A-Z\d]? \d[A-Z]{2}\b|\b[A-Z]\d[A-Z] \d[A-Z]\d\b", 0.6, "postal"),
    Shape("postal_code", r"\b(?:[A-Z]{1,2}-)?\d{3,5}(?:[ -]\d{2,4}|[ ]?[A-Z]{2})?\b", 0.8, exact=postal),
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
        exact=plate,
    ),
    Shape("passport", r"\b[A-Z0-9<]{9}\d[A-Z<]{3}\d{7}[MFX<]\d{7}[A-Z0-9<]{14}[\d<]\d", 0.95, holds=is_mrz),
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
    Shape("national_id", r"\b[A-CEGHJ-PR-TW-Z][A-Z] ?\d\d ?\d\d ?\d\d ?[A-D]\b", 0.8, "id", holds=is_nino),
    Shape("national_id", r"\b[STFG]\d{7}[A-Z]\b", 0.75, "id", holds=is_nric),
    Shape("national_id", r"\b[A-Z]{1,2}\d{6}\([0-9A]\)", 0.8, "id", holds=is_hkid),
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
