"""Comment: what somebody says about a thing, beside it and in the ledger, without deciding anything."""

from __future__ import annotations

from holdfast.domain.access import Permission
from holdfast.domain.act import Draft, Kept, Verb
from holdfast.domain.errors import FixInput
from holdfast.domain.kinds import KINDS
from holdfast.domain.person import Comment
from holdfast.flows.desk import Caller, Desk, random_id, require, stated


def write_comment(desk: Desk, caller: Caller, about: str, text: str) -> Kept[Comment]:
    """Say something about a record, named by its kind and key (``release sha256:…``); Absent where there is none."""
    require(caller, Permission.COMMENT)
    kind, _, key = about.partition(" ")
    if kind not in KINDS:
        raise FixInput("comment.about", f"{kind!r} is no kind of record.", f"There are: {', '.join(sorted(KINDS))}.")
    desk.store.get(KINDS[kind].type, key)
    new = random_id()
    desk.do(caller, Draft(Verb.COMMENT, new, Comment(about, caller.person.id, stated(text, "text"), desk.at)))
    return desk.store.get(Comment, new)
