// Puts the content into the document; asks for newer content where the page is served live.
const root = document.documentElement;
const live = root.hasAttribute("data-live");
const dark = window.matchMedia("(prefers-color-scheme: dark)");
let content = JSON.parse(document.getElementById("content").textContent);

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

// --- light and dark ---------------------------------------------------------------------------------------------------

const THEMES = ["auto", "light", "dark"];
let chosen = "auto";
try { chosen = localStorage.getItem("socialsim-theme") ?? "auto"; } catch { /* a file may have no storage */ }

function applyTheme() {
  const theme = chosen === "auto" ? (dark.matches ? "dark" : "light") : chosen;
  root.dataset.theme = theme;
  const button = document.getElementById("theme");
  button.textContent = { auto: "Theme: auto", light: "Theme: light", dark: "Theme: dark" }[chosen];
  button.hidden = false;
}

function currentTheme() {
  const style = getComputedStyle(root);
  const of = (name) => style.getPropertyValue(name).trim();
  const colours = [1, 2, 3, 4, 5, 6, 7, 8].map((n) => of(`--c${n}`));
  return {
    ink: of("--ink"), soft: of("--soft"), grid: of("--grid"), line: of("--line"), card: of("--card"),
    colours, faint: `${colours[0]}1f`, steps: ["#2f66d8", "#3f77e2", "#4f86ea"],
    heat: [0, 1, 2, 3].map((n) => [n / 3, of(`--heat${n}`)]),
  };
}

// --- tiles ------------------------------------------------------------------------------------------------------------

const SVG = "http://www.w3.org/2000/svg";
function spark(values, label, floor = Infinity) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "spark");
  svg.setAttribute("viewBox", "0 0 100 38");
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", label);
  const known = values.map((value, n) => [n, value]).filter(([, value]) => value !== null);
  if (known.length < 2) return svg;
  const low = Math.min(floor, ...known.map(([, value]) => value));
  const high = Math.max(...known.map(([, value]) => value));
  const step = 100 / (values.length - 1);
  const points = known.map(([n, value]) => `${(n * step).toFixed(2)},${(35 - 31 * (high > low ? (value - low) / (high - low) : floor === low ? 0 : 0.5)).toFixed(2)}`);
  const path = (kind, d) => {
    const each = document.createElementNS(SVG, "path");
    each.setAttribute("class", kind);
    each.setAttribute("d", d);
    svg.append(each);
  };
  path("area", `M${(known[0][0] * step).toFixed(2)},38 L${points.join(" L")} L${(last(known)[0] * step).toFixed(2)},38 Z`);
  path("line", `M${points.join(" L")}`);
  return svg;
}

const FORMATS = { count, ratio: share, number: figure };
function changed(tile) {
  if (tile.change === null) return ["flat", "– 7 d"];
  const size = Math.abs(100 * tile.change).toFixed(1);
  const unit = tile.unit === "ratio" ? " pp" : " %";
  if (size === "0.0") return ["flat", `± 0.0${unit} · 7 d`];
  return tile.change > 0 ? ["up", `▲ ${size}${unit} · 7 d`] : ["down", `▼ ${size}${unit} · 7 d`];
}

function showTiles() {
  document.getElementById("tiles").replaceChildren(...content.tiles.map((tile) => {
    const [kind, text] = changed(tile);
    return make("a", { class: "card tile", href: `#def-${tile.metric}`, title: tile.about },
      make("span", { class: "label" }, tile.title),
      make("span", { class: "value" }, FORMATS[tile.unit](tile.value)),
      make("span", { class: `change ${kind}` }, text),
      spark(tile.spark, `${tile.title} over the last ${tile.spark.length} days`));
  }));
  document.getElementById("glossary").replaceChildren(...content.tiles.map((tile) =>
    make("div", { id: `def-${tile.metric}` }, make("dt", {}, tile.title), make("dd", {}, tile.about))));
  document.getElementById("definitions").hidden = !content.tiles.length;
}

// --- charts -----------------------------------------------------------------------------------------------------------

function layoutOf(own, theme, chart, narrow) {
  const axis = (given = {}) => ({
    gridcolor: theme.grid, linecolor: theme.line, zerolinecolor: theme.line, tickcolor: theme.line, automargin: true, fixedrange: true, ...given,
  });
  const layout = {
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", height: chart.height, dragmode: false, showlegend: true,
    font: { family: getComputedStyle(document.body).fontFamily, size: narrow ? 11 : 12, color: theme.soft },
    hoverlabel: { bgcolor: theme.card, bordercolor: theme.line, font: { color: theme.ink } },
    legend: { orientation: "h", x: 0, y: 1.03, yanchor: "bottom", traceorder: "normal", font: { size: narrow ? 10 : 12 } },
    ...own,
    margin: { l: 8, r: 10, t: 8, b: 8, ...own.margin },
    xaxis: axis({ showgrid: false, ...own.xaxis }),
    yaxis: axis({ zeroline: false, ...own.yaxis }),
  };
  if (own.yaxis2) layout.yaxis2 = axis({ zeroline: false, ...own.yaxis2 });
  return layout;
}

