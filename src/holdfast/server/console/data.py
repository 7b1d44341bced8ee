"""Data: the data sets that were let in or refused, the recorded steps, and filing what was sealed elsewhere."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import Response

from holdfast.domain.act import Kept
from holdfast.domain.dataset import Admission, DatasetVersion, PromptVersion
from holdfast.domain.errors import FixInput
from holdfast.domain.lineage import FiledSource, FiledStep
from holdfast.domain.provenance import Provenance, Source
from holdfast.domain.verdict import Outcome
from holdfast.flows.register_data import register_dataset
from holdfast.flows.steps import file_source, file_step
from holdfast.ledger.envelope import kind_in
from holdfast.ledger.note import Key
from holdfast.server.api.paging import Listed, Listing
from holdfast.server.console.forms import Form, Sent
from holdfast.server.console.pages import Visit, Visitor, go
from holdfast.server.console.tables import As, export, link

router = APIRouter(prefix="/data")
COLUMNS = ("name", "version", "outcome", "from", "licence", "digest", "contract", "registered_at")
RECENT = 12


@router.get("")
def show_data(visit: Visitor, listing: Listed, as_: As = "") -> Response:
    """What came in, what did not, and what was made of it."""
    return _show(visit, listing, Form(), as_=as_)


def _show(visit: Visit, listing: Listing, form: Form, status: int = 200, as_: str = "") -> Response:
    store = visit.desk.store
    page = store.list(DatasetVersion, **listing.arguments)
    if as_:
        return export("data", as_, COLUMNS, [_exported(kept) for kept in page.items])
    return visit.page(
        "data.html",
        status=status,
        form=form,
        datasets=page.items,
        listing=listing,
        after=page.after,
        link=lambda **changes: link(visit.request, **changes),
        outcomes=list(Outcome),
        steps=store.list(FiledStep, limit=RECENT).items,
        prompts=store.list(PromptVersion, limit=RECENT).items,
        sources=store.list(FiledSource, limit=RECENT).items,
    )


def _exported(kept: Kept[DatasetVersion]) -> list[object]:
    one = kept.record
    said = [one.name, one.version, one.outcome.value, one.source.where, one.source.licence]
    return [*said, one.digest, one.contract, kept.at]


@router.post("")
def file(visit: Visitor, listing: Listed, form: Sent) -> Response:
    """File what `holdfast record`, `data admit` or `data attest` sealed."""
    upload = form.files.get("envelope")
    with form:
        if upload is None or not upload.filename:
            form.wrong["envelope"] = "The file is missing."
        key = form.need("key", "The sealer's key")
        sealer = Key.from_vkey(key) if key else None
        form.settle()
        if upload is not None and sealer is not None:
            return go("/data", _filed(visit, upload.file.read(), sealer.public.hex(), form))
    return _show(visit, listing, form, 422)


def _filed(visit: Visit, envelope: bytes, sealer: str, form: Form) -> str:
    """File an envelope where its kind belongs; what was done, in words."""
    kind = kind_in(envelope)
    if kind is Provenance:
        step = file_step(visit.desk, visit.caller, envelope, sealer).record.provenance
        return f"The step is filed. Releases made of its {len(step.outputs)} files trace back through it."
    if kind is Source:
        return f"The source of {file_source(visit.desk, visit.caller, envelope, sealer).record.source.name} is filed."
    if kind is not Admission:
        raise FixInput("data.kind", "This file is of a run.", "File it on the system's page, as evidence.")
    version = form.need("version", "The version")
    form.settle()
    kept = register_dataset(visit.desk, visit.caller, envelope, sealer=sealer, version=version)
    return f"{kept.record.name} {kept.record.version} is registered. Its data gate said: {kept.record.outcome.value}."
