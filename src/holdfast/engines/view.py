"""How a table of decisions calls what monitors ask for."""

from __future__ import annotations

from dataclasses import dataclass

from holdfast.domain.errors import FixInput
from holdfast.domain.schema import Schema
from holdfast.domain.watch import DECISION, INPUT, LABEL, SCORE

OUTPUT = "output_"


@dataclass(frozen=True, slots=True)
class View:
    """The columns of a table of decisions, by its own names.

    `score`, `decision` and `label` are empty where the table has none; `inputs` pairs features with their columns where
    those are not called ``input_<name>``. Where there are columns `lane`, `ended` and `follows`, they mean what they
    mean in the log. `is_log` says that the table is Holdfast's own: there a column that nothing was ever written to is
    absent, while in any other table an absent one is a mistake.
    """

    score: str = ""
    decision: str = ""
    label: str = ""
    inputs: tuple[tuple[str, str], ...] = ()
    id: str = "id"
    at: str = "decided_at"
    release: str = "release"
    principal: str = "principal"
    subject: str = "subject"
    is_log: bool = False

    def column(self, name: str) -> str:
        """What the table calls a column of `holdfast.domain.watch`; empty where it has none."""
        own = {SCORE: self.score, DECISION: self.decision, LABEL: self.label}
        if name in own:
            return own[name]
        return dict(self.inputs).get(name.removeprefix(INPUT)) or INPUT + escaped(name.removeprefix(INPUT))


def gateway_view(schema: Schema) -> View:
    """Of the log that a gateway writes: a score for each class, and ``predict``."""
    decision = f"{OUTPUT}predict"
    score = decision if not schema.task.is_classification else OUTPUT + escaped(str(scored_class(schema)))
    return View(score, decision, is_log=True)


def shield_view(schema: Schema) -> View:
    """Of the log that a shielded model writes: ``score_<class>`` and ``prediction``; a regression's ``score``."""
    if not schema.task.is_classification:
        return View(f"{OUTPUT}score", f"{OUTPUT}score", is_log=True)
    return View(f"{OUTPUT}score_{escaped(str(scored_class(schema)))}", f"{OUTPUT}prediction", is_log=True)


def scored_class(schema: Schema) -> object:
    """The class whose score monitors look at: the favourable one, or the last."""
    if not schema.classes:
        raise FixInput("view.classes", "This schema names no classes.", "Say which column holds the score.")
    return schema.classes[-1 if schema.favourable is None else schema.favourable]


def escaped(name: str) -> str:
    """A name as the log writes it: colons doubled."""
    return name.replace(":", "::")
