// Where trackers are and were.
const COLUMNS = ["status", "speed", "heading", "alt", "heard", "id", "label"];
const REACH_PX = 14; // from the pointer to a dot
const FOUND_M = 3000; // that a tracker is shown in which was sought
const STILL_MS = 150; // after that without a move the map is at rest
const SUMMARY_S = 30; // between two summaries for those who listen
const KEYS = "Arrows move the map, + and − zoom, 0 fits all. N and Shift+N go from tracker to tracker in "
  + "sight, Escape leaves them.";

function show(model, el, rows) {
  const states = model.get("states");
  const hidden = new Set();
  const sight = makeSight();
  let hasMoved = false; // then the view is the reader's
  let picked = null;
  let pointed = null;
  let dots = []; // those in sight
  let frame = 0;
  let isAnew = true; // what is to be painted is another than was painted last
  let [movedAt, resting] = [-Infinity, 0];
  let summed = -Infinity;

  const root = make("div", "card fleetlab-map", "", { role: "group", "aria-label": "Map" });
  const top = make("div", "top");
  const count = make("span", "count");
  const words = make("span", "words");
  const label = make("label", "", "Search");
  const search = make("input", "", "", { type: "search", placeholder: "label or id, then Enter" });
  label.append(search);
  const outcome = make("span", "aside", "", { role: "status" });
  top.append(count, words, outcome, label);
  const trouble = make("p", "trouble", "", { role: "status" });
  const stage = make("div", "stage");
  const about = { tabindex: 0, role: "img", "aria-description": KEYS };
  const canvas = make("canvas", "", "", about);
  const none = make("p", "none");
  const bar = make("div", "bar", "", { "aria-hidden": "true" });
  const said = make("p", "unseen", "", { "aria-live": "polite" });
  const buttons = make("div", "zoom");
  const legend = make("div", "legend", "", { role: "group", "aria-label": "Status" });
  stage.append(canvas, none, bar, buttons);
  root.append(top, trouble, stage, legend, said);
  const paint = makePainter(canvas, states);
  const tip = makeDotTip(stage, states);

  const isShown = (row) => !hidden.has(row.status);
  const placed = () => rows.all.filter((row) => row.place);

  // -- the picture ----------------------------------------------------------------------------

  const refresh = () => {
    frame ||= requestAnimationFrame(draw);
  };

  const redraw = () => {
    isAnew = true;
    refresh();
  };

  const draw = () => {
    cancelAnimationFrame(frame);
    frame = 0;
    if (sight.width < 2) return; // not in the page yet
    const began = performance.now();
    const now = rows.now();
    const isMoving = began - movedAt < STILL_MS;
    const drawn = paint({ sight, rows: rows.all, now, isShown, picked, isMoving, isAnew });
    isAnew &&= drawn.isHasty;
    dots = drawn.dots;
    const { width, words } = barOf(sight);
    bar.style.width = `${width}px`;
    write(bar, words);
    tip.show(dotOf(pointed ?? picked), dots, now, sight);
    Object.assign(canvas.dataset, {
      dots: dots.length,
      lines: drawn.lines,
      view: [latitude(sight.y), sight.x, sight.scale].join(" "),
      places: dots.length > NAMED ? "" : JSON.stringify(
        dots.map(({ row, left, top }) => [row.id, Math.round(left), Math.round(top)])),
      labels: JSON.stringify(drawn.labels),
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
    movedAt = performance.now();
    clearTimeout(resting);
    resting = setTimeout(redraw, STILL_MS + 1);
    redraw();
  };

  // -- words ----------------------------------------------------------------------------------

  const dotOf = (row) => row && dots.find((dot) => dot.row === row);

  const pick = (row) => {
    picked = row;
    draw();
    const dot = dotOf(row);
    if (dot) write(said, tip.inWords(dot, dots, rows.now()));
  };

  const numbers = states.map(({ word, colour }, status) => {
    const button = make("button", "state", "", { type: "button", "aria-pressed": "true" });
    const dot = make("span", "dot");
    dot.style.background = colour;
    const number = make("span", "number");
    button.append(dot, make("span", "", word), number);
    button.addEventListener("click", () => turn(status));
    legend.append(button);
    return number;
  });

  const minutes = model.get("minutes");
  if (minutes) legend.append(make("span", "aside", `Tails: the last ${numbered(minutes)} min`));

  const turn = (status) => {
    if (!hidden.delete(status)) hidden.add(status);
    legend.children[status].setAttribute("aria-pressed", String(isShown({ status })));
    if (picked && !isShown(picked)) picked = null;
    tellNone();
    redraw();
  };

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
    counts.forEach((n, status) => write(numbers[status], numbered(n)));
    const lost = rows.all.length - some.length;
    const rest = lost ? `${numbered(lost)} without a position` : "";
    write(count, [trackers(rows.all.length), rest].filter(Boolean).join(", "));
    if (performance.now() - summed < SUMMARY_S * 1000) return;
    if (some.length) summed = performance.now();
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

  const tellFound = (sentence) => write(outcome, sentence);

  const find = () => {
    const sought = search.value.trim().toLowerCase();
    if (!sought) return pick(null);
    const rank = ({ id, label, sought: text }) => [String(id), label.toLowerCase()].includes(sought)
      ? 0 : label.toLowerCase().startsWith(sought) ? 1 : text.includes(sought) ? 2 : 3;
    const found = rows.all.filter((row) => rank(row) < 3).sort((a, b) => rank(a) - rank(b));
    if (!found.length) return tellFound("No label or id has that in it.");
    const there = found.filter((row) => row.place);
    if (!there.length) return tellFound(`${found[0].label} has told no position.`);
    const row = there[(there.indexOf(picked) + 1) % there.length]; // Enter again: the next one
    if (!isShown(row)) turn(row.status);
    const place = `${numbered(there.indexOf(row) + 1)} of ${numbered(there.length)}`;
    tellFound(there.length === 1 ? "" : `${place}; Enter shows the next`);
    moved(() => sight.show(row.place, FOUND_M));
    pick(row);
  };

  const go = (way) => {
    const { compare } = new Intl.Collator(undefined, { numeric: true });
    const order = dots.map(({ row }) => row).sort((a, b) => compare(a.label, b.label) || a.id - b.id);
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

  for (const [key, text, name] of [["+", "+", "Zoom in"], ["-", "−", "Zoom out"], ["0", "fit", "Fit all"]]) {
    const button = make("button", "button", text, { type: "button", "aria-label": name, title: name });
    button.addEventListener("click", acts[key]);
    buttons.append(button);
  }

  const hands = listenToHands(canvas, {
    pan: (right, down) => moved(() => sight.pan(right, down)),
    zoom,
    point: (event) => {
      pointed = event && nearest(event);
      canvas.style.cursor = pointed ? "pointer" : "";
      refresh();
    },
    tap: (event) => pick(nearest(event)),
  });
  search.addEventListener("keydown", (event) => event.key === "Enter" && find());
  search.addEventListener("search", () => search.value || find());
  search.addEventListener("input", () => tellFound(""));
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
  const ticking = setInterval(() => document.hidden || (tellCounts(), refresh()), 1000);
  el.append(root);
  seen.observe(stage);
  tell();
  take();
  return () => {
    clearInterval(ticking);
    clearTimeout(resting);
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
