// What a map is painted with: grid, tails, dots and labels, on a canvas.
const NAMED = 40; // dots in sight that have their labels beside them, where there is room
const SIZES = [[150, 6], [2000, 4.5], [Infinity, 3]]; // of up to so many dots, the radius in pixels
const FADED = [1, 0.8, 0.65, 0.5]; // as in the table of the fleet
const TURN = 10; // degrees between arrows that are drawn apart
const LONGEST = 28; // letters of a label
const CLOSE_PX = 1.5; // what is nearer than that to the last point adds nothing to a line
const INKS = ["ink", "faint", "edge", "ground", "accent"];

function makePainter(canvas, states) {
  const ctx = canvas.getContext("2d");
  const sprites = new Map();
  const sides = new Map(); // on which side of its dot a label was
  let look = {}; // colours of the theme, and the font
  let ratio = 1;

  // -- of the theme and the screen ------------------------------------------------------------

  const prepare = (sight) => {
    const style = getComputedStyle(canvas);
    const now = Object.fromEntries(INKS.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
    now.font = style.fontFamily;
    const isSame = Object.keys(now).every((name) => now[name] === look[name]);
    if (isSame && ratio === devicePixelRatio && canvas.width === Math.round(sight.width * ratio)
      && canvas.height === Math.round(sight.height * ratio)) return;
    look = now;
    ratio = devicePixelRatio;
    sprites.clear();
    canvas.width = Math.round(sight.width * ratio);
    canvas.height = Math.round(sight.height * ratio);
  };

  const spriteOf = (status, turn, radius) => {
    const key = `${status} ${turn} ${radius}`;
    if (sprites.has(key)) return sprites.get(key);
    const half = Math.ceil((radius + 3) * ratio);
    const sprite = document.createElement("canvas");
    sprite.width = sprite.height = 2 * half;
    const pen = sprite.getContext("2d");
    pen.translate(half, half);
    pen.scale(ratio, ratio);
    pen.beginPath();
    if (turn === null) pen.arc(0, 0, radius, 0, 2 * Math.PI);
    else {
      pen.rotate(radians(turn));
      const r = radius * 1.35;
      pen.moveTo(0, -r);
      pen.lineTo(r * 0.78, r * 0.82);
      pen.lineTo(0, r * 0.42);
      pen.lineTo(-r * 0.78, r * 0.82);
      pen.closePath();
    }
    pen.lineJoin = "round";
    pen.lineWidth = radius > 4 ? 2.5 : 1.5;
    pen.strokeStyle = look.ground;
    pen.stroke();
    pen.fillStyle = states[status].colour;
    pen.fill();
    pen.lineWidth = 0.75;
    pen.strokeStyle = look.faint;
    pen.stroke();
    sprites.set(key, { sprite, half });
    return sprites.get(key);
  };

  // -- what is drawn --------------------------------------------------------------------------

  const paintGrid = (sight) => {
    const { meridians, parallels } = gridOf(sight);
    ctx.beginPath();
    for (const { at } of meridians) {
      ctx.moveTo(Math.round(at) + 0.5, 0);
      ctx.lineTo(Math.round(at) + 0.5, sight.height);
    }
    for (const { at } of parallels) {
      ctx.moveTo(0, Math.round(at) + 0.5);
      ctx.lineTo(sight.width, Math.round(at) + 0.5);
    }
    ctx.strokeStyle = look.edge;
    ctx.lineWidth = 1;
    ctx.stroke();
    return () => {
      ctx.font = `11px ${look.font}`;
      ctx.textAlign = "center";
      for (const { at, words } of meridians)
        if (at > 60 && at < sight.width - 170) put(words, at, sight.height - 9, look.faint);
      ctx.textAlign = "left";
      for (const { at, words } of parallels)
        if (at > 10 && at < sight.height - 24) put(words, 6, at, look.faint);
    };
  };

  const put = (text, x, y, colour) => {
    ctx.textBaseline = "middle";
    ctx.lineJoin = "round";
    ctx.lineWidth = 3;
    ctx.strokeStyle = look.ground;
    ctx.strokeText(text, x, y);
    ctx.fillStyle = colour;
    ctx.fillText(text, x, y);
  };

  // A tail is t, x, y and whether a piece of it begins, over and over.
  const paintTail = (sight, { tail, colour, alpha }) => {
    const { scale, width, height } = sight;
    const left = near(tail.at(-3), sight.x) - tail.at(-3) - sight.x;
    let [fromX, fromY, isDown, drawn] = [0, 0, false, 0];
    ctx.beginPath();
    for (let n = 0; n < tail.length; n += 4) {
      const x = (tail[n + 1] + left) * scale + width / 2;
      const y = (sight.y - tail[n + 2]) * scale + height / 2;
      if (n && !tail[n + 3]) {
        if (Math.abs(x - fromX) + Math.abs(y - fromY) < CLOSE_PX && n + 4 < tail.length) continue;
        const isOut = (x < 0 && fromX < 0) || (y < 0 && fromY < 0)
          || (x > width && fromX > width) || (y > height && fromY > height);
        if (!isOut) {
          if (!isDown) ctx.moveTo(fromX, fromY);
          ctx.lineTo(x, y);
          drawn++;
        }
        isDown = !isOut;
      } else isDown = false;
      [fromX, fromY] = [x, y];
    }
    if (!drawn) return 0;
    ctx.globalAlpha = alpha;
    ctx.strokeStyle = colour;
    ctx.stroke();
    return drawn;
  };

  const paintLabels = (sight, dots, radius) => {
    const reach = radius + 4;
    const taken = dots.map(({ left, top }) => [left - reach, top - reach, left + reach, top + reach]);
    const isFree = ([a, b, c, d]) => a >= 0 && c <= sight.width
      && !taken.some(([e, f, g, h]) => a < g && e < c && b < h && f < d);
    ctx.font = `12px ${look.font}`;
    for (const { row, left, top } of dots) {
      const letters = Array.from(row.label);
      const text = letters.length > LONGEST ? `${letters.slice(0, LONGEST - 1).join("")}…` : row.label;
      const long = ctx.measureText(text).width;
      const boxes = {
        right: [left + reach, top - 8, left + reach + long, top + 8],
        left: [left - reach - long, top - 8, left - reach, top + 8],
      };
      const order = sides.get(row.id) === "left" ? ["left", "right"] : ["right", "left"];
      const side = order.find((one) => isFree(boxes[one]));
      if (!side) continue;
      sides.set(row.id, side);
      taken.push(boxes[side]);
      ctx.textAlign = "left";
      put(text, boxes[side][0], top, look.ink);
    }
  };

  // Paint, and return the dots that are in sight, those on top last.
  return ({ sight, rows, now, isShown, picked }) => {
    prepare(sight);
    ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
    ctx.globalAlpha = 1;
    ctx.fillStyle = look.ground;
    ctx.fillRect(0, 0, sight.width, sight.height);
    const writeGrid = paintGrid(sight);

    const layers = states.map(() => []);
    for (const row of rows) if (row.place && isShown(row)) layers[row.status].push(row);
    layers.reverse(); // those that move on top
    let lines = 0;
    ctx.lineWidth = 1.6;
    ctx.lineCap = ctx.lineJoin = "round";
    for (const row of layers.flat()) {
      if (row.tail.length < 8) continue;
      const alpha = 0.75 * FADED[fadeOf(ageOf(row, now))];
      lines += paintTail(sight, { tail: row.tail, colour: states[row.status].colour, alpha });
    }
    ctx.globalAlpha = 1;
    writeGrid();

    const dots = [];
    for (const row of layers.flat())
      if (sight.holds(row.place))
        dots.push({ row, left: sight.across(row.place.x), top: sight.down(row.place.y) });
    const [, radius] = SIZES.find(([most]) => dots.length <= most);
    ctx.setTransform(1, 0, 0, 1, 0, 0);
    for (const { row, left, top } of dots) {
      const isArrow = states[row.status].word === "moving" && row.heading !== null;
      const turn = isArrow ? (Math.round(row.heading / TURN) * TURN) % 360 : null;
      const { sprite, half } = spriteOf(row.status, turn, radius);
      ctx.globalAlpha = FADED[fadeOf(ageOf(row, now))];
      ctx.drawImage(sprite, Math.round(left * ratio) - half, Math.round(top * ratio) - half);
    }
    ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
    ctx.globalAlpha = 1;
    if (dots.length <= NAMED) paintLabels(sight, dots, radius);
    else sides.clear();
    const mine = dots.find(({ row }) => row === picked);
    if (mine) {
      ctx.beginPath();
      ctx.arc(mine.left, mine.top, radius + 5, 0, 2 * Math.PI);
      ctx.lineWidth = 2;
      ctx.strokeStyle = look.accent;
      ctx.stroke();
    }
    return { dots, lines };
  };
}
