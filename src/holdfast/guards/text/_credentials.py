"""What keys, tokens and passwords look like: by who issues them, by the name before them, and what is none."""

from __future__ import annotations

import json
import re
import zlib
from base64 import urlsafe_b64decode
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from math import log2

from holdfast.guards.text._patterns import Patterns

LONGEST_KEY = 16_384
"""Characters of a private key that are looked at: twice what an RSA key of 16,384 bits has."""

AHEAD = 96
"""A line of a private key."""

REACH = 400
"""From a key's first character to where it is known to be one; a key that goes on is held back while it grows."""


@dataclass(frozen=True, slots=True)
class Credential:
    """A secret in a text: where, of which kind, and how sure that is, from 0 to 1."""

    start: int
    end: int
    kind: str
    score: float

    @property
    def is_issued(self) -> bool:
        """Whether it is known by its own form, and not by what stands before it."""
        return self.kind not in NAMED


NAMED = frozenset({"password", "authorization", "secret"})


@dataclass(frozen=True, slots=True)
class Issuer:
    """Whose keys look like this, in RE2's syntax; and how sure that is of what looks so, 0 where it is none."""

    kind: str
    looks: str
    score: Callable[[str], float] = lambda _: 0.9


def _checked(token: str) -> float:
    """The last six digits of a GitHub or npm token are the CRC-32 of those after the prefix, in base 62."""
    body = token[token.index("_") + 1 :]
    number, digits = zlib.crc32(body[:-6].encode()), ""
    for _ in range(6):
        number, digit = divmod(number, 62)
        digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"[digit] + digits
    return 1.0 if digits == body[-6:] else 0.75


def _jwt(token: str) -> float:
    """Its first part is JSON that names an algorithm (RFC 7515, RFC 7516)."""
    head = token.partition(".")[0]
    try:
        told = json.loads(urlsafe_b64decode(head + "=" * (-len(head) % 4)))
    except ValueError:
        return 0.6
    return 0.95 if isinstance(told, dict) and "alg" in told else 0.6


def _mixed(token: str) -> float:
    """Random characters, rather than words with dashes."""
    return 0.9 if any(c.isdigit() for c in token) and entropy(token) >= 3.5 else 0.0


