"""From a running capture to its panel, and to what it leaves; nothing of it harms the capture."""

from __future__ import annotations

import json
import subprocess
import sys
from html.parser import HTMLParser
from types import SimpleNamespace

import pytest

import fleetlab as fl
from fleetlab import progress
from fleetlab.live import view as live
from fleetlab.live.figures import Shown
from fleetlab.live.panel import Panel, ended, living
from tests.conftest import eventually

HOSTILE = '</div><script>alert("1")</script>'


class Handle:
    """In the place of a notebook's cell."""

    def __init__(self) -> None:
        self.shown: list[object] = []
        self.last: dict[str, str] | None = None

    def display(self, what, **_) -> None:
        self.shown.append(what)

    def update(self, bundle, **_) -> None:
        self.last = bundle


@pytest.fixture(autouse=True)
def views(monkeypatch):
    """In a kernel, as far as fleetlab can tell; the views that were made in it."""
    made = []

    class View(live.PanelView):
        def __init__(self, **more) -> None:
            super().__init__(**more)
            self._handle = Handle()
            made.append(self)

    monkeypatch.setattr(progress, "in_kernel", lambda: True)
    monkeypatch.setattr("fleetlab.live.PanelView", View)
    monkeypatch.setattr(live, "EVERY_S", 0.02)
    return made


def at(sim, **more):
    return {"server": sim.base_url, "api_key": sim.api_key, **more}


def begun(simulator, **more) -> fl.Job:
    job = fl.start(**at(simulator, **more))
    eventually(lambda: job.view._panel.texts["rows"] not in ("", "0"), "rows are shown")
    return job


def press_stop(view) -> None:
    view._panel._handle_custom_msg({"ask": "stop"}, [])


def last_of(job: fl.Job) -> str:
    job.view._thread.join()
    return job.view._handle.last["text/html"]


def test_it_follows_the_capture_and_stop_ends_it(simulator, capfd):
    job = begun(simulator)
    panel = job.view._panel
    assert job.view._handle.shown == [panel]
    eventually(lambda: panel.texts["state"] == "subscribed", "the state is shown")
    assert panel.mood == "good"
    press_stop(job.view)
    assert panel.is_stopping
    rec = job.result()
    assert rec.info.stopped_because == "stop"
    last = last_of(job)
    assert panel.has_ended
    assert panel.markup == last
    assert job.view._figures.troubles == type(job.view._figures.troubles)()
    assert capfd.readouterr() == ("", "")


def test_what_it_leaves_tells_what_was_captured_without_a_kernel(views, simulator):
    rec = fl.capture(seconds=0.5, **at(simulator))
    [view] = views
    bundle = view._handle.last
    assert rec._repr_html_() in bundle["text/html"]
    assert bundle["text/plain"] == repr(rec)
    assert places(bundle["text/html"])["state"] == "captured"
    assert (
        places(bundle["text/html"])["rows"] == f"{len(rec.state_batch) + len(rec.readings_batch)}"
    )
    assert "the time asked for was over" in bundle["text/html"]
    assert "<button" not in bundle["text/html"]


def test_shown_once_more_it_is_alive_or_what_it_left(simulator):
    job = begun(simulator)
    job.view._ipython_display_()
    job.stop()
    last = last_of(job)
    job.view._ipython_display_()
    assert job.view._handle.shown == [job.view._panel] * 2 + [job.view._handle.last]
    assert last in job.view._handle.shown[2].values()


def test_an_error_is_told_where_it_was_shown_and_raised_where_it_was_called(simulator):
    job = begun(simulator)
    simulator.refuse_next(4, f"what is {simulator.api_key}?")
    simulator.cut()
    with pytest.raises(fl.AuthenticationError):
        job.result()
    told = places(last_of(job))
    assert told["state"] == "ended by an error"
    assert "FLEETLAB_API_KEY" in told["log"]
    assert 'class="fleetlab-card fleetlab-panel fleetlab-bad fleetlab-over"' in last_of(job)


def test_an_error_before_anything_came_leaves_no_table(views, simulator):
    with pytest.raises(fl.AuthenticationError):
        fl.capture(**at(simulator, api_key="0" * 32))
    [view] = views
    assert "<table" not in view._handle.last["text/html"]
    assert view._handle.last["text/plain"] == "Nothing was captured."


def test_secrets_are_in_nothing_that_a_notebook_saves(simulator):
    secrets = {"login": simulator.login, "password": simulator.password}
    job = fl.start(server=simulator.base_url, note="mine", **secrets)
    eventually(lambda: job.view._panel.texts["rows"] not in ("", "0"), "rows are shown")
    alive = json.dumps(job.view._panel.get_state(), default=str)
    simulator.refuse_next(7, f"{simulator.password} {simulator.api_key}?")
    simulator.cut()
    with pytest.raises(fl.RequestRefused):
        job.result()
    last_of(job)
    told = alive + json.dumps(job.view._panel.get_state(), default=str)
    told += str(job.view._handle.last)
    assert simulator.password not in told
    assert job._session._credentials.secrets
    for secret in job._session._credentials.secrets:
        assert secret == simulator.login or secret not in told


