"""A process that decides as fast as it can until it is killed; prints the ids that were acknowledged."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

from tests.unit.decisions.making import decision, segment_log

from holdfast.decisions.keeper import SealWhen

THREADS = 8


def main(home: Path, gateway: str) -> None:
    turn = threading.Lock()
    when = SealWhen(rows=200, every=0.02)
    with segment_log(home, gateway, seal_when=when, apart=gateway == "steady") as log:

        def work() -> None:
            number = 0
            while True:
                number += 1
                made = [decision(number, gateway=gateway) for _ in range(1 + number % 3)]
                log.append(made)
                with turn:
                    print(*(each.id for each in made), sep="\n", flush=True)

        print("ready", flush=True)
        for _ in range(THREADS):
            threading.Thread(target=work, daemon=True).start()
        threading.Event().wait()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
