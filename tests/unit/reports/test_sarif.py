from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from holdfast.artifacts.report import FileReport, refuse, unknown
from holdfast.domain.evidence import Done
from holdfast.domain.verdict import Outcome
from holdfast.reports import sarif
from holdfast.testing.runs import sample_run

SCHEMA = Path(__file__).parents[4] / "shared/data/schemas/sarif-schema-2.1.0.json"


def results(run) -> list[dict]:
    return sarif.log(run)["runs"][0]["results"]


@pytest.mark.parametrize("outcome", list(Outcome))
def test_the_log_is_valid(outcome):
    if not SCHEMA.exists():
        pytest.skip("the SARIF schema is not beside this checkout")
    import jsonschema

    jsonschema.validate(json.loads(sarif.render(sample_run(outcome))), json.loads(SCHEMA.read_text()))


def test_the_same_run_gives_the_same_bytes():
    assert sarif.render(sample_run()) == sarif.render(sample_run())


def test_findings_and_breaches_are_failures_and_kept_limits_are_not_listed():
    found = {r["ruleId"]: (r["kind"], r["level"]) for r in results(sample_run())}
    assert found["evasion.decision_based/price-to-flip"] == ("fail", "error")
    assert found["fairness.groups/no-proxy"] == ("fail", "note")
    assert found["limit/evasion.flip_rate"] == ("fail", "error")
    assert "limit/performance.auc" not in found


def test_a_limit_that_could_not_be_judged_is_open():
    found = {r["ruleId"]: r["kind"] for r in results(sample_run(Outcome.INCONCLUSIVE))}
    assert found["limit/privacy.membership_auc"] == "open"


def test_a_failed_probe_makes_the_invocation_unsuccessful():
    (call,) = sarif.log(sample_run())["runs"][0]["invocations"]
    assert (call["executionSuccessful"], call["exitCode"]) == (False, 1)
    assert "explain.reason_codes failed" in call["toolExecutionNotifications"][0]["message"]["text"]
    (clean,) = sarif.log(sample_run(Outcome.PASS))["runs"][0]["invocations"]
    assert (clean["executionSuccessful"], clean["exitCode"]) == (True, 0)


def test_every_result_names_a_rule_and_a_file_of_the_release():
    body = sarif.log(sample_run())["runs"][0]
    for result in body["results"]:
        assert body["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
        place = result["locations"][0]["physicalLocation"]["artifactLocation"]
        assert body["artifacts"][place["index"]]["location"]["uri"] == place["uri"]


def test_catalogue_ids_become_taxa_that_rules_point_at():
    body = sarif.log(sample_run())["runs"][0]
    known = {(t["guid"], taxon["id"]) for t in body["taxonomies"] for taxon in t["taxa"]}
    links = [r["target"] for rule in body["tool"]["driver"]["rules"] for r in rule.get("relationships", [])]
    assert {"AML.T0043", "ML01", "AML.T0024.002", "NISTAML.022"} <= {link["id"] for link in links}
    assert {(link["toolComponent"]["guid"], link["id"]) for link in links} <= known


def test_a_fingerprint_survives_a_new_release_but_not_another_place():
    run = sample_run()
    later = replace(run, id="0" * 12, evidence_digest="sha256:" + "1" * 64)
    assert [r["fingerprints"] for r in results(run)] == [r["fingerprints"] for r in results(later)]
    moved = replace(run, evidence=_moved(run.evidence))
    assert results(run)[0]["fingerprints"] != results(moved)[0]["fingerprints"]


def _moved(evidence):
    outcomes = tuple(
        replace(o, findings=tuple(replace(f, where="elsewhere") for f in o.findings)) if isinstance(o, Done) else o
        for o in evidence.outcomes
    )
    return replace(evidence, outcomes=outcomes)


def test_a_run_without_files_still_renders():
    run = sample_run()
    bare = replace(run, evidence=replace(run.evidence, materials=()))
    assert all("physicalLocation" not in r["locations"][0] for r in results(bare))


SCANNED = (
    FileReport(
        "models/a b.pkl", "pickle", 40, (refuse("pickle.unlisted-global", "It imports os.system.", 17, "os.system"),)
    ),
    FileReport("odd.zip", "zip", 3, (unknown("archive.nested", "Nobody can tell.", 2).within("inner.pkl"),)),
    FileReport("good.joblib", "joblib", 9),
)


def test_a_scan_is_a_valid_log_with_one_result_a_reason():
    log = json.loads(sarif.render_scan(SCANNED))
    if SCHEMA.exists():
        import jsonschema

        jsonschema.validate(log, json.loads(SCHEMA.read_text()))
    (body,) = log["runs"]
    assert [(r["ruleId"], r["level"]) for r in body["results"]] == [
        ("scan/pickle.unlisted-global", "error"),
        ("scan/archive.nested", "warning"),
    ]
    places = [r["locations"][0]["physicalLocation"] for r in body["results"]]
    assert [p["artifactLocation"]["uri"] for p in places] == ["models/a%20b.pkl", "odd.zip"]
    assert [p["region"] for p in places] == [{"byteOffset": 17}, {"startLine": 1}]
    assert [a["location"]["uri"] for a in body["artifacts"]] == ["models/a%20b.pkl", "odd.zip", "good.joblib"]
