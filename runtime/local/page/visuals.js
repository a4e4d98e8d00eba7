// Draws one visual into its card: a number, a table, or a Vega-Lite chart.
function fill(visual) {
  const element = byId(visual.id);
  const body = element.querySelector(".body");
  if (visual.kind === "kpi") return number(visual, element, body);
  if (visual.kind === "table") return table(visual, element, body);
  const room = Math.max(3, Math.floor(body.clientHeight / 16)); // so many names stand apart
  const rows = visual.timed ? overTime(visual, room) : visual.kind === "heatmap" ? matrix(visual, room - 4) : bars(visual, room, body.clientWidth);
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

function overTime(visual, room) {
  const unit = drawnUnit();
  const part = visual.color;
  const found = groups(visual, [DAY, HOUR, ...(part ? [source(part)] : [])]).filter(({ places }) => data.filters[DAY].values[places[0]] !== null);
  const colors = part ? entries(visual, part, sum(found.map(({ places, values }) => [places[2], values[0]])), Math.min(visual.limit, visual.kind === "heatmap" ? room - 1 : 9)) : [{ place: null, name: "" }];
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

function bars(visual, room, width) {
  const [x, color] = [visual.x[0], visual.color];
  const same = color && source(color) === source(x);
  const found = groups(visual, [source(x), ...(color && !same ? [source(color)] : [])]);
  const colors = color ? entries(visual, color, sum(found.map(({ places, values }) => [places[1], values[0]])), 9) : [];
  const names = shorts(colors.map((entry) => entry.name));
  const free = Math.max(3, room - (color ? legendRows(names, width - nameLimit(width)) : 0) - 2); // beside the legend and the axis
  const categories = entries(visual, x, sum(found.map(({ places, values }) => [places[0], values[0]])), Math.min(visual.limit, free));
  const [xRank, cRank] = [categories, colors].map((list) => new Map(list.map((entry, at) => [entry.place, at])));
  const [xRest, cRest] = [categories, colors].map((list) => list.findIndex((entry) => entry.rest));
  const labels = shorts(categories.map((entry) => entry.name));
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

function matrix(visual, room) {
  const [x, color] = [visual.x[0], visual.color];
  const found = groups(visual, [source(x), source(color)]);
  const xs = entries(visual, x, sum(found.map(({ places, values }) => [places[0], values[0]])), visual.limit);
  const cs = entries(visual, color, sum(found.map(({ places, values }) => [places[1], values[0]])), Math.min(visual.limit, Math.max(3, room)));
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

/** Pixels that the longest of some texts takes at the charts' size, at the most. */
const textWidth = (texts) => 6.3 * Math.max(0, ...texts.map((text) => text.length));

/** Pixels between the names of the bars and the chart's right end. Names take half of a narrow chart at the most. */
const nameLimit = (width) => Math.min(220, width / 2);
const barRoom = (labels, width) => width - Math.min(nameLimit(width), textWidth(labels)) - 10;

const LEGEND_LIMIT = 180; // pixels of a name
/** How many names of a legend stand beside each other. */
const legendColumns = (names, width) => Math.max(1, Math.floor(width / (Math.min(LEGEND_LIMIT, textWidth(names)) + 26)));
const legendRows = (names, width) => Math.ceil(names.length / legendColumns(names, width));

/** The scale of bars: `width` pixels, with room behind the longest for its number. */
function stretched(rows, width) {
  const most = rows.reduce((top, row) => Math.max(top, row.total ?? 0), 0);
  const number = 10 + textWidth(rows.map((row) => row.total_text ?? ""));
  return { domainMax: most * (width / Math.max(width / 2, width - number)), nice: false };
}

function chart(visual, body, { rows, colors, names, order, rowOrder }) {
  const spec = structuredClone(visual.chart);
  spec.data.values = rows;
  spec.width = Math.max(120, body.clientWidth);
  spec.height = Math.max(80, body.clientHeight);
  const layers = spec.layer ?? [spec];
  const plotWidth = order && !rowOrder ? barRoom(order, spec.width) : spec.width - 45; // it begins where the axis does
  for (const { encoding } of layers) {
    if (order && encoding.y?.field === "x") {
      encoding.y.axis.labelLimit = nameLimit(spec.width);
      encoding.y.sort = order;
      encoding.x.scale = stretched(rows, plotWidth);
    }
    if (order && encoding.x?.field === "x") encoding.x.sort = order;
    if (rowOrder || (visual.kind === "heatmap" && encoding.y?.field === "c")) encoding.y.sort = rowOrder ?? names;
    if (encoding.color?.field === "c") Object.assign(encoding.color.legend, { columns: legendColumns(names, plotWidth), labelLimit: Math.min(LEGEND_LIMIT, plotWidth - 26) });
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
