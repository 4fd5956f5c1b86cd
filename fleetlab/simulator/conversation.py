"""What a client says on one connection, and what it is answered. No I/O."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fleetlab.simulator import wire
from fleetlab.simulator.requests import Refusal, read_message

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fleetlab.simulator.account import Account
    from fleetlab.simulator.ledger import Ledger
    from fleetlab.simulator.requests import Message

__all__ = ["Conversation", "Frame", "Service"]

Frame = str | bytes
"""What a WebSocket frame holds: text, or for a binary one bytes."""


@dataclass(slots=True, kw_only=True)
class Service:
    """What all connections of a server share.

    Attributes
    ----------
    account : Account
    ledger : Ledger
    hanging : bool
        Whether the application says nothing, while WebSockets go on answering pings.
    slow_s : float
        How long every frame takes to be sent.
    """

    account: Account
    ledger: Ledger
    hanging: bool = False
    slow_s: float = 0.0


class Conversation(ABC):
    """One connection's conversation.

    Attributes
    ----------
    key : str or None
        The hash that the client last asked with; None before.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self.key: str | None = None

    def answer(self, text: str) -> Sequence[Frame]:
        """Return the frames that a client's message is answered with."""
        try:
            message = read_message(text)
            self._service.ledger.asked(message.action, message.body)
            code = self._service.account.refusal(message.key)
            if code is not None:
                raise Refusal(message.action, code)  # noqa: TRY301 - all refusals are told alike
            assert isinstance(message.key, str)
            self.key = message.key
            return self._accept(message)
        except Refusal as refusal:
            return [wire.error(refusal.action, refusal.code, refusal.description)]

    def due(self) -> Sequence[Frame]:
        """Return the event frames that the client has coming as of now."""
        return ()

    @property
    @abstractmethod
    def subscribed(self) -> bool:
        """Whether anything is subscribed to, and logout with it."""

    @abstractmethod
    def _accept(self, message: Message) -> Sequence[Frame]:
        """Do what a message with a good key asks for; raises Refusal."""
