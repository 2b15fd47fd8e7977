// Puts the content into the document; asks for newer content where the page is served live.

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

// --- the page ---------------------------------------------------------------------------------------------------------

function showHead() {
  const { days } = content;
  document.getElementById("title").textContent = content.run_id;
  document.getElementById("span").textContent = days.length
    ? `${days[0]} to ${last(days)} · ${days.length} closed ${days.length === 1 ? "day" : "days"} (UTC) · figures of ${last(days)}` : "no closed day yet";
  if (content.waiting) document.getElementById("span").textContent += ` · ${content.waiting} of them wait for late rows to be counted`;
  document.getElementById("footer").textContent = content.computed_at ? `Figures computed ${minute(content.computed_at)} UTC · socialsim simulates; nobody here is real.` : "";
  if (!live) notify(days.length ? null : "This run has no figures yet. They are made by: socialsim kpi");
}

async function show() {
  showHead();
  showTiles();
  await showCharts();
}

async function main() {
  applyTheme();
  showHead();
  showTiles();
  await loadLibrary();
  await showCharts();
  watchTheme();
  root.dataset.ready = "yes";
  if (live) follow();
}
