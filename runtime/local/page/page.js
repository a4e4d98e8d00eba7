// The page around the visuals: sheets, filters, the query behind a visual, light and dark. Text only ever becomes text.
const GRID_ROW = 26;

let drawing = 0;
function draw() {
  const run = ++drawing;
  const main = byId("main");
  const sheet = data.sheets.find((s) => s.id === state.sheet);
  main.replaceChildren(...sheet.rows.map((row) => make("div", rowLook(row), ...row.visuals.map((v) => card(v, row.height)))));
  for (const row of sheet.rows) for (const visual of row.visuals) if (run === drawing) fill(visual);
  drawFilters();
  document.querySelectorAll("#sheets button").forEach((b) => b.setAttribute("aria-selected", b.dataset.sheet === state.sheet));
  history.replaceState(null, "", address());
}

/** A row of numbers alone shares the width among them. */
function rowLook(row) {
  const numbers = row.visuals.every((visual) => visual.kind === "kpi");
  return numbers ? { class: "row numbers", style: `--count:${row.visuals.length}` } : { class: "row" };
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

// ---- Filters
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

// ---- The query behind a visual
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

// ---- The page
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
window.trailsight = { state, shown, shorts, query: (id) => queryOf(visuals.get(id)), choose: (id, row) => clicked(visuals.get(id), row) };
start();
