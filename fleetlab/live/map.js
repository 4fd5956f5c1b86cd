// Where trackers are and were. Tails are kept here, and lose what is too old.
const COLUMNS = ["status", "speed", "heading", "alt", "heard", "id", "label"];
const LONE = 2; // a position that is no part of a tail; 1 begins a piece of one, 0 goes on
const REACH_PX = 14; // from the pointer to a dot
const STACK_PX = 4; // dots that are nearer than that cover each other
const FOUND_M = 3000; // that a tracker is shown in which was sought
const SUMMARY_S = 30; // between two summaries for those who listen
const WINDS = ["N", "NE", "E", "SE", "S", "SW", "W", "NW"];
const NO_SPEED = new Set(["offline", "unknown"]);

// -- places and tails, one set for all views of a widget ------------------------------------------

function takePoints({ points, since }, rows) {
  const { n, kind, lat, lng, t } = points;
  for (let k = 0; k < n.length; k++) {
    const row = rows[n[k]];
    const tail = (row.tail ??= []);
    const y = stretched(lat[k]);
    let x = lng[k];
    row.place = { x, y, lat: lat[k], lng: lng[k] };
    if (kind[k] === LONE) continue;
    if (tail.length) x = near(x, tail.at(-3)); // across the antimeridian it goes on
    tail.push(t[k], x, y, kind[k]);
  }
  for (const row of rows) {
    const tail = (row.tail ??= []);
    let old = 0;
    while (old < tail.length && tail[old] < since) old += 4;
    if (old) tail.splice(0, old);
  }
}

// -- one view of them -----------------------------------------------------------------------------

