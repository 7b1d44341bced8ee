"""Would loading the model's files run code?

Threat model: somebody who can put a file where a model is loaded from (a hub, a bucket, an attachment) owns the machine
that loads it, because a pickle is a program. The scan reads every file without loading it and allows what restores
known classes from data; everything else is refused, or reported as something that nobody can tell.

Method: allow-list of exact imports over a symbolic reading of the pickle machine (see `holdfast.artifacts`), after the
finding of "The Art of Hide and Seek" (arXiv 2508.19774) that deny-lists miss most gadgets, and of PickleBall (arXiv
2508.15987) that allow-lists by library do not refuse benign models. It does not prove that a model's predictions are
honest, nor that its arrays cannot crash the library that reads them: the model still runs in an isolated worker.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from holdfast.artifacts.report import FileReport, Verdict
from holdfast.artifacts.scan import scan_paths
from holdfast.domain.finding import Confidence, Exhibit, Finding, Severity
from holdfast.domain.measure import Direction, Measure
from holdfast.probes.contract import Case, Need, Yielded, probe

REFUSED = Measure(
    id="artifact.refused_files",
    title="Files that loading would run code from",
    unit="files",
    direction=Direction.LOWER_IS_BETTER,
    meaning="How many of the release's files would run code that no model needs, or hide what they would run.",
)
UNKNOWN = Measure(
    id="artifact.unknown_files",
    title="Files that nobody can tell about",
    unit="files",
    direction=Direction.LOWER_IS_BETTER,
    meaning="How many of the release's files are in a format, or hold something, that the scan cannot judge.",
)
MOST_ROWS = 20
CATALOGUE = ("ATLAS:AML.T0010.003", "ATLAS:AML.T0011.000", "OWASP:ML06", "NISTAML.051")


@dataclass(frozen=True)
class Params:
    """Nothing to choose: every file is read whole, whatever the effort."""


@probe(
    title="Code in model files",
    question="Would loading a file of this release run code that a model does not need?",
    measures=(REFUSED, UNKNOWN),
    efforts={"quick": Params(), "standard": Params(), "deep": Params()},
    trial="holdfast.testing.trials.artifact:unsafe_code",
    needs={Need.ARTIFACT},
    cost="no queries; reads every file once",
    memory_mb=150,
    catalogue=CATALOGUE,
)
def run(case: Case, _params: Params) -> Iterator[Yielded]:
    """Counts of refused and unknown files, and a finding for each."""
    case.progress(0.0, "reading files without loading them")
    reports = scan_paths(case.artifact, extra=frozenset(case.allow))
    yield REFUSED.of(sum(r.verdict is Verdict.REFUSE for r in reports), n=len(reports))
    yield UNKNOWN.of(sum(r.verdict is Verdict.UNKNOWN for r in reports), n=len(reports))
    slugs: dict[str, int] = {}
    for report in reports:
        if not report.allowed:
            finding = _refused(report) if report.verdict is Verdict.REFUSE else _unknown(report)
            yield _numbered(finding, slugs)
    case.progress(1.0, "files read")


def _refused(report: FileReport) -> Finding:
    return Finding(
        slug="unsafe-code",
        title=f"{report.name} must not be loaded",
        sentence=_what_happens(report),
        severity=Severity.CRITICAL,
        confidence=Confidence.HIGH if report.runs else Confidence.MEDIUM,
        why=_why(report),
        remedy=(
            "Do not load it. Obtain the model as skops, ONNX or its library's own format (XGBoost JSON). "
            "If what it imports is your own class, name it under `model.allow`."
        ),
        reproduce=f"holdfast scan {report.name}",
        where=report.name,
        measures=(REFUSED.id,),
        catalogue=CATALOGUE,
        exhibits=(_exhibit(report),),
    )


def _unknown(report: FileReport) -> Finding:
    return Finding(
        slug="not-provably-safe",
        title=f"Nobody can tell what loading {report.name} does",
        sentence=f"{report.name} cannot be shown to be safe to load: {report.reasons[0].message}",
        severity=Severity.MEDIUM,
        confidence=Confidence.HIGH,
        why=_why(report),
        remedy="Leave it out of the release if the model does not need it, or obtain it in a format that is scanned.",
        reproduce=f"holdfast scan {report.name}",
        where=report.name,
        measures=(UNKNOWN.id,),
        catalogue=CATALOGUE,
        exhibits=(_exhibit(report),),
    )


def _what_happens(report: FileReport) -> str:
    called = [_familiar(reason.name) for reason in report.reasons if reason.rule == "pickle.unlisted-call"]
    if called:
        more = f" and {len(called) - 1} more" if len(called) > 1 else ""
        return f"Loading {report.name} would run {called[0]}{more}."
    if report.runs:
        return (
            f"Loading {report.name} would import {_familiar(report.runs[0])}, which is on no list of what models need."
        )
    return f"{report.name} is built so that nobody can follow what loading it runs: {report.reasons[0].message}"


def _familiar(name: str) -> str:
    """Pickles name functions of `os` by the module that implements it."""
    module, _, rest = name.partition(".")
    return f"os.{rest}" if module in ("posix", "nt") else name


def _why(report: FileReport) -> str:
    found = " ".join(reason.message for reason in report.reasons[:3])
    return f"The file is {report.format}. Reading it without loading it found: {found}"


def _exhibit(report: FileReport) -> Exhibit:
    rows = tuple((r.rule, r.message, r.offset, r.member) for r in report.reasons[:MOST_ROWS])
    return Exhibit("What the scan found", ("rule", "what", "byte offset", "member"), rows)


def _numbered(finding: Finding, slugs: dict[str, int]) -> Finding:
    """The first finding of a slug keeps it; later ones get a number, so that each id stands for one file."""
    count = slugs[finding.slug] = slugs.get(finding.slug, 0) + 1
    return finding if count == 1 else replace(finding, slug=f"{finding.slug}-{count}")
