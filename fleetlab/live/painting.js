// What a map is painted with: grid, tails, dots and labels, on a canvas.
const NAMED = 40; // places in sight, at most, whose labels are beside them where there is room
const SOME = 400; // dots, at most, of which it is found out which cover each other
const SIZES = [[150, 6], [2000, 4.5], [Infinity, 3]]; // of up to so many dots, the radius in pixels
const FADED = [1, 0.8, 0.65, 0.5]; // as in the table of the fleet
const TURN = 10; // degrees between arrows that are drawn apart
const LONGEST = 28; // letters of a label
const CLOSE_PX = [1.5, 4]; // what is nearer than that to the last point is left out, also of a crowd
const CROWD = 3000; // dots and lines that take long to paint
const HASTE_MS = 300; // while a crowd moves it is painted anew so often, and else what there is is moved
const REST_MS = 10000; // a crowd of which nothing has changed but ages is painted anew so often
const STACK_PX = 4; // dots that are nearer than that cover each other
const INKS = ["ink", "faint", "edge", "ground", "accent"];

const isStacked = (a, b) => Math.abs(a.left - b.left) < STACK_PX && Math.abs(a.top - b.top) < STACK_PX;

// Of dots that cover each other the one on top, and how many more there are.
function placesOf(dots) {
  const places = [];
  for (const dot of dots.toReversed()) {
    const place = places.find(({ left, top }) => isStacked(dot, { left, top }));
    if (place) place.more++;
    else places.push({ ...dot, more: 0 });
  }
  return places;
}

