// The last values of each attribute of each device, as they come: one set for all views of a widget.
const DEPTHS = 13;
const TYPES = ["null", "bool", "int", "float", "string"];

function makeQueues(model) {
  let devices = [];
  let notice = "";
  let queues; // by queue, attribute and device: values, the newest first
  let names = []; // of attributes, in their order
  const { compare } = new Intl.Collator(undefined, { numeric: true });

  const within = (map, key, made) => map.get(key) ?? map.set(key, made).get(key);

  const add = (value, values) => {
    let place = 0; // of the same moment, what came later is newer
    while (place < values.length && values[place].t > value.t) place++;
    values.splice(place, 0, value);
    if (values.length > DEPTHS) values.pop();
  };

  const take = (told) => {
    const came = told.columns ? -Infinity : performance.now();
    if (told.columns) queues = new Map([["nonnull", new Map()], ["all", new Map()]]);
    devices = told.devices.map(([id, label, heard]) => ({ id, label, heard }));
    notice = told.notice;
    const { fields, messages } = told.columns ?? told.rows;
    for (const [id, queue, t, msg, srv, places, types, texts] of messages) {
      places.forEach((place, n) => {
        const values = within(queues.get(queue), fields[place], new Map());
        const value = { t, msg, srv, text: texts[n], type: TYPES[types[n]] ?? "unknown", came };
        add(value, within(values, id, []));
      });
    }
    const known = new Set([...queues.values()].flatMap((one) => [...one.keys()]));
    if (known.size !== names.length || told.columns) {
      names = [...known].sort((a, b) => compare(a, b) || (a < b ? -1 : 1));
    }
  };

  const told = listenTo(model, take);
  return {
    ...told,
    now: () => Math.min(told.now(), model.get("paused_at") ?? Infinity),
    get devices() {
      return devices;
    },
    get notice() {
      return notice;
    },
    get names() {
      return names;
    },
    of: (queue, name) => queues.get(queue).get(name) ?? new Map(),
  };
}
