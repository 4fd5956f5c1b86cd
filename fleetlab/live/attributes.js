// Attributes of devices, a column each. Only rows in sight are in the page.
const ROW_PX = 26; // as --row in the style
const NAME_PX = 180;
const LEAST_PX = 120; // of a device's column
const MOST_PX = 240;
const FLASH_MS = 2000; // as in the style
const PATIENCE_MS = 120; // of a pointer on its way over cells
const IN_CELL = 200; // characters of a value; the tip tells more

function show(model, el, queues) {
  const own = `fleetlab-${Math.random().toString(36).slice(2)}`;
  let rows = []; // names and depths that are shown, as they are shown
  const cells = new WeakMap(); // by their nodes
  let active = { place: 0, column: 0 }; // where the keys are
  let hovered = null; // the node under the pointer
  let pointing = 0;
  let isByKey = false;

  const root = make("div", "card fleetlab-attributes", "", { role: "group", "aria-label": "Attributes" });
  const controls = makeControls(model);
  const { search, queue, depths, bare } = controls;
  const view = make("div", "rows", "", { tabindex: -1 });
  const table = make("table", "", "", { role: "grid", tabindex: 0, "aria-label": "Attributes, a column each device" });
  const group = make("colgroup");
  const header = make("thead");
  const heads = make("tr", "", "", { "aria-rowindex": 1 });
  const body = make("tbody");
  const none = make("div", "none");
  header.append(heads);
  table.append(group, header, body);
  view.append(table, none);
  root.append(...controls.all, view);
  const tip = makeTip(root, `${own}-tip`);

  // -- columns ------------------------------------------------------------------------------------

  let columns = []; // label, id and age of each device, in the page

  const buildColumns = () => {
    const { devices } = queues;
    const wide = (px) => `${NAME_PX + Math.max(devices.length, 1) * px}px`;
    table.style.minWidth = wide(LEAST_PX);
    root.style.maxWidth = `max(560px, ${wide(MOST_PX)})`;
    const corner = make("th", "name", "", { scope: "col" });
    corner.append(make("span", "", "Attribute"), make("span", "depth", "Depth"));
    columns = devices.map(() => ({ label: make("span", "label"), id: make("span", "id"), age: make("span", "age") }));
    heads.replaceChildren(corner);
    group.replaceChildren(make("col"));
    group.firstChild.style.width = `${NAME_PX}px`;
    for (const { label, id, age } of columns) {
      const head = make("th", "", "", { scope: "col" });
      const under = make("div", "under");
      label.dir = "auto";
      under.append(id, age);
      head.append(label, under);
      heads.append(head);
      group.append(make("col"));
    }
    table.setAttribute("aria-colcount", devices.length + 1);
  };

  const fillColumns = () => {
    const now = queues.now();
    if (columns.length !== queues.devices.length || !heads.firstChild) buildColumns();
    queues.devices.forEach(({ id, label, heard }, n) => {
      write(columns[n].label, label);
      columns[n].label.title = label;
      write(columns[n].id, id);
      write(columns[n].age, heard === null ? "never heard" : `${spoken(Math.max(0, now - heard))} ago`);
    });
  };

  // -- rows ---------------------------------------------------------------------------------------

  const makeLine = () => {
    const line = make("tr");
    const head = make("th", "name", "", { scope: "row" });
    const [name, depth] = [make("span", "field"), make("span", "depth")];
    name.dir = "auto";
    head.append(name, depth);
    line.append(head);
    return { line, head, name, depth, cells: [] };
  };

  const fillCell = (cell, value) => {
    const { node, text } = cell;
    const age = value ? performance.now() - value.came : Infinity;
    if (cell.value !== value) {
      cell.value = value;
      write(text, value ? cut(value.text ?? "null", IN_CELL) : NOTHING);
      node.dataset.type = value ? value.type : "none";
      if (age < FLASH_MS) {
        // Of two names by turns, so that the motion begins anew.
        node.dataset.new = node.dataset.new === "a" ? "b" : "a";
        node.style.animationDelay = `${-age}ms`;
      } else delete node.dataset.new;
    } else if (age >= FLASH_MS) delete node.dataset.new;
  };

  const fill = (one, place) => {
    const { name, depth } = rows[place];
    const { devices } = queues;
    const values = queues.of(queue.value, name);
    one.line.dataset.row = place;
    one.line.dataset.depth = depth;
    one.line.setAttribute("aria-rowindex", place + 2);
    one.head.title = name;
    write(one.name, cut(name, IN_CELL));
    write(one.depth, depths.value === "0" ? "" : String(depth));
    while (one.cells.length > devices.length) one.cells.pop().node.remove();
    while (one.cells.length < devices.length) {
      const cell = { node: make("td"), text: make("span"), value: null };
      cell.text.dir = "auto";
      cell.node.append(cell.text);
      one.line.append(cell.node);
      one.cells.push(cell);
      cells.set(cell.node, cell);
    }
    one.cells.forEach((cell, column) => {
      const device = devices[column];
      Object.assign(cell, { name, depth, device });
      fillCell(cell, values.get(device.id)?.[depth]);
      const isActive = place === active.place && column === active.column;
      if (isActive) cell.node.id = `${own}-active`;
      else cell.node.removeAttribute("id");
    });
  };

  const tell = () => {
    const focused = isByKey && document.activeElement === table ? table.querySelector(`#${own}-active`) : null;
    const node = hovered?.isConnected ? hovered : focused;
    const cell = cells.get(node);
    if (cell?.value) tip.show(node, cell);
    else tip.hide();
  };

  const drawRows = makeWindow(view, body, ROW_PX, makeLine);
  const draw = () => {
    fillColumns();
    drawRows(rows.length, fill);
    tell();
  };

  const arrange = () => {
    const { names, devices, notice } = queues;
    const sought = search.value.trim().toLowerCase();
    const found = names.filter((name) => name.toLowerCase().includes(sought));
    const isShown = (values, depth) => devices.some(({ id }) => (values.get(id)?.[depth]?.text ?? null) !== null);
    rows = [];
    for (const name of found) {
      const values = queues.of(queue.value, name);
      for (let depth = 0; depth <= Number(depths.value); depth++) {
        if (!bare.checked || isShown(values, depth)) rows.push({ name, depth });
      }
    }
    active.place = Math.max(0, Math.min(active.place, rows.length - 1));
    active.column = Math.max(0, Math.min(active.column, devices.length - 1));
    table.dataset.deep = depths.value !== "0";
    table.setAttribute("aria-rowcount", rows.length + 1);
    if (rows.length) table.setAttribute("aria-activedescendant", `${own}-active`);
    else table.removeAttribute("aria-activedescendant");
    const total = `${names.length.toLocaleString("en-US")} attribute${names.length === 1 ? "" : "s"}`;
    write(controls.count, sought ? `${found.length.toLocaleString("en-US")} of ${total}` : total);
    const empty = sought ? "No attribute has that in its name." : "All that would be shown is null.";
    write(none, notice || (rows.length ? "" : empty));
    draw();
  };

  // -- keys and pointer ---------------------------------------------------------------------------

  const go = (place, column) => {
    active.place = Math.max(0, Math.min(place, rows.length - 1));
    active.column = Math.max(0, Math.min(column, queues.devices.length - 1));
    const at = active.place * ROW_PX;
    const room = view.clientHeight - header.offsetHeight - ROW_PX;
    view.scrollTop = Math.max(at - room, Math.min(view.scrollTop, at));
    hovered = null;
    isByKey = true;
    draw();
    table.querySelector(`#${own}-active`)?.scrollIntoView({ block: "nearest", inline: "nearest" });
  };

  const page = () => Math.max(1, Math.floor((view.clientHeight - header.offsetHeight) / ROW_PX) - 1);
  const moves = {
    ArrowUp: () => go(active.place - 1, active.column),
    ArrowDown: () => go(active.place + 1, active.column),
    ArrowLeft: () => go(active.place, active.column - 1),
    ArrowRight: () => go(active.place, active.column + 1),
    PageUp: () => go(active.place - page(), active.column),
    PageDown: () => go(active.place + page(), active.column),
    Home: () => go(0, active.column),
    End: () => go(rows.length - 1, active.column),
  };

  table.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      hovered = null;
      isByKey = false;
      return draw();
    }
    const move = moves[event.key];
    if (!move || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    move();
  });
  table.addEventListener("focus", () => {
    isByKey = table.matches(":focus-visible");
    draw();
  });
  table.addEventListener("blur", draw);
  const point = (node) => {
    hovered = node;
    clearTimeout(pointing);
    pointing = setTimeout(tell, node ? PATIENCE_MS : 0);
  };
  view.addEventListener("pointerover", (event) => point(event.target.closest("td")));
  view.addEventListener("pointerleave", () => point(null));
  view.addEventListener("pointerdown", (event) => {
    const node = event.target.closest("td");
    if (!cells.has(node)) return;
    active.place = Number(node.parentNode.dataset.row);
    active.column = node.cellIndex - 1;
    draw();
  });

  // -- what comes from Python ---------------------------------------------------------------------

  const say = () => {
    controls.say();
    draw();
  };

  const setQueue = () => {
    queue.value = model.get("queue");
    arrange();
  };

  let flashing = 0;
  const hear = () => {
    arrange();
    clearTimeout(flashing);
    flashing = setTimeout(draw, FLASH_MS + 20);
  };

  for (const control of [search, queue, depths, bare]) {
    control.addEventListener("input", () => {
      view.scrollTop = 0;
      arrange();
    });
  }
  const told = { "change:queue": setQueue, "msg:custom": controls.download };
  for (const name of ["words", "trouble", "until", "paused_at"]) told[`change:${name}`] = say;
  for (const [name, work] of Object.entries(told)) model.on(name, work);
  const unlisten = queues.listen(hear);
  view.addEventListener("scroll", () => {
    hovered = null;
    draw();
  }, { passive: true });
  root.addEventListener("keydown", keepKeys);
  const seen = new ResizeObserver(draw);
  seen.observe(view);
  const ticking = setInterval(draw, 1000);
  el.append(root);
  setQueue();
  say();
  return () => {
    clearInterval(ticking);
    clearTimeout(flashing);
    clearTimeout(pointing);
    seen.disconnect();
    unlisten();
    for (const [name, work] of Object.entries(told)) model.off(name, work);
    root.remove();
  };
}

export default () => {
  let queues;
  return {
    initialize: ({ model }) => {
      queues = makeQueues(model);
      return () => queues.end();
    },
    render: ({ model, el }) => show(model, el, queues),
  };
};
