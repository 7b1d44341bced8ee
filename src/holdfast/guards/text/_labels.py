"""What a number is said to be: words before it, as people write them in several languages, and a few after it."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from functools import cache, cached_property

from holdfast.guards.text._patterns import Patterns

BEFORE, AFTER = 56, 12
"""Characters before and after a number in which its label is looked for."""

LABELS: dict[str, str] = {
    "phone": (
        r"(?:tele)?phones?|tel|ph\s?[.:]|mobiles?|mob|cell(?:phone|ular)?s?|fax|desk|landline|whatsapp|signal|sms|hotline|"
        r"(?:call|ring|dial|text|reach|phone|contact)(?:ing)?(?:\s+(?:me|us|him|her|them|back))?|messages?\s+to|"
        r"answering(?:\s+at)?|(?:registered|contact|home|work|office|my|your|his|her|our|their|new|another)\s+(?:new\s+)?number|leave\s+(?:a\s+)?message|registered(?:\s+on)?|"
        r"telefon(?:nummer|o|e)?|telefoon(?:nummer)?|handy(?:nummer)?|rufnummer|mobil(?:e|nummer|funk)?|telefonnumer|"
        r"téléphone|tél|portable|appele[zr]|teléfono|móvil|celular|llám[ea]\w*|cellulare|telemóvel|telefone|"
        r"puhelin|numer\s+telefonu|komórka|телефон|тел|電話|电话|手机|전화"
    ),
    "card": (
        r"(?:(?:credit|debit|payment|bank|atm)\s*)?cards?|cc|visa|mastercard|amex|maestro|pan|kreditkarte\w*|karte\w*|"
        r"carte(?:\s+(?:bancaire|bleue|de\s+crédit))?|tarjeta\w*|carta\s+di\s+credito|cartão|karta"
    ),
    "iban": r"iban|bank\s+account|kontonummer|compte",
    "ssn": r"ssns?|social\s+security|soc\.?\s*sec\w*",
    "passport": r"passports?|reisepass\w*|passeport|pasaporte|passaporto|passnummer|paszport\w*|paspoort\w*|паспорт\w*",
    "licence": (
        r"driv(?:er|ers|er['’]s|ing)\s+(?:licen[cs]e|permit)|dl\s*(?:number|no|#)|führerschein\w*|permis\s+de\s+conduire|"
        r"(?:licencia|carnet|permiso)\s+de\s+conducir|patente\s+di\s+guida|rijbewijs\w*|prawo\s+jazdy"
    ),
    "born": (
        r"born(?:\s+on)?|date\s+of\s+birth|birth\s*-?\s*(?:date|day)s?|d\.?o\.?b|geboren(?:\s+am)?|geburtsdatum|geb|"
        r"née?\s+le|date\s+de\s+naissance|naissance|naci(?:do|da|ó)(?:\s+el)?|fecha\s+de\s+nacimiento|nascimento|"
        r"nat[oa]\s+il|data\s+di\s+nascita|geboortedatum|født|född|urodz\w*|syntym\w*|дата\s+рождения"
    ),
    "health": (
        r"nhs(?:\s+(?:number|no))?|mrn|medical\s+record|patient(?:\s+(?:id|number|no))|health\s+(?:card|insurance)|"
        r"medicare|mbi|hospital\s+number|versichertennummer|krankenversicher\w*|npi|dea"
    ),
    "plate": (
        r"(?:licen[cs]e|number|registration|car|vehicle)\s+plates?|plates?\s+(?:number|no)|kennzeichen|"
        r"(?:vehicle|car)\s+(?:reg(?:istration)?)|plaque(?:\s+d['’]immatriculation)?|immatriculation|matrícula|targa|"
        r"kenteken"
    ),
    "postal": r"zip(?:\s*code)?|post(?:al)?\s*code|plz|postleitzahl|code\s+postal|código\s+postal|cap|postnummer",
    "account": r"account|acct|a/c|konto(?:nummer|nr)?|sort\s+code|routing|cuenta|conto|rekening\w*",
    "tax": (
        r"tax(?:payer)?(?:\s+(?:id|identification|number|no))\w*|tin|itin|ein|vat(?:\s+(?:id|number|no|reg\w*))?|utr|"
        r"ust-?id\w*|umsatzsteuer\w*|steuer(?:nummer|nr|-?id\w*|identifikationsnummer)|tva|nif|cif|iva|partita\s+iva|"
        r"siren|siret|abn|acn|tfn|gstin|gst|inn|инн|nip|regon|cnpj|cuit|rut|nit|btw|orgnr"
    ),
    "id": (
        r"(?:national|personal|identity|citizen|civil|government)\s+(?:id|identity|identification|insurance|number|no)"
        r"\w*|id\s*(?:card|number|no)|identity\s+card|nino|ni\s+number|dni|nie|nif|pesel|bsn|burgerservicenummer|"
        r"personnummer|fødselsnummer|cpr(?:-nummer)?|hetu|henkilötunnus|codice\s+fiscale|nir|numéro\s+de\s+sécurité"
        r"\s+sociale|sécurité\s+sociale|insee|cpf|rg|curp|cédula|cedula|aadhaar|aadhar|uidai|pan\s+(?:card|number|no)|"
        r"nric|fin|mykad|nik|ktp|cnic|rrn|주민등록번호|身份证\w*|my\s*number|マイナンバー|ahv(?:-?(?:nr|nummer))?|avs|"
        r"sozialversicherungs\w*|personalausweis\w*|ausweis\w*|steuer-?id\w*|egn|егн|cnp|oib|jmbg|emšo|emso|amka|αμκα|"
        r"rodné\s+číslo|isikukood|asmens\s+kodas|kennitala|pps(?:n|\s+number)?|sin|social\s+insurance|teudat\s+zehut|"
        r"kimlik|tc\s+kimlik|hkid|снилс|voter\s+id|rijksregisternummer|numéro\s+national|taj"
    ),
    "ip": r"ip(?:v[46])?(?:\s+address(?:es)?)?|client_ip|host|address",
    "wallet": r"wallet|bitcoin|btc|ethereum|eth|crypto|deposit\s+address",
    "other": (
        r"orders?|invoices?|tickets?|cases?|ref(?:erence)?|tracking|isbn(?:-1[03])?|ean|upc|sku|versions?|ver|v|models?|"
        r"items?|products?|parts?|serial|issue|pull\s+request|pr|commit|build|batch|lot|doi|oid|arxiv|rfc|iso|page|pages|"
        r"total|sum|price|amount|cost|costs|paid|population|revenue|budget|bestell\w*|rechnung\w*|artikel\w*|auftrag\w*|"
        r"commande|facture|pedido|factura|timestamp|epoch|seed|error|code|port|pid|section|chapter|article|paragraph"
    ),
}
"""Patterns, of whole words and in any case; the nearest before a number counts, and ``other`` says that it is none."""

_NAMES = tuple(LABELS)
_AFTER = re.compile(
    r"\s{0,2}[-(,:/]?\s?(?:office|fax|mobile|cell|home|work|desk|phone|tel|main|direct)\b", re.IGNORECASE
)
_NEW_SENTENCE = re.compile(r"(?<!no)(?<!nr)(?<!tel)(?<!\bph)[.!]\s+(?!is\b|it['’]?s\b|number\b)\w", re.IGNORECASE)


class Labelled:
    """A text, and the labels in it, which are looked for once something asks."""

    def __init__(self, text: str) -> None:
        self.text = text

    @cached_property
    def _labels(self) -> tuple[list[int], list[str]]:
        """Where labels end, in order, and which they are."""
        text, found = self.text, []
        for which, start, end in _patterns().find(text):
            if not (_is_word(text[max(0, start - 1) : start]) or _is_word(text[end : end + 1])):
                found.append((end, _NAMES[which]))
        found.sort()
        return [end for end, _ in found], [name for _, name in found]

    def before(self, start: int) -> dict[str, int]:
        """The labels before a place, each with how many characters lie between, the nearest first."""
        ends, names = self._labels
        last = bisect_right(ends, start)
        first = bisect_left(ends, start - BEFORE, 0, last)
        if first == last:
            return {}
        window = self.text[max(0, start - BEFORE) : start]
        cut = max((match.end() for match in _NEW_SENTENCE.finditer(window)), default=0)
        nearest: dict[str, int] = {}
        for place in range(last - 1, first - 1, -1):
            gap = start - ends[place]
            if gap < len(window) - cut or not cut:
                nearest.setdefault(names[place], gap)
        return nearest

    def is_phone_after(self, end: int) -> bool:
        """Whether what follows a number calls it one of a phone: ``555 0100-Office``, ``555 0100 (mobile)``."""
        return _AFTER.match(self.text[end : end + AFTER]) is not None


def _is_word(character: str) -> bool:
    return character.isalnum() or character == "_"


@cache
def _patterns() -> Patterns:
    return Patterns([f"(?i:{words})" for words in LABELS.values()], is_longest=True)
