"""A process that acts on a control plane until it is killed; it prints each act once it is acknowledged.

python -m tests.trips.acting HOME DATABASE NAME
"""

from __future__ import annotations

import sys
from itertools import count
from pathlib import Path

from holdfast.domain.access import permissions
from holdfast.domain.person import Person, Role
from holdfast.domain.system import System
from holdfast.flows.desk import Caller
from holdfast.flows.register import register_system
from holdfast.wiring import open_platform


def main(home: Path, database: str, name: str) -> None:
    """Register systems without end."""
    owner = Person(f"p-{name}", (Role.OWNER,))
    with open_platform(home, database=database, url="http://localhost") as platform:
        print("ready", flush=True)
        for number in count():
            system = System(f"{name}-{number}", purpose="a test")
            register_system(platform.desk, Caller(owner, permissions(owner)), system)
            print(system.name, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
