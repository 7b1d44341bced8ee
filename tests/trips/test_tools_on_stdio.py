"""An MCP server of this machine under a policy: a real client starts `holdfast policy run` in the server's place."""

from __future__ import annotations

import asyncio
import os
import sys

import pytest
from mcp import Client, MCPError, StdioServerParameters

from holdfast.wiring import decision_files

SERVER = """\
from mcp.server.mcpserver import Context, MCPServer
from mcp.types import SamplingMessage, TextContent

made = MCPServer("notes")


@made.tool()
def read_note(n: int) -> str:
    "Reads a note."
    return f"Note {n} of the Blue Heron."


@made.tool()
def publish(text: str) -> str:
    "Publishes a text."
    return f"published {text}"


@made.tool()
async def ask_back(ctx: Context) -> str:
    "Asks the client's own model."
    await ctx.report_progress(1, 2, "half")
    message = SamplingMessage(role="user", content=TextContent(type="text", text="secret?"))
    return str(await ctx.session.create_message([message], max_tokens=5))


@made.tool()
def die() -> str:
    import os
    os._exit(3)


made.run("stdio")
"""
POLICY = """\
name: notes
version: "1"
guards:
  text.phrases: {mode: enforce, action: redact, params: {phrases: [blue heron]}}
tools:
  allow:
    read_note: {results: [untrusted], calls: 2}
    publish: {does: [external], action: review, arguments: {text: {longest: 20}}}
    ask_back: {}
    die: {}
"""


def started(folder):
    run = ["-c", "from holdfast.cli.main import run; run()", "policy", "run", "tools.yaml", "--"]
    environment = {**os.environ, "HOLDFAST_HOME": str(folder / "home"), "OMP_NUM_THREADS": "1"}
    command = [*run, sys.executable, "server.py"]
    return StdioServerParameters(command=sys.executable, args=command, env=environment, cwd=folder)


def text(result):
    return result.content[0].text


def test_a_local_server_under_a_policy(tmp_path):
    (tmp_path / "server.py").write_text(SERVER)
    (tmp_path / "tools.yaml").write_text(POLICY)
    progress = []

    async def told(done, total, message):
        progress.append((done, total, message))

    async def sampled(*_):
        raise AssertionError("the client's model was asked")

    async def go():
        async with Client(started(tmp_path), sampling_callback=sampled) as client:
            assert {tool.name for tool in (await client.list_tools()).tools} == {
                "read_note", "publish", "ask_back", "die",
            }  # fmt: skip
            notes = [await client.call_tool("read_note", {"n": n}) for n in range(3)]
            assert [text(note) for note in notes[:2]] == ["Note 0 of the [withheld].", "Note 1 of the [withheld]."]
            assert notes[2].is_error
            assert "does not let" in text(await client.call_tool("publish", {"text": "hello"}))
            with pytest.raises(MCPError):
                await client.call_tool("ask_back", {}, progress_callback=told)
            assert progress == [(1.0, 2.0, "half")]
            with pytest.raises(MCPError, match="Decision"):
                await client.call_tool("die", {})

    asyncio.run(go())
    batches = decision_files(tmp_path / "home", "").reader.batches(columns=["ended"])
    ended = sorted(one for batch in batches for one in batch.column("ended").to_pylist())
    assert ended == ["answered"] * 3 + ["blocked"] * 2 + ["failed"] + ["opened"] * 4
