"""One HTML page with charts in it that needs nothing from outside.

Text is escaped where it is put in, and the page's policy lets no script run but the two that are
meant to, and nothing be fetched.
"""

from __future__ import annotations

import base64
import hashlib
import json
from html import escape
from typing import TYPE_CHECKING, Any, Final

from fleetlab.charts.display import library
from fleetlab.charts.theme import PAGE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import altair as alt

__all__ = ["chart", "page", "paragraph", "section", "table"]

_POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
    "form-action 'none'; script-src 'unsafe-eval' {scripts}"
)

# One after the other, so that the page can be read meanwhile.
_DRAW: Final = """
(async () => {
  const options = {renderer: "svg", actions: false, config: CONFIG};
  for (const figure of document.querySelectorAll("figure")) {
    const [place, data] = figure.children;
    try {
      await vegaEmbed(place, JSON.parse(data.textContent), options);
    } catch (error) {
      place.textContent = "This chart can't be drawn here: " + error.message;
    }
    await new Promise((go) => setTimeout(go));
  }
})();
"""

_STYLE: Final = """
:root {
  color-scheme: light;
  --ink: #1F2328; --faint: #6E7781; --grid: #E7EAEE; --paper: #FFFFFF;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    color-scheme: dark;
    --ink: #E6E6E6; --faint: #8D96A0; --grid: #32363B; --paper: #111111;
  }
}
body {
  font: 14px/1.5 system-ui, "Segoe UI", "Noto Sans", "DejaVu Sans", sans-serif;
  color: var(--ink); background: var(--paper);
  max-width: 900px; margin: 0 auto; padding: 16px; overflow-wrap: anywhere;
}
h1 { font-size: 24px; margin: 8px 0; }
h2 { font-size: 18px; margin: 32px 0 8px; border-bottom: 1px solid var(--grid); }
a { color: inherit; }
nav, .names { columns: 3 200px; font-size: 13px; margin: 16px 0; }
nav a, .names span { display: block; }
figure { margin: 16px 0; min-height: 40px; }
figure, .wide { overflow-x: auto; }
.fleetlab-recording > strong { display: none; }
table { border-collapse: collapse; margin: 8px 0; font-size: 13px; }
th, td {
  text-align: start; vertical-align: top; padding: 2px 12px 2px 0;
  border-bottom: 1px solid var(--grid); overflow-wrap: break-word;
}
th { color: var(--faint); font-weight: normal; }
td.number { text-align: end; font-variant-numeric: tabular-nums; white-space: nowrap; }
dl { display: flex; flex-wrap: wrap; gap: 4px 32px; margin: 8px 0; }
dl div { display: flex; flex-direction: column-reverse; justify-content: start; }
dt { color: var(--faint); font-size: 12px; }
dd { margin: 0; font-size: 16px; font-weight: 600; }
#vg-tooltip-element.vg-tooltip {
  color: var(--ink); background: var(--paper); border-color: var(--faint);
}
#vg-tooltip-element.vg-tooltip table tr td.key { color: var(--faint); }
@media print {
  nav { display: none; }
  body { padding: 0; }
  section.page { break-before: page; }
  h2, h3 { break-after: avoid; }
  figure, tr { break-inside: avoid; }
  figure, .wide { overflow: visible; }
  figure svg { max-width: 100%; height: auto; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
"""

_PAGE: Final = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<h1><bdi>{title}</bdi></h1>
<noscript><p>The charts are drawn by scripts, which are switched off here.</p></noscript>
{body}
<script>{library}</script>
<script>{draw}</script>
</body>
</html>
"""


def page(title: str, parts: Iterable[str]) -> str:
    """Return a whole page.

    Parameters
    ----------
    title : str
        Its title, as text.
    parts : iterable of str
        HTML, made by the other functions here.
    """
    # Legends where they can't widen the page.
    config = {**PAGE["config"]}
    config["legend"] = {**config["legend"], "orient": "bottom", "columns": 4}
    draw = _DRAW.replace("CONFIG", _json(config))
    scripts = [library(), draw]
    policy = _POLICY.format(scripts=" ".join(map(_fingerprint, scripts)))
    return _PAGE.format(
        policy=escape(policy),
        title=escape(title),
        style=_STYLE,
        body="\n".join(parts),
        library=scripts[0],
        draw=scripts[1],
    )


def section(heading: str, parts: Iterable[str], *, name: str, new_page: bool = False) -> str:
    """Return a section with a heading, which links lead to by its name."""
    kind = ' class="page"' if new_page else ""
    title = f"<h2><bdi>{escape(heading)}</bdi></h2>"
    return "\n".join([f'<section id="{escape(name)}"{kind}>', title, *parts, "</section>"])


def paragraph(text: str) -> str:
    """Return a paragraph."""
    return f"<p>{escape(text)}</p>"


def table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table; numbers are told with thousands apart, what is None is left empty."""
    head = "".join(f"<th>{escape(heading)}</th>" for heading in headings)
    body = "\n".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    return (
        f'<div class="wide"><table><thead><tr>{head}</tr></thead>\n'
        f"<tbody>{body}</tbody></table></div>"
    )


def chart(drawn: alt.TopLevelMixin) -> str:
    """Return a chart."""
    # The charts' own tests hold them to the schema; to check many of them again takes long.
    spec: dict[str, Any] = drawn.to_dict(validate=False)
    # Colours are the page's, whatever theme was enabled as it was made.
    del spec["config"]
    spec["background"] = "transparent"
    return f'<figure><div></div><script type="application/json">{_json(spec)}</script></figure>'


def _cell(value: object) -> str:
    if value is None:
        return "<td></td>"
    if isinstance(value, int | float):
        return f'<td class="number">{value:,}</td>'
    return f"<td><bdi>{escape(str(value))}</bdi></td>"


def _json(value: object) -> str:
    """Return JSON in which nothing can end a script, or begin a comment."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for char in "<>&\u2028\u2029":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return text


def _fingerprint(script: str) -> str:
    digest = hashlib.sha256(script.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
