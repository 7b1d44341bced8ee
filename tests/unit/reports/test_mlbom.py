from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from holdfast.domain.verdict import Outcome
from holdfast.reports import mlbom
from holdfast.testing.runs import sample_run

SCHEMAS = Path(__file__).parents[4] / "shared/data/schemas"


@pytest.mark.parametrize("outcome", list(Outcome))
def test_cyclonedx_accepts_the_document(outcome):
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    assert JsonStrictValidator(SchemaVersion.V1_7).validate_str(mlbom.render(sample_run(outcome)).decode()) is None


def test_the_published_schema_accepts_the_document():
    if not SCHEMAS.exists():
        pytest.skip("the CycloneDX schemas are not beside this checkout")
    from jsonschema import Draft7Validator
    from referencing import Registry, Resource

    read = {p.name: json.loads(p.read_text()) for p in SCHEMAS.glob("*.schema.json")}
    registry = Registry().with_resources(
        [(f"http://cyclonedx.org/schema/{name}", Resource.from_contents(body)) for name, body in read.items()]
    )
    validator = Draft7Validator(read["bom-1.7.schema.json"], registry=registry)
    assert [e.message for e in validator.iter_errors(json.loads(mlbom.render(sample_run())))] == []


def test_the_library_reads_it_back():
    from cyclonedx.model.bom import Bom

    read = Bom.from_json(json.loads(mlbom.render(sample_run())))
    assert read.metadata.component.type.value == "machine-learning-model"
    assert {c.name for c in read.components} >= {"applications_2026.csv", "scikit-learn"}


def test_the_serial_number_follows_from_the_evidence():
    one, other = sample_run(), sample_run(Outcome.PASS)
    assert mlbom.render(one) == mlbom.render(sample_run())
    assert mlbom.bom(one)["serialNumber"] != mlbom.bom(other)["serialNumber"]


def test_measurements_carry_their_slice_and_interval():
    metrics = mlbom.bom(sample_run())["metadata"]["component"]["modelCard"]["quantitativeAnalysis"][
        "performanceMetrics"
    ]
    worst = next(m for m in metrics if m["type"] == "fairness.impact_ratio" and m["slice"] == "race=black")
    assert float(worst["confidenceInterval"]["lowerBound"]) < float(worst["value"]) == 0.5
    assert len(metrics) == len(sample_run().evidence.measurements)


def test_data_and_packages_are_components_that_the_model_depends_on():
    document = mlbom.bom(sample_run())
    refs = {c["bom-ref"] for c in document["components"]}
    assert set(document["dependencies"][0]["dependsOn"]) == refs
    assert "pkg:pypi/scikit-learn@1.7.2" in refs
    datasets = document["metadata"]["component"]["modelCard"]["modelParameters"]["datasets"]
    assert {d["ref"] for d in datasets} == {c["bom-ref"] for c in document["components"] if c["type"] == "data"}


def test_what_was_not_tested_is_a_limitation():
    limits = mlbom.bom(sample_run())["metadata"]["component"]["modelCard"]["considerations"]["technicalLimitations"]
    assert any("evasion.gradient_based" in line for line in limits)
    assert any("stopped answering" in line for line in limits)


def test_a_run_without_files_or_schema_is_still_valid():
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    run = sample_run()
    bare = replace(run, files=(), evidence=replace(run.evidence, materials=(), schema=None))
    assert JsonStrictValidator(SchemaVersion.V1_7).validate_str(mlbom.render(bare).decode()) is None
