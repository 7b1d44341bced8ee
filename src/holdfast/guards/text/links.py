"""Links and pictures in what a model says: hosts that nobody allowed, and addresses that carry something away.

A picture is fetched as soon as it is shown, so its address tells its host whatever the model was made to put there; the
same for a link once somebody follows it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from holdfast.domain.guard import Action, Stage
from holdfast.guards.contract import Reads, guard
from holdfast.guards.passages import Passage, Reading, Span, Spotted, spotted
from holdfast.guards.text._credentials import entropy

MOST = 2_000
"""Characters of an address: browsers and servers take no more from each other."""

ANY, PICTURE, LINK = "*", "[picture withheld]", "[link withheld]"

LABEL, AHEAD = 300, 210
"""Characters of a link's text, and of what may follow an address within its brackets."""

REACH = 2 * LABEL + AHEAD
"""From where a link or picture begins to its address, which is held back while it goes on."""

_MARKDOWN = re.compile(
    rf"(!?)\[[^\[\]]{{0,{LABEL}}}+\]\(\s{{0,8}}+<?([^\s<>()]{{1,{MOST}}}+)(?:[^()\n]{{0,{AHEAD - 1}}}+\))?"
)
_REFERRED = re.compile(rf"(?<!\w)!\[[^\[\]]{{0,{LABEL}}}+\](?:\[[^\[\]\n]{{0,100}}+\]|(?![(\[]))")
_REFERENCE = re.compile(rf"^ {{0,3}}\[[^\]\n]{{1,100}}+\]:[ \t]{{0,8}}+<?([^\s<>]{{1,{MOST}}}+)", re.MULTILINE)
_TAG = re.compile(
    rf"<\s{{0,4}}(img|image|iframe|video|audio|source|embed|object|script|link|a|area|form|input|base|meta|svg)\b"
    rf"[^<>]{{0,{LABEL}}}?(?:src|srcset|href|data|action|formaction|background|poster|content)\s{{0,4}}=\s{{0,4}}"
    rf"[\"']?(?:\d;\s?url=)?([^\s\"'<>]{{1,{MOST}}}+)[^<>]{{0,{AHEAD - 1}}}+>?",
    re.IGNORECASE,
)
_CSS = re.compile(rf"url\(\s{{0,4}}[\"']?((?:https?:)?//[^\s\"'()<>]{{1,{MOST}}}+)[\"']?\s{{0,4}}\)?", re.IGNORECASE)
_BARE = re.compile(
    rf"(?:https?|ftp|wss?)://[^\s<>\"'`\])}}]{{1,{MOST}}}+|(?<![\w@/.])www\.[^\s<>\"'`\])}}]{{3,{MOST}}}+",
    re.IGNORECASE,
)
_HIDDEN = re.compile(r"(?:javascript|vbscript|data|file|blob):", re.IGNORECASE)
_FETCHED = frozenset(
    [
        "img",
        "image",
        "iframe",
        "video",
        "audio",
        "source",
        "embed",
        "object",
        "script",
        "link",
        "input",
        "svg",
        "meta",
        "base",
    ]
)
_SLUG = re.compile(r"[a-z0-9]{1,20}(?:[-_.,+ ][a-z0-9]{0,20}){2,}", re.IGNORECASE)


@dataclass(frozen=True)
class Params:
    """`hosts` may be linked to, with all below them; ``*`` is any. `pictures` may be shown from there, none by default.

    An address of an allowed host may still carry no more than `most_data` characters that look like data.
    """

    hosts: tuple[str, ...] = (ANY,)
    pictures: tuple[str, ...] = ()
    most_data: int = 48


@guard(
    title="Links and pictures",
    question="Does the text link to, or fetch from, where nothing should go?",
    params=Params(),
    stage=Stage.AFTER,
    action=Action.REDACT,
    on_error=Action.BLOCK,
    threshold=0.5,
    unit="how sure the surest find is, from 0 to 1",
    cost="a few passes over the text",
    trial="holdfast.testing.trials.outputs:links",
    reads=Reads.TEXT,
    catalogue=("OWASP:LLM02", "OWASP:LLM05", "ATLAS:AML.T0057"),
)
def run(params: Params) -> Reading:
    """How sure it is that a link or picture leads where nothing should go.

    Markdown in line and by reference, HTML, CSS and bare addresses are read. Hosts outside the lists, hosts that pose
    as others by look-alike letters, scripts as addresses, and addresses that carry data are found. It does not know
    whether a host is a good one, nor data that is short or spelt as words.
    """
    hosts, pictures = (tuple(host.lower().lstrip(".") for host in given) for given in (params.hosts, params.pictures))

    def read(passage: Passage) -> Spotted:
        found = list(_spans(passage.text, hosts, pictures, params.most_data))
        return spotted((span for span, _ in found), found[0][1] if found else "")

    return Reading(read, reach=REACH, ahead=AHEAD)


