"""Decisions that lie where a control plane of the tests reads them, registered in its ledger."""

from __future__ import annotations

from typing import Any

from tests.unit.decisions.making import decision
from tests.unit.flows.journey import SYSTEM

from holdfast import wiring
from holdfast.domain.decision import Decision
from holdfast.domain.ids import Ids
from holdfast.flows.register_segments import DeskRegistrar

WHO = "C-17"


def decided(folder, office, count: int = 1, **changes: Any) -> list[Decision]:
    """Decisions about one person, with their age sealed, in a segment that is registered."""
    ids = Ids(lambda: int(office.clock.now.timestamp() * 1000))
    at = office.clock.now.isoformat(timespec="microseconds").replace("+00:00", "Z")
    with wiring.open_subjects(folder) as subjects:
        fields = {"system": SYSTEM.name, "at": at, "subject": subjects.pseudonym(WHO), **changes}
        made = [decision(number + 40, id=ids.next(), **fields) for number in range(count)]
        made = subjects.seal_all(made, {"age"})
    files, registrar = wiring.decision_files(folder), DeskRegistrar(office.desk)
    with wiring.open_decision_log(files, registrar, wiring.name_of_process("g")) as log:
        log.append(made)
    return made
