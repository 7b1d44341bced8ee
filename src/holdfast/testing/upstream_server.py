"""An upstream that is none over real HTTP, in OpenAI's and in Anthropic's dialect."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from holdfast.domain.chat import Call, Message, Reply, Tool
from holdfast.testing.upstreams import Upstream

Json = dict[str, Any]


@contextmanager
def serving_upstream(upstream: Upstream) -> Iterator[str]:
    """The address at which the upstream is served while the block lasts: ``…/v1`` for OpenAI's dialect, without it for
    Anthropic's. Replacing what `upstream` holds changes the next reply.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 1 << 16  # head and body in one packet

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            told = DIALECTS[self.path](upstream, body) if self.path in DIALECTS else {"error": {"code": "not_found"}}
            data = json.dumps(told).encode()
            self.send_response(200 if self.path in DIALECTS else 404)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _completion(upstream: Upstream, body: Json) -> Json:
    said = body["messages"]
    system = "\n\n".join(m["content"] for m in said if m["role"] in ("system", "developer"))
    turns = [_turn(m) for m in said if m["role"] not in ("system", "developer")]
    tools = [Tool(t["function"]["name"], t["function"].get("description", "")) for t in body.get("tools") or []]
    reply = _cut(upstream.reply(turns, system, tools), body.get("max_tokens"))
    calls = [
        {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
        for call in reply.calls
    ]
    message = {"role": "assistant", "content": reply.text or None} | ({"tool_calls": calls} if calls else {})
    usage = {"prompt_tokens": reply.asked, "completion_tokens": reply.answered}
    usage["total_tokens"] = reply.asked + reply.answered
    choice = {"index": 0, "message": message, "finish_reason": reply.finish}
    return {"id": "c1", "object": "chat.completion", "created": 1, "model": body.get("model", ""), "choices": [choice],
            "usage": usage}  # fmt: skip


def _turn(message: Json) -> Message:
    calls = tuple(
        Call(c["function"]["name"], c["function"]["arguments"], c["id"]) for c in message.get("tool_calls") or []
    )
    return Message(message["role"], message.get("content") or "", calls, message.get("tool_call_id", ""))


def _message(upstream: Upstream, body: Json) -> Json:
    turns = [_from_blocks(message) for message in body["messages"]]
    tools = [Tool(t["name"], t.get("description", "")) for t in body.get("tools") or []]
    reply = _cut(upstream.reply(turns, body.get("system", ""), tools), body.get("max_tokens"))
    text = [{"type": "text", "text": reply.text}] if reply.text else []
    calls = [{"type": "tool_use", "id": c.id, "name": c.name, "input": json.loads(c.arguments)} for c in reply.calls]
    stop = "tool_use" if calls else "end_turn"
    usage = {"input_tokens": reply.asked, "output_tokens": reply.answered}
    about = {"id": "m1", "type": "message", "role": "assistant", "model": body.get("model", "")}
    return {**about, "content": [*text, *calls], "stop_reason": stop, "stop_sequence": None, "usage": usage}


def _from_blocks(message: Json) -> Message:
    blocks = (
        message["content"] if isinstance(message["content"], list) else [{"type": "text", "text": message["content"]}]
    )
    for block in blocks:
        if block["type"] == "tool_result":
            return Message("tool", str(block["content"]), answers=block["tool_use_id"])
    calls = tuple(Call(b["name"], json.dumps(b["input"]), b["id"]) for b in blocks if b["type"] == "tool_use")
    return Message(message["role"], "".join(b["text"] for b in blocks if b["type"] == "text"), calls)


def _cut(reply: Reply, tokens: int | None) -> Reply:
    """The reply with at most so many tokens."""
    if tokens is None or reply.answered <= tokens:
        return reply
    return Reply(reply.text[: 4 * tokens], reply.calls, "length", reply.asked, tokens)


DIALECTS = {"/v1/chat/completions": _completion, "/v1/messages": _message}
"""What answers at which path."""
