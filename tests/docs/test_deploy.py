"""What is in deploy/ is what it says: valid for Kubernetes, locked down, and in step with the gateway's documents."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from holdfast.documents import parse_document
from holdfast.gateway.run import DRAIN_SECONDS
from holdfast.gateway.setup.document import GatewayDocument
from holdfast.policy import parse_policy

DEPLOY = Path(__file__).parents[2] / "deploy"
MANIFESTS = [
    manifest
    for file in sorted((DEPLOY / "kubernetes").glob("*.yaml"))
    for manifest in yaml.safe_load_all(file.read_text())
    if manifest["kind"] != "Kustomization"
]
PODS = [manifest for manifest in MANIFESTS if manifest["kind"] == "StatefulSet"]
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))


def named(manifest):
    return f"{manifest['kind']}-{manifest['metadata']['name']}"


@pytest.mark.parametrize("manifest", MANIFESTS, ids=named)
def test_manifests_are_what_kubernetes_takes(manifest):
    kubernetes_validate.validate(manifest, "1.32", strict=True)
    kubernetes_validate.validate(manifest, kubernetes_validate.latest_version(), strict=True)


@pytest.mark.parametrize("manifest", PODS, ids=named)
def test_pods_may_do_no_more_than_they_need(manifest):
    pod = manifest["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["automountServiceAccountToken"] is False
    assert (
        manifest["spec"]["selector"]["matchLabels"].items()
        <= manifest["spec"]["template"]["metadata"]["labels"].items()
    )
    for container in pod["containers"]:
        context = container["securityContext"]
        assert context["readOnlyRootFilesystem"] is True
        assert context["allowPrivilegeEscalation"] is False
        assert context["capabilities"]["drop"] == ["ALL"]
        assert {"startupProbe", "livenessProbe", "readinessProbe", "resources"} <= container.keys()
        mounted = {mount["name"] for mount in container["volumeMounts"]}
        claimed = {claim["metadata"]["name"] for claim in manifest["spec"]["volumeClaimTemplates"]}
        assert mounted == claimed | {volume["name"] for volume in pod["volumes"]}
        secret = re.compile(r"TOKEN|KEY|DATABASE")
        assert all("valueFrom" in one for one in container["env"] if secret.search(one["name"]))


def test_every_pod_has_a_budget_and_a_network_policy_and_nobody_else_gets_in():
    labels = [manifest["spec"]["selector"]["matchLabels"] for manifest in PODS]
    kinds = {
        kind: [one["spec"] for one in MANIFESTS if one["kind"] == kind]
        for kind in ("PodDisruptionBudget", "NetworkPolicy")
    }
    assert all(any(spec["selector"]["matchLabels"] == one for spec in kinds["PodDisruptionBudget"]) for one in labels)
    policies = kinds["NetworkPolicy"]
    assert all(any(spec["podSelector"].get("matchLabels") == one for spec in policies) for one in labels)
    assert {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]} in policies


def test_the_gateways_document_and_policy_are_ones_that_it_takes():
    data = next(one["data"] for one in MANIFESTS if one["kind"] == "ConfigMap")
    document = parse_document(data["gateway.yaml"], GatewayDocument, "gateway.yaml")
    assert parse_policy(data["policy.yaml"]).name == document.systems[0].name
    pod = next(one for one in PODS if "gateway" in named(one))["spec"]["template"]["spec"]
    ports = {port["name"]: port["containerPort"] for port in pod["containers"][0]["ports"]}
    assert ports == {"https": document.listen.port, "metrics": document.observe.metrics.port}
    mounts = [mount["mountPath"] for mount in pod["containers"][0]["volumeMounts"]]
    files = (document.listen.certificate, document.observe.metrics.token_file, document.systems[0].reference)
    assert all(any(file.is_relative_to(mount) for mount in mounts) for file in files)
    assert pod["terminationGracePeriodSeconds"] > 5 + DRAIN_SECONDS


def test_the_image_runs_as_nobody_in_particular_and_can_be_asked_how_it_is():
    steps = (DEPLOY / "Containerfile").read_text()
    assert re.search(r"^USER 10001:10001$", steps, re.MULTILINE)
    assert "HEALTHCHECK" in steps
    assert steps.rindex("USER") > steps.rindex("RUN")
    extras = set(re.search(r'"\.\[(.*)\]"', steps)[1].split(","))
    project = (DEPLOY.parent / "pyproject.toml").read_text()
    assert all(re.search(rf"^{extra} = \[", project, re.MULTILINE) for extra in extras)


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_units_are_locked_down(unit):
    read = configparser.RawConfigParser(strict=False)
    read.optionxform = str
    read.read(unit)
    service = read["Service"]
    assert service["ProtectSystem"] == "strict"
    assert service["NoNewPrivileges"] == "yes"
    assert service["User"] not in ("", "root")
    assert not any(re.search(r"(TOKEN|KEY|DATABASE)=", value) for value in service.values())
    if shutil.which("systemd-analyze"):
        command = ["systemd-analyze", "security", "--offline=true", "--threshold=20", str(unit)]
        told = subprocess.run(command, check=False, capture_output=True, text=True)
        assert told.returncode == 0, told.stdout[-300:]
