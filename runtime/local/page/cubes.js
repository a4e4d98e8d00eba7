// The cubes: what the page was given, what is chosen of it, and the sums of a visual under that choice.
const data = JSON.parse(document.getElementById("data").textContent);
const FILTERS = data.filters.length;
const [DAY, HOUR, AXES] = [0, FILTERS, FILTERS + 1];
const NONE = "(none)";
const OTHER = "other";
const MS = { hour: 36e5, day: 864e5, week: 7 * 864e5 };
const visuals = new Map(data.sheets.flatMap((s) => s.rows.flatMap((r) => r.visuals)).map((v) => [v.id, v]));
const days = data.filters[DAY].values.filter((day) => day !== null);
const [first, last] = data.span;
const state = { sheet: data.sheets[0].id, from: first, to: last, chosen: data.filters.map(() => new Set()), sorts: {} };
let bytes;

async function unpack() {
  const text = atob(byId("cells").textContent.trim());
  const packed = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) packed[i] = text.charCodeAt(i);
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  bytes = new Uint8Array(await new Response(stream).arrayBuffer());
}

/** Column of a cube: planes of bytes, the lowest first; days as differences. */
function column(cube, at) {
  const { planes, at: start } = cube.columns[at];
  const rows = cube.rows;
  cube.decoded ??= [];
  if (cube.decoded[at]) return cube.decoded[at];
  const values = planes > 4 ? new Float64Array(rows) : new Uint32Array(rows);
  for (let plane = 0, scale = 1; plane < planes; plane++, scale *= 256)
    for (let i = 0, from = start + plane * rows; i < rows; i++) values[i] += bytes[from + i] * scale;
  if (at === DAY) for (let i = 1; i < rows; i++) values[i] = (values[i - 1] + values[i]) & 0xffff;
  return (cube.decoded[at] = values);
}

const everyDay = () => state.from <= first && state.to >= last;

/** For each filter, whether a place passes. */
function masks() {
  return data.filters.map((filter, at) => {
    const { values } = filter;
    if (at === DAY) return values.map((day) => everyDay() || (day !== null && after(day) > state.from && day <= state.to));
    const chosen = state.chosen[at];
    return values.map((_, place) => chosen.size === 0 || chosen.has(place));
  });
}

/** First day after the bin that begins with `day`. */
function after(day, unit = data.unit) {
  const date = new Date(day + "T00:00:00Z");
  if (unit === "month") date.setUTCMonth(date.getUTCMonth() + 1);
  else if (unit === "year") date.setUTCFullYear(date.getUTCFullYear() + 1);
  else date.setUTCDate(date.getUTCDate() + (unit === "week" ? 7 : 1));
  return date.toISOString().slice(0, 10);
}

/** Groups of a visual under the filters: {places: one per source column, values: one per measure}. */
function groups(visual, sources) {
  const cube = data.cubes[visual.cube];
  const passing = masks();
  const tests = passing
    .map((mask, at) => [column(cube, at), mask])
    .filter(([, mask], at) => cube.filters[at] && mask.includes(false));
  const keys = sources.map((at) => column(cube, at));
  const radix = keys.map((key) => key.reduce((a, b) => (a > b ? a : b), 0) + 1);
  const measures = visual.measures.map((m) => [column(cube, AXES + cube.values.length + cube.measures.indexOf(m.name)), m.aggregate === "max"]);
  const found = new Map();
  rows: for (let i = 0; i < cube.rows; i++) {
    for (const [place, mask] of tests) if (!mask[place[i]]) continue rows;
    let key = 0;
    for (let k = 0; k < keys.length; k++) key = key * radix[k] + keys[k][i];
    let group = found.get(key);
    if (!group) found.set(key, (group = { places: keys.map((k) => k[i]), values: measures.map(() => 0) }));
    for (let m = 0; m < measures.length; m++) {
      const value = measures[m][0][i];
      if (measures[m][1]) { if (value > group.values[m]) group.values[m] = value; } else group.values[m] += value;
    }
  }
  return [...found.values()];
}

const add = (visual, into, values) =>
  visual.measures.forEach((m, at) => (into[at] = m.aggregate === "max" ? Math.max(into[at], values[at]) : into[at] + values[at]));

const source = (part) => (part.filter === undefined ? AXES + part.axis : part.filter);

/** Value that a place of a part stands for; null is none, undefined all others. */
function valueOf(visual, part, place) {
  if (part.filter !== undefined) return data.filters[part.filter].values[place];
  return place === 0 ? undefined : data.cubes[visual.cube].values[part.axis][place - 1][part.at];
}

function nameOf(visual, part, place) {
  const value = valueOf(visual, part, place);
  if (value === undefined) return OTHER;
  if (value === null) return NONE;
  return labelled(part.name, value);
}

/** An account with its name; a place of an account and Region with that of the account. */
function labelled(name, value) {
  const [id] = value.split(" ");
  const label = /account$|^place$/.test(name) ? data.labels[id] : undefined;
  if (label === undefined) return value;
  return name === "place" ? `${label.split(" · ")[0]} ${value.slice(id.length + 1)}` : `${label} (${value})`;
}

/** Short form for an axis: an ARN's resource, the permission set of an Identity Center role, an account's name. */
function short(name) {
  const arn = /^arn:[^:]*:[^:]*:[^:]*:[^:]*:(.+)$/.exec(name);
  if (!arn) return name.replace(/^(.+) · [^(]* ?\(\d{12}\)$/, "$1");
  return arn[1].replace(/^(role|user)\/.*\/([^/]+)$/, "$1/$2").replace(/^role\/AWSReservedSSO_(.+)_[0-9a-f]{16}$/, "SSO/$1");
}

/** The short form of an ARN with its account behind it. */
function shortWithAccount(name) {
  const account = /^arn:[^:]*:[^:]*:[^:]*:(\d{12}):/.exec(name);
  return account ? `${short(name)} · ${short(labelled("account", account[1]))}` : name;
}

/** Short names that stay different: where two would be equal, with the account; where that does not help, the whole. */
function shorts(names) {
  let found = names.map(short);
  for (const longer of [shortWithAccount, (name) => name]) {
    const times = sum(found.map((name) => [name, 1]));
    found = found.map((name, at) => (times.get(name) > 1 ? longer(names[at]) : name));
  }
  return found;
}
