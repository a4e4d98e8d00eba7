// How values look: elements, numbers, colours, and the bins that time is drawn in.
const MOST_BINS = 130;

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
  return entries.map(({ place, name, rest }) => {
    if (rest) return TONES[theme()].plain;
    const tone = visual.color.tones[name];
    if (tone) return TONES[theme()][tone];
    let at = Math.max(0, visual.color.filter === undefined ? place - 1 : place) % palette.length;
    for (let n = 0; taken.has(at) && n < palette.length; n++) at = (at + 1) % palette.length;
    taken.add(at);
    return palette[at];
  });
}

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
