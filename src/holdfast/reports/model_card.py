"""A model card in Markdown, with the sections of Mitchell et al. 2019, "Model Cards for Model Reporting" (§4).

Every text is escaped for Markdown as the template prints it, so names from a model or a table cannot add markup.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from holdfast import words
from holdfast.domain.run import Run
from holdfast.domain.schema import Task
from holdfast.reports import reading

if TYPE_CHECKING:
    from jinja2 import Environment

RECORDS_SHOWN = 50
"""Records of one measure in the card; the sealed evidence has all."""

ANNEX_IV = (
    ("1. General description", "Model details; Intended use"),
    (
        "2(g). Validation and testing: data, metrics, accuracy, robustness, discriminatory impact",
        "Quantitative analyses",
    ),
    ("3. Monitoring, functioning and control: limits of performance, foreseeable risks", "Caveats and recommendations"),
    ("4. Appropriateness of the performance metrics", "Metrics and limits"),
    ("5. Risk management system", "Ethical considerations and findings"),
)
"""Headings of EU AI Act Annex IV, in our words, and the section that is evidence towards each."""


def render(run: Run) -> bytes:
    """The card as GitHub-flavoured Markdown, UTF-8. The same run gives the same bytes."""
    materials = run.evidence.materials
    text = (
        _environment()
        .get_template("model_card.md")
        .render(
            run=run,
            sentence=reading.verdict_sentence(run),
            schema=run.evidence.schema,
            is_chat=run.evidence.answers is Task.CHAT,
            model_files=[m for m in materials if m.role == "model"],
            tables=[m for m in materials if m.role != "model"],
            owners=reading.owners(run),
            rows=reading.rows(run),
            families=[(reading.family_title(name), groups) for name, groups in reading.groups(run).items()],
            records=RECORDS_SHOWN,
            findings=run.evidence.findings,
            gaps=reading.gaps(run),
            limits_of_proof=reading.limits_of_proof(run),
            annex=ANNEX_IV,
        )
    )
    return (re.sub(r"\n{3,}", "\n\n", text).strip() + "\n").encode("utf-8")


def escape(text: str) -> str:
    """The text with Markdown's and HTML's active characters escaped, on one line."""
    flat = " ".join(text.split())
    return re.sub(r"([\\`*_{}\[\]<>#|~$&])|(?<=:)(?=//)|(?<=www)(?=\.)", lambda m: f"\\{m[0]}", flat)


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    made = Environment(  # noqa: S701 - Markdown, not HTML: `finalize` escapes all that is printed
        loader=PackageLoader("holdfast.reports", "templates"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: escape(value) if isinstance(value, str) else value,
    )
    made.filters |= {
        "interval": words.interval,
        "moment": words.moment,
        "number": words.number,
        "scope": words.scope,
        "sentence_case": words.sentence_case,
        "size": words.size,
    }
    return made
