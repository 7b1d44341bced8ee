"""Personal data that the model never sees: clients of two credentials through a gateway as a process."""

from __future__ import annotations

import re

import pytest
from tests.trips.test_conversations import ChatHouse, hosting, told  # noqa: F401
from tests.unit.flows.journey import SYSTEM
from tests.unit.server.conftest import server  # noqa: F401
from tests.unit.serving import serving

pytestmark = pytest.mark.one_database
assert SYSTEM

DOCUMENT = """\
holdfast: 1
environment: production
gateway: g1
listen: {{port: {port}}}
control_plane: {{url: "{plane}", key: "{key}"}}
chats:
  - {{system: {system}, name: assistant, policy: tokens.yaml, releases: [
      {{release: "{release}", upstream: "{host}/v1", model: upstream-model}}]}}
"""
POLICY = """\
name: tokens
version: "1"
guards:
  text.personal_data: {mode: enforce, action: redact, params: {style: token, styles: ["card: last_four"]}}
  text.secrets: {mode: enforce, action: block}
"""
WHO = "Write to jane.doe@example.com; the card is 4111 1111 1111 1111."


class TokenHouse(ChatHouse):
    document = DOCUMENT

    def furnish(self):
        (self.folder / "tokens.yaml").write_text(POLICY)


@pytest.fixture
def house(server, tmp_path, hosting):  # noqa: F811
    with serving(server.app) as plane:
        made = TokenHouse(server, plane, tmp_path, host=hosting.url)
        yield made.start()
        made.stop()


def test_the_caller_reads_what_the_model_never_saw(house, hosting):  # noqa: F811
    asked = {"model": "assistant", "messages": [{"role": "user", "content": WHO}], "user": "C-17"}
    client = house.openai()
    client.chat.completions.create(**asked)
    seen = hosting.asked[-1][2]["messages"][0]["content"]
    token = re.search("⟦EMAIL:[^⟧]+⟧", seen)[0]
    assert seen == f"Write to {token}; the card is [CARD ••1111]."

    hosting.says = f"I wrote to {token}, and to bob@example.com."
    back = "I wrote to jane.doe@example.com, and to [EMAIL]."
    assert client.chat.completions.create(**asked).choices[0].message.content == back
    assert told(client.chat.completions.create(**asked, stream=True)) == back
    with client.responses.stream(model="assistant", input=WHO, user="C-17") as stream:
        pieces = [event.delta for event in stream if event.type == "response.output_text.delta"]
        assert "".join(pieces) == stream.get_final_response().output_text == back
    assert hosting.asked[-1][2]["input"] == seen

    for stranger, user in ((house.issued(), "C-17"), (client, "C-18")):
        answer = stranger.chat.completions.create(**{**asked, "user": user}).choices[0].message.content
        assert answer == f"I wrote to {token}, and to [EMAIL]."
    house.stop()
    house.start()
    assert told(house.openai().chat.completions.create(**asked, stream=True)) == back
