// The part of the world that is in sight, in Mercator's projection. Both axes count degrees: x is
// the longitude, y the latitude stretched, so that a pixel is as long upwards as sideways.
const METRES = (6371008.8 * Math.PI) / 180; // in a degree of a great circle
const LIMIT = 85; // latitudes beyond are drawn here
const LEAST_M = 200; // that fits are wide
const CLOSEST_M = 20; // that anything in sight is wide
const MARGIN = 0.08;
const GRID_PX = 70; // between lines, about
const COARSEST = 30; // degrees between lines
const BAR_PX = 140; // the longest scale bar

const radians = (degrees) => (degrees * Math.PI) / 180;
const stretched = (lat) => {
  const within = Math.min(LIMIT, Math.max(-LIMIT, lat));
  return Math.log(Math.tan(Math.PI / 4 + radians(within) / 2)) / radians(1);
};
const latitude = (y) => (2 * Math.atan(Math.exp(radians(y))) - Math.PI / 2) / radians(1);

// The same longitude, within half a world of another.
const near = (lng, other) => lng - 360 * Math.round((lng - other) / 360);

// 1, 2 or 5 of a power of ten: the least that is not below, or the greatest that is not above.
const roundUp = (wanted) => {
  const power = 10 ** Math.floor(Math.log10(wanted));
  return power * ([1, 2, 5].find((n) => n * power >= wanted * 0.999) ?? 10);
};
const roundDown = (most) => {
  const power = 10 ** Math.floor(Math.log10(most));
  return power * [5, 2, 1].find((n) => n * power <= most * 1.001);
};

// Where the world is cut open so that places are least far apart; they then begin after it.
function beginOf(longitudes) {
  const sorted = longitudes.slice().sort((a, b) => a - b);
  let [begin, widest] = [sorted[0], 360 - (sorted.at(-1) - sorted[0])];
  for (let n = 1; n < sorted.length; n++) {
    const way = sorted[n] - sorted[n - 1];
    if (way > widest) [begin, widest] = [sorted[n], way];
  }
  return begin;
}

function makeSight() {
  const sight = { x: 0, y: 0, scale: 1, width: 1, height: 1 }; // the middle, and pixels in a degree

  const keepIn = () => {
    const closest = (sight.width * METRES) / CLOSEST_M / Math.cosh(radians(sight.y));
    sight.scale = Math.min(closest, Math.max(sight.width / 360, sight.scale));
    const most = Math.max(0, stretched(LIMIT) - sight.height / 2 / sight.scale);
    sight.y = Math.min(most, Math.max(-most, sight.y));
    sight.x = near(sight.x, 0);
  };

  return Object.assign(sight, {
    resize: (width, height) => {
      Object.assign(sight, { width, height });
      keepIn();
    },
    // Where a place is in the picture.
    across: (x) => (near(x, sight.x) - sight.x) * sight.scale + sight.width / 2,
    down: (y) => (sight.y - y) * sight.scale + sight.height / 2,
    holds: ({ x, y }) =>
      Math.abs(near(x, sight.x) - sight.x) * sight.scale <= sight.width / 2 &&
      Math.abs(y - sight.y) * sight.scale <= sight.height / 2,
    pan: (right, down) => {
      sight.x += right / sight.scale;
      sight.y -= down / sight.scale;
      keepIn();
    },
    // What is at that point of the picture stays there.
    zoom: (factor, right = sight.width / 2, down = sight.height / 2) => {
      const [dx, dy] = [right - sight.width / 2, sight.height / 2 - down];
      const before = sight.scale;
      sight.scale *= factor;
      keepIn();
      sight.x += dx / before - dx / sight.scale;
      sight.y += dy / before - dy / sight.scale;
      keepIn();
    },
    show: ({ x, y }, metres) => {
      Object.assign(sight, { x, y });
      const wide = (metres / METRES) * Math.cosh(radians(y));
      sight.scale = Math.max(sight.scale, sight.width / wide);
      keepIn();
    },
    fit: (places) => {
      if (!places.length) return Object.assign(sight, { x: 0, y: 0, scale: 0 }) && keepIn();
      const begin = beginOf(places.map(({ x }) => x));
      let [high, low, wide] = [-Infinity, Infinity, 0];
      for (const { x, y } of places) {
        wide = Math.max(wide, (x - begin + 720) % 360);
        high = Math.max(high, y);
        low = Math.min(low, y);
      }
      Object.assign(sight, { x: begin + wide / 2, y: (high + low) / 2 });
      const least = (LEAST_M / METRES) * Math.cosh(radians(sight.y));
      const room = 1 - 2 * MARGIN;
      const across = (sight.width * room) / Math.max(wide, least);
      sight.scale = Math.min(across, (sight.height * room) / Math.max(high - low, 1e-9));
      keepIn();
    },
    metres: () => (METRES / Math.cosh(radians(sight.y))) / sight.scale, // in a pixel, in the middle
  });
}

// Lines of the grid: where they are in the picture, and their degrees in words.
function gridOf(sight) {
  const step = Math.min(COARSEST, roundUp(GRID_PX / sight.scale));
  const digits = Math.max(0, Math.ceil(-Math.log10(step) - 0.001));
  const words = (degrees, plus, minus) => {
    const side = Math.abs(degrees) < step / 2 ? "" : degrees < 0 ? minus : plus;
    return `${Math.abs(degrees).toFixed(digits)}°${side}`;
  };
  const half = sight.width / 2 / sight.scale;
  const meridians = [];
  for (let n = Math.ceil((sight.x - half) / step); n * step <= sight.x + half; n++) {
    const at = (n * step - sight.x) * sight.scale + sight.width / 2;
    const isSeam = Math.abs(Math.abs(near(n * step, 0)) - 180) < step / 2;
    meridians.push({ at, words: isSeam ? "180°" : words(near(n * step, 0), "E", "W") });
  }
  const parallels = [];
  const high = sight.height / 2 / sight.scale;
  const [low, top] = [latitude(sight.y - high), latitude(sight.y + high)];
  for (let n = Math.ceil(low / step); n * step <= top; n++)
    parallels.push({ at: sight.down(stretched(n * step)), words: words(n * step, "N", "S") });
  return { meridians, parallels };
}

// A bar of a round length that is true in the middle of the picture.
function barOf(sight) {
  const metres = roundDown(BAR_PX * sight.metres());
  const words = metres >= 1000 ? `${numbered(metres / 1000)} km` : `${metres} m`;
  return { width: metres / sight.metres(), words };
}
