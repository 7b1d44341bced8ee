"""Whether a digest may run: for gateways and pipelines, and for Kubernetes, which is told no whenever in doubt."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.unit.flows.journey import SYSTEM, answered_by_all, asked, filed, registered

from holdfast.domain.errors import Tampered
from holdfast.domain.release import Release
from holdfast.server.workload import workload_in

PATH = "/api/v1/admission/kubernetes"
UNKNOWN = "sha256:" + "0" * 64


def review(*images, annotations=None, kind="Pod", **more):
    """An AdmissionReview as the API server of Kubernetes 1.34 sends it, shortened to what is read."""
    pod = {
        "metadata": {"annotations": annotations or {}},
        "spec": {"containers": [{"name": f"c{n}", "image": image} for n, image in enumerate(images)], **more},
    }
    content = pod if kind == "Pod" else {"metadata": {}, "spec": {"template": pod}}
    if kind == "CronJob":
        content = {"spec": {"jobTemplate": {"spec": {"template": pod}}}}
    return {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
            "kind": {"kind": kind},
            "namespace": "production",
            "operation": "CREATE",
            "object": content,
        },
    }


@pytest.fixture
def release(server):
    """A release that was let into production, and the digest of its model."""
    registered(server.office)
    digest = filed(server.office).verdict.record.release
    answered_by_all(server.office, asked(server.office, digest).request.key)
    return server.platform.desk.store.get(Release, digest).record


def allowed(server, body, query=""):
    answer = server.program("viewer").post(PATH + query, json=body)
    assert answer.status_code == 200
    said = answer.json()
    assert (said["apiVersion"], said["kind"]) == ("admission.k8s.io/v1", "AdmissionReview")
    response = said["response"]
    assert response["uid"] == body["request"]["uid"]
    assert response["allowed"] or response["status"]["message"].startswith("Holdfast: ")
    return response["allowed"]


def test_a_digest_is_admitted_where_its_gate_is_open(server, release):
    viewer = server.program("viewer")
    for digest in (release.digest, release.material("model").digest):
        found = viewer.get("/api/v1/admission", params={"digest": digest, "environment": "production"}).json()
        assert (found["admitted"], found["outcome"]) == (True, "pass")
    elsewhere = viewer.get("/api/v1/admission", params={"digest": release.digest, "environment": "test"}).json()
    assert (elsewhere["admitted"], elsewhere["outcome"]) == (False, "inconclusive")
    unknown = viewer.get("/api/v1/admission", params={"digest": UNKNOWN, "environment": "production"}).json()
    assert (unknown["admitted"], unknown["reason"]) == (False, "No release is made of this digest.")


@pytest.mark.parametrize("kind", ["Pod", "Deployment", "CronJob"])
def test_kubernetes_may_run_an_image_whose_digest_is_let_in(server, release, kind):
    image = f"registry.example/credit@{release.material('model').digest}"
    assert allowed(server, review(image, kind=kind))
    assert not allowed(server, review(image, kind=kind), "?environment=test")
    assert not allowed(server, review(image, f"registry.example/other@{UNKNOWN}", kind=kind))
    assert not allowed(server, review(image, "registry.example/credit:latest", kind=kind))
    assert not allowed(server, review(image, kind=kind, annotations={"holdfast.dev/digest": UNKNOWN}))


def test_an_image_may_hide_nowhere_in_a_pod(server, release):
    image = f"registry.example/credit@{release.material('model').digest}"
    hidden = {"name": "x", "image": "docker.io/evil:latest"}
    assert not allowed(server, review(image, initContainers=[hidden]))
    assert not allowed(server, review(image, ephemeralContainers=[hidden]))
    assert not allowed(server, review(image, volumes=[{"name": "x", "image": {"reference": "docker.io/evil"}}]))
    assert allowed(server, review(image, volumes=[{"name": "x", "emptyDir": {}}]))
    assert not allowed(server, review(image, initContainers=["no container"]))


def test_the_annotation_counts_alone_only_where_the_webhook_says_so(server, release):
    named = {"holdfast.dev/digest": release.digest}
    body = review("registry.example/server:1", annotations=named)
    assert not allowed(server, body)
    assert allowed(server, body, "?by=annotation")
    assert not allowed(server, review("registry.example/server:1"), "?by=annotation")
    two = {"holdfast.dev/digest": f"{release.digest}, {UNKNOWN}"}
    assert not allowed(server, review("registry.example/server:1", annotations=two), "?by=annotation")


def test_what_cannot_be_read_is_not_allowed(server, release):
    request = review("a")["request"]
    for content in (None, [], "x", {"spec": {"containers": {}}}):
        assert not allowed(server, {**review("a"), "request": {**request, "object": content}})
    answer = server.program("viewer").post(PATH, json={"kind": "AdmissionReview", "request": 1})
    assert answer.json()["response"] == {
        "uid": "",
        "allowed": False,
        "status": {"code": 403, "message": "Holdfast: nothing says what runs here (images)."},
    }
    assert server.program("viewer").post(PATH, json=[]).status_code == 422
    assert server.stranger().post(PATH, json=review("a")).status_code == 401


def test_evidence_that_was_changed_on_disk_admits_nothing(server, release, monkeypatch):
    image = f"registry.example/credit@{release.material('model').digest}"
    assert allowed(server, review(image))

    def changed(digest):
        raise Tampered("blob.changed", "What is kept was changed.")

    monkeypatch.setattr(server.platform.desk.blobs, "get", changed)
    assert not allowed(server, review(image))


def test_it_is_shut_again_when_the_evidence_is_stale(server, release):
    image = f"registry.example/credit@{release.material('model').digest}"
    server.office.clock.pass_days(400)
    assert not allowed(server, review(image))


def test_no_nesting_is_too_deep():
    content = {"containers": [{"image": "a"}]}
    for _ in range(5000):
        content = {"spec": [content]}
    found = workload_in({"kind": "AdmissionReview", "request": {"object": content}})
    assert found.unpinned == ("a",)


def test_another_system_of_the_same_model_does_not_let_it_in(server):
    registered(server.office)
    other = replace(SYSTEM, name="other")
    registered(server.office, other)
    digest = filed(server.office).verdict.record.release
    found = server.program("viewer").get("/api/v1/admission", params={"digest": digest, "environment": "production"})
    assert found.json()["reason"].startswith("Nobody asked")
