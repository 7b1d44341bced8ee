"""Comment: say something about a thing, for others to read and nobody to delete."""

from __future__ import annotations

from holdfast.domain.access import Permission
from holdfast.domain.act import Draft, Kept, Verb
from holdfast.domain.person import Comment
from holdfast.flows.desk import Caller, Desk, random_id, require, stated


def comment(desk: Desk, caller: Caller, about: str, text: str) -> Kept[Comment]:
    """Write about a thing (``system Loan approval``, ``release sha256:…``)."""
    require(caller, Permission.COMMENT)
    key = random_id()
    record = Comment(stated(about, "subject"), caller.person.id, stated(text, "comment"), desk.at)
    desk.do(caller, Draft(Verb.COMMENT, key, record))
    return desk.store.get(Comment, key)
