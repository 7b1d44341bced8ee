"""The format of what a model says: a document that fits a schema, a length, and blocks of known languages."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from holdfast.domain.errors import FixInput
from holdfast.domain.guard import Action, Stage
from holdfast.guards.contract import Reads, guard
from holdfast.guards.passages import Passage, Reading, Spotted
from holdfast.guards.text._schema import Schema

_FENCE = re.compile(r"^[ \t]{0,3}(?:```|~~~)[ \t]*([A-Za-z0-9+#._-]{0,40})[^\n]*$", re.MULTILINE)
_FENCED = re.compile(r"\A\s*```[A-Za-z0-9]{0,20}[ \t]*\n(.*)\n\s*```\s*\Z", re.DOTALL)


@dataclass(frozen=True)
class Params:
    """`schema` is a JSON schema, as text, that the answer fits; with `is_json` alone it is JSON of any form.

    `most` is how many characters it may have; 0 for any number. `blocks` are the languages that its fenced blocks may
    be in, each marked as such; none where it is empty and `has_blocks` is false.
    """

    schema: str = ""
    is_json: bool = False
    most: int = 0
    blocks: tuple[str, ...] = ()
    has_blocks: bool = True


@guard(
    title="Format",
    question="Does the answer have the form that whoever reads it relies on?",
    params=Params(),
    stage=Stage.AFTER,
    action=Action.FLAG,
    on_error=Action.FLAG,
    threshold=1.0,
    unit="faults of form",
    cost="the answer is read as JSON once",
    trial="holdfast.testing.trials.outputs:format_",
    reads=Reads.TEXT,
    catalogue=("OWASP:LLM05", "OWASP:LLM10"),
)
def run(params: Params) -> Reading:
    """How many faults of form the answer has: of length, of JSON, of the schema, of its blocks.

    An answer that is blocked by its form is held back until it is whole, but for its length. Of JSON Schema it knows
    types, objects, arrays, numbers, texts, and ``enum``, ``const`` and ``anyOf``. It says nothing about what is meant.
    """
    schema = _schema(params.schema) if params.schema else Schema({}) if params.is_json else None

    def read(passage: Passage) -> Spotted:
        faults = list(_faults(passage.text, params, schema))
        return Spotted(len(faults), (), faults[0] if faults else "")

    is_form_asked = schema is not None or bool(params.blocks) or not params.has_blocks or params.most > 0
    return Reading(read, reach=None if is_form_asked else 0)


def _faults(text: str, params: Params, schema: Schema | None) -> list[str]:
    faults = [f"longer than {params.most} characters"] if 0 < params.most < len(text) else []
    if schema is not None:
        faults += _faults_of_json(text, schema)
    opened = [match[1].lower() for match in _FENCE.finditer(text)][::2]
    if opened and not params.has_blocks:
        faults.append("a fenced block, where none may be")
    elif params.blocks and not {*opened} <= {block.lower() for block in params.blocks}:
        faults.append("a fenced block in a language that is not on the list")
    return faults


def _faults_of_json(text: str, schema: Schema) -> list[str]:
    """A document may stand in one fenced block."""
    fenced = _FENCED.match(text)
    try:
        told = json.loads(fenced[1] if fenced else text)
    except (ValueError, RecursionError):
        return ["no JSON"]
    return [f"JSON that does not fit the schema: {fault}" for fault in schema.faults(told)]


def _schema(text: str) -> Schema:
    try:
        told = json.loads(text)
    except ValueError as error:
        raise FixInput("guard.schema", "The schema is no JSON.", "Write it as one object.") from error
    return Schema(told)
