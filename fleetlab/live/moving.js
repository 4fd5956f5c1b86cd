// Charts of the last minutes. What is drawn is made in Python; here it gets its place on the page.
const SVG = "http://www.w3.org/2000/svg";
const RIGHT = 14;
const AXIS = 46; // pixels below the panels
const GAP = 14; // between panels
const STEP = 28; // of rows
const NAMES = 170; // left of rows
const NUMBERS = 58; // left of lines
const BANDS = { movement: [12, -5], ignition: [4, 5], connection: [4, 10] };
const UNKNOWN = "unknown";

const draw = (tag, parent, more = {}, text) => {
  const node = document.createElementNS(SVG, tag);
  for (const [one, value] of Object.entries(more)) node.setAttribute(one, value);
  if (text !== undefined) node.textContent = text;
  parent.append(node);
  return node;
};

const lasted = (ms) => {
  const units = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
  let rest = Math.round(ms / 1000);
  const parts = units.map(([unit, size]) => {
    const n = Math.floor(rest / size);
    rest -= n * size;
    return [n, unit];
  });
  const first = parts.findIndex(([n]) => n);
  if (first < 0) return "under 1 s";
  return parts.slice(first, first + 2).filter(([n]) => n).map((one) => one.join(" ")).join(" ");
};

// The last point at or before a moment; -1 if there is none.
const before = (points, at, moment) => {
  let [low, high] = [0, points.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (moment(points[middle]) <= at) low = middle + 1;
    else high = middle;
  }
  return low - 1;
};

