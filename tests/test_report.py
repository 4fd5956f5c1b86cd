"""A recording as one HTML page: all of it there, nothing fetched, nothing executed."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

import fleetlab as fl
from fleetlab.charts.display import library
from fleetlab.page import page
from fleetlab.report import TRACKERS, write_report
from fleetlab.schemas import FRAMES
from fleetlab.simulator import Simulator
from tests.charts.recordings import at, recording, rows_of
from tests.test_cli import run

TAKE = "document.title=1"
HOSTILE = f"""</script><script>{TAKE}</script><img src=x onerror={TAKE}>'"&amp;<!--"""


class Page(HTMLParser):
    """What a browser makes of a page."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[tuple[str | None, str]] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append((dict(attrs).get("type"), ""))

    def handle_data(self, data):
        last = self.tags[-1][0] if self.tags else ""
        if last == "script" and self.get_starttag_text().startswith("<script"):
            kind, text = self.scripts[-1]
            self.scripts[-1] = (kind, text + data)
        self.words.append(data)

    def handle_endtag(self, tag):
        if tag == "script":
            self.tags.append(("/script", {}))

    @property
    def specs(self) -> list[dict]:
        return [json.loads(text) for kind, text in self.scripts if kind == "application/json"]

    def ids(self) -> list[str]:
        return [attrs["id"] for tag, attrs in self.tags if tag == "section"]


def title_of(spec: dict) -> str:
    title = spec["title"]
    return title if isinstance(title, str) else title["text"]


def state(seconds: float, kmh: float = 10.0, who: int = 1, **more):
    return {
        "seq": int(seconds),
        "event_time": at(seconds),
        "speed_kmh": kmh,
        "movement_status": "moving",
        "tracker_id": who,
        **more,
    }


def read(rec, path: Path, **arguments) -> tuple[str, Page]:
    text = write_report(rec, path, **arguments).read_text("utf-8")
    return text, Page(text)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory) -> tuple[str, Page]:
    rows = [state(second, second % 50, label=HOSTILE) for second in range(0, 600, 20)]
    rec = recording(
        state_batch=[{**row, "movement_status": HOSTILE} for row in rows],
        notes=[(60, HOSTILE)],
        rejects=[(70, HOSTILE), (80, HOSTILE)],
        gaps=[(100, 150, "disconnected")],
        name=HOSTILE.replace("/", "_"),
    )
    return read(rec, tmp_path_factory.mktemp("report") / "report.html")


def test_text_from_outside_is_text(hostile):
    text, parsed = hostile
    assert text.count("<script") == len(parsed.scripts)
    executable = [script for kind, script in parsed.scripts if kind is None]
    assert len(executable) == 2
    assert not any(TAKE in script for script in executable)
    assert not [attrs for _, attrs in parsed.tags if any(name.startswith("on") for name in attrs)]
    assert "img" not in [tag for tag, _ in parsed.tags]
    assert HOSTILE in parsed.words  # as it is, in a heading, a note and a reason
    assert HOSTILE in json.dumps(parsed.specs, ensure_ascii=False).replace('\\"', '"')


def test_nothing_is_fetched_and_no_other_script_runs(hostile):
    text, parsed = hostile
    for tag, attrs in parsed.tags:
        assert not {"src", "srcset", "action", "data", "poster", "background"} & set(attrs), tag
        assert attrs.get("href", "#").startswith("#")
    assert "link" not in [tag for tag, _ in parsed.tags]
    style = text.partition("<style>")[2].partition("</style>")[0]
    assert "url(" not in style
    assert "@import" not in style
    metas = [attrs for tag, attrs in parsed.tags if tag == "meta"]
    [policy] = [attrs["content"] for attrs in metas if "http-equiv" in attrs]
    assert policy.startswith("default-src 'none'")
    assert "http" not in policy
    allowed = set(re.findall(r"'sha256-([^']+)'", policy))
    executable = [script for kind, script in parsed.scripts if kind is None]
    assert allowed == {
        base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in executable
    }


def test_what_draws_is_there_once_and_ends_no_script_of_its_own(hostile):
    text, _ = hostile
    assert text.count(library()[:2_000]) == 1
    assert "</script" not in library().lower()
    assert "<!--" not in library()
    # Namespaces and links in words are all that names another place; none of them is fetched.
    assert not re.search(r"""(import|fetch|src|href)\s*[(=]\s*["']https?:""", text)


def test_it_holds_overview_quality_trackers_gaps_notes_and_dictionary(hostile):
    _, parsed = hostile
    assert parsed.ids() == [
        "overview", "quality", "gaps", "rejects", "notes", "trackers", "tracker-1", "dictionary",
    ]  # fmt: skip
    titles = [title_of(spec) for spec in parsed.specs]
    assert titles == ["Overview", "Quality", "Speed", "Status"]
    words = " ".join(parsed.words)
    for columns in FRAMES.values():
        for column in columns:
            assert column.meaning in words
    assert "2026-07-01 11:01:40" in words  # a gap, in the zone of the recording
    assert "2026-07-01 11:01:00" in words  # a note
    assert "2 parts could not be read" in words
    assert "49 km/h" not in words
    assert "40 km/h" in words


def test_links_lead_somewhere(hostile):
    _, parsed = hostile
    links = [attrs["href"] for tag, attrs in parsed.tags if tag == "a"]
    assert set(links) == {f"#{name}" for name in parsed.ids()} - {"#trackers"}


def test_of_many_trackers_those_that_told_most_have_a_section_and_the_rest_is_named(
    tmp_path, monkeypatch
):
    assert TRACKERS == 50
    monkeypatch.setattr("fleetlab.report.TRACKERS", 6)
    rows = [state(second, who=who) for who in range(16) for second in range(who + 1)]
    rows += [state(0, who=who, snapshot=True) for who in (90, 91)] * 100
    _, parsed = read(recording(state_batch=rows), tmp_path / "many.html", timezone="Asia/Tokyo")
    sections = [name for name in parsed.ids() if name.startswith("tracker-")]
    assert sections == [f"tracker-{who}" for who in range(15, 9, -1)]
    words = " ".join(parsed.words)
    assert "6 of the 18 trackers" in words
    assert "--trackers" in words
    for who in (*range(10), 90, 91):
        assert f"Truck {who}  ({who})" in words
    assert "2026-07-01 18:00:15 " in words + " "


def test_trackers_are_chosen_by_id_and_label(tmp_path):
    rec = recording(state_batch=[state(second, who=who) for who in range(9) for second in (1, 2)])
    _, parsed = read(rec, tmp_path / "two.html", trackers=(one for one in (3, "Truck 5")))
    sections = [name for name in parsed.ids() if name.startswith("tracker-")]
    assert sections == ["tracker-3", "tracker-5"]
    assert "4 rows of 2 trackers" in str(parsed.specs[1]["title"])
    with pytest.raises(
        fl.InvalidArgument, match=r"made tells nothing of 77, nobody: .*rec.trackers"
    ):
        write_report(rec, tmp_path / "none.html", trackers=[3, 77, "nobody"])
    assert not (tmp_path / "none.html").exists()


def test_fuel_is_drawn_of_those_that_have_a_sensor_of_it(tmp_path):
    tank = {"kind": "input", "reading": "input:1", "sensor_id": 1, "type": "fuel", "value": 5.0}
    rows = [{**tank, "event_time": at(10), "tracker_id": 2}]
    rec = recording(state_batch=[state(5), state(5, who=2)], readings_batch=rows)
    text, page = read(rec, tmp_path / "a.html")
    first, second = text.index("tracker-1"), text.rindex("tracker-2")
    assert "Fuel level" not in text[first:second]
    assert "Fuel level" in [title_of(spec) for spec in page.specs]


def test_a_long_recording_makes_no_huge_page(tmp_path):
    rows = [state(second / 40, second % 97, who) for who in (1, 2) for second in range(24_000)]
    text, parsed = read(recording(state_batch=rows), tmp_path / "long.html")
    assert len(text) < len(library()) + 800_000
    for spec in parsed.specs[2:]:
        if title_of(spec) == "Speed":
            values = [row.get("value") for data in spec["datasets"].values() for row in data]
            assert 96 in values


def test_many_gaps_are_shown_in_part_those_of_the_connection_first(tmp_path):
    overruns = [(second, 1) for second in range(10, 310)]
    rec = recording(state_batch=[state(1)], overruns=overruns, gaps=[(500, 501, "asleep")])
    _, parsed = read(rec, tmp_path / "gaps.html")
    words = " ".join(parsed.words)
    assert "200 of 301" in words
    assert "2026-07-01 11:08:20" in words


@pytest.mark.parametrize("events", [{}, {"logout": rows_of("logout", [])}])
def test_an_empty_recording_has_a_page_too(tmp_path, events):
    _, parsed = read(recording(**events), tmp_path / "empty.html")
    words = " ".join(parsed.words)
    assert "Nothing is missing" in words
    assert "0 trackers were heard of" in words


def test_it_is_named_after_the_recording_and_replaces_nothing_unasked():
    rec = recording(state_batch=[state(1)])
    path = write_report(rec)
    assert path == Path("made.html")
    path.write_text("mine")
    with pytest.raises(fl.InvalidArgument, match=r"made.html is there already; .*force=True"):
        write_report(rec)
    assert path.read_text() == "mine"
    assert write_report(rec, path, force=True).read_text("utf-8").startswith("<!DOCTYPE html>")
    assert [file.name for file in Path().iterdir()] == ["made.html"]


def test_where_it_cannot_be_written_it_says_so(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(fl.RecordingError, match=r"file/report.html can't be written: .+\."):
        write_report(recording(), tmp_path / "file" / "report.html")


def test_a_title_is_escaped():
    assert "<title>&lt;b&gt;</title>" in page("<b>", [])


def test_what_is_no_zone_is_told_before_anything_is_written(tmp_path):
    with pytest.raises(fl.InvalidArgument, match="Mars/Base"):
        write_report(recording(), tmp_path / "x.html", timezone="Mars/Base")
    assert not list(tmp_path.iterdir())


def test_the_command_writes_it_and_prints_where(command):
    with Simulator(vehicles=2, seed=3) as sim:
        where = {"server": sim.base_url, "api_key": sim.api_key}
        fl.capture(seconds=1, **where, save_to="rec", view=False)
    code, out, err = run("report", "rec", "--timezone", "Asia/Kolkata")
    assert (code, out, err) == (0, "rec.html\n", "")
    assert "Asia/Kolkata" in Path("rec.html").read_text("utf-8")
    code, out, err = command("report", "rec")
    assert (code, out) == (2, "")
    assert err == (
        "fleetlab: rec.html is there already; name another file with --out, or replace it with "
        "--force.\n"
    )
    code, out, err = command("report", "rec", "--trackers", "5,nobody", "--out", "x.html")
    assert (code, out) == (2, "")
    assert "tells nothing of 5, nobody" in err
