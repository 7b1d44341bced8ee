"""SARIF 2.1.0 (OASIS), for code scanning and security dashboards: findings, breached limits and limits left open.

A rule is a finding's slug within its probe, or a limit on a measure; a result is what this run says about it. Failed
probes are tool execution notifications, so a dashboard shows that something did not run.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from holdfast import words
from holdfast.domain.evidence import Evidence, Failed, Material, Skipped
from holdfast.domain.finding import Confidence, Finding, Severity
from holdfast.domain.run import Run
from holdfast.domain.verdict import Outcome, Reason
from holdfast.version import __version__

if TYPE_CHECKING:
    from holdfast.artifacts.report import FileReport
    from holdfast.artifacts.report import Reason as ScanReason

Json = dict[str, Any]

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
EXIT_CODES = {Outcome.PASS: 0, Outcome.BREACH: 1, Outcome.INCONCLUSIVE: 3}

_DRIVER = {"name": "Holdfast", "semanticVersion": __version__, "organization": "The Holdfast authors"}
_LEVELS = {
    Severity.INFO: "note",
    Severity.LOW: "note",
    Severity.MEDIUM: "warning",
    Severity.HIGH: "error",
    Severity.CRITICAL: "error",
}
_SCORES = {
    Severity.INFO: "0.0",
    Severity.LOW: "3.0",
    Severity.MEDIUM: "5.5",
    Severity.HIGH: "8.0",
    Severity.CRITICAL: "9.5",
}
_PRECISION = {Confidence.LOW: "low", Confidence.MEDIUM: "medium", Confidence.HIGH: "high"}
_TAXONOMIES = {
    "ATLAS": ("MITRE ATLAS", "MITRE"),
    "OWASP": ("OWASP Top 10 for machine learning and language models", "OWASP"),
    "NISTAML": ("NIST AI 100-2 adversarial machine learning", "NIST"),
}
_DATA_FAMILIES = {"poisoning": "train", "fairness": "test", "performance": "test"}


def render(run: Run) -> bytes:
    """The log as JSON, UTF-8. The same run gives the same bytes."""
    return _bytes(log(run))


def log(run: Run) -> Json:
    """The SARIF log as plain JSON types."""
    rules = {rule["id"]: rule for rule in _rules(run)}
    at = {id: index for index, id in enumerate(rules)}
    taxonomies = _taxonomies(run.evidence.findings)
    results = [{**result, "ruleIndex": at[result["ruleId"]]} for result in _results(run)]
    driver = {
        **_DRIVER,
        "rules": list(rules.values()),
        "supportedTaxonomies": [{"name": taxonomy["name"], "guid": taxonomy["guid"]} for taxonomy in taxonomies],
    }
    body = {
        "tool": {"driver": driver},
        "taxonomies": taxonomies,
        "invocations": [_invocation(run)],
        "artifacts": [_artifact(material) for material in run.evidence.materials],
        "automationDetails": {
            "id": f"holdfast/{run.system.name}/{run.id}",
            "guid": str(uuid.uuid5(uuid.NAMESPACE_URL, f"holdfast:{run.evidence_digest}")),
            "correlationGuid": str(uuid.uuid5(uuid.NAMESPACE_URL, f"holdfast:{run.system.name}")),
        },
        "columnKind": "unicodeCodePoints",
        "results": results,
        "properties": {
            "verdict": run.verdict.outcome.value,
            "evidence": run.evidence_digest,
            "seed": run.evidence.seed,
        },
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [body]}


def render_scan(reports: Sequence[FileReport]) -> bytes:
    """A scan of artefacts as a log of its own, UTF-8: one result for each reason why a file may not be loaded."""
    found = [(report, reason) for report in reports for reason in report.reasons]
    rules = list(dict.fromkeys(reason.rule for _, reason in found))
    body = {
        "tool": {"driver": {**_DRIVER, "rules": [_scan_rule(rule) for rule in rules]}},
        "invocations": [{"executionSuccessful": True}],
        "artifacts": [{"location": {"uri": quote(r.path)}, "length": r.size} for r in reports],
        "columnKind": "unicodeCodePoints",
        "results": [
            _scan_result(report, reason, rules.index(reason.rule), reports.index(report)) for report, reason in found
        ],
    }
    return _bytes({"$schema": SCHEMA, "version": "2.1.0", "runs": [body]})


def _scan_rule(rule: str) -> Json:
    said = words.sentence_case(rule.partition(".")[2].replace("-", " ") or rule)
    return {
        "id": f"scan/{rule}",
        "name": _pascal(rule),
        "shortDescription": {"text": said},
        "properties": {"tags": ["security", "model-file"], "security-severity": "8.0"},
    }


def _scan_result(report: FileReport, reason: ScanReason, rule: int, file: int) -> Json:
    refused = reason.verdict.value == "refuse"
    region: Json = {"startLine": 1} if reason.offset is None or reason.member else {"byteOffset": reason.offset}
    place: Json = {
        "physicalLocation": {"artifactLocation": {"uri": quote(report.path), "index": file}, "region": region}
    }
    named = reason.member or reason.name
    identity = "\n".join((report.name, reason.rule, reason.member, reason.name))
    return {
        "ruleId": f"scan/{reason.rule}",
        "ruleIndex": rule,
        "kind": "fail",
        "level": "error" if refused else "warning",
        "message": {"text": reason.message},
        "locations": [place | ({"logicalLocations": [{"name": named}]} if named else {})],
        "fingerprints": {"holdfast/v1": hashlib.sha256(identity.encode("utf-8")).hexdigest()},
    }


def _bytes(log: Json) -> bytes:
    return (json.dumps(log, indent=2, ensure_ascii=False) + "\n").encode("utf-8", "backslashreplace")


def _rules(run: Run) -> Iterator[Json]:
    for finding in run.evidence.findings:
        yield {
            "id": finding.id,
            "name": _pascal(finding.slug),
            "shortDescription": {"text": finding.title},
            "fullDescription": {"text": finding.why or finding.title},
            "help": {"text": finding.remedy or finding.why or finding.title},
            "defaultConfiguration": {"level": _LEVELS[finding.severity]},
            "properties": {
                "tags": ["security", finding.probe.partition(".")[0], *finding.catalogue],
                "precision": _PRECISION[finding.confidence],
                "security-severity": _SCORES[finding.severity],
            },
            **_relationships(finding),
        }
    for reason in _judged(run):
        title = words.title(run.evidence, _measure(reason))
        yield {
            "id": f"limit/{_measure(reason)}",
            "name": _pascal(_measure(reason)),
            "shortDescription": {"text": f"Limit on: {title}"},
            "fullDescription": {"text": reason.limit.why if reason.limit and reason.limit.why else title},
            "defaultConfiguration": {"level": "error"},
            "properties": {"tags": ["risk-appetite", run.appetite.name]},
        }


def _results(run: Run) -> Iterator[Json]:
    for finding in run.evidence.findings:
        yield {
            "ruleId": finding.id,
            "kind": "fail",
            "level": _LEVELS[finding.severity],
            "message": {"text": finding.sentence},
            "locations": [_location(run.evidence, finding.probe, finding.where)],
            "fingerprints": _fingerprint(run, finding.id, finding.where),
        }
    for reason in _judged(run):
        breach = reason.outcome is Outcome.BREACH
        where = words.scope(reason.measurement) if reason.measurement else ""
        yield {
            "ruleId": f"limit/{_measure(reason)}",
            "kind": "fail" if breach else "open",  # §3.27.9: open is "insufficient information to decide"
            "level": "error" if breach else "none",
            "message": {"text": words.because(reason, run.evidence)},
            "locations": [_location(run.evidence, _measure(reason), where)],
            "fingerprints": _fingerprint(run, f"limit/{_measure(reason)}", where),
        }


def _judged(run: Run) -> list[Reason]:
    return [r for r in run.verdict.reasons if r.limit is not None and r.outcome is not Outcome.PASS]


def _measure(reason: Reason) -> str:
    return reason.limit.measure if reason.limit else ""


def _location(evidence: Evidence, about: str, where: str) -> Json:
    """The file that the result is about (named in `where`, else data or model by family), and the place inside it."""
    materials = evidence.materials
    role = _DATA_FAMILIES.get(about.partition(".")[0], "model")
    chosen = next((m for m in materials if m.name == where), None)
    chosen = chosen or next((m for m in materials if m.role == role), None) or next(iter(materials), None)
    location: Json = {"logicalLocations": [{"name": where, "kind": "parameter"}]} if where else {}
    if chosen is not None:
        artifact = {"uri": quote(chosen.name), "index": materials.index(chosen)}
        location["physicalLocation"] = {"artifactLocation": artifact, "region": {"startLine": 1}}
    return location


def _fingerprint(run: Run, rule: str, where: str) -> dict[str, str]:
    """Stable over runs of one system, so that a dashboard follows one problem through releases."""
    identity = "\n".join((run.system.name, rule, where))
    return {"holdfast/v1": hashlib.sha256(identity.encode("utf-8")).hexdigest()}


def _artifact(material: Material) -> Json:
    return {
        "location": {"uri": quote(material.name)},
        "length": material.size,
        "mimeType": material.media_type,
        "hashes": {"sha-256": material.digest.removeprefix("sha256:")},
        "description": {"text": f"Measured as: {material.role}"},
    }


def _invocation(run: Run) -> Json:
    outcomes = run.evidence.outcomes
    failed = [_notification(o, "error") for o in outcomes if isinstance(o, Failed)]
    skipped = [_notification(o, "note") for o in outcomes if isinstance(o, Skipped)]
    return {
        "executionSuccessful": not failed,
        "exitCode": EXIT_CODES[run.verdict.outcome],
        "exitCodeDescription": run.verdict.outcome.value,
        "endTimeUtc": run.evidence.taken_at,
        "toolExecutionNotifications": failed + skipped,
    }


def _notification(outcome: Failed | Skipped, level: str) -> Json:
    return {
        "level": level,
        "descriptor": {"id": f"probe-{outcome.kind}"},
        "message": {"text": f"{outcome.probe} {outcome.kind}: {outcome.reason}"},
    }


def _taxonomies(findings: tuple[Finding, ...]) -> list[Json]:
    used: dict[str, dict[str, None]] = {}
    for finding in findings:
        for entry in finding.catalogue:
            scheme, id = _catalogued(entry)
            used.setdefault(scheme, {})[id] = None
    return [
        {
            "name": scheme,
            "guid": _taxonomy_guid(scheme),
            "fullName": _TAXONOMIES.get(scheme, (scheme, ""))[0],
            "organization": _TAXONOMIES.get(scheme, ("", scheme))[1],
            "isComprehensive": False,
            "taxa": [{"id": id} for id in ids],
        }
        for scheme, ids in used.items()
    ]


def _catalogued(entry: str) -> tuple[str, str]:
    """``ATLAS:AML.T0043`` and ``NISTAML.022`` as their catalogue and their id in it."""
    scheme, colon, id = entry.partition(":")
    return (scheme, id) if colon else (entry.partition(".")[0], entry)


def _taxonomy_guid(scheme: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"holdfast:taxonomy:{scheme}"))


def _relationships(finding: Finding) -> Json:
    links = [
        {"target": {"id": id, "toolComponent": {"name": scheme, "guid": _taxonomy_guid(scheme)}}, "kinds": ["relevant"]}
        for scheme, id in map(_catalogued, finding.catalogue)
    ]
    return {"relationships": links} if links else {}


def _pascal(text: str) -> str:
    """SARIF asks for rule names in Pascal case (§3.49.7)."""
    return "".join(part.capitalize() for part in text.replace(".", "-").replace("_", "-").split("-"))
