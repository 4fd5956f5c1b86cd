// A table of trackers. All rows are kept here; only those in sight are in the page.
const ROW_PX = 26; // as --row in the style
const AGES_S = [60, 300, 600];
const COLUMNS = ["status", "speed", "ignition", "heard", "fuel", "units", "id", "label"];
const HEADS = [
  { by: "label", text: "Tracker", width: "32%" },
  { by: "status", text: "Status", width: "15%" },
  { by: "speed", text: "Speed, km/h", width: "15%", isNumber: true },
  { by: "ignition", text: "Ignition", width: "12%" },
  { by: "heard", text: "Last heard", width: "13%", isNumber: true },
  { by: "fuel", text: "Fuel", width: "13%", isNumber: true },
];

// -- the rows, one set for all views of a widget --------------------------------------------------

function makeRows(model) {
  let rows = [];

  const rank = () => {
    const { compare } = new Intl.Collator(undefined, { numeric: true });
    const order = rows.map((_, n) => n).sort((a, b) => compare(rows[a].label, rows[b].label) || a - b);
    order.forEach((n, place) => (rows[n].rank = place));
  };

  const named = (row) => Object.assign(row, { sought: `${row.label} ${row.id}`.toLowerCase() });

  const takeWhole = ({ columns }) => {
    rows = columns.id.map((_, n) => named(Object.fromEntries(COLUMNS.map((name) => [name, columns[name][n]]))));
    rank();
  };

  const takeRows = (changed) => {
    let isRenamed = false;
    for (const [n, ...values] of changed) {
      const row = (rows[n] ??= {});
      values.forEach((value, place) => (row[COLUMNS[place]] = value));
      if (values.length < COLUMNS.length) continue;
      named(row);
      isRenamed = true;
    }
    if (isRenamed) rank();
  };

  const told = listenTo(model, (one) => (one.columns ? takeWhole(one) : takeRows(one.rows)));
  return {
    ...told,
    get all() {
      return rows;
    },
  };
}

// -- one view of them -----------------------------------------------------------------------------

