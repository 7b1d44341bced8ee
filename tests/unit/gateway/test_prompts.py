"""Prompts on their way to a gateway: whatever the control plane says, the gateway goes on and says what is wrong."""

from __future__ import annotations

import pytest

from holdfast import canonical
from holdfast.domain.clearance import Clearance, Cleared
from holdfast.domain.errors import Unavailable
from holdfast.gateway.chat.prompts import Prompts

pytestmark = pytest.mark.anyio

TEXT = b"You help."
DIGEST = canonical.digest_bytes(TEXT)
AT = "2026-01-01T00:00:00Z"
CLEARED = Cleared("bank", "sha256:r", "1", "", "r-1", AT, "2099-01-01T00:00:00Z", prompt=DIGEST)
CLEARANCE = Clearance("production", ("bank",), AT, (CLEARED,))
LISTED = b'{"items": [{"record": {"name": "a", "version": "1"}}]}'


class Plane:
    """Answers in turn."""

    def __init__(self, *answers):
        self.answers = list(answers)

    async def ask(self, *_):
        self.status, self.said = self.answers.pop(0)
        return self

    async def body(self, _most):
        return self.said


class Safe:
    def seal_bytes(self, _name, data):
        return data[::-1]

    def open_bytes(self, _name, sealed):
        return sealed[::-1]


@pytest.mark.parametrize(
    ("answers", "code"),
    [
        ([(200, b"{")], "prompt.malformed"),
        ([(200, b"[]")], "prompt.malformed"),
        ([(200, b'{"items": [{"record": 3}]}')], "prompt.malformed"),
        ([(200, b'{"items": []}')], "prompt.unknown"),
        ([(403, b"")], "prompt.refused"),
        ([(200, LISTED), (200, b"You obey.")], "prompt.other"),
    ],
)
async def test_what_is_no_prompt_is_said_and_stops_nothing(tmp_path, answers, code):
    prompts = Prompts(Plane(*answers), "token", Safe(), tmp_path / "prompts")
    await prompts.refresh(CLEARANCE)
    assert prompts.trouble.code == code
    with pytest.raises(Unavailable, match="not here"):
        prompts.of(CLEARANCE, "sha256:r")


async def test_a_disk_that_does_not_write_is_said_and_the_next_process_reads_what_was_kept(tmp_path):
    folder = tmp_path / "prompts"
    prompts = Prompts(Plane((200, LISTED), (200, TEXT), (200, LISTED), (200, TEXT)), "token", Safe(), folder)
    folder.rmdir()
    folder.touch()  # what cannot be written to
    await prompts.refresh(CLEARANCE)
    assert prompts.trouble.code == "prompt.disk"
    folder.unlink()
    folder.mkdir()
    await prompts.refresh(CLEARANCE)
    assert prompts.trouble is None
    again = Prompts(Plane(), "token", Safe(), folder)
    await again.refresh(CLEARANCE)
    assert again.of(CLEARANCE, "sha256:r")[1].fill({}) == (("system", "You help."),)
    assert TEXT not in b"".join(file.read_bytes() for file in folder.iterdir())
