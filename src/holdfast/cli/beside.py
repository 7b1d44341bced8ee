"""A gateway beside a control plane: a process of its own, started with it and ended before it."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from holdfast.domain.errors import Unavailable

DRAIN_SECONDS = 40
_BOOT = """
import sys
if sys.platform == "linux":  # a control plane that is killed takes its gateway with it
    from holdfast.targets.kernel import PR_SET_PDEATHSIG, prctl
    prctl(PR_SET_PDEATHSIG, 15)
from holdfast.cli.main import run
run()
"""


class GatewayBeside:
    """`holdfast gateway` for a document, with this process's environment. `ended` is called where it ends by itself."""

    def __init__(self, document: Path, home: Path, ended: Callable[[], None]) -> None:
        words = ["gateway", str(document), "--home", str(home)]
        # -P: nothing is imported from the folder in which somebody happens to start it
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter, no shell
            [sys.executable, "-P", "-c", _BOOT, *words], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )
        self._ended = ended
        self._is_told = False
        threading.Thread(target=self._watch, name="gateway", daemon=True).start()

    def stop(self) -> None:
        """End it, once what it accepted is finished."""
        self._is_told = True
        self._process.terminate()
        try:
            self._process.wait(DRAIN_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()

    def require_fine(self) -> None:
        """Unavailable where it ended by itself; what it said of that stands above."""
        if not self._is_told:
            raise Unavailable("gateway.ended", "The gateway ended.", "Look at what it said, then start again.")

    def _watch(self) -> None:
        self._process.wait()
        self._ended()