function makePainter(canvas, states) {
  const ctx = canvas.getContext("2d");
  const layer = document.createElement("canvas"); // tails and dots, which can be moved as they are
  const pen = layer.getContext("2d");
  const painted = { at: -Infinity, size: 0, x: 0, y: 0, scale: 1 };
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
    const [width, height] = [sight.width, sight.height].map((size) => Math.round(size * devicePixelRatio));
    if (isSame && ratio === devicePixelRatio && canvas.width === width && canvas.height === height) return;
    look = now;
    ratio = devicePixelRatio;
    sprites.clear();
    for (const one of [canvas, layer]) Object.assign(one, { width, height });
    painted.at = -Infinity;
  };

  const spriteOf = (status, turn, radius) => {
    const key = `${status} ${turn} ${radius}`;
    if (sprites.has(key)) return sprites.get(key);
    const half = Math.ceil((radius + 3) * ratio);
    const drawn = new OffscreenCanvas(2 * half, 2 * half);
    const one = drawn.getContext("2d");
    one.translate(half, half);
    one.scale(ratio, ratio);
    one.beginPath();
    if (turn === null) one.arc(0, 0, radius, 0, 2 * Math.PI);
    else {
      one.rotate(radians(turn));
      const r = radius * 1.35;
      one.moveTo(0, -r);
      one.lineTo(r * 0.78, r * 0.82);
      one.lineTo(0, r * 0.42);
      one.lineTo(-r * 0.78, r * 0.82);
      one.closePath();
    }
    one.lineJoin = "round";
    one.lineWidth = radius > 4 ? 2.5 : 1.5;
    one.strokeStyle = look.ground;
    one.stroke();
    one.fillStyle = states[status].colour;
    one.fill();
    one.lineWidth = 0.75;
    one.strokeStyle = look.faint;
    one.stroke();
    sprites.set(key, { sprite: drawn.transferToImageBitmap(), half });
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

  const paintTail = (sight, { tail, colour, alpha, close }) => {
    const { scale, width, height } = sight;
    const left = near(tail.at(-3), sight.x) - tail.at(-3) - sight.x;
    let [fromX, fromY, isDown, drawn] = [0, 0, false, 0];
    pen.beginPath();
    for (let n = 0; n < tail.length; n += 4) {
      const x = (tail[n + 1] + left) * scale + width / 2;
      const y = (sight.y - tail[n + 2]) * scale + height / 2;
      if (n && !tail[n + 3]) {
        if (Math.abs(x - fromX) + Math.abs(y - fromY) < close && n + 4 < tail.length) continue;
        const isOut = (x < 0 && fromX < 0) || (y < 0 && fromY < 0)
          || (x > width && fromX > width) || (y > height && fromY > height);
        if (!isOut) {
          if (!isDown) pen.moveTo(fromX, fromY);
          pen.lineTo(x, y);
          drawn++;
        }
        isDown = !isOut;
      } else isDown = false;
      [fromX, fromY] = [x, y];
    }
    if (!drawn) return 0;
    pen.globalAlpha = alpha;
    pen.strokeStyle = colour;
    pen.stroke();
    return drawn;
  };

  const paintCrowd = (sight, layers, dots, radius, now) => {
    const alphaOf = (row) => FADED[fadeOf(ageOf(row, now))];
    const close = CLOSE_PX[layers.length > CROWD ? 1 : 0];
    let lines = 0;
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.clearRect(0, 0, layer.width, layer.height);
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.lineWidth = 1.6;
    pen.lineCap = pen.lineJoin = "round";
    for (const row of layers) {
      if (row.tail.length < 8) continue;
      const { colour } = states[row.status];
      lines += paintTail(sight, { tail: row.tail, colour, alpha: 0.9 * alphaOf(row), close });
    }
    pen.setTransform(1, 0, 0, 1, 0, 0);
    for (const { row, left, top } of dots) {
      const isArrow = states[row.status].word === "moving" && row.heading !== null;
      const turn = isArrow ? (Math.round(row.heading / TURN) * TURN) % 360 : null;
      const { sprite, half } = spriteOf(row.status, turn, radius);
      pen.globalAlpha = alphaOf(row);
      pen.drawImage(sprite, Math.round(left * ratio) - half, Math.round(top * ratio) - half);
    }
    const { x, y, scale } = sight;
    Object.assign(painted, { at: performance.now(), size: dots.length + lines, lines, x, y, scale });
  };

  // The layer, where it is now in the picture.
  const putLayer = (sight) => {
    const grown = sight.scale / painted.scale;
    const left = (near(painted.x, sight.x) - sight.x) * sight.scale + (sight.width * (1 - grown)) / 2;
    const top = (sight.y - painted.y) * sight.scale + (sight.height * (1 - grown)) / 2;
    ctx.drawImage(layer, left, top, sight.width * grown, sight.height * grown);
  };

  const paintLabels = (sight, dots, radius) => {
    const reach = radius + 4;
    const taken = dots.map(({ left, top }) => [left - reach, top - reach, left + reach, top + reach]);
    const isFree = ([a, b, c, d]) => a >= 0 && c <= sight.width
      && !taken.some(([e, f, g, h]) => a < g && e < c && b < h && f < d);
    ctx.font = `12px ${look.font}`;
    const labels = [];
    for (const { row, left, top, more } of dots) {
      const letters = Array.from(row.label);
      const name = letters.length > LONGEST ? `${letters.slice(0, LONGEST - 1).join("")}…` : row.label;
      const text = more ? `${name} +${more}` : name;
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
      labels.push([row.id, ...boxes[side].map(Math.round)]);
    }
    return labels;
  };

  // Paint, and return the dots that are in sight, those on top last.
  return ({ sight, rows, now, isShown, picked, isMoving, isAnew }) => {
    prepare(sight);
    const layers = states.map(() => []);
    for (const row of rows) if (row.place && isShown(row)) layers[row.status].push(row);
    const shown = layers.reverse().flat(); // those that move on top
    const dots = [];
    for (const row of shown)
      if (sight.holds(row.place))
        dots.push({ row, left: sight.across(row.place.x), top: sight.down(row.place.y) });
    const [, radius] = SIZES.find(([most]) => dots.length <= most);

    const since = performance.now() - painted.at;
    const isHasty = painted.size > CROWD && (isMoving ? since < HASTE_MS : !isAnew && since < REST_MS);
    if (!isHasty) paintCrowd(sight, shown, dots, radius, now);

    ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
    ctx.fillStyle = look.ground;
    ctx.fillRect(0, 0, sight.width, sight.height);
    const writeGrid = paintGrid(sight);
    putLayer(sight);
    writeGrid();
    const places = dots.length <= SOME ? placesOf(dots) : dots;
    const labels = places.length <= NAMED ? paintLabels(sight, places, radius) : [];
    const mine = dots.find(({ row }) => row === picked);
    if (mine) {
      ctx.beginPath();
      ctx.arc(mine.left, mine.top, radius + 5, 0, 2 * Math.PI);
      ctx.lineWidth = 2;
      ctx.strokeStyle = look.accent;
      ctx.stroke();
    }
    return { dots, lines: painted.lines, labels, isHasty };
  };
}
