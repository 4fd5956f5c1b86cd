// What a value was told with: above all else in the page, so that nothing clips it.
const LONGEST = 2000; // characters of a value that are told

const utc = (us) => {
  const at = new Date(us === null ? NaN : Math.floor(us / 1000));
  if (Number.isNaN(at.getTime())) return "unknown";
  return `${at.toISOString().replace("T", " ").replace(/(\.000)?Z$/, "")} UTC`;
};

const apart = ({ msg, srv }) => {
  if (msg === null || srv === null) return "unknown";
  const seconds = (srv - msg) / 1e6;
  const told = `${seconds.toLocaleString("en-US", { maximumFractionDigits: 3 })} s`;
  const size = Math.abs(seconds);
  return size < 120 ? told : `${told} (${seconds < 0 ? "-" : ""}${spoken(size)})`;
};

const cut = (text, most) => (text.length > most ? `${text.slice(0, most)}…` : text);

function makeTip(root, id) {
  const tip = make("div", "tip", "", { id, role: "tooltip", popover: "manual" });
  const title = make("div", "about");
  const text = make("div", "text");
  const list = make("dl");
  const facts = ["Device time", "Server time", "Difference", "Type"].map((name) => {
    const fact = make("dd");
    list.append(make("dt", "", name), fact);
    return fact;
  });
  text.dir = "auto";
  tip.append(title, text, list);
  root.append(tip);
  let described = null;
  const describe = (node) => {
    if (node === described) return;
    described?.removeAttribute("aria-describedby");
    node?.setAttribute("aria-describedby", id);
    described = node;
  };
  return {
    hide: () => {
      describe(null);
      if (tip.matches(":popover-open")) tip.hidePopover();
    },
    show: (node, { name, depth, device, value }) => {
      write(title, `${name} of ${device.label}${depth ? `, ${depth} before the newest` : ""}`);
      write(text, cut(value.text ?? "null", LONGEST));
      const length = value.text?.length ?? 0;
      const long = length > LONGEST ? `, ${length.toLocaleString("en-US")} characters` : "";
      const said = [utc(value.msg), utc(value.srv), apart(value), value.type + long];
      said.forEach((one, n) => write(facts[n], one));
      describe(node);
      if (!tip.matches(":popover-open")) tip.showPopover();
      const [at, own] = [node.getBoundingClientRect(), tip.getBoundingClientRect()];
      const under = at.bottom + 4 + own.height <= innerHeight;
      tip.style.top = `${Math.max(4, under ? at.bottom + 4 : at.top - 4 - own.height)}px`;
      tip.style.left = `${Math.max(4, Math.min(at.left, innerWidth - own.width - 4))}px`;
    },
  };
}
