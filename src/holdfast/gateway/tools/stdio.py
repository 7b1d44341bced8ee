"""A server of tools on this machine, which speaks MCP over standard input and output, guarded as behind a gateway.

One JSON-RPC message a line, both ways. The process is one session, and one conversation.
"""

from __future__ import annotations

import asyncio
from asyncio.subprocess import PIPE
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import suppress
from itertools import count
from typing import Any

import orjson

from holdfast.domain.errors import FixInput, HoldfastError, ModelFailed, Unavailable
from holdfast.gateway.dialects.contract import Json, read_object
from holdfast.gateway.tools.asking import Asking
from holdfast.gateway.tools.conversations import Conversation, Session
from holdfast.gateway.tools.guarded import GuardedTools
from holdfast.gateway.tools.rpc import INTERNAL, NO_METHOD, PARSE_ERROR, failure, is_answer, object_in
from holdfast.guards.tools.judge import begun

MOST_LINE_BYTES = 8 * 1024 * 1024
SECONDS = 120.0
END_SECONDS = 5.0
PRINCIPAL = "stdio"
NOTICES = ("notifications/initialized", "notifications/progress")

Write = Callable[[bytes], None]


class StdioServer:
    """A server as a process, asked under ids of our own. Its standard error is ours."""

    def __init__(self, command: Sequence[str]) -> None:
        self._command = tuple(command)
        self._ids = count(1)
        self._waiting: dict[int, asyncio.Queue[Json | None]] = {}
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it; FixInput where it cannot be."""
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self._command, stdin=PIPE, stdout=PIPE, limit=MOST_LINE_BYTES
            )
        except OSError as error:
            raise FixInput("mcp.command", f"{self._command[0]} cannot be started: {error.strerror}.") from error

    async def listen(self) -> None:
        """Hand on what it says, until it ends."""
        try:
            while line := await self._line():
                with suppress(ValueError):
                    self._take(read_object(line))
        finally:
            for queue in self._waiting.values():
                queue.put_nowait(None)

    async def _line(self) -> bytes:
        if self._process is None or self._process.stdout is None:
            return b""
        try:
            return await self._process.stdout.readline()
        except ValueError:  # a line beyond the limit: what follows cannot be told apart from it
            return b""

    def _take(self, told: Json) -> None:
        id = told.get("id")
        if is_answer(told):
            queue = self._waiting.get(id) if isinstance(id, int) else None
            if queue is not None:
                queue.put_nowait(told)
        elif "id" in told:
            self.say(failure(id, NO_METHOD, "This client offers nothing to be asked for."))
        else:
            token = object_in(told, "params").get("progressToken")
            for asked, queue in self._waiting.items():
                if token is None or token == asked:
                    queue.put_nowait(told)
                    return

    def say(self, message: Json) -> None:
        """Tell it something."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.write(orjson.dumps(message) + b"\n")

    async def ask(self, message: Json, *, is_redacted: bool = False) -> AsyncGenerator[Json]:  # noqa: ARG002
        """The messages that answer one, the answer itself last; Unavailable or ModelFailed where there is none."""
        id, queue = next(self._ids), asyncio.Queue[Json | None]()
        token = object_in(object_in(message, "params"), "_meta").get("progressToken")
        self._waiting[id] = queue
        try:
            self.say(_asked_as(message, id, token))
            while True:
                told = await asyncio.wait_for(queue.get(), SECONDS)
                if told is None:
                    raise ModelFailed("mcp.ended", "The server of tools ended.")
                if "progressToken" in object_in(told, "params"):
                    told["params"]["progressToken"] = token
                yield told
                if is_answer(told):
                    return
        except TimeoutError as error:
            raise Unavailable("mcp.slow", f"The server of tools did not answer within {SECONDS:g} s.") from error
        finally:
            del self._waiting[id]

    async def ask_aside(self, message: Json) -> Json:
        """The answer to a question of our own."""
        return [told async for told in self.ask(message)][-1]

    async def close(self) -> None:
        """End it: by the end of its input, and by force where that is not enough."""
        process = self._process
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), END_SECONDS)
        except TimeoutError:
            process.kill()
            await process.wait()


class StdioProxy:
    """Between one client and a server. `write` takes lines for the client."""

    def __init__(self, tools: GuardedTools, system: str, server: StdioServer, write: Write, task: str = "") -> None:
        self._tools, self._system, self._server, self._write, self._task = tools, system, server, write, task
        self._session, self._conversation = Session(), Conversation(begun(tools.tools))
        self._answering: set[asyncio.Task[None]] = set()

    def take(self, line: bytes) -> None:
        """Take a client's line; what answers it is written once it is there."""
        try:
            message = read_object(line)
        except ValueError as error:
            self._tell(failure(None, PARSE_ERROR, f"The line cannot be read: {error}."))
            return
        if "id" not in message:
            if message.get("method") in NOTICES:
                self._server.say(message)
        elif isinstance(message.get("method"), str):
            task = asyncio.get_running_loop().create_task(self._answer(message))
            self._answering.add(task)
            task.add_done_callback(self._answering.discard)

    async def drain(self) -> None:
        """Wait for what is under way."""
        if self._answering:
            await asyncio.wait(self._answering)

    async def _answer(self, message: Json) -> None:
        asking = Asking(
            message, self._system, self._session, self._conversation, PRINCIPAL, (PRINCIPAL,), task=self._task
        )
        id: Any = message.get("id")
        try:
            async for told in self._tools.answer(asking, self._server):
                self._tell(told | {"id": id} if is_answer(told) else told)
        except HoldfastError as error:
            self._tell(failure(id, INTERNAL, str(error), error.code))

    def _tell(self, message: Json) -> None:
        self._write(orjson.dumps(message) + b"\n")


async def proxy(tools: GuardedTools, system: str, command: Sequence[str], *, task: str, write: Write) -> None:
    """Guard the server that a command starts, for whoever writes to our standard input, until that ends or it does."""
    server = StdioServer(command)
    await server.start()
    between, loop = StdioProxy(tools, system, server, write, task), asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=MOST_LINE_BYTES)
    with open(0, "rb", buffering=0, closefd=False) as given:
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), given)
        listening = loop.create_task(server.listen())
        try:
            await _until_either(_read_all(reader, between), listening)
            await between.drain()
        finally:
            listening.cancel()
            await server.close()


async def _read_all(reader: asyncio.StreamReader, between: StdioProxy) -> None:
    with suppress(ValueError):  # a line beyond the limit: what follows cannot be told apart from it
        while line := await reader.readline():
            if line.strip():
                between.take(line)


async def _until_either(reading: Any, listening: asyncio.Task[None]) -> None:
    task = asyncio.ensure_future(reading)
    await asyncio.wait((task, listening), return_when=asyncio.FIRST_COMPLETED)
    task.cancel()


def _asked_as(message: Json, id: int, token: object) -> Json:
    """A request under an id of ours, which its progress is told by, too."""
    asked = {**message, "id": id}
    if token is not None:
        params = object_in(message, "params")
        asked["params"] = {**params, "_meta": {**object_in(params, "_meta"), "progressToken": id}}
    return asked
