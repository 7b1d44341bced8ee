"""CycloneDX 1.7 ML-BOM: the model with its card, the data it was measured on, the packages that ran it.

Ecma-424 (CycloneDX 1.7) ``modelCard`` carries the measurements with their intervals and slices. The serial number
follows from the evidence, so the same run gives the same document.
"""

from __future__ import annotations

import json
import uuid
from typing import Any

from holdfast import words
from holdfast.domain.evidence import Material
from holdfast.domain.finding import Severity
from holdfast.domain.measure import Measurement
from holdfast.domain.run import Run
from holdfast.domain.schema import Schema
from holdfast.domain.verdict import Outcome
from holdfast.reports import reading
from holdfast.version import __version__

Json = dict[str, Any]

_DATA_ROLES = frozenset({"train", "test", "data", "reference", "validation"})

_REFERENCES = {"report.html": "quality-metrics", "model-card.md": "model-card", "evidence.json": "evidence"}


def render(run: Run) -> bytes:
    """The document as JSON, UTF-8. The same run gives the same bytes."""
    return (json.dumps(bom(run), indent=2, ensure_ascii=False) + "\n").encode("utf-8")


def bom(run: Run) -> Json:
    """The document as plain JSON types."""
    model = _model(run)
    parts = [_part(m) for m in run.evidence.materials if m is not _model_file(run)]
    packages = [_package(name, version) for name, version in run.evidence.environment.packages]
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.7.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.7",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, f'holdfast:{run.evidence_digest}')}",
        "version": 1,
        "metadata": {
            "timestamp": run.evidence.taken_at,
            "tools": {"components": [{"type": "application", "name": "Holdfast", "version": __version__}]},
            "component": model,
            "properties": _properties(run),
        },
        "components": parts + packages,
        "dependencies": [
            {"ref": model["bom-ref"], "dependsOn": [part["bom-ref"] for part in parts + packages]},
            *({"ref": part["bom-ref"]} for part in parts + packages),
        ],
    }


def _model(run: Run) -> Json:
    found = _model_file(run)
    component: Json = {
        "type": "machine-learning-model",
        "bom-ref": f"model:{words.short(run.evidence.release)}",
        "name": run.system.name,
        "version": words.short(run.evidence.release),
        "description": run.system.purpose,
        "modelCard": _card(run),
        "externalReferences": [
            {"type": _REFERENCES[name], "url": path} for name, path in run.files if name in _REFERENCES
        ],
    }
    if found is not None:
        component |= {"hashes": _hashes(found), "mime-type": found.media_type}
    if run.system.vendor:
        component["supplier"] = {"name": run.system.vendor}
    return component


def _model_file(run: Run) -> Material | None:
    return next((m for m in run.evidence.materials if m.role == "model"), None)


def _part(material: Material) -> Json:
    """A table that the release was measured on, or a further file of the release."""
    component: Json = {
        "type": "data" if material.role in _DATA_ROLES else "file",
        "bom-ref": _ref(material),
        "name": material.name,
        "description": f"Measured as: {material.role}",
        "hashes": _hashes(material),
        "mime-type": material.media_type,
    }
    if component["type"] == "data":
        component["data"] = [{"type": "dataset", "name": material.name}]
    return component


def _ref(material: Material) -> str:
    return f"{material.role}:{material.name}:{words.short(material.digest)}"


def _hashes(material: Material) -> list[Json]:
    return [{"alg": "SHA-256", "content": material.digest.removeprefix("sha256:")}]


def _package(name: str, version: str) -> Json:
    purl = f"pkg:pypi/{name.lower().replace('_', '-')}@{version}"
    return {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}


def _properties(run: Run) -> list[Json]:
    named = {
        "holdfast:evidence": run.evidence_digest,
        "holdfast:release": run.evidence.release,
        "holdfast:verdict": run.verdict.outcome.value,
        "holdfast:appetite": f"{run.appetite.name} {run.appetite.version}",
        "holdfast:tier": run.verdict.tier.value,
    }
    return [{"name": name, "value": value} for name, value in named.items()]


def _card(run: Run) -> Json:
    return {
        "modelParameters": _parameters(run),
        "quantitativeAnalysis": {"performanceMetrics": [_metric(m) for m in run.evidence.measurements]},
        "considerations": _considerations(run),
    }


def _parameters(run: Run) -> Json:
    data = [{"ref": _ref(m)} for m in run.evidence.materials if m.role in _DATA_ROLES]
    schema = run.evidence.schema
    if schema is None:
        return {"datasets": data}
    return {
        "approach": {"type": "supervised"},
        "task": schema.task.value,
        "datasets": data,
        "inputs": [{"format": f"{f.name}: {f.kind.value}"} for f in schema.features],
        "outputs": [{"format": _output(schema)}],
    }


def _output(schema: Schema) -> str:
    classes = f", one of {', '.join(map(str, schema.classes))}" if schema.classes else ""
    return f"{schema.target}{classes}"


def _metric(measurement: Measurement) -> Json:
    metric = {"type": measurement.measure, "value": f"{measurement.value:.10g}"}
    if measurement.scope:
        metric["slice"] = words.scope(measurement)
    if measurement.interval is None:
        return metric
    ends = {"lowerBound": f"{measurement.interval.low:.10g}", "upperBound": f"{measurement.interval.high:.10g}"}
    return {**metric, "confidenceInterval": ends}


def _considerations(run: Run) -> Json:
    findings = [f for f in run.evidence.findings if f.severity is not Severity.INFO]
    fair = [f for f in findings if f.probe.startswith("fairness.")]
    opposed = [words.because(r, run.evidence) for r in run.verdict.reasons if r.outcome is not Outcome.PASS]
    gaps = [f"Not tested: {gap.what}. {gap.why}" for gap in reading.gaps(run)]
    kept: Json = {
        "users": [run.system.affected] if run.system.affected else [],
        "useCases": [run.system.use_case] if run.system.use_case else [],
        "technicalLimitations": [*opposed, *gaps],
        "ethicalConsiderations": [{"name": f.sentence, "mitigationStrategy": f.remedy} for f in findings],
        "fairnessAssessments": [
            {"groupAtRisk": f.where or f.title, "harms": f.sentence, "mitigationStrategy": f.remedy} for f in fair
        ],
    }
    return {name: value for name, value in kept.items() if value}