ISSUERS = (
    Issuer("aws_key_id", r"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}\b"),
    Issuer("google_api_key", r"\bAIza[0-9A-Za-z_-]{35}"),
    Issuer("google_token", r"\bya29\.[0-9A-Za-z_-]{20,512}"),
    Issuer("google_secret", r"\bGOCSPX-[A-Za-z0-9_-]{28}"),
    Issuer("azure_secret", r"\b[A-Za-z0-9_~.]{3}\dQ~[A-Za-z0-9_~.-]{31,34}"),
    Issuer("azure_key", r"(?i:(?:Account|SharedAccess)Key) ?= ?[A-Za-z0-9+/]{43,86}={1,2}"),
    Issuer("github_token", r"\bgh[pousr]_[A-Za-z0-9]{36}\b", _checked),
    Issuer("github_token", r"\bgithub_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}\b"),
    Issuer("gitlab_token", r"\bgl(?:pat|ptt|dt|rt|cbt|ft|imt|agent|soat)-[A-Za-z0-9_.-]{20,64}", _mixed),
    Issuer("slack_token", r"\bxox[abceoprs]-(?:\d+-)?[A-Za-z0-9-]{10,250}", _mixed),
    Issuer("slack_token", r"\bxapp-\d-[A-Z0-9]{5,20}-\d{5,20}-[a-f0-9]{20,128}"),
    Issuer("slack_webhook", r"hooks\.slack\.com/(?:services|workflows|triggers)(?:/[A-Z0-9]{8,14}){2}/\w{18,32}"),
    Issuer("stripe_key", r"\b[rs]k_(?:live|test)_[A-Za-z0-9]{16,247}\b"),
    Issuer("webhook_secret", r"\bwhsec_[A-Za-z0-9+/]{24,96}={0,2}"),
    Issuer("anthropic_key", r"\bsk-ant-[a-z]{2,8}\d\d-[A-Za-z0-9_-]{20,128}"),
    Issuer("openrouter_key", r"\bsk-or-v1-[0-9a-f]{64}\b"),
    Issuer("openai_key", r"\bsk-(?:proj|svcacct|admin|None)-[A-Za-z0-9_-]{32,200}", _mixed),
    Issuer("openai_key", r"\bsk-[A-Za-z0-9]{32,200}\b", _mixed),
    Issuer("groq_key", r"\bgsk_[A-Za-z0-9]{40,64}\b"),
    Issuer("xai_key", r"\bxai-[A-Za-z0-9]{60,90}\b"),
    Issuer("hugging_face_token", r"\b(?:hf|api_org)_[A-Za-z0-9]{34,40}\b", lambda t: 0.9 if entropy(t) >= 3.5 else 0.0),
    Issuer("npm_token", r"\bnpm_[A-Za-z0-9]{36}\b", _checked),
    Issuer("pypi_token", r"\bpypi-AgE(?:IcHlwaS5vcmc|NdGVzdC5weXBpLm9yZw)[A-Za-z0-9_-]{50,512}"),
    Issuer("sendgrid_key", r"\bSG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}"),
    Issuer("twilio_key", r"\bSK[0-9a-f]{32}\b"),
    Issuer("telegram_token", r"\b\d{8,10}:AA[A-Za-z0-9_-]{33}"),
    Issuer("discord_webhook", r"discord(?:app)?\.com/api/webhooks/\d{17,20}/[A-Za-z0-9_-]{60,80}"),
    Issuer("digitalocean_token", r"\bdo[opr]_v1_[0-9a-f]{64}\b"),
    Issuer("databricks_token", r"\bdapi[0-9a-f]{32}(?:-\d)?\b"),
    Issuer("docker_token", r"\bdckr_(?:pat|oat)_[A-Za-z0-9_-]{27,40}"),
    Issuer("vault_token", r"\bhv[sbr]\.[A-Za-z0-9_-]{24,180}", _mixed),
    Issuer("linear_key", r"\blin_api_[A-Za-z0-9]{32,64}\b"),
    Issuer("notion_token", r"\b(?:secret|ntn)_[A-Za-z0-9]{43,50}\b", _mixed),
    Issuer("shopify_token", r"\bshp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}\b"),
    Issuer("age_key", r"\bAGE-SECRET-KEY-1[QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L]{58}\b"),
    Issuer("holdfast_token", r"\bholdfast_[a-z]{1,16}_[A-Za-z0-9_-]{20,128}", _mixed),
    Issuer("jwt", r"\beyJ(?:hbGci|0eXAi|raWQi|lbmMi|jdHki|qa3Ui)[A-Za-z0-9_.-]{10,}", _jwt),
)  # fmt: skip

_PRIVATE = r"-----BEGIN (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----"
_ADDRESS = r"\b[A-Za-z][A-Za-z0-9+.-]{1,30}://[^\s/@:?#'\"<>]{0,64}:[^\s@'\"<>]{3,128}@[\w\[]"
_DSN = (
    r"(?i:(?:password|pwd)) ?= ?[^\s;'\"]{4,128};|"
    r"(?i:\b(?:server|host|data source) ?= ?[^;\n]{1,80};[^\n]{0,120}(?:password|pwd) ?= ?)[^\s;'\"]{4,128}"
)
_BASIC = r"(?i:authorization['\"]? ?[:=] ?['\"]?(?:basic|bearer|token)) [A-Za-z0-9+/_.=~-]{12,512}"
_NAMED = (
    r"(?i)(?:pass(?:word|wd|phrase|code)?|pwd|secret|token|credential|(?:api|access|auth|private|secret|signing|"
    r"encryption|client|account|master|storage)[ _-]?(?:key|secret|token)|passwort|kennwort|contraseña|mot de passe)"
    r"s?['\"\]`*]{0,3}(?: ?(?::|=>?|:=) ?| is (?:now )?| ist | lautet | est )['\"`*]{0,2}[^\s'\"`,;<>]{6,200}"
)
_GIVEN = re.compile(r"(?:\s?(?::=|=>?|:)\s?|\s(?:is|ist|lautet|est)\s(?:now\s)?)['\"`*]{0,2}")

_BODY = re.compile(
    r"(?:\s|\\[nr])*+(?:[A-Za-z-]{4,20}: [^\n]{1,100}\n\s*+){0,4}+(?:[A-Za-z0-9+/=]{16,}+(?:\s|\\[nr])*+)*+"
    r"(?:[A-Za-z0-9+/=]{0,15}+(?:\s|\\[nr])*+-{5}END [A-Z0-9 ]{1,40}-{5})?+"
)