def _spans(text: str, hosts: tuple[str, ...], pictures: tuple[str, ...], most_data: int) -> Iterator[tuple[Span, str]]:
    if ANY not in pictures:
        for match in _REFERRED.finditer(text):
            yield Span(*match.span(), PICTURE, 0.8), "a picture whose address stands elsewhere"
    upto = -1
    for start, end, address, is_fetched in sorted(_addresses(text), key=lambda one: (one[0], -one[1])):
        if end <= upto:
            continue
        score, why = judged(address, pictures if is_fetched else hosts, most_data)
        if score:
            upto = end
            yield Span(start, end, PICTURE if is_fetched else LINK, score), why


def _addresses(text: str) -> Iterator[tuple[int, int, str, bool]]:
    """Each address: the stretch that goes with it, the address, and whether showing it fetches it."""
    for match in _MARKDOWN.finditer(text):
        yield *match.span(), match[2], match[1] == "!"
    for match in _REFERENCE.finditer(text):
        yield *match.span(), match[1], False
    for match in _TAG.finditer(text):
        yield *match.span(), match[2], match[1].lower() in _FETCHED
    for match in _CSS.finditer(text):
        yield *match.span(), match[1], True
    for match in _BARE.finditer(text):
        address = match[0].rstrip(".,;:!?*_")
        yield match.start(), match.start() + len(address), address, False


def judged(address: str, allowed: tuple[str, ...], most_data: int) -> tuple[float, str]:
    """How sure it is that nothing should go to an address, and why; 0 where it may."""
    address = unquote(address) if address[:12].count("%") else address
    if _HIDDEN.match(address):
        return (0.0, "") if address.startswith("data:image/") else (0.9, "an address that is a script or a file")
    if not re.match(r"(?:[a-z][a-z0-9+.-]{1,20}:)?//|www\.", address, re.IGNORECASE):
        return 0.0, ""  # within the same site, or to a mailbox
    try:
        parts = urlsplit(address if "//" in address else f"//{address}")
        host = (parts.hostname or "").rstrip(".")
    except ValueError:
        return 0.9, "an address that cannot be read"
    if poses(host):
        return 0.9, "a host that poses as another"
    if not any(one in (ANY, host) or host.endswith(f".{one}") for one in allowed):
        return 0.9, "a host that is not on the list"
    if "@" in parts.netloc:
        return 0.8, "an address with a user in it"
    if _data(parts.query, parts.fragment, parts.path, host) > most_data:
        return 0.7, "an address that carries data"
    return 0.0, ""


def poses(host: str) -> bool:
    """Whether its letters are of several scripts, or Latin only to the eye (Unicode UTS 39, mixed scripts)."""
    from holdfast.text.normalise import normalise

    try:
        host = host.encode("ascii").decode("idna") if "xn--" in host else host
    except UnicodeError:
        return True
    return not host.isascii() and any(_is_mixed(label, normalise(label).text) for label in host.split("."))


def _is_mixed(label: str, plain: str) -> bool:
    """Letters of a label become ASCII only where it poses: an umlaut stays one."""
    changed = [old for old, new in zip(label, plain, strict=False) if old != new]
    return len(label) != len(plain) or bool(changed)


def _data(query: str, fragment: str, path: str, host: str) -> int:
    """Characters of an address that look like data: values that are random, encoded, or sentences."""
    values = [part.partition("=")[2] or part for part in f"{query}&{fragment}".split("&") if part]
    values += [part for part in path.split("/") if len(part) > 24]
    values += [label for label in host.split(".")[:-2] if len(label) > 24]
    return sum(len(value) for value in values if _is_data(unquote(value)))


def _is_data(value: str) -> bool:
    is_sentence = value.count(" ") + value.count("+") >= 3
    return is_sentence or (len(value) > 24 and entropy(value) > 3.4 and _SLUG.fullmatch(value) is None)
