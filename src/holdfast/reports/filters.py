"""How records are printed in templates: the filters that report, notebook and console share."""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import quote

from markupsafe import Markup, escape

from holdfast import charts, words
from holdfast.canonical import digest
from holdfast.domain.appetite import Limit
from holdfast.domain.measure import Measure, Measurement
from holdfast.reports.reading import VerdictRow


def bullet(row: VerdictRow) -> str:
    """The row's margin as an inline bullet graph."""
    measurement, limit = row.reason.measurement, row.reason.limit
    if measurement is None or limit is None:
        return ""
    return _drawn(row.measure, measurement, limit)


@lru_cache(maxsize=4096)
def _drawn(measure: Measure, measurement: Measurement, limit: Limit) -> str:
    """Drawing takes tens of milliseconds, and a page of the console shows the same rows again and again."""
    return charts.svg(charts.bullet(measure, measurement, limit))


def anchor(measurement: Measurement) -> str:
    """An id for a record's row that depends on the record alone."""
    return f"r-{words.short(digest(measurement))}"


def prose(text: str) -> Markup:
    """A probe's sentence: escaped, with what stands between backticks set as code, and numbers bound to their units."""
    parts = words.typeset(text).split("`")
    if len(parts) % 2 == 0:
        return escape(words.typeset(text))
    return Markup("").join(Markup("<code>{}</code>").format(p) if at % 2 else escape(p) for at, p in enumerate(parts))


def slug(text: str) -> str:
    """An id for a finding or a family."""
    return re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-").lower()


def file_link(path: str) -> str:
    """A relative link to a file beside the report; never another scheme or host."""
    return "./" + quote(path.lstrip("/"))


FILTERS = {
    "anchor": anchor,
    "basis": words.basis,
    "bound": words.bound,
    "bullet": bullet,
    "cell": words.cell,
    "file_link": file_link,
    "interval": words.interval,
    "moment": words.moment,
    "number": words.number,
    "numeric_columns": words.numeric_columns,
    "prose": prose,
    "scope": words.scope,
    "sentence_case": words.sentence_case,
    "short": words.short,
    "size": words.size,
    "slug": slug,
}
"""Each by its name in templates."""
