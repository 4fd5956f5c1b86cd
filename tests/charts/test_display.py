"""Charts show themselves without the network, in the theme of the page."""

from __future__ import annotations

import base64
import gzip
import json
import re

import altair as alt
import pytest

from fleetlab import charts
from tests.charts.test_lines import recording, speed


@pytest.fixture
def rec():
    return recording([speed(1, 30.0, label='"Van" <7></script>')])


def page_of(chart) -> str:
    return chart._repr_mimebundle_()["text/html"]


def test_a_plot_carries_all_that_it_needs(rec):
    page = page_of(rec.plot.speed())
    assert "http://" not in page
    assert "https://" not in page
    packed = re.search(r'JSON\.parse\(await unpack\("([^"]+)"\)\)', page)
    spec = json.loads(gzip.decompress(base64.b64decode(packed[1])))
    assert spec["title"]["text"] == "Speed"
    assert "config" not in spec  # it is the page's
    assert page.count("</script>") == 1
    assert re.search(r'<img alt="Speed" width="\d+" src="data:image/png;base64,iVBOR', page)


def test_a_plot_is_plain_altair(rec):
    chart = rec.plot.speed()
    assert isinstance(chart, alt.LayerChart)
    assert chart.to_dict()["layer"] == charts.speed(rec).to_dict()["layer"]
    assert "text/html" in chart.properties(title="mine")._repr_mimebundle_()


def test_offline_is_for_every_chart_and_only_when_called(rec):
    before = alt.renderers.active
    try:
        charts.offline()
        assert "fleetlabVega" in page_of(charts.speed(rec))
    finally:
        alt.renderers.enable(before)
    assert "fleetlabVega" not in page_of(charts.speed(rec))


def test_the_themes_are_there_for_altair_and_none_is_enabled(rec):
    assert alt.theme.active == "default"
    with alt.theme.enable("fleetlab-dark"):
        assert charts.speed(rec).to_dict()["config"]["background"] == "#111111"
    assert alt.theme.active == "default"
