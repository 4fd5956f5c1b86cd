// What mouse, pen and fingers do on a canvas: drag, wheel, pinch, point, tap.
const WHEEL = 0.0015; // of the zoom, a pixel
const LINE_PX = 16; // of wheels that count lines
const STILL_PX = 4; // a press that moves less is a tap

function listenToHands(canvas, { pan, zoom, point, tap }) {
  const down = new Map(); // where each finger is
  let travelled = 0;
  let isPinched = false;

  const spread = () => {
    const [a, b] = [...down.values()];
    return b && { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2, size: Math.hypot(a.x - b.x, a.y - b.y) };
  };

  const begin = (event) => {
    if (event.button !== 0) return;
    if (!down.size) [travelled, isPinched] = [0, false];
    canvas.setPointerCapture(event.pointerId);
    down.set(event.pointerId, { x: event.offsetX, y: event.offsetY });
  };

  const move = (event) => {
    const from = down.get(event.pointerId);
    if (!from) return point(event);
    const before = spread();
    const [right, low] = [from.x - event.offsetX, from.y - event.offsetY];
    down.set(event.pointerId, { x: event.offsetX, y: event.offsetY });
    const after = spread();
    travelled += Math.hypot(right, low);
    if (after) {
      isPinched = true;
      pan(before.x - after.x, before.y - after.y);
      zoom(after.size / Math.max(1, before.size), after.x, after.y);
    } else if (travelled >= STILL_PX) pan(right, low);
  };

  const end = (event) => {
    if (!down.delete(event.pointerId)) return;
    if (event.type === "pointerup" && !down.size && !isPinched && travelled < STILL_PX) tap(event);
  };

  const turn = (event) => {
    event.preventDefault();
    const pixels = event.deltaY * (event.deltaMode ? LINE_PX : 1);
    zoom(Math.exp(-WHEEL * Math.max(-400, Math.min(400, pixels))), event.offsetX, event.offsetY);
  };

  const leave = () => point(null);
  const heard = {
    pointerdown: begin,
    pointermove: move,
    pointerup: end,
    pointercancel: end,
    pointerleave: leave,
    wheel: turn,
  };
  for (const [name, act] of Object.entries(heard)) canvas.addEventListener(name, act, { passive: false });
  return {
    end: () => {
      for (const [name, act] of Object.entries(heard)) canvas.removeEventListener(name, act);
    },
  };
}
