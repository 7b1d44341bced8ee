"""From the document's `observe` to an observer: what is counted, traced and told, where it was asked for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from holdfast.documents import read_text
from holdfast.domain.errors import FixInput, Unavailable
from holdfast.flows.carriers import FileCarrier, HttpCarrier
from holdfast.gateway.observe.figures import Figures
from holdfast.gateway.observe.observer import Observer, Spans
from holdfast.gateway.observe.ocsf import Ocsf, Place
from holdfast.gateway.observe.outbox import MOST, Outbox
from holdfast.gateway.observe.spool import Spool
from holdfast.gateway.setup.document import GatewayDocument
from holdfast.gateway.setup.sections import EventsSection, OtlpSection


@contextmanager
def observing(document: GatewayDocument, folder: Path, home: Path) -> Iterator[Observer]:
    """An observer as the document in `folder` asks for one; at the end what it has left is delivered, if that is quick.

    Events that are not delivered yet stay in `home`.
    """
    observe, figures = document.observe, Figures()
    with ExitStack() as stack:
        spool = home / "events" / f"{document.gateway}.db"
        outbox = _outbox(observe.events, document, folder, spool) if observe.events else None
        if outbox is not None:
            stack.enter_context(outbox)
            figures.standing.append(outbox.standing)
        spans = _otlp(observe.otlp, document, folder, figures, stack) if observe.otlp else None
        share = observe.otlp.share if observe.otlp else 0.0
        yield Observer(figures, share=share, spans=spans, sightings=outbox)


def read_secret(file: Path) -> str:
    """The one line of a file that holds a secret; no error shows it."""
    secret = read_text(file).strip()
    if not secret or not secret.isascii() or not secret.isprintable():
        raise FixInput("observe.secret", f"{file.name} holds no secret in one line.", "Write one into it.")
    return secret


def _outbox(section: EventsSection, document: GatewayDocument, folder: Path, spool: Path) -> Outbox:
    headers = _headers(folder, section.headers_file)
    carrier = FileCarrier(folder / section.file) if section.file else HttpCarrier(section.url, headers)
    ocsf = Ocsf(Place(document.gateway, document.environment))
    return Outbox(Spool(spool, MOST), carrier, ocsf.event)


def _otlp(section: OtlpSection, document: GatewayDocument, folder: Path, figures: Figures, stack: ExitStack) -> Spans:
    try:
        from holdfast.gateway.observe.otlp import Otlp
    except ModuleNotFoundError as error:
        what = f"The package {error.name} is not installed."
        raise Unavailable("observe.extra", what, "pip install 'holdfast[otel]'") from error
    headers = _headers(folder, section.headers_file)
    return stack.enter_context(Otlp(section.url, headers, document.gateway, document.environment, figures))


def _headers(folder: Path, file: Path | None) -> dict[str, str]:
    if file is None:
        return {}
    lines = [line for line in read_text(folder / file).splitlines() if line.strip()]
    pairs = [line.partition(":") for line in lines]
    if not all(name.strip() and middle and value.strip() for name, middle, value in pairs):
        raise FixInput("observe.headers", f"{file.name} has a line that is no header.", "Write `name: value`.")
    return {name.strip().lower(): value.strip() for name, _, value in pairs}
