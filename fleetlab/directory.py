"""The trackers and the zone, read from the REST side while the stream is recorded."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

from fleetlab.errors import FleetlabError
from fleetlab.records import ConnectionRecord, RestRecord
from fleetlab.server import redact

if TYPE_CHECKING:
    from fleetlab.pipeline import Pipeline
    from fleetlab.rest import RestClient

__all__ = ["DirectoryReader"]

LIST_SECONDS: Final = 900.0
"""How often the tracker list is read again."""

RETRY_SECONDS: Final = 60.0
"""How soon after a failure."""

STRANGER_SECONDS: Final = 5.0
"""How soon, at the earliest, because of a source that nobody knows."""

TICK_SECONDS: Final = 1.0


class DirectoryReader:
    """Reads the tracker list at the start, for unknown sources, and from time to time.

    Parameters
    ----------
    rest : RestClient
        The REST side.
    pipeline : Pipeline
        Takes the replies, and tells of unknown sources.
    secrets : tuple of str
        What must not be in the log.
    """

    def __init__(self, rest: RestClient, pipeline: Pipeline, secrets: tuple[str, ...]) -> None:
        self._rest = rest
        self._pipeline = pipeline
        self._secrets = secrets

    async def run(self, *, wants_zone: bool) -> None:
        """Read until cancelled.

        Parameters
        ----------
        wants_zone : bool
            Whether the zone is wanted, too; it is read until it has been had once.
        """
        while True:
            calls = [self._read("tracker/list", "trackers")]
            if wants_zone:
                calls.append(self._read("user/get_info", "zone"))
            had = await asyncio.gather(*calls)
            wants_zone = wants_zone and not had[-1]
            await self._wait(LIST_SECONDS if all(had) else RETRY_SECONDS)

    async def _wait(self, seconds: float) -> None:
        """Wait some time, or less where a source has come that nobody knows."""
        began = time.monotonic()
        while (waited := time.monotonic() - began) < seconds:
            if waited >= STRANGER_SECONDS and self._pipeline.decoder.strangers:
                return
            await asyncio.sleep(TICK_SECONDS)

    async def _read(self, call: str, what: str) -> bool:
        try:
            reply = await self._rest.call(call)
        except FleetlabError as error:
            detail = redact(str(error), (self._rest.key, *self._secrets))
            at, steady = self._pipeline.clock()
            await self._pipeline.put(
                ConnectionRecord(
                    at, f"{what}_unavailable", code=error.code, detail=detail, steady=steady
                )
            )
            return False
        await self._pipeline.put(RestRecord(self._pipeline.clock().at, call, reply))
        return True
