// What every page does: elements, light and dark, charts and their tables, the chart library.
// A page brings CHARTS, of which each is {id, title, about, shape, height, empty, alt, table, draw}; one may have a
// ``list``, which is a table too, but always to be seen.
"use strict";

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

function watchTheme() {
  const redraw = () => { applyTheme(); return showCharts(); };
  dark.addEventListener("change", redraw);
  document.getElementById("theme").addEventListener("click", () => {
    chosen = THEMES[(THEMES.indexOf(chosen) + 1) % THEMES.length];
    try { localStorage.setItem("socialsim-theme", chosen); } catch { /* as above */ }
    redraw();
  });
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
    make("h2", { id: `title-${chart.id}` }, chart.title), make("p", { class: "about" }, chart.about), plot,
    ...(chart.list ? [make("div", { class: "list" })] : []), details);
  document.getElementById("charts").append(frame);
  return frame;
}

function showTable(chart, place) {
  if (chart.empty(content)) return place.replaceChildren();
  place.replaceChildren(tableOf(chart.table(content)));
}

function tableOf({ head, rows }) {
  const row = (cells, tag) => make("tr", {}, ...cells.map((cell) => make(tag, {}, cell)));
  return make("table", {}, make("thead", {}, row(head, "th")), make("tbody", {}, ...rows.map((each) => row(each, "td"))));
}

function showList(chart, place) {
  if (chart.empty(content)) return place.replaceChildren();
  const { title, note, head, rows } = chart.list(content);
  const table = () => make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": title }, tableOf({ head, rows }));
  place.replaceChildren(...(note ? [make("p", { class: "note" }, note)] : []), ...(rows.length ? [table()] : []));
}

async function showCharts() {
  const theme = currentTheme();
  for (const chart of CHARTS) {
    const frame = frameOf(chart);
    const plot = frame.querySelector(".plot");
    const table = frame.querySelector("details");
    if (chart.list) showList(chart, frame.querySelector(".list"));
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

// --- the notice and the library ---------------------------------------------------------------------------------------------------------

function notify(text, isProblem = false) {
  const notice = document.getElementById("notice");
  notice.textContent = text ?? "";
  notice.classList.toggle("problem", isProblem);
  notice.hidden = !text;
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
