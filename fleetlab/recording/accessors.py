"""``rec.plot``: the charts of a recording, which show themselves without the network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fleetlab.recording.recording import Recording

__all__ = ["Plot"]


class Plot:
    """The charts of :mod:`fleetlab.charts`, drawn from one recording.

    All take the arguments of the function of the same name there, among them ``trackers``,
    ``start``, ``end`` and ``timezone``, and return Altair's own charts.
    """

    def __init__(self, recording: Recording) -> None:
        self._recording = recording

    def speed(self, **arguments: Any) -> Any:
        """Draw speed over time, a line a tracker; see :func:`fleetlab.charts.speed`."""
        return self._draw("speed", **arguments)

    def fuel_level(self, **arguments: Any) -> Any:
        """Draw fuel level by tank over time; see :func:`fleetlab.charts.fuel_level`."""
        return self._draw("fuel_level", **arguments)

    def status(self, **arguments: Any) -> Any:
        """Draw what each tracker did, as bands over time; see :func:`fleetlab.charts.status`."""
        return self._draw("status", **arguments)

    def map(self, **arguments: Any) -> Any:
        """Draw tracks and last positions; see :func:`fleetlab.charts.map`."""
        return self._draw("map", **arguments)

    def attribute(self, name: str | list[str], **arguments: Any) -> Any:
        """Draw a device's attribute or a reading; see :func:`fleetlab.charts.attribute`."""
        return self._draw("attribute", name, **arguments)

    def quality(self, **arguments: Any) -> Any:
        """Draw how well it was received; see :func:`fleetlab.charts.quality`."""
        return self._draw("quality", **arguments)

    def overview(self, **arguments: Any) -> Any:
        """Draw the whole recording on one page; see :func:`fleetlab.charts.overview`."""
        return self._draw("overview", **arguments)

    def _draw(self, chart: str, *positional: Any, **arguments: Any) -> Any:
        from fleetlab import charts  # noqa: PLC0415 - charts are drawn from recordings
        from fleetlab.charts.display import shown  # noqa: PLC0415

        return shown(getattr(charts, chart)(self._recording, *positional, **arguments))
