// Puts texts into the places of the panel's markup; what they say is made in Python.
const PATIENCE_MS = 3000;

function render({ model, el }) {
  const find = (name) => el.querySelector(`[data-is="${name}"]`);

  const fillIn = () => {
    for (const [name, text] of Object.entries(model.get("texts"))) {
      const place = find(name);
      if (place) write(place, text);
    }
  };

  const fill = () => {
    const bar = find("bar");
    const percent = model.get("percent");
    find("panel").className = `fleetlab-card fleetlab-panel fleetlab-${model.get("mood")}`;
    bar.firstChild.style.width = `${percent ?? 100}%`;
    if (percent === null) bar.removeAttribute("aria-valuenow");
    else bar.setAttribute("aria-valuenow", Math.round(percent));
    bar.setAttribute("aria-valuetext", model.get("texts").clock ?? "");
  };

  const draw = () => find("line").setAttribute("d", model.get("line"));

  const stop = () => {
    const button = find("stop");
    if (button.getAttribute("aria-disabled") === "true") return;
    const say = (text, isBusy) => {
      button.textContent = text;
      button.setAttribute("aria-disabled", isBusy);
    };
    say("Stopping…", true);
    find("hint").textContent = "";
    model.send({ ask: "stop" });
    setTimeout(() => {
      if (model.get("is_stopping") || model.get("has_ended")) return;
      say("Stop", false);
      find("hint").textContent = "No answer yet; try ■ in the toolbar";
    }, PATIENCE_MS);
  };

  const build = () => {
    el.innerHTML = model.get("markup");
    if (model.get("has_ended")) return;
    find("stop")?.addEventListener("click", stop);
    fillIn();
    fill();
    draw();
  };

  const unlessEnded = (work) => () => model.get("has_ended") || work();
  const told = {
    "change:markup": build,
    "change:texts": unlessEnded(() => (fillIn(), fill())),
    "change:line": unlessEnded(draw),
  };
  for (const [name, work] of Object.entries(told)) model.on(name, work);
  build();
  return () => {
    for (const [name, work] of Object.entries(told)) model.off(name, work);
  };
}

export default { render };
