"""What real servers were seen to do, or are documented to do, beside the usual: switches."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["Oddity"]


class Oddity(StrEnum):
    """A form of the protocol that a client has to bear too. All are off unless asked for."""

    WRAPPED_STATES = "wrapped_states"
    """States come as `{"type": "source_state_event", "state": {…}}`, in both events."""

    MISLABELLED_READINGS = "mislabelled_readings"
    """A readings batch says that it is a state_batch, as in the documentation's sample."""

    IOT_LISTS = "iot_lists"
    """The fields of iot_monitor are lists of objects with one attribute each, not maps."""

    BINARY_FRAMES = "binary_frames"
    """Frames are binary, with the same text."""

    NO_NULLS = "no_nulls"
    """Fields of states and readings that are null are left out."""

    POSITION_BESIDE = "position_beside"
    """`lat` and `lng` stand right under `gps`, as in the documentation's list of fields."""

    ONE_MAP = "one_map"
    """The readings of all trackers in a batch are one map, not a list of maps."""

    UNKNOWN_FIELDS = "unknown_fields"
    """States and readings carry fields, and states values, that no documentation knows yet."""

    SAME_SECOND = "same_second"
    """Devices send a second message with every seventh: other content, the same second."""

    LATE_DATA = "late_data"
    """Every fifth report arrives after the one that was made after it: times run backwards."""

    STORED_MESSAGES = "stored_messages"
    """Every device is out of reach for 20 s every two minutes, and then sends what it stored."""
