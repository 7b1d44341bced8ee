"""A form that is sent twice, by a second click or a reload, is done once and answered alike.

The answer is kept for a while, encrypted under what was sent: only who sends the very same form again can read it. That
includes its field `once`, which is random, made with the page, and kept nowhere else.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from collections.abc import Awaitable, Callable
from typing import Any, cast

from cryptography.fernet import Fernet
from fastapi import Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse

from holdfast.domain.errors import Unavailable
from holdfast.ports import Answers
from holdfast.server.callers import sent_once
from holdfast.server.platform import Platform

PATIENCE_S, LOOK_EVERY_S = 20.0, 0.05

Next = Callable[[Request], Awaitable[Response]]


async def answer_once(request: Request, call_next: Next) -> Response:
    """The answer to a form: a kept one where it was sent before. A middleware."""
    platform: Platform = request.app.state.platform
    if platform.answers is None or request.method != "POST" or request.url.path.startswith("/api/"):
        return await call_next(request)
    await request.body()  # so that whoever comes next can read it, too
    said = await sent_once(request)
    if not said:
        return await call_next(request)
    try:
        return await _Once(platform, said).answer(request, call_next)
    except Unavailable:
        return await call_next(request)  # which says in its own way that the database is not there


class _Once:
    """One form, by all that it says."""

    def __init__(self, platform: Platform, said: bytes) -> None:
        self._answers = cast(Answers, platform.answers)
        self._now = platform.desk.now
        self._key = hashlib.sha256(b"key" + said).hexdigest()
        self._cipher = Fernet(base64.urlsafe_b64encode(hashlib.sha256(b"cipher" + said).digest()))

    async def answer(self, request: Request, call_next: Next) -> Response:
        """What the first one is answered; the others wait for that. One that failed is done anew."""
        left = PATIENCE_S / LOOK_EVERY_S
        while not await run_in_threadpool(self._answers.claim, self._key, self._now):
            kept = await run_in_threadpool(self._answers.find, self._key)
            if kept:
                return _opened(self._cipher.decrypt(kept))
            left -= 1
            if left < 0:
                return await call_next(request)
            await asyncio.sleep(LOOK_EVERY_S)
        return await self._first(request, call_next)

    async def _first(self, request: Request, call_next: Next) -> Response:
        status = 500
        try:
            answer = await _whole(await call_next(request))
            status = answer.status_code
        finally:
            if status >= 400:
                await run_in_threadpool(self._answers.drop, self._key)
        if status < 400:
            await run_in_threadpool(self._answers.keep, self._key, self._cipher.encrypt(_written(answer)))
        return answer


async def _whole(answer: Response) -> Response:
    parts = [part async for part in cast(StreamingResponse, answer).body_iterator]
    return _response(answer.status_code, answer.raw_headers, b"".join(cast(list[bytes], parts)))


def _response(status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> Response:
    made = Response(body, status)
    made.raw_headers = headers
    return made


def _written(answer: Response) -> bytes:
    headers = [[name.decode("latin-1"), value.decode("latin-1")] for name, value in answer.raw_headers]
    return json.dumps([answer.status_code, headers]).encode() + b"\n" + bytes(answer.body)


def _opened(data: bytes) -> Response:
    head, _, body = data.partition(b"\n")
    status, headers = cast(tuple[int, list[Any]], json.loads(head))
    return _response(status, [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers], body)
