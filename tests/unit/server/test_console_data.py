"""The console's data room: filing what was sealed, asking to train on it, and lineage where it is looked at."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import quote, unquote

import pytest
from tests.unit.flows.journey import SYSTEM, asked, filed, registered
from tests.unit.flows.test_register_data import admission
from tests.unit.flows.test_steps import demand_lineage, file, made_of

from holdfast import canonical
from holdfast.domain.dataset import DatasetVersion
from holdfast.domain.gate import Request
from holdfast.domain.lineage import FiledSource, FiledStep
from holdfast.domain.provenance import Source
from holdfast.domain.release import Release
from holdfast.flows.register_data import register_prompt
from holdfast.ledger.envelope import seal
from holdfast.ledger.note import Key

TABLE = canonical.digest_bytes(b"rows")


@pytest.fixture
def developer(server):
    registered(server.office)
    return server.program("developer")


def upload(server, client, record, **fields):
    signer = server.platform.desk.signer
    form = {"key": Key(signer.name, signer.public_bytes()).vkey, **fields}
    return client.post("/data", data=form, files={"envelope": ("a.json", seal(record, signer))})


def said(answer):
    assert answer.status_code == 303, answer.text
    return unquote(answer.cookies["holdfast_said"])


def test_each_kind_of_sealed_record_is_filed_where_it_belongs(server, developer):
    store = server.platform.desk.store
    assert "The step is filed" in said(upload(server, developer, made_of("sha256:m", TABLE)))
    source = Source("pictures", "sha256:p", "a photographer", "CC0", "mara", "2026-11-24T09:00:00Z")
    assert "The source of pictures is filed" in said(upload(server, developer, source))
    unnamed = upload(server, developer, admission())
    assert (unnamed.status_code, "The version is missing." in unnamed.text) == (422, True)
    assert "applicants 1 is registered" in said(upload(server, developer, admission(), version="1"))
    assert [store.count(kind) for kind in (FiledStep, FiledSource, DatasetVersion)] == [1, 1, 1]
    register_prompt(server.platform.desk, server.office.caller("developer"), "triage", "3", b"You are careful.")
    page = server.program("viewer").get("/data").text
    assert all(text in page for text in ("applicants 1", "python train.py", "a photographer", "triage 3"))
    assert 'name="envelope"' not in page
    assert "applicants,1,pass,CRM" in developer.get("/data?as=csv").text


def test_what_cannot_be_filed_is_said_at_its_field(server, developer):
    nothing = developer.post("/data", data={"key": "k"})
    assert (nothing.status_code, "The file is missing." in nothing.text) == (422, True)
    other = Key("else", bytes(range(32))).vkey
    assert "Nobody here trusts the key" in upload(server, developer, made_of("sha256:m"), key=other).text
    run = upload(server, developer, server.office.evidence())
    assert (run.status_code, "as evidence" in run.text) == (422, True)
    assert upload(server, server.program("auditor"), made_of("sha256:m")).status_code == 403


def test_the_data_gate_is_asked_on_the_page_of_a_system(server, developer):
    upload(server, developer, admission(), version="1")
    owner, here = server.program("owner"), f"/systems/{quote(SYSTEM.name)}"
    assert "applicants 1" in owner.get(here).text
    form = {"gate": "data", "ask_reason": "to train on"}
    assert "names no data set" in owner.post(f"{here}/ask", data=form).text
    path = owner.post(f"{here}/ask", data={**form, "datasets": [TABLE]}).headers["location"]
    page = owner.get(path).text
    assert "applicants 1 was let in" not in page, "only what stands in the way is said above"
    assert "An admission counts for 90 days." in page
    assert "a data set" in page
    assert server.platform.desk.store.list(Request).items[0].record.datasets == (TABLE,)


def test_a_broken_link_stands_out_and_says_whether_it_shuts_the_gate(server, developer):
    office = server.office
    digest = filed(office).filed.record.release
    materials = office.desk.store.get(Release, digest).record.materials
    file(office, replace(made_of(materials[0].digest, TABLE), command=("python", "fit.py")))
    request = asked(office, digest).request.key
    page = developer.get(f"/releases/{digest}").text
    assert page.count("Broken here") == 3
    assert "python fit.py" in page
    shown = developer.get(f"/requests/{request}").text
    assert "does not ask for complete lineage here" in shown
    demand_lineage(office)
    shown = developer.get(f"/requests/{request}").text
    assert "does not ask for complete lineage here" not in shown
    assert "The lineage breaks at" in shown
    for name, found in (("rows", TABLE), ("test", materials[1].digest), ("train", materials[2].digest)):
        upload(server, developer, Source(name, found, "CRM", "internal", "mara", "2026-11-24T09:00:00Z"))
    page = developer.get(f"/releases/{digest}").text
    assert "All four files trace back to attested sources." in page
    assert "Broken here" not in page
