// What each chart of a validation shows; see base.js for what a chart is. Nothing here touches the document.
const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const fine = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });
const WEEKDAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const regions = (() => {
  try { return new Intl.DisplayNames(["en"], { type: "region" }); } catch { return null; }
})();
const country = (code) => {
  try { return regions?.of(code) ?? code; } catch { return code; }
};
const hourName = (hour) => `${WEEKDAYS[Math.floor(hour / 24)]} ${String(hour % 24).padStart(2, "0")} h`;
const number = (value) => (value === null || value === undefined ? "–" : fine.format(value));

const LOOKS = {
  run: (theme) => ({ mode: "lines+markers", line: { color: theme.colours[0], width: 2 }, marker: { size: 4, color: theme.colours[0] } }),
  baseline: (theme) => ({ mode: "lines+markers", line: { color: theme.colours[7], width: 1.5 }, marker: { size: 4, color: theme.colours[7] } }),
  published: (theme) => ({ mode: "lines+markers", line: { color: theme.colours[1], width: 2, dash: "dot" }, marker: { size: 6, symbol: "diamond", color: theme.colours[1] } }),
};
const FITS = ["dash", "dashdot"];
function lines(curves, theme, hover) {
  let fits = 0;
  return curves.map((curve) => {
    const look = LOOKS[curve.kind]?.(theme) ?? { mode: "lines", line: { color: theme.colours[2 + fits], width: 1.5, dash: FITS[fits++ % FITS.length] } };
    if (curve.kind === "published" && curve.x.length > 5) look.mode = "lines";
    return { type: "scatter", name: curve.name, x: curve.x, y: curve.y, hovertemplate: hover, ...look };
  });
}
const listed = (curves, x, y) => ({
  head: ["curve", x, y],
  rows: curves.flatMap((curve) => curve.x.map((value, n) => [curve.name, number(value), number(curve.y[n])])),
});
const told = (curves) => curves.map((curve) => `${curve.name} from (${number(curve.x[0])}, ${number(curve.y[0])}) to (${number(curve.x.at(-1))}, ${number(curve.y.at(-1))})`).join("; ");
const lineChart = (id, title, about, x, y, axes) => ({
  id, title, about, height: 380,
  empty: (c) => !c.charts[id].some((curve) => curve.kind === "run"),
  alt: (c) => told(c.charts[id]),
  table: (c) => listed(c.charts[id], x, y),
  draw: (c, theme) => [lines(c.charts[id], theme, `${x} %{x:.4g}: %{y:.4g}<extra>%{fullData.name}</extra>`), {
    hovermode: "closest", xaxis: { title: { text: x }, showgrid: true, ...axes.x }, yaxis: { title: { text: y }, ...axes.y },
  }],
});
// A raised exponent would be an inline style, which the policy of the page does not allow.
const LOG = { type: "log", tickformat: "~g", dtick: 1 };

const CHARTS = [
  lineChart("degree", "Friends per user", "Share of users with at least so many friends, and the published shape at this mean", "friends", "share of users", { x: LOG, y: LOG }),
  lineChart("likes", "Likes per post", "Share of the liked posts with at least so many likes, with both fits", "likes", "share of posts", { x: LOG, y: LOG }),
  lineChart("clustering", "Clustering by degree", "How many of a user’s friends are friends of each other, mean of users with so many friends", "friends", "clustering", { x: LOG, y: { rangemode: "tozero" } }),
  lineChart("gaps", "Gaps between a user’s actions", "Share of all gaps, per doubling of their length", "seconds", "share per octave", { x: LOG, y: LOG }),
  lineChart("retention", "Retention", "Share of users who do anything so many days after that of their sign-up, UTC", "days", "share of users", { x: {}, y: { rangemode: "tozero", tickformat: ".0%" } }),
  {
    id: "week", title: "Hour of week by country", about: "When the people of the largest countries act, in UTC: share of the country’s events in each hour", height: 380,
    empty: (c) => !c.charts.week.length,
    alt: (c) => c.charts.week.map((each) => `${country(each.country)} most at ${hourName(each.shares.indexOf(Math.max(...each.shares)))}`).join(", "),
    table: (c) => ({
      head: ["hour, UTC", ...c.charts.week.map((each) => country(each.country))],
      rows: Array.from({ length: 168 }, (_, hour) => [hourName(hour), ...c.charts.week.map((each) => `${(100 * each.shares[hour]).toFixed(2)} %`)]),
    }),
    draw: (c, theme) => [[{
      type: "heatmap", x: Array.from({ length: 168 }, (_, hour) => hour), y: c.charts.week.map((each) => country(each.country)), z: c.charts.week.map((each) => each.shares),
      text: c.charts.week.map(() => Array.from({ length: 168 }, (_, hour) => hourName(hour))), hovertemplate: "%{y}, %{text}: %{z:.2%}<extra></extra>",
      colorscale: theme.heat, showscale: false, xgap: 0, ygap: 2,
    }], {
      hovermode: "closest", showlegend: false,
      xaxis: { tickvals: WEEKDAYS.map((_, day) => 24 * day + 12), ticktext: WEEKDAYS, showgrid: false }, yaxis: { autorange: "reversed", showgrid: false },
    }],
  },
];
