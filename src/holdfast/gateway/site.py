"""A gateway and what it is made of, which the next document may replace while it serves."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from holdfast.domain.credential import Credential
from holdfast.gateway.access.budgets import Meter, Purse
from holdfast.gateway.access.follow import Follower
from holdfast.gateway.access.identity import Identities
from holdfast.gateway.access.issuers import IssuerKeys
from holdfast.gateway.app import Gateway, Reached
from holdfast.gateway.chat.prompts import Prompts
from holdfast.gateway.observe.observer import Observer
from holdfast.gateway.observe.standing import Standing, watch
from holdfast.gateway.review.reviews import Reviews
from holdfast.gateway.routes import Routes
from holdfast.gateway.setup.build import (
    make_follower,
    make_generation,
    make_prompts,
    make_purse,
    make_reviews,
    systems_of,
)
from holdfast.gateway.setup.document import GatewayDocument
from holdfast.gateway.setup.generation import Generation
from holdfast.gateway.setup.premises import Premises, Shared
from holdfast.gateway.tools.approvals import Approvals
from holdfast.ledger.files import make_folder

LOG = logging.getLogger("holdfast.gateway")


@asynccontextmanager
async def running(document: GatewayDocument, premises: Premises, observer: Observer) -> AsyncIterator[Site]:
    """The gateway, as long as the block lasts; the control plane is asked once before it begins."""
    async with AsyncExitStack() as stack:
        follower = make_follower(document, premises)
        await follower.refresh()
        purse, reviews = await make_purse(document, premises, stack), make_reviews(document, premises)
        prompts = make_prompts(document, premises)
        await prompts.refresh(follower.clearance)
        site = Site(document, premises, observer, follower=follower, purse=purse, reviews=reviews, prompts=prompts)
        stack.push_async_callback(site.close)
        await site.take(document)
        standing = Standing(follower, premises.log, reviews, prompts, lambda: site.generation, lambda: site.issuers)
        observer.figures.standing.append(standing.families)
        following = prompts.follow(lambda: follower.clearance)
        for chore in (follower.follow(), reviews.follow(), following, watch(standing, observer)):
            site.attend(chore)
        yield site


class Site:
    """Holds one generation of systems at a time. `gateway` is the application that serves them."""

    def __init__(
        self,
        document: GatewayDocument,
        premises: Premises,
        observer: Observer,
        *,
        follower: Follower,
        purse: Purse,
        reviews: Reviews,
        prompts: Prompts,
    ) -> None:
        self.generation = Generation()
        self.issuers: list[IssuerKeys] = []
        self._premises, self._observer = premises, observer
        approvals = Approvals(reviews, premises.clock)
        self._shared = Shared(document.environment, premises, follower, reviews.folder, prompts, observer, approvals)
        self._follower, self._purse = follower, purse
        self._cut = document.budgets.when_cut_off
        self._following: dict[str, asyncio.Task[Any]] = {}
        self._chores: set[asyncio.Task[Any]] = set()
        self._retiring: dict[asyncio.Task[Any], Generation] = {}
        pseudonym = premises.vault.pseudonym
        self.gateway = Gateway(
            reviews, identities=self._identities, meter=self._meter, pseudonym=pseudonym, observer=observer
        )
        self.gateway.ready_when(lambda: bool(follower.clearance.cleared))
        follower.changed = self.gateway.rebuild

    async def take(self, document: GatewayDocument) -> None:
        """Serve what a document says from the next request on; where it cannot be, nothing has changed."""
        before = self.generation
        made = await make_generation(document, self._shared, before.open)
        await self._trust(document)
        await self._follower.ask_for(systems_of(document))
        reached = {one.name: Reached(one, one.post.reader, self._premises.vault.pseudonym) for one in made.servings}
        chats, tools = {one.name: one for one in made.chats}, {one.name: one for one in made.tools}
        routes = self.gateway.serve(reached, chats, tools)
        self.generation = made
        self.gateway.rebuild()
        self._retire(before, routes, made)

    def attend(self, chore: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Do something beside serving, until the end."""
        task = asyncio.get_running_loop().create_task(chore)
        self._chores.add(task)
        task.add_done_callback(self._attended)
        return task

    def _attended(self, task: asyncio.Task[Any]) -> None:
        self._chores.discard(task)
        error = None if task.cancelled() else task.exception()
        if isinstance(error, Exception):
            LOG.error("gateway.broken: a chore ended by a mistake in this program.", exc_info=error)
            self._observer.state("gateway.broken", "A chore of the gateway ended by a mistake in this program.")

    async def close(self) -> None:
        """End all chores, then let go of models and connections."""
        generations, chores = [*self._retiring.values(), self.generation], list(self._chores)
        for task in chores:
            task.cancel()
        await asyncio.gather(*chores, return_exceptions=True)
        for generation in generations:
            for system in generation.systems():
                await system.close()
        for one in {id(one): one for each in generations for one in each.open.values()}.values():
            await one.close()

    def _retire(self, before: Generation, routes: Routes, now: Generation) -> None:
        earlier = list(self._retiring)

        async def retire() -> None:
            if earlier:  # what they still use may have been kept by `before`, and by nobody after it
                await asyncio.wait(earlier)
            await before.retire(routes, now.open)

        task = self.attend(retire())
        self._retiring[task] = before
        task.add_done_callback(lambda done: self._retiring.pop(done, None))

    async def _trust(self, document: GatewayDocument) -> None:
        """Follow the keys of the document's issuers, and no others."""
        folder = self._premises.home / "issuers"
        make_folder(folder)
        known = {keys.section.model_dump_json(): keys for keys in self.issuers}
        wanted = {section.model_dump_json(): section for section in document.issuers}
        for name in known.keys() - wanted.keys():
            self._following.pop(name).cancel()
        fresh = {
            name: IssuerKeys(section, self._premises.folder, folder, self._premises.clock)
            for name, section in wanted.items()
            if name not in known
        }
        await asyncio.gather(*(keys.refresh() for keys in fresh.values()))
        self.issuers = [known.get(name) or fresh[name] for name in wanted]
        for name, keys in fresh.items():
            keys.changed = self.gateway.rebuild
            self._following[name] = self.attend(keys.follow())

    def _identities(self) -> Identities:
        issuers = [keys.issuer for keys in self.issuers]
        credentials = self._follower.clearance.credentials
        return Identities(credentials, self._premises.clock, [one for one in issuers if one is not None])

    def _meter(self, credential: Credential) -> Meter:
        return Meter(credential, self._purse, lambda: self._premises.clock().timestamp(), self._cut)