function frameOf(chart) {
  const found = document.getElementById(`chart-${chart.id}`);
  if (found) return found;
  const plot = make("div", { class: "plot", role: "img" });
  const table = make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": `${chart.title} as a table` });
  const details = make("details", {}, make("summary", {}, "As a table"), table);
  details.addEventListener("toggle", () => details.open && showTable(chart, table));
  const frame = make("figure", { class: `card ${chart.shape ?? ""}`, id: `chart-${chart.id}`, "aria-labelledby": `title-${chart.id}` },
    make("h2", { id: `title-${chart.id}` }, chart.title), make("p", { class: "about" }, chart.about), plot, details);
  document.getElementById("charts").append(frame);
  return frame;
}

function showTable(chart, place) {
  if (chart.empty(content)) return place.replaceChildren();
  const { head, rows } = chart.table(content);
  const row = (cells, tag) => make("tr", {}, ...cells.map((cell) => make(tag, {}, cell)));
  place.replaceChildren(make("table", {}, make("thead", {}, row(head, "th")), make("tbody", {}, ...rows.map((each) => row(each, "td")))));
}

async function showCharts() {
  const theme = currentTheme();
  for (const chart of CHARTS) {
    const frame = frameOf(chart);
    const plot = frame.querySelector(".plot");
    const table = frame.querySelector("details");
    if (chart.empty(content)) {
      Plotly.purge(plot);
      plot.replaceChildren(make("p", { class: "note" }, "Nothing to show yet."));
      plot.setAttribute("aria-label", `${chart.title}: nothing to show yet`);
      table.hidden = true;
      frame.dataset.drawn = "empty";
      continue;
    }
    if (!frame.dataset.drawn || frame.dataset.drawn === "empty") plot.replaceChildren();
    const [traces, own] = chart.draw(content, theme);
    plot.setAttribute("aria-label", `${chart.title}: ${chart.alt(content)}`);
    table.hidden = false;
    await Plotly.react(plot, traces, layoutOf(own, theme, chart, window.innerWidth < 560), { displayModeBar: false, responsive: true, showTips: false });
    frame.dataset.drawn = "chart";
    if (table.open) showTable(chart, table.querySelector(".scroll"));
  }
}

// --- the page ---------------------------------------------------------------------------------------------------------

function notify(text, isProblem = false) {
  const notice = document.getElementById("notice");
  notice.textContent = text ?? "";
  notice.classList.toggle("problem", isProblem);
  notice.hidden = !text;
}

const moment = (text) => text.slice(0, 16).replace("T", " ");
function showHead() {
  const { days } = content;
  document.getElementById("title").textContent = content.run_id;
  document.getElementById("span").textContent = days.length
    ? `${days[0]} to ${last(days)} · ${days.length} closed ${days.length === 1 ? "day" : "days"} (UTC) · figures of ${last(days)}` : "no closed day yet";
  if (content.waiting) document.getElementById("span").textContent += ` · ${content.waiting} of them wait for late rows to be counted`;
  document.getElementById("footer").textContent = content.computed_at ? `Figures computed ${moment(content.computed_at)} UTC · socialsim simulates; nobody here is real.` : "";
  if (!live) notify(days.length ? null : "This run has no figures yet. They are made by: socialsim kpi");
}

async function show() {
  showHead();
  showTiles();
  await showCharts();
}

async function loadLibrary() {
  const packed = Uint8Array.from(atob(document.getElementById("library").textContent), (char) => char.charCodeAt(0));
  const unpacked = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  const script = await new Response(unpacked).text();
  // The library adds the style of its maps unless something of that id is there. We draw no map, and the policy of this
  // page allows no style but its own.
  for (const [, id] of script.matchAll(/getElementById\("([0-9a-f]{64})"\)/g)) document.head.append(make("meta", { id }));
  document.head.append(make("script", {}, script));
}

async function main() {
  applyTheme();
  showHead();
  showTiles();
  await loadLibrary();
  await showCharts();
  const redraw = () => { applyTheme(); return showCharts(); };
  dark.addEventListener("change", redraw);
  document.getElementById("theme").addEventListener("click", () => {
    chosen = THEMES[(THEMES.indexOf(chosen) + 1) % THEMES.length];
    try { localStorage.setItem("socialsim-theme", chosen); } catch { /* as above */ }
    redraw();
  });
  root.dataset.ready = "yes";
  if (live) follow();
}
