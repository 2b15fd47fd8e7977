// The validation's page: counts, the table of statistics, what was looked at.
const UNITS = {
  share: (value) => `${(100 * value).toFixed(1)} %`, hours: (value) => `${fine.format(value)} h`, friends: (value) => fine.format(value), "": (value) => fine.format(value),
};
const valued = (value, unit) => (value === null || value === undefined ? "–" : UNITS[unit](value));
const banded = (figure) => (figure.low === null ? "–" : `${valued(figure.low, figure.unit)} … ${valued(figure.high, figure.unit)}`);
const mark = (verdict) => make("span", { class: `verdict ${verdict && verdict !== "n/a" ? verdict : "none"}` }, verdict ?? "–");

function showTiles() {
  const { validation } = content;
  const tile = (label, value, note) => make("div", { class: "card tile" },
    make("span", { class: "label" }, label), make("span", { class: "value" }, whole.format(value)), make("span", { class: "change flat" }, note));
  const all = validation.statistics.length;
  const heldOut = validation.statistics.filter((each) => each.use === "held out");
  const names = (verdict) => validation.statistics.filter((each) => each.verdict === verdict).length;
  const passing = heldOut.filter((each) => each.verdict === "pass").length;
  document.getElementById("tiles").replaceChildren(
    tile("Pass", names("pass"), `of ${all}; ${passing} of the ${heldOut.length} held out`), tile("Warn", names("warn"), "near their band"),
    tile("Fail", names("fail"), "far from their band"), tile("Not available", names("n/a"), "not of this run"));
}

function showRows() {
  const { validation } = content;
  const hasSeeds = validation.seeds.length > 0;
  const hasBaseline = validation.baseline !== null;
  const head = ["Statistic", "Figure", "Value", ...(hasSeeds ? ["Over seeds, 95 %"] : []), ...(hasBaseline ? ["Baseline"] : []), "Band", "Verdict",
    ...(hasBaseline ? ["Baseline’s"] : []), "Use", "Published, source, and what else there is to say"];
  const cell = (child, kind) => make("td", kind ? { class: kind } : {}, child);
  const rows = validation.statistics.flatMap((each) => each.figures.map((one, n) => {
    const first = n === 0;
    const said = [`${each.published}. ${each.source} (${each.evidence}).`, each.note, each.reason].filter(Boolean).join(" — ");
    return make("tr", first ? { id: `row-${each.id}` } : { class: "more" },
      cell(first ? each.title : ""),
      cell(one.title + (one.way ? ` (${one.way})` : ""), "said"),
      cell(valued(one.value, one.unit), "figure"),
      ...(hasSeeds ? [cell(one.interval ? one.interval.map((value) => valued(value, one.unit)).join(" … ") : "–", "figure")] : []),
      ...(hasBaseline ? [cell(valued(one.baseline, one.unit), "figure")] : []),
      cell(banded(one), "figure"),
      cell(first ? mark(each.verdict) : one.verdict ?? ""),
      ...(hasBaseline ? [cell(first ? mark(each.baseline) : "")] : []),
      cell(first ? make("span", { class: `kind ${each.use === "held out" ? "held" : ""}` }, each.use) : ""),
      cell(first ? said : "", "said"));
  }));
  document.getElementById("rows").replaceChildren(make("table", {},
    make("thead", {}, make("tr", {}, ...head.map((text) => make("th", {}, text)))), make("tbody", {}, ...rows)));
}

async function main() {
  applyTheme();
  const { run } = content.validation;
  document.getElementById("title").textContent = run.run_id;
  document.getElementById("span").textContent =
    `${whole.format(run.users)} users · ${fine.format(run.days)} days · ${whole.format(run.events)} events` + (run.seed === null ? "" : ` · seed ${run.seed}`);
  document.getElementById("lines").replaceChildren(...content.lines.map((line) => make("li", {}, line)));
  showTiles();
  showRows();
  await loadLibrary();
  await showCharts();
  watchTheme();
  root.dataset.ready = "yes";
}

main().catch((error) => notify(`The page could not be drawn: ${error.message}`, true));
