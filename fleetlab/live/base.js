// What all views share. What comes from outside is text: nothing here makes markup of it.
const make = (tag, name, text = "", more = {}) => {
  const node = document.createElement(tag);
  if (name) node.className = `fleetlab-${name}`;
  node.textContent = text;
  for (const [one, value] of Object.entries(more)) node.setAttribute(one, value);
  return node;
};

const write = (node, text) => {
  if (node.textContent !== text) node.textContent = text;
};

// Keys are for a view and what is in it, not for the notebook around it.
const keepKeys = (event) => {
  const isForAll = event.ctrlKey || event.metaKey || event.altKey || event.key === "Escape";
  if (!isForAll && !(event.shiftKey && event.key === "Enter")) event.stopPropagation();
};

// -- how old -----------------------------------------------------------------------------------

const AGES_S = [60, 300, 600];
const UNITS = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];

const spoken = (seconds) => {
  const [size, unit] = UNITS.find(([one]) => seconds >= one) ?? [1, "s"];
  return `${Math.floor(seconds / size)} ${unit}`;
};

const ageOf = (row, now) => (row.heard === null ? Infinity : Math.max(0, now - row.heard));

// How faded what was heard so long ago is: 0 to 3.
const fadeOf = (age) => AGES_S.filter((limit) => age > limit).length;

const numbered = (n) => n.toLocaleString("en-US");
const trackers = (n) => `${numbered(n)} tracker${n === 1 ? "" : "s"}`;

// -- rows, one set for all views of a widget ------------------------------------------------------

// The whole comes as columns, and news as rows: the place, values in the order of the columns, and
// the id and the label, the last of them, only where these are new. Of numbers, one was lost on the
// way where one is missing.
function makeRows(model, columns, { renamed = () => {}, more = () => {} } = {}) {
  let rows = [];
  let of = -1;
  let ahead = 0; // seconds that the kernel's clock is ahead of the browser's
  let isAsking = false;
  const listeners = new Set();

  const named = (row) => Object.assign(row, { sought: `${row.label} ${row.id}`.toLowerCase() });

  const takeWhole = (told) => {
    const rowOf = (n) => Object.fromEntries(columns.map((name) => [name, told[name][n]]));
    rows = told.id.map((_, n) => named(rowOf(n)));
    renamed(rows);
  };

  const takeRows = (changed) => {
    let isRenamed = false;
    for (const [n, ...values] of changed) {
      const row = (rows[n] ??= {});
      values.forEach((value, place) => (row[columns[place]] = value));
      if (values.length < columns.length) continue;
      named(row);
      isRenamed = true;
    }
    if (isRenamed) renamed(rows);
  };

  const ask = () => {
    if (isAsking) return;
    isAsking = true;
    model.send({ ask: "whole" });
  };

  const take = (told) => {
    if (told.columns) {
      isAsking = false;
      takeWhole(told.columns);
    } else if (told.of <= of) return;
    else if (told.of > of + 1) return ask(); // some were lost on the way
    else takeRows(told.rows);
    more(told, rows);
    of = told.of;
    const offset = told.now - Date.now() / 1000;
    if (told.columns || Math.abs(offset - ahead) > 2) ahead = offset;
    for (const listener of listeners) listener();
  };

  model.on("msg:custom", take);
  const whole = model.get("whole");
  if (whole) take(whole);
  else ask();
  return {
    get all() {
      return rows;
    },
    now: () => model.get("until") ?? Date.now() / 1000 + ahead,
    listen: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    end: () => model.off("msg:custom", take),
  };
}

// What a module of such views exports: rows for each model, and what shows them.
const widget = (makeTheirs, show) => () => {
  let rows;
  return {
    initialize: ({ model }) => {
      rows = makeTheirs(model);
      return () => rows.end();
    },
    render: ({ model, el }) => show(model, el, rows),
  };
};
