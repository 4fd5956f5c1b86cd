"""Charts that show themselves without the network, in the theme of the page that they are on.

JupyterLab shows a plain Altair chart only with libraries from the network. Here they travel with
the chart, compressed; where a page runs no scripts, such as a notebook that isn't trusted, a
picture is there in their place.
"""

from __future__ import annotations

import base64
import gzip
import html
import json
import uuid
from functools import cache
from typing import TYPE_CHECKING, Any, Final, cast

import altair as alt
import vl_convert

from fleetlab.charts.theme import DARK, LIGHT

if TYPE_CHECKING:
    from typing import TypeVar

    T = TypeVar("T", bound=alt.TopLevelMixin)

__all__ = ["library", "offline", "shown"]

_NAME: Final = "fleetlab"
_VERSION: Final = alt.SCHEMA_VERSION.removeprefix("v").rsplit(".", 1)[0]

_PAGE: Final = """\
<div id="{id}"><img alt="{words}" width="{width}" src="data:image/png;base64,{picture}"></div>
<script>
(async () => {{
  const place = document.getElementById("{id}");
  const unpack = async (text) => {{
    const bytes = Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream).text();
  }};
  window.fleetlabVega ??= unpack("{library}").then((code) => {{
    (0, eval)(code);
    return window.vegaEmbed ?? vegaEmbed;
  }});
  const embed = await window.fleetlabVega;
  const spec = JSON.parse(await unpack("{spec}"));
  const themes = {themes};
  const isDark = () => document.body.dataset.jpThemeLight === "false";
  let view;
  const draw = async () => {{
    view?.finalize();
    const options = {{...themes[isDark() ? "dark" : "light"], actions: false, renderer: "svg"}};
    view = await embed(place, spec, options);
  }};
  await draw();
  new MutationObserver(draw).observe(document.body, {{attributeFilter: ["data-jp-theme-light"]}});
}})();
</script>
"""


def offline() -> None:
    """Make Altair show every chart without the network, in JupyterLab's theme, from now on.

    It enables a renderer of Altair's, ``fleetlab``; ``altair.renderers.enable("default")`` goes
    back. What ``rec.plot`` draws shows itself without the network in any case.
    """
    alt.renderers.register(_NAME, _bundle)
    alt.renderers.enable(_NAME)


def shown(chart: T) -> T:
    """Return a chart as one that shows itself without the network, and else is what it was."""
    kind: Any = type(chart)
    object.__setattr__(chart, "__class__", _offline_kind(kind))
    return chart


@cache
def _offline_kind(kind: Any) -> Any:
    return type(kind.__name__, (_ShowsItself, kind), {})


class _ShowsItself:
    """Shows a chart without the network."""

    def _repr_mimebundle_(self, *_args: object, **_options: object) -> dict[str, str]:
        with alt.theme.enable("none"):
            return _bundle(cast("alt.TopLevelMixin", self).to_dict())


def _bundle(spec: dict[str, Any], **_options: object) -> dict[str, str]:
    light = LIGHT["config"]
    picture = vl_convert.vegalite_to_png(spec, config=light, vl_version=_VERSION, scale=2)
    page = _PAGE.format(
        id=f"fleetlab-{uuid.uuid4().hex}",
        words=html.escape(_title(spec), quote=True),
        width=int.from_bytes(picture[16:20], "big") // 2,
        picture=base64.b64encode(picture).decode(),
        library=_library(),
        spec=_packed(json.dumps(spec)),
        themes=json.dumps({"light": LIGHT, "dark": DARK}),
    )
    return {"text/html": page, "text/plain": "A chart; this front end can show HTML."}


def _title(spec: dict[str, Any]) -> str:
    title = spec.get("title", "Chart")
    return str(title["text"] if isinstance(title, dict) else title)


@cache
def library() -> str:
    """Return the libraries that draw charts in a browser, as one script."""
    bundle: Any = vl_convert.javascript_bundle  # its types ask for what may be left out
    return str(bundle(vl_version=_VERSION))


@cache
def _library() -> str:
    return _packed(library())


def _packed(text: str) -> str:
    return base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()
