// What is said of one tracker, beside its dot.
const WINDS = ["N", "NE", "E", "SE", "S", "SW", "W", "NW"];
const ASIDE_PX = 14; // from the dot
const EDGE_PX = 4;

function makeDotTip(stage, states) {
  const tip = make("div", "tip");
  const title = make("strong", "", "", { dir: "auto" });
  const facts = Array.from({ length: 7 }, () => make("span"));
  tip.append(title, ...facts);
  stage.append(tip);

  const factsOf = (dot, dots, now) => {
    const { id, status, speed, heading, alt, place } = dot.row;
    const age = ageOf(dot.row, now);
    const others = dots.filter((other) => other.row !== dot.row && isStacked(other, dot)).length;
    return [
      String(id),
      states[status].word + (speed === null ? "" : `, ${speed} km/h`),
      heading === null ? "" : `heading ${heading}° ${WINDS[Math.round(heading / 45) % 8]}`,
      alt === null ? "" : `altitude ${numbered(alt)} m`,
      age === Infinity ? "not known when heard" : `heard ${spoken(age)} ago`,
      `${place.lat.toFixed(5)}, ${place.lng.toFixed(5)}`,
      others ? `${numbered(others)} more here` : "",
    ];
  };

  return {
    show: (dot, dots, now, sight) => {
      tip.hidden = !dot;
      if (!dot) return;
      write(title, dot.row.label);
      factsOf(dot, dots, now).forEach((text, n) => write(facts[n], text));
      const { offsetWidth: wide, offsetHeight: high } = tip;
      const isRoom = dot.left + ASIDE_PX + wide < sight.width;
      const left = isRoom ? dot.left + ASIDE_PX : dot.left - ASIDE_PX - wide;
      const top = Math.min(sight.height - high - EDGE_PX, dot.top - high / 2);
      tip.style.left = `${Math.max(EDGE_PX, left)}px`;
      tip.style.top = `${Math.max(EDGE_PX, top)}px`;
    },
    inWords: (dot, dots, now) => [dot.row.label, ...factsOf(dot, dots, now)].filter(Boolean).join(", "),
  };
}
