"""What the REST side tells of the simulated account: its user, and its trackers."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from zoneinfo import ZoneInfo

    from fleetlab.simulator.feed import Platform

__all__ = ["account_calls"]


def account_calls(platform: Platform, zone: ZoneInfo) -> dict[str, Callable[[], dict[str, Any]]]:
    """Return what makes the reply of each call, by its name."""
    return {
        "tracker/list": partial(_tracker_list, platform),
        "user/get_info": partial(_user_info, platform, zone),
    }


def _user_info(platform: Platform, zone: ZoneInfo) -> dict[str, Any]:
    return {
        "user_info": {
            "id": 43_568,
            "login": platform.account.login,
            "title": "Demo fleet",
            "time_zone": zone.key,
            "locale": "es_ES",
            "verified": True,
        }
    }


def _tracker_list(platform: Platform) -> dict[str, Any]:
    world = platform.world
    trackers = []
    for tracker in world.trackers.values():
        vehicle = world.vehicle(tracker)
        source = {
            "id": vehicle.source_id,
            "device_id": f"{352_093_080_000_000 + vehicle.source_id}",
            "model": vehicle.kind.model,
            "blocked": tracker.vehicle in world.blocked,
            "tariff_id": 345,
            "phone": f"3460{vehicle.source_id:07d}",
            "status_listing_id": None,
            "creation_date": "2024-09-21",
        }
        trackers.append(
            {
                "id": tracker.tracker_id,
                "label": tracker.label,
                "group_id": tracker.group_id,
                "source": source,
                "clone": tracker.clone,
            }
        )
    return {"list": trackers}