@pytest.mark.parametrize("broken", ["show", "end"])
def test_a_view_that_fails_does_not_end_the_capture(simulator, monkeypatch, capfd, broken):
    monkeypatch.setattr(Panel, broken, lambda *_: 1 / 0)
    rec = fl.capture(seconds=0.3, **at(simulator))
    assert rec.info.stopped_because == "time"
    assert len(rec.state_batch) == 12
    assert "Traceback" not in capfd.readouterr().err


def test_a_view_that_fails_for_a_while_tells_it_in_its_log(simulator, monkeypatch):
    job = begun(simulator)
    with monkeypatch.context() as patch:
        patch.setattr(Panel, "show", lambda *_: 1 / 0)
        eventually(lambda: job.view._figures.troubles, "it has failed")
    eventually(lambda: "ZeroDivisionError" in job.view._panel.texts["log"], "it is told")
    assert job.running
    job.stop()


def test_without_a_place_to_show_it_the_capture_goes_on(simulator, monkeypatch, caplog):
    monkeypatch.setattr(Handle, "display", lambda *_, **__: 1 / 0)
    rec = fl.capture(seconds=0.3, **at(simulator))
    assert len(rec.state_batch) == 12
    assert "panel can't be shown" in caplog.text


def test_an_interrupt_while_it_is_made_ends_the_capture(simulator, monkeypatch, tmp_path):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(Handle, "display", interrupt)
    with pytest.raises(KeyboardInterrupt):
        fl.capture(**at(simulator, save_to=tmp_path / "rec"))
    rec = eventually(
        lambda: (rec := fl.load(tmp_path / "rec")).info.ended_at and rec, "it is written"
    )
    assert rec.info.stopped_because == "interrupt"


@pytest.mark.parametrize(
    ("features", "waits", "has_stop"),
    [(["kernel subshells"], True, True), ([], True, False), ([], False, True)],
)
def test_where_a_click_would_not_be_heard_a_sentence_stands(
    simulator, monkeypatch, features, waits, has_stop
):
    kernel = SimpleNamespace(kernel_info={"supported_features": features})
    monkeypatch.setattr(live, "get_ipython", lambda: SimpleNamespace(kernel=kernel))
    begun_with = []

    class Told(Panel):
        def __init__(self, markup, on_stop) -> None:
            begun_with.append(markup)
            super().__init__(markup, on_stop)

    monkeypatch.setattr(live, "Panel", Told)
    if waits:
        fl.capture(seconds=0.1, **at(simulator))
    else:
        fl.start(seconds=0.1, **at(simulator)).result()
    [alive] = begun_with
    assert ("<button" in alive) == has_stop
    assert (live.HINT in alive) != has_stop


def test_view_false_shows_nothing_and_true_the_panel(views, simulator):
    fl.capture(seconds=0.1, **at(simulator, view=False))
    assert views == []
    fl.capture(seconds=0.1, **at(simulator, view=True))
    assert len(views) == 1
    with pytest.raises(fl.InvalidArgument, match="view"):
        fl.start(**at(simulator, view="maybe"))


def test_in_memory_it_says_so(views, simulator):
    fl.capture(seconds=0.1, **at(simulator, save_to=False))
    assert "In memory" in views[0]._handle.last["text/html"]


class Places(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, str] = {}
        self.tags: list[str] = []
        self._place: str | None = None

    def handle_starttag(self, tag, attrs) -> None:
        self.tags.append(tag)
        self._place = dict(attrs).get("data-is")

    def handle_data(self, data) -> None:
        if self._place:
            self.found[self._place] = self.found.get(self._place, "") + data

    def handle_endtag(self, _) -> None:
        self._place = None


def places(html: str) -> dict[str, str]:
    parser = Places()
    parser.feed(html)
    return parser.found


NAMES = ("state", "clock", "messages", "rows", "delay", "heard", "silent", "gaps", "size")


def test_what_comes_from_outside_stays_text():
    texts = dict.fromkeys([*NAMES, "rates", "peak", "log"], HOSTILE)
    shown = Shown(texts=texts, percent=None, mood="ended", line="")
    parser = Places()
    parser.feed(ended(shown, HOSTILE, HOSTILE))
    assert "script" not in parser.tags
    assert parser.found["log"] == HOSTILE


def test_the_panel_is_labelled_for_those_who_do_not_see_it():
    alive = living("On disk")
    assert 'role="progressbar" aria-label="Time of the capture" aria-valuemin="0"' in alive
    assert alive.count('aria-live="polite"') == 1
    assert '<button type="button"' in alive
    assert set(NAMES) <= {part.split('"')[0] for part in alive.split('data-is="')[1:]}


def test_importing_fleetlab_imports_no_widgets():
    heavy = {"anywidget", "ipywidgets", "IPython", "fleetlab.live"}
    code = f"import fleetlab, sys; print({heavy!r} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "set()"
