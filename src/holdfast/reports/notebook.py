"""What a notebook shows for a run: a fragment of HTML whose styles reach nothing outside it."""

from __future__ import annotations

from holdfast import charts
from holdfast.domain.run import Run
from holdfast.reports import reading
from holdfast.reports.html import environment


def to_notebook(run: Run) -> str:
    """The verdict, what matters, the verdict table and what was not tested, for ``_repr_html_``."""
    template = environment().get_template("notebook.html")
    return template.render(
        run=run,
        chart_css=charts.stylesheet(scope=".holdfast "),
        sentence=reading.verdict_sentence(run),
        matters=reading.matters(run),
        rows=reading.rows(run),
        gaps=reading.gaps(run),
    )
