// Places and tails of rows. A tail is t, x, y and whether a piece of it begins, over and over; it is
// kept here, and loses what is too old.
const LONE = 2; // a position that is no part of a tail; 1 begins a piece of one, 0 goes on

function takePoints({ points, since }, rows) {
  const { n, kind, lat, lng, t } = points;
  for (let k = 0; k < n.length; k++) {
    const row = rows[n[k]];
    const tail = (row.tail ??= []);
    const y = stretched(lat[k]);
    let x = lng[k];
    row.place = { x, y, lat: lat[k], lng: lng[k] };
    if (kind[k] === LONE) continue;
    if (tail.length) x = near(x, tail.at(-3)); // across the antimeridian it goes on
    tail.push(t[k], x, y, kind[k]);
  }
  for (const row of rows) {
    const tail = (row.tail ??= []);
    let old = 0;
    while (old < tail.length && tail[old] < since) old += 4;
    if (old) tail.splice(0, old);
  }
}
