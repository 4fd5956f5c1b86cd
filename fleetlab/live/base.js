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

const NOTHING = "–";
const UNITS = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];

const spoken = (seconds) => {
  const [size, unit] = UNITS.find(([one]) => seconds >= one) ?? [1, "s"];
  return `${Math.floor(seconds / size)} ${unit}`;
};

// What Python tells of a widget, one for all its views: the whole when a page asks, then only news.
function listenTo(model, take) {
  let of = -1;
  let ahead = 0; // seconds that the kernel's clock is ahead of the browser's
  let isAsking = false;
  const listeners = new Set();

  const ask = () => {
    if (isAsking) return;
    isAsking = true;
    model.send({ ask: "whole" });
  };

  const hear = (told) => {
    if (told.of === undefined) return;
    if (told.columns) isAsking = false;
    else if (told.of <= of) return;
    else if (told.of > of + 1) return ask(); // some were lost on the way
    take(told);
    of = told.of;
    const offset = told.now - Date.now() / 1000;
    if (told.columns || Math.abs(offset - ahead) > 2) ahead = offset;
    for (const listener of listeners) listener();
  };

  model.on("msg:custom", hear);
  const whole = model.get("whole");
  if (whole) hear(whole);
  else ask();
  return {
    now: () => model.get("until") ?? Date.now() / 1000 + ahead,
    listen: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    end: () => model.off("msg:custom", hear),
  };
}

// Of a table's rows, all of one height, only those in sight are in the page.
function makeWindow(view, body, height, makeLine) {
  const spare = 8; // rows above and below those in sight
  const lines = [];
  const space = () => make("tr", "space", "", { "aria-hidden": "true" });
  const [above, below] = [space(), space()];
  body.append(above, below);
  return (count, fill) => {
    const sight = Math.ceil((view.clientHeight || 400) / height);
    const last = Math.max(0, count - sight - spare);
    const from = Math.min(last, Math.max(0, Math.floor(view.scrollTop / height) - spare));
    const to = Math.min(count, from + sight + 2 * spare);
    while (lines.length > to - from) lines.pop().line.remove();
    while (lines.length < to - from) {
      lines.push(makeLine());
      below.before(lines.at(-1).line);
    }
    above.style.height = `${from * height}px`;
    below.style.height = `${(count - to) * height}px`;
    lines.forEach((line, n) => fill(line, from + n));
  };
}
