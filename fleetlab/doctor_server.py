"""What a capture needs of a server, looked at one by one, and what to do where it lacks."""

from __future__ import annotations

import asyncio
import platform
import time
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final

from fleetlab.connection import Connection
from fleetlab.doctor import Finding
from fleetlab.errors import AuthenticationError, FleetlabError, RequestRefused, bare
from fleetlab.protocol import Response, read
from fleetlab.records import MessageRecord, Record
from fleetlab.requests import IOT_LIMIT, IotMonitor, resolve_requests
from fleetlab.rest import RestClient, ssl_context
from fleetlab.server import redact
from fleetlab.tables.times import is_zone

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fleetlab.doctor import Mark
    from fleetlab.requests import Request
    from fleetlab.server import Credentials, Server

__all__ = ["clock", "examine_server", "permissions"]

OFF_S: Final = 2.0
"""A clock that is further off makes delays wrong that are worth to be looked at."""

SLOW_S: Final = 1.0
ANSWER_S: Final = 15.0
FEW: Final = 3
_REMEDIES: Final = {
    "blocked": "Blocked ones send nothing until they are unblocked on the platform.",
    "unknown": "Unknown ones don't exist: check the ids of --trackers.",
    "disallowed": "Disallowed ones need a right of the key's user: ask the account's owner.",
}


def examine_server(
    server: Server, credentials: Credentials, trackers: Any = "all"
) -> Iterator[Finding]:
    """Look at the server, the key, the clocks, the zone, and what may be subscribed to.

    Parameters
    ----------
    server : Server
        Where.
    credentials : Credentials
        Who asks; in no finding.
    trackers : "all" or sequence of int
        Which trackers are asked for.
    """
    secrets = list(credentials.secrets)
    visit = _Visit(server, credentials, trackers, secrets)
    asyncio.run(visit.run())
    for one in visit.findings:
        words, remedy = (redact(text, secrets) for text in (one.words, one.remedy))
        yield Finding(one.name, one.mark, words, remedy)


class _Visit:
    """One look at a server, from the first call to the answered subscription."""

    def __init__(
        self, server: Server, credentials: Credentials, trackers: Any, secrets: list[str]
    ) -> None:
        self.findings: list[Finding] = []
        self._server = server
        self._credentials = credentials
        self._trackers = trackers
        self._secrets = secrets

    def _tell(self, name: str, mark: Mark, words: str, remedy: str = "") -> None:
        self.findings.append(Finding(name, mark, words, remedy))

    async def run(self) -> None:
        context = ssl_context(self._server)
        async with RestClient(self._server, context, self._credentials.api_key or "") as rest:
            try:
                told = await self._call(rest)
            except (AuthenticationError, RequestRefused) as error:
                self._tell("server", "ok", f"{self._server.base_url} answers")
                self._tell("key", "problem", *_halves(error))
                return
            except FleetlabError as error:
                self._tell("server", "problem", *_halves(error))
                return
            self._zone(told)
            labels = await self._labels(rest)
            await self._subscribe(context, rest.key, labels)

    async def _call(self, rest: RestClient) -> dict[str, Any]:
        """Log in if need be, ask who we are, and look at server, key and clock by the way."""
        if self._credentials.api_key is None:
            key = await rest.auth(self._credentials.login or "", self._credentials.password or "")
            self._secrets.append(key)
        reply = await rest.call("user/get_info")
        before, began = time.time(), time.perf_counter()
        await rest.call("user/get_info")  # again, on the line that is open now
        took = time.perf_counter() - began
        tls = "over TLS" if self._server.is_secure else "not encrypted, on this computer"
        words = f"{self._server.base_url} answers in {took * 1000:.0f} ms, {tls}"
        slow = "Expect delays; look for a proxy, a VPN or a weak network between."
        self._tell("server", *(("attention", words, slow) if took > SLOW_S else ("ok", words)))
        self._tell("key", "ok", "valid")
        self.findings.append(clock(rest.date, before + took / 2))
        return reply

    def _zone(self, told: dict[str, Any]) -> None:
        user = told.get("user_info")
        zone = user.get("time_zone") if isinstance(user, dict) else None
        if is_zone(zone):
            self._tell("zone", "ok", str(zone))
        else:
            words = "the server doesn't tell which zone its times are in; it will be inferred"
            self._tell("zone", "attention", words, "Name it: --timezone Europe/Madrid")

    async def _labels(self, rest: RestClient) -> dict[int, str]:
        try:
            reply = await rest.call("tracker/list")
        except FleetlabError as error:
            self._tell("trackers", "attention", *_halves(error))
            return {}
        listed = reply.get("list")
        items = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
        labels = {
            one["id"]: str(one.get("label")) for one in items if isinstance(one.get("id"), int)
        }
        if labels:
            self._tell("trackers", "ok", f"{len(labels):,} in the account")
        else:
            words = "there are none that this key may see"
            self._tell("trackers", "problem", words, "Ask the account's owner for the right.")
        return labels

    async def _subscribe(self, context: Any, key: str, labels: dict[int, str]) -> None:
        """Ask for what a capture asks for, and then for raw attributes, which not all may have."""
        began = time.perf_counter()
        requests = resolve_requests(None, self._trackers)
        answer = await self._ask(context, key, requests, "events", "problem")
        if answer is None:
            return
        took = (time.perf_counter() - began) * 1000
        self._tell("events", "ok", f"connected and subscribed in {took:.0f} ms")
        self.findings += [permissions(request.event, answer, labels) for request in requests]
        some = labels if self._trackers == "all" else self._trackers
        watched = list(some)[:IOT_LIMIT]
        if watched:
            requests = resolve_requests([IotMonitor(trackers=watched)])
            answer = await self._ask(context, key, requests, "iot_monitor", "attention")
            if answer is not None:
                self.findings.append(permissions("iot_monitor", answer, labels))

    async def _ask(
        self, context: Any, key: str, requests: tuple[Request, ...], name: str, mark: Mark
    ) -> Response | None:
        """Return the answer to a subscription; where there is none, that is a finding."""
        sink = _Answers()
        connection = Connection(
            self._server, key, requests, sink, ssl=context, secrets=tuple(self._secrets)
        )
        running = asyncio.ensure_future(connection.run())
        answered = asyncio.ensure_future(sink.answered.wait())
        try:
            await asyncio.wait(
                [running, answered], timeout=ANSWER_S, return_when=asyncio.FIRST_COMPLETED
            )
            connection.stop()
            await running
        except FleetlabError as error:
            self._tell(name, mark, *_halves(error))
            return None
        finally:
            for task in (running, answered):
                task.cancel()
        if sink.response is None:
            words = f"the subscription was not answered within {ANSWER_S:g} s"
            self._tell(name, mark, words, "Try again; ask the platform's support.")
        return sink.response


