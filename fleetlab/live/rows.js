// Trackers, a row each: one set for all views of a widget, and how old what they tell is.
const AGES_S = [60, 300, 600];

const ageOf = (row, now) => (row.heard === null ? Infinity : Math.max(0, now - row.heard));

// How faded what was heard so long ago is: 0 to 3.
const fadeOf = (age) => AGES_S.filter((limit) => age > limit).length;

const numbered = (n) => n.toLocaleString("en-US");
const trackers = (n) => `${numbered(n)} tracker${n === 1 ? "" : "s"}`;

// The whole comes as columns, and news as rows: the place, values in the order of the columns, and
// the id and the label, the last of them, only where these are new.
function makeRows(model, columns, { renamed = () => {}, more = () => {} } = {}) {
  let rows = [];

  const named = (row) => Object.assign(row, { sought: `${row.label} ${row.id}`.toLowerCase() });

  const takeWhole = (told) => {
    const rowOf = (n) => Object.fromEntries(columns.map((name) => [name, told[name][n]]));
    rows = told.id.map((_, n) => named(rowOf(n)));
    renamed(rows);
  };

  const takeRows = (changed) => {
    let isRenamed = false;
    for (const [n, ...values] of changed) {
      const row = (rows[n] ??= {});
      values.forEach((value, place) => (row[columns[place]] = value));
      if (values.length < columns.length) continue;
      named(row);
      isRenamed = true;
    }
    if (isRenamed) renamed(rows);
  };

  const told = listenTo(model, (one) => {
    if (one.columns) takeWhole(one.columns);
    else takeRows(one.rows);
    more(one, rows);
  });
  return {
    ...told,
    get all() {
      return rows;
    },
  };
}