_STAND_IN = re.compile(
    r"example|sample|your|placeholder|change.?me|dummy|fake|xxx|\*\*\*|\.\.\.|…|insert|replace|redacted|withheld|todo|"
    r"<|>|\{\{|\$\{|\$\(|%\(|^[\[{$%<]|password|passwd|^(?:none|null|true|false|undefined|secret|token|string|str|"
    r"required|optional|default|test|testing|hunter2|hidden|empty|unset|os\.|env|process\.|getenv|config|settings|self)|^abc(?:def)?\d*$",
    re.IGNORECASE,
)
_CODE = re.compile(r"[A-Za-z_][\w.]*(?:[(\[].*)?|[\w./~-]*/[\w./-]+|\d+(?:\.\d+)*", re.DOTALL)


def is_stand_in(value: str) -> bool:
    """Whether it says itself that it is no secret: ``YOUR_API_KEY``, ``xxxx``, ``example``, ``${TOKEN}``."""
    return _STAND_IN.search(value) is not None or len(set(value)) < min(6, len(value))


def entropy(text: str) -> float:
    """Shannon's, of its characters, in bits a character."""
    counts = Counter(text).values()
    return -sum(n / len(text) * log2(n / len(text)) for n in counts) if text else 0.0


def credentials(text: str) -> Iterator[Credential]:
    """All that may be a secret in a text, also where two overlap."""
    others, upto = len(ISSUERS), 0
    for which, start, end in _patterns().find(text):
        part = text[start:end]
        if which < others:
            issuer = ISSUERS[which]
            score = 0.0 if is_stand_in(part) else issuer.score(part)
            found = Credential(start, min(end, start + LONGEST_KEY), issuer.kind, score)
        elif which == others:
            if start < upto:
                continue
            body = _BODY.match(text, end, min(len(text), end + LONGEST_KEY))
            upto = body.end() if body else end
            found = Credential(start, upto, "private_key", 1.0)
        else:
            found = _OTHERS[which - others - 1](text, start, end)
        if found.score > 0:
            yield found


def _address(text: str, start: int, end: int) -> Credential:
    """The password in an address."""
    at = text.rindex("@", start, end)
    begin = text.index(":", text.index("://", start) + 3) + 1
    value = text[begin:at]
    scheme = text[start : text.index("://", start)].lower()
    is_none = is_stand_in(value) or value.lower() in (scheme, "pass", "pw", "pwd", "tiger", "xyz", "postgres")
    return Credential(begin, at, "password", 0.0 if is_none or ("/" in value and "." in value) else 0.9)


def _assigned(text: str, start: int, end: int) -> Credential:
    """The password of a connection string."""
    begin = max(text.rfind("=", start, end) + 1, start)
    value = text[begin:end].strip().rstrip(";")
    begin = text.index(value, begin) if value else begin
    return Credential(begin, begin + len(value), "password", 0.0 if not value or is_stand_in(value) else 0.8)


def _header(text: str, start: int, end: int) -> Credential:
    """What an authorisation header carries."""
    begin = text.rindex(" ", start, end) + 1
    value = text[begin:end]
    return Credential(begin, end, "authorization", 0.0 if is_stand_in(value) or entropy(value) < 3 else 0.85)


def _named(text: str, start: int, end: int) -> Credential:
    """What is given as a password, key or token: how sure depends on how random it looks."""
    match = _GIVEN.search(text, start, end)
    begin = match.end() if match else end
    value = text[begin:end].rstrip(".!?)]}*:;")
    is_quoted = text[begin - 1 : begin] in ("'", '"', "`")
    return Credential(begin, begin + len(value), "secret", _randomness(value, is_quoted=is_quoted))


def _randomness(value: str, *, is_quoted: bool) -> float:
    if len(value) < 6 or is_stand_in(value):
        return 0.0
    classes = sum(any(map(test, value)) for test in (str.islower, str.isupper, str.isdigit, _is_sign))
    if _CODE.fullmatch(value) and not (is_quoted or any(c.isdigit() for c in value)):
        return 0.0
    if not is_quoted and _CODE.fullmatch(value) and any(c in "([." for c in value):
        return 0.0
    if classes < 2 or (not any(c.isdigit() for c in value) and classes < 3):
        return 0.0
    return 0.9 if entropy(value) >= 3.5 and len(value) >= 16 else 0.7 if entropy(value) >= 2.5 else 0.0


def _is_sign(character: str) -> bool:
    return not character.isalnum()


_OTHERS = (_address, _assigned, _header, _named)


@cache
def _patterns() -> Patterns:
    return Patterns([*(issuer.looks for issuer in ISSUERS), _PRIVATE, _ADDRESS, _DSN, _BASIC, _NAMED])