function show(model, el, rows) {
  const states = model.get("states");
  const sort = { by: "label", isDown: false };
  let order = []; // places of the rows that are shown, as they are shown

  const root = make("div", "card fleetlab-fleet", "", { role: "group", "aria-label": "Fleet" });
  const top = make("div", "top");
  const count = make("span", "count", "", { "aria-live": "polite" });
  const words = make("span", "words");
  const label = make("label", "", "Search");
  const search = make("input", "", "", { type: "search", placeholder: "label or id" });
  label.append(search);
  top.append(count, words, label);
  const trouble = make("p", "trouble", "", { role: "status" });
  const about = { tabindex: 0, role: "region", "aria-label": "Trackers, a row each" };
  const view = make("div", "rows", "", about);
  const table = make("table");
  const group = make("colgroup");
  const body = make("tbody");
  const none = make("div", "none");

  const headOf = ({ by, text, width, isNumber }) => {
    const column = make("col");
    column.style.width = width;
    group.append(column);
    const head = make("th", isNumber ? "number" : "", "", { scope: "col" });
    const button = make("button", "", text, { type: "button" });
    button.addEventListener("click", () => {
      sort.isDown = sort.by === by && !sort.isDown;
      sort.by = by;
      arrange();
    });
    head.append(button);
    return head;
  };
  const heads = HEADS.map(headOf);
  const first = make("tr", "", "", { "aria-rowindex": 1 });
  first.append(...heads);
  const header = make("thead");
  header.append(first);
  table.append(group, header, body);
  view.append(table, none);
  root.append(top, trouble, view);

  const makeLine = () => {
    const line = make("tr");
    const cells = HEADS.map(({ isNumber }) => make("td", isNumber ? "number" : ""));
    const texts = HEADS.map(() => make("span"));
    cells.forEach((cell, n) => cell.append(texts[n]));
    texts[0].dir = "auto"; // a label of another direction leaves the id in its place
    const dot = make("span", "dot");
    const id = make("span", "id");
    cells[0].append(id);
    cells[1].prepend(dot);
    line.append(...cells);
    return { line, texts, dot, id };
  };

  const fill = ({ line, texts, dot, id }, place, now) => {
    const row = rows.all[order[place]];
    const state = states[row.status];
    const age = row.heard === null ? Infinity : Math.max(0, now - row.heard);
    line.dataset.row = place;
    line.setAttribute("aria-rowindex", place + 2);
    line.dataset.age = AGES_S.filter((limit) => age > limit).length;
    write(id, String(row.id));
    if (dot.title !== state.word) {
      dot.title = state.word;
      dot.style.background = state.colour;
    }
    const shown = [
      row.label,
      state.word,
      row.speed === null ? NOTHING : String(row.speed),
      row.ignition === null ? NOTHING : row.ignition ? "on" : "off",
      row.heard === null ? NOTHING : spoken(age),
      row.fuel === null ? NOTHING : `${row.fuel.toFixed(1)} ${row.units ?? ""}`.trim(),
    ];
    shown.forEach((text, n) => write(texts[n], text));
  };

  const drawRows = makeWindow(view, body, ROW_PX, makeLine);
  const draw = () => {
    const now = rows.now();
    drawRows(order.length, (line, place) => fill(line, place, now));
  };

  const compared = {
    label: (row) => row.rank,
    // The least age first.
    heard: (row) => row.heard === null ? null : -row.heard,
    ignition: (row) => row.ignition === null ? null : -row.ignition,
  };

  const arrange = () => {
    const all = rows.all;
    const sought = search.value.trim().toLowerCase();
    const of = compared[sort.by] ?? ((row) => row[sort.by]);
    const way = sort.isDown ? -1 : 1;
    const keys = all.map(of);
    order = [];
    for (let n = 0; n < all.length; n++) if (all[n].sought.includes(sought)) order.push(n);
    // What is not known comes last either way.
    order.sort((a, b) => {
      const [x, y] = [keys[a], keys[b]];
      if (x === y) return all[a].rank - all[b].rank;
      if (x === null || y === null) return x === null ? 1 : -1;
      return way * (x - y);
    });
    heads.forEach((head, n) => {
      const way = sort.isDown ? "descending" : "ascending";
      head.setAttribute("aria-sort", HEADS[n].by === sort.by ? way : "none");
    });
    table.setAttribute("aria-rowcount", order.length + 1);
    const number = (n) => n.toLocaleString("en-US");
    const total = `${number(all.length)} tracker${all.length === 1 ? "" : "s"}`;
    write(count, sought ? `${number(order.length)} of ${total}` : total);
    write(none, order.length ? "" : sought ? "No label or id has that in it." : "No tracker is known yet.");
    draw();
  };

  const tell = () => {
    write(words, model.get("words"));
    write(trouble, model.get("trouble"));
    draw();
  };

  const told = ["change:words", "change:trouble", "change:until"];
  const unlisten = rows.listen(arrange);
  for (const name of told) model.on(name, tell);
  search.addEventListener("input", () => {
    view.scrollTop = 0;
    arrange();
  });
  view.addEventListener("scroll", draw, { passive: true });
  root.addEventListener("keydown", keepKeys);
  const seen = new ResizeObserver(draw);
  seen.observe(view);
  const ticking = setInterval(draw, 1000);
  el.append(root);
  tell();
  arrange();
  return () => {
    clearInterval(ticking);
    seen.disconnect();
    unlisten();
    for (const name of told) model.off(name, tell);
    root.remove();
  };
}

export default () => {
  let rows;
  return {
    initialize: ({ model }) => {
      rows = makeRows(model);
      return () => rows.end();
    },
    render: ({ model, el }) => show(model, el, rows),
  };
};