function show(model, el) {
  const picked = new Set();
  let pointer = null; // where the cursor is: { at, row }
  let frame = null; // of the picture as it was drawn last

  const root = make("div", "card fleetlab-moving", "", { role: "group" });
  const top = make("div", "top");
  const title = make("span", "count");
  const words = make("span", "words");
  top.append(title, words);
  const trouble = make("p", "trouble", "", { role: "status" });
  const body = make("div", "body");
  const stage = make("div", "stage", "", { tabindex: 0, role: "img" });
  const svg = document.createElementNS(SVG, "svg");
  stage.append(svg);
  const legend = make("div", "legend");
  body.append(stage, legend);
  const none = make("div", "none");
  const tip = make("div", "tip", "", { role: "status", "aria-live": "polite" });
  tip.hidden = true;
  const remarks = make("div", "remarks");
  root.append(top, trouble, body, none, remarks, tip);
  el.append(root);

  const clock = (at) => {
    const { from, offsets } = model.get("picture").axis;
    const moment = from + at;
    const offset = (offsets.findLast(([since]) => since <= moment) ?? offsets[0])[1];
    return new Date(moment + offset).toISOString().slice(0, 19).replace("T", " ");
  };

  // -- drawing ----------------------------------------------------------------------------------

  const drawTime = (axis, { left, width, bottom, top: above }) => {
    const x = frame.x;
    for (const [since, until, reason] of axis.gaps) {
      const more = { x: x(since), y: above, width: Math.max(1, x(until) - x(since)), height: bottom - above };
      draw("title", draw("rect", svg, { class: "fleetlab-gap", ...more }), {}, `gap: ${reason}`);
    }
    for (const [at, time, date] of axis.ticks) {
      draw("line", svg, { class: "fleetlab-tick", x1: x(at), x2: x(at), y1: bottom, y2: bottom + 5 });
      draw("line", svg, { class: "fleetlab-grid", x1: x(at), x2: x(at), y1: above, y2: bottom });
      const text = draw("text", svg, { class: "fleetlab-label", x: x(at), y: bottom + 17, "text-anchor": "middle" }, time || date);
      if (date && time) draw("tspan", text, { x: x(at), dy: 12 }, date);
    }
    draw("line", svg, { class: "fleetlab-axis", x1: left, x2: left + width, y1: bottom, y2: bottom });
    draw("text", svg, { class: "fleetlab-label", x: left + width / 2, y: bottom + AXIS - 4, "text-anchor": "middle" }, axis.title);
    for (const [at, text] of axis.notes) {
      draw("title", draw("line", svg, { class: "fleetlab-note", x1: x(at), x2: x(at), y1: above, y2: bottom }), {}, text);
      draw("text", svg, { class: "fleetlab-label", x: x(at) + 3, y: above - 3 }, text);
    }
  };

  const drawLines = (panel, { left, width, top: above, bottom }) => {
    const [low, high] = [panel.ticks[0], panel.ticks.at(-1)];
    const y = (value) => bottom - ((value - low) / (high - low)) * (bottom - above);
    for (const tick of panel.ticks) {
      draw("line", svg, { class: "fleetlab-grid", x1: left, x2: left + width, y1: y(tick), y2: y(tick) });
      draw("text", svg, { class: "fleetlab-label", x: left - 7, y: y(tick) + 4, "text-anchor": "end" }, tick.toLocaleString("en-US"));
    }
    const middle = (above + bottom) / 2;
    draw("text", svg, { class: "fleetlab-label", transform: `translate(14 ${middle}) rotate(-90)`, "text-anchor": "middle" }, panel.title);
    for (const { value, colour, names } of panel.full) {
      const more = { x1: left, x2: left + width, y1: y(value), y2: y(value), stroke: colour };
      if (names.length === 1) more["data-line"] = names[0];
      draw("title", draw("line", svg, { class: "fleetlab-full", ...more }), {}, `full: ${names.join(", ")}`);
      draw("text", svg, { class: "fleetlab-level", x: left + width - 2, y: y(value) - 4, "text-anchor": "end" }, "full");
    }
    for (const { name, colour, points } of panel.lines) {
      let path = "";
      let isDown = false;
      for (const [at, value] of points) {
        if (value === null) isDown = false;
        else {
          const [px, py] = [frame.x(at).toFixed(1), y(value).toFixed(1)];
          path += isDown ? `H${px}V${py}` : `M${px} ${py}`;
          isDown = true;
        }
      }
      draw("path", svg, { class: "fleetlab-line", d: path, stroke: colour, "data-line": name });
    }
  };

  const drawBands = (panel, { left, top: above }) => {
    const colours = Object.fromEntries(panel.legend.map(({ what, colours }) => [what, Object.fromEntries(colours)]));
    panel.rows.forEach((row, n) => {
      const middle = above + STEP * (n + 0.5);
      const label = draw("text", svg, { class: "fleetlab-name", x: left - 10, y: middle + 4, "text-anchor": "end", "data-line": row.name }, row.name);
      for (let kept = row.name.length; label.getComputedTextLength() > NAMES - 16 && kept > 1; kept--) {
        label.textContent = `${row.name.slice(0, kept - 1)}…`;
      }
      draw("title", label, {}, row.name);
      for (const [what, [height, offset]] of Object.entries(BANDS)) {
        for (const [since, until, state] of row[what]) {
          const [x0, x1] = [frame.x(since), frame.x(until)];
          const more = { x: x0, width: Math.max(0.5, x1 - x0 + 0.5), y: middle + offset - height / 2, height };
          draw("rect", svg, { class: "fleetlab-band", fill: colours[what][state], "data-line": row.name, "data-state": state, ...more });
        }
      }
    });
  };

  const drawCursor = () => {
    svg.querySelector(".fleetlab-cursor")?.remove();
    if (!frame || pointer === null) return;
    const x = frame.x(pointer.at);
    draw("line", svg, { class: "fleetlab-cursor", x1: x, x2: x, y1: frame.top, y2: frame.bottom });
  };

  const heightOf = (panel) => (panel.kind === "lines" ? panel.height : panel.rows.length * STEP);

  const redraw = () => {
    const { axis, panels, remarks: said } = model.get("picture");
    svg.replaceChildren();
    write(remarks, panels.length ? said.join(" ") : "");
    frame = null;
    body.hidden = !panels.length;
    write(none, panels.length ? "" : model.get("picture").why);
    if (!panels.length) return hide();
    const isBands = panels[0].kind === "bands";
    const left = isBands ? NAMES : NUMBERS;
    const above = axis.notes.length ? 18 : 6;
    const heights = panels.map(heightOf);
    const bottom = above + heights.reduce((sum, one) => sum + one + GAP, -GAP);
    const whole = Math.max(320, stage.clientWidth || 720);
    const width = whole - left - RIGHT;
    const x = (at) => left + (Math.min(at, axis.to - axis.from) / (axis.to - axis.from)) * width;
    frame = { x, left, width, top: above, bottom, span: axis.to - axis.from };
    svg.setAttribute("viewBox", `0 0 ${whole} ${bottom + AXIS}`);
    svg.setAttribute("width", whole);
    svg.setAttribute("height", bottom + AXIS);
    drawTime(axis, frame);
    let y = above;
    panels.forEach((panel, n) => {
      const place = { ...frame, top: y, bottom: y + heights[n] };
      if (panel.kind === "lines") drawLines(panel, place);
      else drawBands(panel, place);
      y += heights[n] + GAP;
    });
    drawLegend(panels);
    fade();
    tell();
  };

  // -- the legend -------------------------------------------------------------------------------

  let known = ""; // what the legend was built of
  const latest = new Map();

  const drawLegend = (panels) => {
    const names = panels.flatMap(({ lines, legend }) => (lines ?? legend).map((one) => JSON.stringify([one.name ?? one.title, one.colour ?? one.colours])));
    if (names.join() !== known) {
      known = names.join();
      latest.clear();
      legend.replaceChildren();
      for (const panel of panels) for (const one of panel.lines ?? panel.legend) legend.append(panel.lines ? keyOf(one) : keysOf(one));
    }
    for (const { lines, unit, digits } of panels) {
      for (const { name, points } of lines ?? []) {
        const value = points.at(-1)?.[1] ?? null;
        write(latest.get(name), value === null ? "–" : `${value.toFixed(digits)} ${unit}`.trim());
      }
    }
  };

  const keyOf = ({ name, colour }) => {
    const key = make("button", "key", "", { type: "button", "aria-pressed": picked.has(name) });
    const mark = make("span", "mark");
    mark.style.background = colour;
    const value = make("span", "value");
    latest.set(name, value);
    const text = make("span", "text", name);
    key.append(mark, text, value);
    key.addEventListener("click", () => {
      if (!picked.delete(name)) picked.add(name);
      key.setAttribute("aria-pressed", picked.has(name));
      fade();
    });
    return key;
  };

  const keysOf = ({ title: text, colours }) => {
    const keys = make("div", "keys");
    keys.append(make("div", "head", text));
    for (const [state, colour] of colours) {
      const key = make("div", "state");
      const mark = make("span", "mark");
      mark.style.background = colour;
      key.append(mark, make("span", "text", state.replaceAll("_", " ")));
      keys.append(key);
    }
    return keys;
  };

  const fade = () => {
    for (const node of svg.querySelectorAll("[data-line]")) {
      node.classList.toggle("fleetlab-faded", picked.size > 0 && !picked.has(node.dataset.line));
    }
  };

  // -- what the cursor is at --------------------------------------------------------------------

  const line = (colour, text, value) => {
    const row = make("div", "told");
    const mark = make("span", "mark");
    mark.style.background = colour;
    row.append(mark, make("span", "text", text), make("span", "value", value));
    return row;
  };

  const toldOfLines = (panels, at) =>
    panels.flatMap(({ lines, unit, digits }) =>
      lines.map(({ name, colour, points }) => {
        const value = points[before(points, at, ([moment]) => moment)]?.[1] ?? null;
        return line(colour, name, value === null ? "not known" : `${value.toFixed(digits)} ${unit}`);
      }),
    );

  const toldOfBands = ({ rows, legend: kinds }, at) => {
    const row = rows[Math.min(pointer.row, rows.length - 1)];
    const told = kinds.flatMap(({ what, colours }) => {
      const [since, until, state, more] = row[what][before(row[what], at, ([moment]) => moment)] ?? [];
      if (state === undefined) return [];
      const text = more ?? state.replaceAll("_", " ");
      return [line(Object.fromEntries(colours)[state], text, `since ${clock(since).slice(11)}, ${lasted(until - since)}`)];
    });
    return [make("div", "head", row.name), ...told];
  };

  const hide = () => {
    pointer = null;
    tip.hidden = true;
    drawCursor();
  };

  const tell = () => {
    drawCursor();
    if (!frame || pointer === null) return;
    const { panels } = model.get("picture");
    const { at } = pointer;
    const told = panels[0].kind === "bands" ? toldOfBands(panels[0], at) : toldOfLines(panels, at);
    tip.replaceChildren(make("div", "head", clock(at)), ...told);
    tip.hidden = false;
    const [stand, own] = [stage.getBoundingClientRect(), root.getBoundingClientRect()];
    const x = stand.left - own.left + frame.x(at);
    const isRight = x + tip.offsetWidth + 24 > own.width;
    tip.style.left = `${Math.max(4, isRight ? x - tip.offsetWidth - 12 : x + 12)}px`;
    const y = panels[0].kind === "bands" ? frame.top + STEP * (pointer.row + 1) + 4 : frame.top + 6;
    tip.style.top = `${stand.top - own.top + y}px`;
  };

  const point = (at, row) => {
    const rows = model.get("picture").panels[0]?.rows?.length ?? 1;
    pointer = { at: Math.max(0, Math.min(at, frame.span)), row: Math.max(0, Math.min(row, rows - 1)) };
    tell();
  };

  const onMove = (event) => {
    if (!frame) return;
    const { left, top: above } = svg.getBoundingClientRect();
    const at = ((event.clientX - left - frame.left) / frame.width) * frame.span;
    point(at, Math.floor((event.clientY - above - frame.top) / STEP));
  };

  const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  const onKey = (event) => {
    const move = MOVES[event.key];
    if (event.key === "Escape") hide();
    if (!move || !frame) return;
    event.preventDefault();
    const { at, row } = pointer ?? { at: frame.span, row: 0 };
    point(at + (move[0] * frame.span) / 60, row + move[1]);
  };

  const onWords = () => {
    write(title, model.get("title"));
    write(words, model.get("words"));
    write(trouble, model.get("trouble"));
    stage.setAttribute("aria-label", `${model.get("title")}. Arrow keys tell what there is.`);
  };

  stage.addEventListener("pointermove", onMove);
  stage.addEventListener("pointerleave", hide);
  stage.addEventListener("blur", hide);
  stage.addEventListener("keydown", onKey);
  root.addEventListener("keydown", keepKeys);
  const seen = new ResizeObserver(redraw);
  seen.observe(stage);
  const told = { "change:picture": redraw, "change:title": onWords, "change:words": onWords, "change:trouble": onWords };
  for (const [name, work] of Object.entries(told)) model.on(name, work);
  onWords();
  redraw();
  return () => {
    seen.disconnect();
    for (const [name, work] of Object.entries(told)) model.off(name, work);
    root.remove();
  };
}

export default { render: ({ model, el }) => show(model, el) };
