// The dashboard at work: filters the cubes, adds them up and draws the visuals of one sheet. Text only ever becomes text.
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const FILTERS = data.filters.length;
  const [DAY, HOUR, AXES] = [0, FILTERS, FILTERS + 1];
  const NONE = "(none)";
  const OTHER = "other";
  const MS = { hour: 36e5, day: 864e5, week: 7 * 864e5 };
  const MOST_BINS = 130;
  const GRID_ROW = 26;
  const visuals = new Map(data.sheets.flatMap((s) => s.rows.flatMap((r) => r.visuals)).map((v) => [v.id, v]));
  const days = data.filters[DAY].values.filter((day) => day !== null);
  const [first, last] = data.span;
  const state = { sheet: data.sheets[0].id, from: first, to: last, chosen: data.filters.map(() => new Set()), sorts: {} };
  let bytes;

  // ---- Elements -----------------------------------------------------------------------------------------------------
  const byId = (id) => document.getElementById(id);

  /** An element with text; children are elements. Nothing here parses HTML. */
  function make(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name === "text") element.textContent = value;
      else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
      else if (value === true) element.setAttribute(name, "");
      else if (value !== false && value !== null) element.setAttribute(name, value);
    }
    element.append(...children);
    return element;
  }

  // ---- Cubes --------------------------------------------------------------------------------------------------------
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

  /** Short form for an axis: an ARN's resource, an account's name. */
  function short(name) {
    const arn = /^arn:[^:]*:[^:]*:[^:]*:[^:]*:(.+)$/.exec(name);
    return arn ? arn[1].replace(/^(role|user)\/.*\/([^/]+)$/, "$1/$2") : name.replace(/^(.+) · [^(]* ?\(\d{12}\)$/, "$1");
  }

  /** Short names that stay different: where two would be equal, the whole. */
  function shorts(names) {
    const seen = new Map();
    for (const name of names) seen.set(short(name), (seen.get(short(name)) ?? 0) + 1);
    return names.map((name) => (seen.get(short(name)) > 1 ? name : short(name)));
  }

  // ---- Numbers ------------------------------------------------------------------------------------------------------
  const whole = new Intl.NumberFormat("en-US");
  const compact = new Intl.NumberFormat("en-US", { notation: "compact", maximumFractionDigits: 1 });
  function format(value, unit, small = false) {
    if (unit === "time") return value ? new Date(value * 1000).toISOString().slice(0, 19).replace("T", " ") : "–";
    if (unit === "seconds") return value >= 172800 ? `${whole.format(Math.round(value / 86400))} days` : value >= 7200 ? `${Math.round(value / 3600)} hours` : `${Math.round(value / 60)} min`;
    if (unit === "bytes") {
      const step = Math.max(0, Math.min(5, Math.floor(Math.log10(Math.max(1, value)) / 3)));
      return `${+(value / 1000 ** step).toPrecision(3)} ${["B", "kB", "MB", "GB", "TB", "PB"][step]}`;
    }
    return small && value >= 1e4 ? compact.format(value) : whole.format(value);
  }

  // ---- Colours ------------------------------------------------------------------------------------------------------
  const dark = () => document.documentElement.dataset.theme === "dark";
  const PALETTE = {
    light: ["#3565c4", "#d9822b", "#23907f", "#c2453c", "#7b57bd", "#86892b", "#cc5d96", "#3d9abd", "#94623c", "#59677f"],
    dark: ["#7ea6f4", "#f0a856", "#4cc3ae", "#ee7d74", "#ae90e8", "#b9bc5c", "#ec92c0", "#71c6e4", "#c99a72", "#9aa8bf"],
  };
  const TONES = {
    light: { good: "#2f8f5b", calm: "#3565c4", warn: "#d9822b", bad: "#c2453c", plain: "#9aa3b2" },
    dark: { good: "#5cc98d", calm: "#7ea6f4", warn: "#f0a856", bad: "#ee7d74", plain: "#6d7686" },
  };
  const theme = () => (dark() ? "dark" : "light");

  /** Colour of each name, kept by its rank in the whole lake so that a filter does not repaint what stays. */
  function colours(visual, entries) {
    const taken = new Set();
    const palette = PALETTE[theme()];
    return entries.map(({ place, name }) => {
      if (name === OTHER && place === 0) return TONES[theme()].plain;
      const tone = visual.color.tones[name];
      if (tone) return TONES[theme()][tone];
      let at = Math.max(0, visual.color.filter === undefined ? place - 1 : place) % palette.length;
      for (let n = 0; taken.has(at) && n < palette.length; n++) at = (at + 1) % palette.length;
      taken.add(at);
      return palette[at];
    });
  }

  // ---- Time ---------------------------------------------------------------------------------------------------------
  /** The unit to draw in: the data's, or coarser where bars would be thinner than a line. */
  function drawnUnit() {
    const span = (Date.parse(state.to) - Date.parse(state.from)) / MS.day + 1;
    const units = ["hour", "day", "week", "month", "year"];
    const fits = { hour: span <= 4, day: span <= MOST_BINS, week: span <= MOST_BINS * 7, month: span <= MOST_BINS * 30, year: true };
    return units.slice(units.indexOf(data.unit)).find((unit) => fits[unit]);
  }

  /** [start, end] in milliseconds of the drawn bin in which a day and hour lie. */
  function bin(day, hour, unit) {
    const date = new Date(day + "T00:00:00Z");
    if (unit === "hour") return [date.getTime() + hour * MS.hour, date.getTime() + (hour + 1) * MS.hour];
    if (unit === "week") date.setUTCDate(date.getUTCDate() - ((date.getUTCDay() + 6) % 7));
    if (unit === "month") date.setUTCDate(1);
    if (unit === "year") date.setUTCMonth(0, 1);
    const start = date.toISOString().slice(0, 10);
    return [date.getTime(), Date.parse(after(start, unit))];
  }

  const whenText = (start, unit) => {
    const text = new Date(start).toISOString();
    return unit === "hour" ? text.slice(0, 13).replace("T", " ") + ":00" : `${unit === "day" ? "" : unit + " of "}${text.slice(0, 10)}`;
  };

  // ---- Drawing ------------------------------------------------------------------------------------------------------
  let drawing = 0;
  function draw() {
    const run = ++drawing;
    const main = byId("main");
    const sheet = data.sheets.find((s) => s.id === state.sheet);
    main.replaceChildren(...sheet.rows.map((row) => make("div", { class: "row" }, ...row.visuals.map((v) => card(v, row.height)))));
    for (const row of sheet.rows) for (const visual of row.visuals) if (run === drawing) fill(visual);
    drawFilters();
    document.querySelectorAll("#sheets button").forEach((b) => b.setAttribute("aria-selected", b.dataset.sheet === state.sheet));
    history.replaceState(null, "", address());
  }

  function card(visual, height) {
    const title = make("h2", { text: visual.title });
    const tools = make("button", { class: "quiet sql", type: "button", text: "SQL", title: "The query behind this", onclick: () => showQuery(visual) });
    const head = make("div", { class: "head" }, title, tools);
    const body = make("div", { class: "body" });
    const element = make("section", { class: `card ${visual.kind}`, id: visual.id, style: `--width:${visual.width};--height:${height * GRID_ROW}px` }, head, body);
    const without = data.filters.filter((f, at) => !data.cubes[visual.cube].filters[at]).map((f) => f.title.toLowerCase());
    const notes = [visual.note, without.length ? `Not filtered by ${without.join(", ")}.` : null].filter(Boolean);
    if (notes.length && visual.kind !== "kpi") head.after(make("p", { class: "note", text: notes.join(" ") }));
    else if (notes.length) element.title = notes.join(" ");
    return element;
  }

  function fill(visual) {
    const element = byId(visual.id);
    const body = element.querySelector(".body");
    if (visual.kind === "kpi") return number(visual, element, body);
    if (visual.kind === "table") return table(visual, element, body);
    const rows = visual.timed ? overTime(visual) : visual.kind === "heatmap" ? matrix(visual) : bars(visual, Math.floor(body.clientHeight / 17));
    element.shown = rows.rows;
    if (!rows.rows.length) return body.replaceChildren(make("p", { class: "empty", text: "Nothing here under these filters." }));
    return chart(visual, body, rows);
  }

  function number(visual, element, body) {
    const unit = drawnUnit();
    const bins = new Map();
    const total = [0];
    for (const { places: [day, hour], values } of groups(visual, [DAY, HOUR])) {
      add(visual, total, values);
      const name = data.filters[DAY].values[day];
      if (name === null) continue;
      const [start] = bin(name, hour, unit);
      bins.set(start, (bins.get(start) ?? 0) + values[0]);
    }
    element.shown = total[0];
    body.replaceChildren(make("div", { class: "figure", text: format(total[0], visual.measures[0].unit, true), title: format(total[0], visual.measures[0].unit) }));
    const starts = [...timeline(unit)].map(([start]) => start);
    if (starts.length > 1) body.append(sparkline(starts.map((start) => bins.get(start) ?? 0)));
  }

  function sparkline(values) {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("viewBox", "0 0 100 24");
    svg.setAttribute("preserveAspectRatio", "none");
    svg.setAttribute("aria-hidden", "true");
    const top = Math.max(...values, 1);
    const points = values.map((v, i) => `${((i * 100) / (values.length - 1)).toFixed(2)},${(23 - (v / top) * 21).toFixed(2)}`);
    for (const [tag, all] of [["polygon", `0,24 ${points.join(" ")} 100,24`], ["polyline", points.join(" ")]]) {
      const shape = document.createElementNS("http://www.w3.org/2000/svg", tag);
      shape.setAttribute("points", all);
      svg.append(shape);
    }
    return svg;
  }

  /** Every drawn bin from the first chosen day to the last. */
  function* timeline(unit) {
    if (!days.length) return;
    let [start, end] = bin(state.from, 0, unit);
    const stop = Date.parse(state.to) + MS.day;
    for (; start < stop; [start, end] = unit === "hour" ? [end, end + MS.hour] : [end, Date.parse(after(new Date(end).toISOString().slice(0, 10), unit))]) yield [start, end];
  }

  /** Places of a part by their totals: those shown, at most `limit`, and whether the rest is shown as other. */
  function leading(visual, part, totals, limit) {
    const ranked = [...totals].filter(([place]) => part.filter !== undefined || place !== 0).sort((a, b) => b[1] - a[1] || a[0] - b[0]);
    const shown = ranked.slice(0, limit).map(([place]) => place);
    return { shown, rest: ranked.length > limit || (part.filter === undefined && totals.has(0)) };
  }

  /** Entries {place, name} for a part, `other` (place 0, or -1 for a filter's) last. */
  function entries(visual, part, totals, limit) {
    const { shown, rest } = leading(visual, part, totals, limit);
    const list = shown.map((place) => ({ place, name: nameOf(visual, part, place) }));
    if (rest) list.push({ place: part.filter === undefined ? 0 : -1, name: OTHER, rest: true });
    return list;
  }

  const sum = (pairs) => pairs.reduce((map, [key, value]) => map.set(key, (map.get(key) ?? 0) + value), new Map());

  function overTime(visual) {
    const unit = drawnUnit();
    const part = visual.color;
    const found = groups(visual, [DAY, HOUR, ...(part ? [source(part)] : [])]).filter(({ places }) => data.filters[DAY].values[places[0]] !== null);
    const colors = part ? entries(visual, part, sum(found.map(({ places, values }) => [places[2], values[0]])), Math.min(visual.limit, visual.kind === "heatmap" ? 40 : 9)) : [{ place: null, name: "" }];
    const rank = new Map(colors.map((entry, at) => [entry.place, at]));
    const restAt = colors.findIndex((entry) => entry.rest);
    const cells = new Map();
    for (const { places: [day, hour, color], values } of found) {
      const at = part ? rank.get(color) ?? restAt : 0;
      const [start, end] = bin(data.filters[DAY].values[day], hour, unit);
      const key = `${start} ${at}`;
      const cell = cells.get(key);
      if (cell) cell.v += values[0];
      else cells.set(key, { x: start, x2: end, c: colors[at].name, ci: colors[at].place, o: at, v: values[0], label: whenText(start, unit), unit });
    }
    const bins = cells.size && visual.kind !== "heatmap" ? [...timeline(unit)] : [];
    // A line falls to zero where nothing happened; bars need only the ends, so that the axis shows the whole time.
    for (const [start, end] of visual.kind === "line" ? bins : [...bins.slice(0, 1), ...bins.slice(-1)])
        colors.forEach((entry, at) => {
          const key = `${start} ${at}`;
          if (!cells.has(key)) cells.set(key, { x: start, x2: end, c: entry.name, ci: entry.place, o: at, v: 0, label: whenText(start, unit), unit });
        });
    const names = part ? shorts(colors.map((entry) => entry.name)) : [];
    const rows = [...cells.values()].sort((a, b) => a.x - b.x || a.o - b.o);
    if (part) rows.forEach((row) => (row.c = names[row.o]));
    return { rows, colors, names };
  }

  /** Bars, no more than `room` so that their names stay apart. */
  function bars(visual, room) {
    const [x, color] = [visual.x[0], visual.color];
    const same = color && source(color) === source(x);
    const found = groups(visual, [source(x), ...(color && !same ? [source(color)] : [])]);
    const categories = entries(visual, x, sum(found.map(({ places, values }) => [places[0], values[0]])), Math.min(visual.limit, Math.max(3, room)));
    const colors = color ? entries(visual, color, sum(found.map(({ places, values }) => [places[1], values[0]])), 9) : [];
    const [xRank, cRank] = [categories, colors].map((list) => new Map(list.map((entry, at) => [entry.place, at])));
    const [xRest, cRest] = [categories, colors].map((list) => list.findIndex((entry) => entry.rest));
    const labels = shorts(categories.map((entry) => entry.name));
    const names = shorts(colors.map((entry) => entry.name));
    const cells = new Map();
    for (const { places: [xPlace, cPlace], values } of found) {
      const at = xRank.get(xPlace) ?? xRest;
      const c = color ? cRank.get(cPlace) ?? cRest : 0;
      const key = at * 100 + c;
      const cell = cells.get(key);
      if (cell) cell.v += values[0];
      else cells.set(key, { x: labels[at], xi: categories[at].place, at, c: names[c] ?? "", ci: colors[c]?.place ?? null, o: c, v: values[0], label: categories[at].name });
    }
    const rows = [...cells.values()].filter((row) => row.v > 0).sort((a, b) => a.at - b.at || a.o - b.o);
    const totals = sum(rows.map((row) => [row.at, row.v]));
    const marked = new Set();
    for (const row of rows)
      if (!marked.has(row.at)) {
        marked.add(row.at);
        row.total = totals.get(row.at);
        row.total_text = format(row.total, visual.measures[0].unit, true);
      }
    return { rows, colors, names, order: labels.filter((_, at) => totals.has(at)) };
  }

  function matrix(visual) {
    const [x, color] = [visual.x[0], visual.color];
    const found = groups(visual, [source(x), source(color)]);
    const xs = entries(visual, x, sum(found.map(({ places, values }) => [places[0], values[0]])), visual.limit);
    const cs = entries(visual, color, sum(found.map(({ places, values }) => [places[1], values[0]])), visual.limit);
    const [xRank, cRank] = [xs, cs].map((list) => new Map(list.map((entry, at) => [entry.place, at])));
    const [xRest, cRest] = [xs, cs].map((list) => list.findIndex((entry) => entry.rest));
    const [xNames, cNames] = [xs, cs].map((list) => shorts(list.map((entry) => entry.name)));
    const cells = new Map();
    for (const { places: [xPlace, cPlace], values } of found) {
      const [at, c] = [xRank.get(xPlace) ?? xRest, cRank.get(cPlace) ?? cRest];
      const key = at * 1000 + c;
      const cell = cells.get(key);
      if (cell) cell.v += values[0];
      else cells.set(key, { x: xNames[at], xi: xs[at].place, c: cNames[c], ci: cs[c].place, v: values[0], label: xs[at].name });
    }
    return { rows: [...cells.values()], colors: cs, names: cNames, order: xNames, rowOrder: cNames };
  }

  /** Room behind the longest bar for its number. */
  function room(rows) {
    const most = rows.reduce((top, row) => Math.max(top, row.total ?? 0), 0);
    return { domainMax: most * 1.12, nice: false };
  }

  function chart(visual, body, { rows, colors, names, order, rowOrder }) {
    const spec = structuredClone(visual.chart);
    spec.data.values = rows;
    spec.width = Math.max(120, body.clientWidth);
    spec.height = Math.max(80, body.clientHeight);
    const layers = spec.layer ?? [spec];
    for (const { encoding } of layers) {
      if (order && encoding.y?.field === "x") [encoding.y.sort, encoding.x.scale] = [order, room(rows)];
      if (order && encoding.x?.field === "x") encoding.x.sort = order;
      if (rowOrder || (visual.kind === "heatmap" && encoding.y?.field === "c")) encoding.y.sort = rowOrder ?? names;
      if (encoding.color?.field === "c") encoding.color.legend.columns = Math.max(1, Math.floor(spec.width / 170));
      if (encoding.color?.field === "c") encoding.color.scale = { domain: names, range: colours(visual, colors) };
      else if (encoding.color?.scale?.type === "symlog") encoding.color.scale.range = dark() ? ["#1d2a3f", "#7ea6f4", "#f4e3a1"] : ["#e8eef8", "#3565c4", "#16294f"];
      else if (encoding.color) encoding.color = { value: PALETTE[theme()][0] };
    }
    if (visual.kind === "bar") spec.layer[1].encoding.color = { value: dark() ? "#c6cede" : "#4a5468" };
    const ink = dark() ? "#aab4c5" : "#5b6577";
    const line = dark() ? "#2a3342" : "#e6e9ef";
    const config = {
      font: "system-ui, sans-serif",
      view: { stroke: null },
      axis: { labelColor: ink, titleColor: ink, gridColor: line, domainColor: line, tickColor: line, labelFontSize: 11 },
      legend: { labelColor: ink, titleColor: ink, labelFontSize: 11, padding: 0, offset: 6 },
    };
    const options = { ast: true, actions: false, renderer: "svg", config, tooltip: { theme: theme() } };
    window.vegaEmbed(body, spec, options).then(({ view }) => {
      view.addEventListener("click", (_, item) => item?.datum?.v !== undefined && clicked(visual, item.datum));
    });
  }

  function table(visual, element, body) {
    const sources = [...new Set(visual.x.map(source))];
    const found = groups(visual, sources);
    const place = (group, part) => group.places[sources.indexOf(source(part))];
    const isOther = (group) => visual.x.some((part) => part.axis !== undefined && place(group, part) === 0);
    const other = visual.measures.map(() => 0);
    const sort = (state.sorts[visual.id] ??= { at: visual.x.length, down: true });
    const key = (group) => (sort.at < visual.x.length ? nameOf(visual, visual.x[sort.at], place(group, visual.x[sort.at])).toLowerCase() : group.values[sort.at - visual.x.length]);
    const named = found.filter((group) => !isOther(group)).map((group) => [key(group), group]);
    named.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0) * (sort.down ? -1 : 1));
    const rest = [...found.filter(isOther), ...named.slice(visual.limit).map(([, group]) => group)];
    for (const group of rest) add(visual, other, group.values);
    const top = Math.max(1, ...named.slice(0, visual.limit).map(([, group]) => group.values[0]));
    const head = make("tr", {}, ...[...visual.x, ...visual.measures].map((part, at) => {
      const arrow = sort.at === at ? (sort.down ? " ↓" : " ↑") : "";
      const onclick = () => { state.sorts[visual.id] = { at, down: sort.at === at ? !sort.down : at >= visual.x.length }; table(visual, element, body); };
      const order = sort.at === at ? (sort.down ? "descending" : "ascending") : "none";
      return make("th", { "aria-sort": order, class: at >= visual.x.length ? "n" : "" }, make("button", { type: "button", text: part.title + arrow, onclick }));
    }));
    const line = (cells, values, kind) => make("tr", { class: kind }, ...cells, ...values.map((value, m) => make("td", { class: "n", text: format(value, visual.measures[m].unit), ...(m === 0 && kind === "" ? { style: `--share:${((value / top) * 100).toFixed(1)}%`, "data-bar": true } : {}) })));
    const lines = named.slice(0, visual.limit).map(([, group]) => line(visual.x.map((part) => cell(visual, part, place(group, part))), group.values, ""));
    if (rest.length) lines.push(line([make("td", { class: "rest", colspan: visual.x.length, text: OTHER })], other, "other"));
    element.shown = { named: named.slice(0, visual.limit).map(([, group]) => [...visual.x.map((part) => valueOf(visual, part, place(group, part))), ...group.values]), other: rest.length ? other : null };
    if (!lines.length) return body.replaceChildren(make("p", { class: "empty", text: "Nothing here under these filters." }));
    body.replaceChildren(make("table", {}, make("thead", {}, head), make("tbody", {}, ...lines)));
  }

  function cell(visual, part, place) {
    const name = nameOf(visual, part, place);
    if (part.filter === undefined) return make("td", { text: short(name), title: name });
    return make("td", { title: name }, make("button", { type: "button", class: "value", text: short(name), onclick: () => toggle(part.filter, place) }));
  }

  // ---- Filters ------------------------------------------------------------------------------------------------------
  /** A mark stands for values of filters: choose them. */
  function clicked(visual, row) {
    let changed = false;
    for (const [part, place] of [[visual.x[0], row.xi], [visual.color, row.ci]])
      if (part?.filter !== undefined && place >= 0) { choose(part.filter, place); changed = true; }
    if (visual.timed) {
      const from = new Date(row.x).toISOString().slice(0, 10);
      const to = new Date(row.x2 - 1).toISOString().slice(0, 10);
      if (from !== state.from || to !== state.to) changed = true;
      [state.from, state.to] = [from < first ? first : from, to > last ? last : to];
    }
    if (changed) draw();
  }

  function choose(filter, place) {
    const chosen = state.chosen[filter];
    if (chosen.size === 1 && chosen.has(place)) chosen.clear();
    else { chosen.clear(); chosen.add(place); }
  }

  function toggle(filter, place) { choose(filter, place); draw(); }

  function reset() {
    [state.from, state.to] = [first, last];
    state.chosen.forEach((chosen) => chosen.clear());
    draw();
  }

  const filterName = (at, place) => {
    const value = data.filters[at].values[place];
    return value === null ? NONE : labelled(data.filters[at].name, value);
  };

  function setDays(from, to) {
    if (!from || !to) return;
    [state.from, state.to] = from <= to ? [from, to] : [to, from];
    draw();
  }

  function back(count) {
    const date = new Date(last + "T00:00:00Z");
    date.setUTCDate(date.getUTCDate() - count + 1);
    const from = date.toISOString().slice(0, 10);
    setDays(from < first ? first : from, last);
  }

  function drawFilters() {
    const bar = byId("filters");
    const open = [...bar.querySelectorAll("details[open]")].map((d) => d.dataset.filter);
    const dates = ["from", "to"].map((end) => make("input", { type: "date", id: `filter-${end}`, min: first, max: last, value: state[end], "aria-label": end === "from" ? "First day" : "Last day", onchange: (e) => setDays(...(end === "from" ? [e.target.value, state.to] : [state.from, e.target.value])) }));
    const presets = [["All", 0], ["30 days", 30], ["7 days", 7], ["1 day", 1]].filter(([, n]) => n * MS.day < Date.parse(last) - Date.parse(first)).map(([text, n]) => make("button", { type: "button", class: "quiet", text, onclick: () => (n ? back(n) : setDays(first, last)) }));
    const lists = data.filters.slice(1).map((filter, n) => choices(filter, n + 1, open.includes(filter.name)));
    bar.replaceChildren(make("div", { class: "dates" }, dates[0], make("span", { text: "to" }), dates[1], ...presets), ...lists);
    const chips = data.filters.flatMap((filter, at) => [...state.chosen[at]].map((place) => make("button", { type: "button", class: "chip", text: `${filter.title}: ${filterName(at, place)} ×`, onclick: () => { state.chosen[at].delete(place); draw(); } })));
    if (state.from !== first || state.to !== last) chips.unshift(make("button", { type: "button", class: "chip", text: `${state.from} to ${state.to} ×`, onclick: () => setDays(first, last) }));
    if (chips.length) chips.push(make("button", { type: "button", class: "quiet", id: "reset", text: "Clear all", onclick: reset }));
    byId("chips").replaceChildren(...chips);
  }

  function choices(filter, at, open) {
    const chosen = state.chosen[at];
    const items = filter.values.map((_, place) => make("label", {}, make("input", { type: "checkbox", value: String(place), ...(chosen.has(place) ? { checked: true } : {}), onchange: (e) => { if (e.target.checked) chosen.add(place); else chosen.delete(place); draw(); } }), make("span", { text: filterName(at, place) })));
    const search = make("input", { type: "search", placeholder: "Search", "aria-label": `Search ${filter.title}`, oninput: (e) => items.forEach((item) => (item.hidden = !item.textContent.toLowerCase().includes(e.target.value.toLowerCase()))) });
    const summary = make("summary", { text: chosen.size ? `${filter.title} · ${chosen.size}` : filter.title });
    return make("details", { "data-filter": filter.name, ...(open ? { open: true } : {}) }, summary, make("div", { class: "list" }, ...(items.length > 8 ? [search] : []), ...items));
  }

  // ---- The query behind a visual --------------------------------------------------------------------------------------
  const quoted = (text) => `'${text.replaceAll("'", "''")}'`;

  function queryOf(visual) {
    // Log files come on days that have no events, too: the whole time is no bound for them.
    const bounded = visual.filters.day === "eventdate" || !everyDay();
    const conditions = bounded ? [`${visual.filters.day} BETWEEN ${quoted(state.from)} AND ${quoted(state.to)}`] : [];
    data.filters.forEach((filter, at) => {
      const sql = visual.filters[filter.name];
      if (at === DAY || !sql || !state.chosen[at].size) return;
      const values = [...state.chosen[at]].map((place) => filter.values[place]);
      const named = values.filter((value) => value !== null).map(quoted);
      const tests = [...(named.length ? [`(${sql}) IN (${named.join(", ")})`] : []), ...(values.includes(null) ? [`(${sql}) IS NULL`] : [])];
      conditions.push(tests.length > 1 ? `(${tests.join(" OR ")})` : tests[0]);
    });
    return visual.sql.replace("{filters}", () => conditions.join("\n    AND ") || "true");
  }

  function showQuery(visual) {
    byId("query-title").textContent = visual.title;
    byId("query-text").textContent = queryOf(visual);
    byId("query").showModal();
  }

  byId("query-copy").addEventListener("click", async (event) => {
    const text = byId("query-text");
    try {
      await navigator.clipboard.writeText(text.textContent);
    } catch { // pages opened from a file may not reach the clipboard's own interface
      getSelection().selectAllChildren(text);
      document.execCommand("copy");
    }
    event.target.textContent = "Copied";
    setTimeout(() => (event.target.textContent = "Copy"), 1500);
  });

  // ---- The page -------------------------------------------------------------------------------------------------------
  /** The filters as the address's fragment, so that a view can be sent to somebody who has the file. */
  function address() {
    const words = new URLSearchParams({ sheet: state.sheet });
    if (state.from !== first || state.to !== last) { words.set("from", state.from); words.set("to", state.to); }
    data.filters.forEach((filter, at) => state.chosen[at].forEach((place) => words.append(filter.name, filter.values[place] ?? "")));
    return `#${words}`;
  }

  function restore() {
    const words = new URLSearchParams(location.hash.slice(1));
    if (data.sheets.some((s) => s.id === words.get("sheet"))) state.sheet = words.get("sheet");
    const day = /^\d{4}-\d\d-\d\d$/;
    if (day.test(words.get("from")) && day.test(words.get("to"))) [state.from, state.to] = [words.get("from"), words.get("to")];
    data.filters.forEach((filter, at) => {
      state.chosen[at].clear();
      if (at !== DAY) for (const word of words.getAll(filter.name)) {
        const place = filter.values.indexOf(word === "" ? null : word);
        if (place >= 0) state.chosen[at].add(place);
      }
    });
  }

  function setTheme(name) {
    document.documentElement.dataset.theme = name;
    try { localStorage.setItem("trailsight-theme", name); } catch { /* private windows keep nothing */ }
  }

  async function start() {
    document.title = `${data.title} · Trailsight`;
    byId("title").textContent = data.title;
    byId("span").textContent = first ? `${first} to ${last}, UTC` : "no events yet";
    let kept = null;
    try { kept = localStorage.getItem("trailsight-theme"); } catch { /* as above */ }
    document.documentElement.dataset.theme = kept ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
    byId("theme").addEventListener("click", () => { setTheme(dark() ? "light" : "dark"); draw(); });
    byId("sheets").replaceChildren(...data.sheets.map((s) => make("button", { type: "button", role: "tab", "data-sheet": s.id, text: s.title, onclick: () => { state.sheet = s.id; draw(); } })));
    byId("notes").replaceChildren(...data.notes.map((text) => make("p", { text })));
    await unpack();
    restore();
    draw();
    let width = innerWidth;
    addEventListener("resize", () => { if (innerWidth !== width) { width = innerWidth; draw(); } });
    addEventListener("hashchange", () => { restore(); draw(); });
    document.addEventListener("click", (e) => document.querySelectorAll("#filters details[open]").forEach((d) => { if (!d.contains(e.target) && document.contains(e.target)) d.open = false; }));
    document.body.dataset.ready = "true";
  }

  /** What a visual shows, as values instead of names: [[x, colour, value], ...]; undefined stands for all others. */
  function shown(id) {
    const visual = visuals.get(id);
    const { shown } = byId(id);
    if (!Array.isArray(shown)) return shown;
    const value = (part, place) => (!part ? null : place < 0 ? undefined : valueOf(visual, part, place));
    return shown.map((row) => [visual.timed ? row.label : value(visual.x[0], row.xi), value(visual.color, row.ci), row.v]);
  }

  // For who looks from the browser's console, and for the tests.
  window.trailsight = { state, shown, query: (id) => queryOf(visuals.get(id)), choose: (id, row) => clicked(visuals.get(id), row) };
  start();
})();