function show(model, el, rows) {
  const states = model.get("states");
  const hidden = new Set();
  const sight = makeSight();
  let hasMoved = false; // then the view is the reader's
  let picked = null;
  let pointed = null;
  let dots = []; // those in sight
  let frame = 0;
  let summed = -Infinity;

  const root = make("div", "card fleetlab-map", "", { role: "group", "aria-label": "Map" });
  const top = make("div", "top");
  const count = make("span", "count");
  const words = make("span", "words");
  const label = make("label", "", "Search");
  const search = make("input", "", "", { type: "search", placeholder: "label or id, then Enter" });
  label.append(search);
  top.append(count, words, label);
  const trouble = make("p", "trouble", "", { role: "status" });
  const stage = make("div", "stage");
  const help = make("p", "unseen", "Arrows move the map, + and − zoom, 0 fits all; N and Shift+N go "
    + "from tracker to tracker in sight, Escape leaves them.", { id: `fleetlab-${crypto.randomUUID?.() ?? Math.random()}` });
  const canvas = make("canvas", "", "", { tabindex: 0, role: "img", "aria-describedby": help.id });
  const none = make("p", "none");
  const tip = make("div", "tip");
  const bar = make("div", "bar", "", { "aria-hidden": "true" });
  const said = make("p", "unseen", "", { "aria-live": "polite" });
  const buttons = make("div", "zoom");
  const legend = make("div", "legend", "", { role: "group", "aria-label": "Status" });
  stage.append(canvas, none, bar, tip, buttons);
  root.append(top, trouble, stage, legend, help, said);
  const paint = makePainter(canvas, states);

  const isShown = (row) => !hidden.has(row.status);
  const placed = () => rows.all.filter((row) => row.place);

  // -- the picture ----------------------------------------------------------------------------

  const redraw = () => {
    frame ||= requestAnimationFrame(draw);
  };

  const draw = () => {
    cancelAnimationFrame(frame);
    frame = 0;
    if (sight.width < 2) return; // not in the page yet
    const began = performance.now();
    const now = rows.now();
    const drawn = paint({ sight, rows: rows.all, now, isShown, picked });
    dots = drawn.dots;
    const { width, words } = barOf(sight);
    bar.style.width = `${width}px`;
    write(bar, words);
    tellTip(now);
    Object.assign(canvas.dataset, {
      dots: dots.length,
      lines: drawn.lines,
      view: [latitude(sight.y), sight.x, sight.scale].join(" "),
      places: dots.length > NAMED ? "" : JSON.stringify(
        dots.map(({ row, left, top }) => [row.id, Math.round(left), Math.round(top)])),
      ms: (performance.now() - began).toFixed(1),
    });
  };

  const fit = () => {
    hasMoved = false;
    const all = placed();
    const some = all.filter(isShown);
    sight.fit((some.length ? some : all).map(({ place }) => place));
    redraw();
  };

  const moved = (how) => {
    hasMoved = true;
    how();
    redraw();
  };

  // -- words ----------------------------------------------------------------------------------

  const factsOf = (row, now) => {
    const { word } = states[row.status];
    const age = ageOf(row, now);
    const wind = row.heading === null ? "" : WINDS[Math.round(row.heading / 45) % 8];
    const at = dots.find((dot) => dot.row === row);
    const others = dots.filter(({ row: other, left, top }) => other !== row
      && Math.abs(left - at.left) < STACK_PX && Math.abs(top - at.top) < STACK_PX).length;
    const speed = row.speed === null || NO_SPEED.has(word) ? "" : `, ${row.speed} km/h`;
    return [
      `${row.id}`,
      `${word}${speed}`,
      row.heading === null ? "" : `heading ${row.heading}° ${wind}`,
      row.alt === null ? "" : `altitude ${numbered(row.alt)} m`,
      age === Infinity ? "never heard" : `heard ${spoken(age)} ago`,
      `${row.place.lat.toFixed(5)}, ${row.place.lng.toFixed(5)}`,
      others ? `${trackers(others)} more here` : "",
    ];
  };

  const title = make("strong", "", "", { dir: "auto" });
  const facts = Array.from({ length: 7 }, () => make("span"));
  tip.append(title, ...facts);

  const tellTip = (now) => {
    const row = pointed ?? picked;
    const dot = row && dots.find((one) => one.row === row);
    tip.hidden = !dot;
    if (!dot) return;
    write(title, row.label);
    factsOf(row, now).forEach((text, n) => write(facts[n], text));
    const { offsetWidth: wide, offsetHeight: high } = tip;
    const right = dot.left + 14 + wide < sight.width ? dot.left + 14 : dot.left - 14 - wide;
    tip.style.left = `${Math.max(4, right)}px`;
    tip.style.top = `${Math.max(4, Math.min(sight.height - high - 4, dot.top - high / 2))}px`;
  };

  const pick = (row) => {
    picked = row;
    draw();
    if (row && !tip.hidden)
      write(said, [row.label, ...factsOf(row, rows.now())].filter(Boolean).join(", "));
  };

  const keys = states.map(({ word, colour }, status) => {
    const button = make("button", "state", "", { type: "button", "aria-pressed": "true" });
    const dot = make("span", "dot");
    dot.style.background = colour;
    const number = make("span", "number");
    button.append(dot, make("span", "", word), number);
    button.addEventListener("click", () => {
      if (!hidden.delete(status)) hidden.add(status);
      button.setAttribute("aria-pressed", String(!hidden.has(status)));
      if (picked && !isShown(picked)) picked = null;
      tellNone();
      redraw();
    });
    legend.append(button);
    return number;
  });

  const tellNone = () => {
    const all = rows.all.length;
    const some = placed();
    const sentence = !all ? "No tracker is known yet."
      : !some.length ? `No position is known: ${all === 1 ? "the tracker has" : `none of ${trackers(all)} has`} told one.`
        : some.some(isShown) ? "" : "All of them are hidden; the buttons below show them again.";
    write(none, sentence);
  };

  const tellCounts = () => {
    const some = placed();
    const counts = states.map((_, n) => some.filter(({ status }) => status === n).length);
    counts.forEach((n, status) => write(keys[status], numbered(n)));
    const lost = rows.all.length - some.length;
    const rest = lost ? `${numbered(lost)} without a position` : "";
    write(count, [trackers(rows.all.length), rest].filter(Boolean).join(", "));
    if (performance.now() - summed < SUMMARY_S * 1000) return;
    summed = performance.now();
    const each = counts.map((n, status) => n && `${numbered(n)} ${states[status].word}`);
    const sum = `Map of ${trackers(some.length)}: ${each.filter(Boolean).join(", ") || "none"}.`;
    canvas.setAttribute("aria-label", [sum, rest && `${rest}.`].filter(Boolean).join(" "));
    write(said, canvas.getAttribute("aria-label"));
  };

  const tell = () => {
    write(words, model.get("words"));
    write(trouble, model.get("trouble"));
    redraw();
  };

  const take = () => {
    // The whole comes as new rows.
    const again = (row) => row && (rows.all.find(({ id }) => id === row.id) ?? null);
    [picked, pointed] = [again(picked), again(pointed)];
    tellNone();
    tellCounts();
    if (!hasMoved && placed().some((row) => isShown(row) && !sight.holds(row.place))) fit();
    redraw();
  };

  // -- what the reader does -------------------------------------------------------------------

  const find = () => {
    const sought = search.value.trim().toLowerCase();
    if (!sought) return pick(null);
    const rank = ({ id, label, sought: text }) => [String(id), label.toLowerCase()].includes(sought)
      ? 0 : label.toLowerCase().startsWith(sought) ? 1 : text.includes(sought) ? 2 : 3;
    const found = rows.all.filter((row) => rank(row) < 3).sort((a, b) => rank(a) - rank(b));
    if (!found.length) return notFound("No label or id has that in it.");
    const there = found.filter((row) => row.place);
    if (!there.length) return notFound(`${found[0].label} has told no position.`);
    const row = there[(there.indexOf(picked) + 1) % there.length]; // Enter again: the next one
    hidden.has(row.status) && legend.children[row.status].click();
    notFound(there.length === 1 ? "" : `${there.indexOf(row) + 1} of ${numbered(there.length)}; Enter shows the next`);
    moved(() => sight.show(row.place, FOUND_M));
    pick(row);
  };

  const found = make("span", "found", "", { role: "status" });
  label.before(found);
  const notFound = (sentence) => write(found, sentence);

  const go = (way) => {
    const order = dots.map(({ row }) => row).sort((a, b) => (a.label < b.label ? -1 : 1));
    if (!order.length) return;
    const from = order.indexOf(picked);
    pick(order[(from < 0 ? (way > 0 ? 0 : -1) : from + way + order.length) % order.length] ?? order.at(-1));
  };

  const nearest = ({ offsetX, offsetY }) => {
    let [best, least] = [null, REACH_PX];
    for (const { row, left, top } of dots) {
      const way = Math.hypot(left - offsetX, top - offsetY);
      if (way <= least) [best, least] = [row, way];
    }
    return best;
  };

  const step = (right, down) => moved(() => sight.pan(right * sight.width, down * sight.height));
  const zoom = (factor, ...at) => moved(() => sight.zoom(factor, ...at));
  const acts = {
    ArrowLeft: () => step(-0.15, 0),
    ArrowRight: () => step(0.15, 0),
    ArrowUp: () => step(0, -0.15),
    ArrowDown: () => step(0, 0.15),
    "+": () => zoom(1.5),
    "=": () => zoom(1.5),
    "-": () => zoom(1 / 1.5),
    "−": () => zoom(1 / 1.5),
    0: fit,
    n: () => go(1),
    N: () => go(-1),
    Escape: () => pick(null),
  };
  canvas.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !acts[event.key]) return;
    event.preventDefault();
    acts[event.key]();
  });

  for (const [text, name, act] of [["+", "Zoom in", acts["+"]], ["−", "Zoom out", acts["-"]], ["fit", "Fit all", fit]]) {
    const button = make("button", "button", text, { type: "button", "aria-label": name, title: name });
    button.addEventListener("click", act);
    buttons.append(button);
  }

  const hands = listenToHands(canvas, {
    pan: (right, down) => moved(() => sight.pan(right, down)),
    zoom,
    point: (event) => {
      pointed = event && nearest(event);
      canvas.style.cursor = pointed ? "pointer" : "";
      redraw();
    },
    tap: (event) => pick(nearest(event)),
  });
  search.addEventListener("keydown", (event) => event.key === "Enter" && find());
  search.addEventListener("search", () => search.value || find());
  search.addEventListener("input", () => notFound(""));
  root.addEventListener("keydown", keepKeys);

  // -- as long as it is in the page -----------------------------------------------------------

  const told = ["change:words", "change:trouble", "change:until"];
  const unlisten = rows.listen(take);
  for (const name of told) model.on(name, tell);
  const seen = new ResizeObserver(() => {
    sight.resize(stage.clientWidth, stage.clientHeight);
    if (hasMoved) draw();
    else fit(), draw();
  });
  const themed = new MutationObserver(redraw);
  themed.observe(document.body, { attributes: true });
  themed.observe(document.documentElement, { attributes: true });
  const ticking = setInterval(() => document.hidden || (tellCounts(), redraw()), 1000);
  el.append(root);
  seen.observe(stage);
  tell();
  take();
  return () => {
    clearInterval(ticking);
    cancelAnimationFrame(frame);
    hands.end();
    seen.disconnect();
    themed.disconnect();
    unlisten();
    for (const name of told) model.off(name, tell);
    root.remove();
  };
}

export default widget((model) => makeRows(model, COLUMNS, { more: takePoints }), show);
