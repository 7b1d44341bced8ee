"""How orders to forget one's orders are worded, as patterns: sure signs, found however long the text around them is.

None of them stands in the ordinary texts that the heads learn from; a good part of attacks does without them. Words of
about a dozen languages are ours to choose; Unicode letters have no word boundary in RE2, so that only Latin ones do.
"""

from __future__ import annotations

_FORGET = (
    r"(?:ignore|disregard|forget|override|bypass|discard|neglect|ignoriere|vergiss|missachte|ignorez|oublie[zr]?|ignora|"
    r"olvida|descarta|esque[cç]a|desconsidere|dimentica|negeer|vergeet|zignoruj|zapomnij|игнорируй(?:те)?|"
    r"забудь(?:те)?|abaikan|lupakan|ignorera|glöm)"
)
_EARLIER = (
    r"(?:previous|prior|above|earlier|preceding|former|original|initial|your|system|vorherigen|bisherigen|obigen|"
    r"früheren|précédentes|ci-dessus|anterior(?:es|mente)?|previas|prévias|acima|precedenti|vorige|eerdere|"
    r"bovenstaande|poprzednie|wcześniejsze|powyższe|предыдущие|прежние|sebelumnya|tidigare|föregående)"
)
_ORDERS = (
    r"(?:instructions?|directions|directives|commands|prompts?|rules|guidelines|orders|programming|anweisungen|befehle|"
    r"regeln|vorgaben|consignes|règles|instrucciones|órdenes|reglas|instruções|ordens|regras|istruzioni|regole|"
    r"instructies|opdrachten|instrukcje|polecenia|zasady|инструкции|указания|правила|instruksi|perintah|aturan|"
    r"instruktioner)"
)
_ALL = r"(?:all|any|everything|every|alle|alles|toutes|tout|todas|todo|tutte|tutto|wszystkie|все|всё|semua|alla)"
_SOME = r"(?:\s+\S{1,16}){0,4}\s+"

ORDERS = {
    "forget earlier orders": rf"{_FORGET}{_SOME}(?:{_EARLIER}(?:{_SOME})?{_ORDERS}|{_ORDERS}(?:{_SOME})?{_EARLIER})",
    "forget all": rf"\b{_FORGET}\s+{_ALL}\b{_SOME}(?:{_ORDERS}|above|before|you (?:were|have been|are) told|"
    r"(?:I|we|they) (?:said|told|gave))",
    "say your orders": r"\b(?:reveal|print|show|tell me|give me|output|repeat|display|leak|disclose|"
    r"what (?:is|are|was|were))\b(?:\s+\S{1,14}){0,4}\s+your\s+"
    r"(?:(?:system|initial|original|hidden|secret|full|first|internal)\s+)+"
    r"(?:prompts?|instructions?|message|rules|password|configuration)",
    "be without rules": r"\b(?:you are|you're|act as|pretend|become|from now on|simulate)\b[^.\n]{0,60}"
    r"\b(?:no|any|without|free of|free from|ignore[sd]?|not bound by|broken free (?:of|from))\b[^.\n]{0,25}"
    r"\b(?:rules|restrictions?|limits|limitations|filters?|ethical guidelines|ethics|morals|censorship|policies|"
    r"content polic)",
    "do anything": r"\bdo anything now\b|\bDAN mode\b|\bdeveloper mode (?:enabled|on|output)|"
    r"\bjailbreak(?:ed)? (?:mode|prompt)|\bstay (?:in character|a? ?DAN)\b",
    "forget, in Chinese": r"(?:忽略|忘记|无视|忘掉|不要理会)[^。！？\n]{0,8}(?:之前|以上|前面|先前|上面|所有)"
    r"[^。！？\n]{0,8}(?:指令|指示|规则|要求|内容|提示)",
    "forget, in Japanese": r"(?:以前|上記|これまで|前)の[^。\n]{0,6}(?:指示|命令|ルール)[^。\n]{0,4}(?:無視|忘れ)",
    "forget, in Korean": r"(?:이전|위|앞)의?[^.\n]{0,6}(?:지시|명령|규칙)[^.\n]{0,6}(?:무시|잊)",
    "forget, in Hindi": r"(?:पिछले|उपरोक्त|पहले के)[^।\n]{0,10}(?:निर्देश|आदेश|नियम)[^।\n]{0,12}"
    r"(?:अनदेखा|भूल|नज़रअंदाज़|अवहेलना)",
    "forget, in Arabic": r"(?:تجاهل|انس|انسى)[^.\n]{0,8}(?:التعليمات|الأوامر|القواعد)",
}
