// What is above the table of attributes: words, buttons, and what chooses the rows.
function makeControls(model) {
  const own = Math.random().toString(36).slice(2); // whose file it is that comes

  const count = make("span", "count", "", { "aria-live": "polite" });
  const words = make("span", "words");
  const hold = make("button", "button", "", { type: "button" });
  const save = make("button", "button", "JSON", { type: "button", title: "Download what is shown" });
  const search = make("input", "", "", { type: "search", placeholder: "attribute" });
  const queue = make("select");
  for (const name of ["nonnull", "all"]) queue.append(make("option", "", name, { value: name }));
  const depths = make("select");
  for (let n = 0; n < DEPTHS; n++) {
    depths.append(make("option", "", n ? `0 to ${n}` : "0, the newest", { value: n }));
  }
  const bare = make("input", "", "", { type: "checkbox" });
  const labelled = (text, ...nodes) => {
    const label = make("label", "", text);
    label.append(...nodes);
    return label;
  };
  const hide = make("label");
  hide.append(bare, "Hide null");
  const top = make("div", "top");
  top.append(count, words, hold, save);
  const tools = make("div", "top");
  tools.append(labelled("Search", search), labelled("Queue", queue), labelled("Depth", depths), hide);
  const trouble = make("p", "trouble", "", { role: "status" });

  const say = () => {
    const pausedAt = model.get("paused_at");
    const isPaused = pausedAt !== null;
    const at = isPaused ? `paused at ${new Date(pausedAt * 1000).toISOString().slice(11, 19)} UTC` : "";
    write(words, at || model.get("words"));
    write(hold, isPaused ? "Play" : "Pause");
    hold.disabled = !isPaused && model.get("until") !== null;
    write(trouble, model.get("trouble"));
  };

  const download = (told) => {
    if (told.by !== own) return;
    const link = make("a", "", "", { download: told.name });
    link.href = URL.createObjectURL(new Blob([told.json], { type: "application/json" }));
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  };

  hold.addEventListener("click", () => model.send({ ask: model.get("paused_at") === null ? "pause" : "play" }));
  save.addEventListener("click", () => model.send({ ask: "json", by: own }));
  return { all: [top, tools, trouble], count, search, queue, depths, bare, say, download };
}
