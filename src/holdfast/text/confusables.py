"""Letters that look like Latin ones: read as such where the company that they keep says that they pose as such.

The table is our own reading of which letters are drawn alike in common fonts; Unicode's TR 39 describes the problem and
has a far longer list, most of which no font on a desk can draw.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Iterator

from holdfast.text.offsets import Edit

_ALWAYS = {
    # small capitals and phonetic letters: no language spells words with them
    "ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘꞯʀꜱᴛᴜᴠᴡʏᴢ": "abcdefghijklmnopqrstuvwyz",
    "ɑɐɓɖɗɘɛɜɡɠɦɥɨɩɭɫɯɱɲɳɵɹɾʂʃʈʉʋʌʍʎʐʒ": "aabddeeegghhiillmmnnorrsstuvvwyzz",
    "ıȷ": "ij",
    # letters in black circles and squares, and the letters that flags are made of, which NFKC leaves as they are
    **{
        "".join(chr(first + n) for n in range(26)): "abcdefghijklmnopqrstuvwxyz"
        for first in (0x1F150, 0x1F170, 0x1F1E6)
    },
}
_IN_COMPANY = {
    "аАеЕоОрРсСуУхХіІјЈѕЅһԁԛԝвВкКмМнНтТгпиӏ": "aAeEoOpPcCyYxXiIjJsShdqwbBkKmMhHtTrnul",
    "αΑβΒεΕζΖηΗιΙκΚμΜνΝοΟρΡτΤυΥχΧγωϲϳ": "aAbBeEzZnHiIkKuMvNoOpPtTuYxXywcj",
    "ᎪᏴᏟᎠᎬᎻᎥᎫᏦᏞᎷᏢᎡᏚᎢᏙᎳᏃօսհոցքԼ": "ABCDEHiJKLMPRSTVWZouhngpL",
    "ꓮꓐꓚꓓꓰꓝꓖꓧꓲꓙꓗꓡꓟꓠꓳꓑꓣꓢꓔꓴꓦꓪꓫꓬꓜ": "ABCDEFGHIJKLMNOPRSTUVWXYZ",
}


def _paired(table: dict[str, str]) -> dict[str, str]:
    return {odd: plain for odds, plains in table.items() for odd, plain in zip(odds, plains, strict=True)}


ALWAYS = _paired(_ALWAYS)
IN_COMPANY = _paired(_IN_COMPANY)

STRONG = frozenset("аеорсухіјѕһАВЕКМНОРСТХІЈЅονρΑΒΕΖΗΙΚΜΝΟΡΤΥΧ") | {c for c in IN_COMPANY if c > "\u0530"}
"""Letters that nobody tells from Latin ones, with which whole words can be written."""

_WORD = re.compile(r"[^\W\d_]+")
_LATIN = "A-Za-z\u00c0-\u02af\u1e00-\u1eff"
_ODD = re.compile(f"[{''.join(IN_COMPANY)}]")
_MEETING = re.compile(f"[{_LATIN}](?=[{''.join(IN_COMPANY)}])|[{''.join(IN_COMPANY)}](?=[{_LATIN}])")
_HAS_LATIN = re.compile(f"[{_LATIN}]")
_SURE = re.compile(rf"[^\W\d_{_LATIN}{''.join(STRONG)}]")
_POSES = re.compile(f"[{''.join(ALWAYS)}]")


def posing(text: str, signs: frozenset[str]) -> Iterator[Edit]:
    """The letters that pose as Latin ones, and as which: edits of one letter each, in order.

    A letter of Cyrillic, Greek, Armenian, Cherokee or Lisu poses where its word also has Latin letters, or where its
    word is of the most alike of them alone and no word of the text is surely written in another script than Latin.
    `signs` are the characters of the text beyond ASCII.
    """
    always = iter(()) if signs.isdisjoint(ALWAYS) else _always(text)
    return always if signs.isdisjoint(IN_COMPANY) else heapq.merge(always, _in_company(text))


def _always(text: str) -> Iterator[Edit]:
    for match in _POSES.finditer(text):
        yield match.start(), match.end(), ALWAYS[match[0]]


def _in_company(text: str) -> Iterator[Edit]:
    is_foreign = any(_is_foreign(word[0]) for word in _WORD.finditer(text))
    if is_foreign and not _MEETING.search(text):
        return
    for word in _WORD.finditer(text):
        if not word[0].isascii() and (_HAS_LATIN.search(word[0]) or not (is_foreign or _SURE.search(word[0]))):
            for odd in _ODD.finditer(word[0]):
                yield word.start() + odd.start(), word.start() + odd.end(), IN_COMPANY[odd[0]]


def _is_foreign(word: str) -> bool:
    return _SURE.search(word) is not None and _HAS_LATIN.search(word) is None