class _Answers:
    """A sink that waits for the answer to a subscription."""

    def __init__(self) -> None:
        self.response: Response | None = None
        self.answered = asyncio.Event()

    async def put(self, record: Record) -> None:
        message = read(record.data) if isinstance(record, MessageRecord) else None
        if isinstance(message, Response):
            self.response = message
            self.answered.set()


def clock(date: str | None, now: float) -> Finding:
    """Compare the server's clock, as a header tells it, with this computer's.

    Parameters
    ----------
    date : str or None
        The header ``Date``: the second that had begun.
    now : float
        This computer's clock at that moment, seconds since 1970 in UTC.
    """
    try:
        told = parsedate_to_datetime(date or "").timestamp()
    except ValueError:
        words = "the server doesn't tell its time, so nothing can be compared"
        return Finding("clock", "attention", words, "See that this computer's is set by NTP.")
    off = now - told if now < told else max(0.0, now - told - 1)
    if abs(off) <= OFF_S:
        return Finding("clock", "ok", f"agrees with the server's within {OFF_S:g} s")
    way = "ahead of" if off > 0 else "behind"
    remedy = {
        "Windows": "Set it: w32tm /resync",
        "Darwin": "Set it: sudo sntp -sS time.apple.com",
    }.get(platform.system(), "Set it: sudo timedatectl set-ntp true")
    words = f"this computer's is {abs(off):,.0f} s {way} the server's"
    return Finding("clock", "attention", words, f"{remedy}. Until then delays are that much off.")


def permissions(event: str, answer: Response, labels: Mapping[int, str]) -> Finding:
    """Tell what the server said of each tracker as it was asked for an event.

    Parameters
    ----------
    event : str
        The event's name.
    answer : Response
        What the server said.
    labels : mapping of int to str
        What the trackers are called.
    """
    if event in answer.failures:
        remedy = "Ask the account's owner whether its tariff and this user's rights include it."
        return Finding(event, "attention", f"refused: {answer.failures[event]}", remedy)
    words = answer.statuses.get(event, {})
    if not words:
        remedy = "Check --trackers, and that the account has any."
        return Finding(event, "attention", "no tracker was named in the answer", remedy)
    kinds = sorted(set(words.values()) - {"normal"})
    normal = sum(word == "normal" for word in words.values())
    of = f" of the {len(words)} that were tried" if event == "iot_monitor" else ""
    told = [f"{normal:,} normal{of}"]
    for kind in kinds:
        who = [id_ for id_, word in words.items() if word == kind]
        named = [f"{id_} {labels[id_]}" if id_ in labels else str(id_) for id_ in who[:FEW]]
        named += ["…"] * (len(who) > FEW)
        told.append(f"{len(who):,} {kind} ({', '.join(named)})")
    if not kinds:
        return Finding(event, "ok", told[0])
    remedy = " ".join(_REMEDIES.get(kind, f"The platform's word is {kind}.") for kind in kinds)
    return Finding(event, "attention" if normal else "problem", "; ".join(told), remedy)


def _halves(error: FleetlabError) -> tuple[str, str]:
    """Return the first sentence of an error, and the others: what to do."""
    text = bare(error).in_terminal
    first, _, rest = text.partition(". ")
    return (first, rest) if rest else (text, "")
