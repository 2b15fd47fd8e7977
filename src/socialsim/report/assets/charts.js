// What each chart shows. A chart is {id, title, about, shape, empty, alt, table, draw} and perhaps a list for below it;
// ``draw(content, theme)`` gives Plotly's traces and layout. Nothing here touches the document.
"use strict";

const NAMES = {
  dau: "daily (DAU)", wau: "7 days (WAU)", mau: "30 days (MAU)", user: "sign-ups", session: "sessions", friend_request: "friend requests",
  friend_acceptance: "acceptances", picture: "pictures", video: "videos", picture_like: "picture likes",
  video_like: "video likes", comment: "comments", "1_signup": "signed up", "2_first_post": "first post",
  "3_first_like": "first like received", other: "other countries", friendships: "friendships", friends_per_user: "friends per user",
};
const WEEKDAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const HOURS = Array.from({ length: 24 }, (_, hour) => String(hour).padStart(2, "0"));
const regions = (() => {
  try { return new Intl.DisplayNames(["en"], { type: "region" }); } catch { return null; }
})();

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const fine = new Intl.NumberFormat("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const count = (value) => (value === null || value === undefined ? "–" : whole.format(value));
const figure = (value) => (value === null || value === undefined ? "–" : fine.format(value));
const share = (value) => (value === null || value === undefined ? "–" : `${(100 * value).toFixed(1)} %`);
const last = (values) => values[values.length - 1];
const named = (name) => NAMES[name] ?? name.replaceAll("_", " ");
const country = (code) => {
  if (NAMES[code]) return NAMES[code];
  try { return regions?.of(code) ?? code; } catch { return code; }
};
const percent = (part, all) => (all ? share(part / all) : "–");
// Plotly reads a little HTML in labels; a name is never meant as such.
const plain = (text) => String(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

const dated = (series, days, label, format) => ({
  head: ["day", ...series.map((each) => label(each.name))],
  rows: days.map((day, n) => [day, ...series.map((each) => format(each.values[n]))]).reverse(),
});
const stacked = (series, days, theme, label, hover) => series.map((each, n) => ({
  type: "bar", name: plain(label(each.name)), x: days, y: each.values, hovertemplate: hover,
  marker: { color: theme.colours[n % theme.colours.length], line: { width: 0 } },
}));
const BAND = { barmode: "stack", bargap: 0.18, hovermode: "x unified" };

const CHARTS = [
  {
    id: "active", title: "Active users", shape: "wide", height: 320,
    about: "Users who did anything on the day, in the 7 and in the 30 days that end with it",
    empty: (c) => !c.active.length,
    alt: (c) => c.active.map((each) => `${named(each.name)} ${count(last(each.values))}`).join(", "),
    table: (c) => dated(c.active, c.days, named, count),
    draw: (c, theme) => [c.active.map((each, n) => ({
      type: "scatter", mode: "lines", name: named(each.name), x: c.days, y: each.values, hovertemplate: "%{y:,.0f}",
      line: { width: n ? 2 : 2.5, color: theme.colours[n] },
      ...(n ? {} : { fill: "tozeroy", fillcolor: theme.faint }),
    })), { hovermode: "x unified", yaxis: { rangemode: "tozero" } }],
  },
  {
    id: "funnel", title: "Sign-up funnel", shape: "narrow", height: 320,
    about: "Within 7 days of the sign-up; 28 days of sign-ups, the last of them a week old",
    empty: (c) => !c.funnel.length || !c.funnel[0].users,
    alt: (c) => c.funnel.map((each) => `${named(each.name)} ${count(each.users)}`).join(", "),
    table: (c) => ({
      head: ["step", "users", "of all"],
      rows: c.funnel.map((each) => [named(each.name), count(each.users), percent(each.users, c.funnel[0].users)]),
    }),
    draw: (c, theme) => [[{
      type: "funnel", y: c.funnel.map((each) => named(each.name).replace(" received", "<br>received")),
      x: c.funnel.map((each) => each.users), textinfo: "value+percent initial", textposition: "auto", insidetextfont: { color: "#ffffff" }, cliponaxis: false,
      texttemplate: "%{value:,}<br>%{percentInitial:.1%}", marker: { color: theme.steps },
      connector: { fillcolor: theme.faint, line: { width: 0 } }, hovertemplate: "%{y}: %{x:,} users<extra></extra>",
    }], { showlegend: false, hovermode: "closest", yaxis: { showgrid: false }, funnelgap: 0.28 }],
  },
  {
    id: "signups", title: "Sign-ups by country", height: 320, about: "New users of each day",
    empty: (c) => !c.signups.length,
    alt: (c) => c.signups.map((each) => `${country(each.name)} ${count(each.values.reduce((a, b) => a + b, 0))}`).join(", "),
    table: (c) => dated(c.signups, c.days, country, count),
    draw: (c, theme) => [stacked(c.signups, c.days, theme, country, "%{y:,}"), BAND],
  },
  {
    id: "growth", title: "Growth accounting", height: 320, about: "Active users of 7 days against the 7 days before: who came, stayed, came back and left",
    empty: (c) => !c.growth.length,
    alt: (c) => c.growth.map((each) => `${named(each.name)} ${count(last(each.values))}`).join(", "),
    table: (c) => dated(c.growth, c.days, named, count),
    draw: (c, theme) => [c.growth.map((each, n) => ({
      type: "bar", name: named(each.name), x: c.days, customdata: each.values, hovertemplate: "%{customdata:,}",
      y: each.values.map((value) => (each.name === "churned" && value !== null ? -value : value)),
      marker: { color: [theme.colours[2], theme.colours[0], theme.colours[5], theme.colours[1]][n], line: { width: 0 } },
    })), { barmode: "relative", bargap: 0.18, hovermode: "x unified" }],
  },
  {
    id: "retention", title: "Retention by week of sign-up", height: 320, shape: "half",
    about: "Share of each week’s new users who were active in the weeks after it; W0 is the week itself",
    empty: (c) => !c.cohorts.length,
    alt: (c) => c.cohorts.map((each) => `${each.week}: ${each.active.slice(1, 2).map((n) => percent(n, each.users)).join("") || "–"} in week 1`).join(", "),
    table: (c) => ({
      head: ["week from", "users", ...cohortWeeks(c).map((n) => `week ${n}`)],
      rows: c.cohorts.map((each) => [each.week, count(each.users), ...cohortWeeks(c).map((n) => (each.active[n] === undefined || each.active[n] === null ? "" : percent(each.active[n], each.users)))]),
    }),
    draw: (c, theme) => [[{
      type: "heatmap", x: cohortWeeks(c).map((n) => `W${n}`), y: c.cohorts.map((each) => `${each.week} · ${short.format(each.users)}`),
      z: c.cohorts.map((each) => cohortWeeks(c).map((n) => (each.active[n] === undefined || each.active[n] === null ? null : each.active[n] / each.users))),
      customdata: c.cohorts.map((each) => cohortWeeks(c).map((n) => each.active[n] ?? null)),
      texttemplate: cohortWeeks(c).length > 14 ? "" : "%{z:.0%}", colorscale: theme.heat, zmin: 0, zmax: 1, xgap: 3, ygap: 3, showscale: false, hoverongaps: false,
      hovertemplate: "%{y}, %{x}<br>%{customdata:,} active, %{z:.1%}<extra></extra>",
    }], { hovermode: "closest", yaxis: { autorange: "reversed", showgrid: false, type: "category" }, xaxis: { showgrid: false, type: "category", side: "top" } }],
  },
  {
    id: "week", title: "Hours of the week", height: 320, shape: "half", about: "Mean events in each hour, UTC",
    empty: (c) => !c.week.length,
    alt: (c) => {
      const top = Math.max(...c.week.flat());
      const weekday = c.week.findIndex((hours) => hours.includes(top));
      return `busiest hour ${WEEKDAYS[weekday]} ${HOURS[c.week[weekday].indexOf(top)]}:00, ${count(top)} events`;
    },
    table: (c) => ({ head: ["hour", ...WEEKDAYS], rows: HOURS.map((hour, n) => [`${hour}:00`, ...c.week.map((hours) => count(hours[n]))]) }),
    draw: (c, theme) => [[{
      type: "heatmap", x: HOURS, y: WEEKDAYS, z: c.week, colorscale: theme.heat, xgap: 2, ygap: 2, showscale: false, zmin: 0,
      hovertemplate: "%{y} %{x}:00<br>%{z:,.0f} events<extra></extra>",
    }], { hovermode: "closest", yaxis: { autorange: "reversed", showgrid: false, type: "category" }, xaxis: { showgrid: false, type: "category", dtick: 3 } }],
  },
  {
    id: "hours", title: "Events by hour", shape: "full", height: 300,
    about: "Events in each hour, UTC, of the last 42 days; marked are bursts, hours far above what is usual at that time of day",
    empty: (c) => !c.hours.some((events) => events !== null),
    alt: (c) => (c.bursts.length ? `${c.bursts.length} ${c.bursts.length === 1 ? "burst" : "bursts"}, ${burstsShown(c).map((each) => `${minute(each.peak)} ${times(each)}`).join(", ")}` : "no burst"),
    table: (c) => ({
      head: ["day", ...HOURS],
      rows: Array.from({ length: c.hours.length / 24 }, (_, n) => [hourOf(c, 24 * n).slice(0, 10), ...c.hours.slice(24 * n, 24 * n + 24).map(count)]).reverse(),
    }),
    list: (c) => ({
      title: "Bursts", note: c.bursts.length > BURSTS_MAX ? `The ${BURSTS_MAX} greatest of ${c.bursts.length} bursts`
        : c.bursts.length ? null : "No hour stands out. What is usual is known once there are eight days.",
      head: ["highest hour (UTC)", "times the usual", "events", "usual", "lasted"],
      rows: burstsShown(c).map((each) => [minute(each.peak), times(each), count(each.events), count(each.usual), each.hours === 1 ? "1 hour" : `${each.hours} hours`]),
    }),
    draw: (c, theme) => [[
      {
        type: "scatter", mode: "lines", name: "events", x: c.hours.map((_, n) => hourOf(c, n)), y: c.hours, hovertemplate: "%{y:,}",
        line: { width: 1.25, color: theme.colours[0] }, fill: "tozeroy", fillcolor: theme.faint,
      },
      {
        type: "scatter", mode: "markers", name: "bursts", x: c.bursts.map((each) => minute(each.peak)), y: c.bursts.map((each) => each.events),
        customdata: c.bursts.map(times), hovertemplate: "%{customdata} the usual", showlegend: c.bursts.length > 0,
        marker: { size: 10, symbol: "diamond", color: theme.colours[1], line: { width: 1, color: theme.card } }, cliponaxis: false,
      },
    ], { hovermode: "x unified", yaxis: { rangemode: "tozero" }, xaxis: { hoverformat: "%a %Y-%m-%d %H:%M" } }],
  },
  {
    id: "volume", title: "Content and reactions", shape: "wide", height: 340, about: "Events of each day by type, without sessions",
    empty: (c) => !c.volume.length,
    alt: (c) => c.volume.map((each) => `${named(each.name)} ${count(last(each.values))}`).join(", "),
    table: (c) => dated(c.volume, c.days, named, count),
    draw: (c, theme) => [stacked(c.volume, c.days, theme, named, "%{y:,}"), BAND],
  },
  {
    id: "network", title: "Network growth", shape: "narrow", height: 340, about: "Friendships so far, and friends per user",
    empty: (c) => !c.network.length,
    alt: (c) => c.network.map((each, n) => `${named(each.name)} ${n ? figure(last(each.values)) : count(last(each.values))}`).join(", "),
    table: (c) => ({
      head: ["day", "friendships", "friends per user"],
      rows: c.days.map((day, n) => [day, count(c.network[0].values[n]), figure(c.network[1].values[n])]).reverse(),
    }),
    draw: (c, theme) => [[
      { type: "scatter", mode: "lines", name: "friendships", x: c.days, y: c.network[0].values, fill: "tozeroy", fillcolor: theme.faint, line: { width: 2.5, color: theme.colours[0] }, hovertemplate: "%{y:,}" },
      { type: "scatter", mode: "lines", name: "friends per user", x: c.days, y: c.network[1].values, yaxis: "y2", line: { width: 2.5, color: theme.colours[2] }, hovertemplate: "%{y:.2f}" },
    ], { hovermode: "x unified", yaxis: { domain: [0.56, 1], rangemode: "tozero" }, yaxis2: { domain: [0, 0.44], rangemode: "tozero" }, xaxis: { anchor: "y2" } }],
  },
  {
    id: "devices", title: "Devices", height: 330, about: "Share of the day’s events",
    empty: (c) => !c.devices.length,
    alt: (c) => c.devices.map((each) => `${each.name} ${share(last(each.values))}`).join(", "),
    table: (c) => dated(c.devices, c.days, named, share),
    draw: (c, theme) => [stacked(c.devices, c.days, theme, named, "%{y:.1%}"), { ...BAND, bargap: 0, yaxis: { tickformat: ".0%", range: [0, 1] } }],
  },
  {
    id: "creators", title: "Top creators", height: 330,
    about: "Whose posts got most likes on the last day",
    empty: (c) => !c.creators.length,
    alt: (c) => c.creators.slice(0, 3).map((each) => `${each.name} ${count(each.likes)} likes`).join(", ") + `; the ten together ${share(c.creators_share)} of all likes`,
    table: (c) => ({
      head: ["user", "id", "country", "likes", "days among the ten, of the last 28"],
      rows: c.creators.map((each) => [each.name, each.user_id, country(each.country), count(each.likes), count(each.days_on_top)]),
    }),
    draw: (c, theme) => [[{
      type: "bar", orientation: "h", y: c.creators.map((_, n) => n), x: c.creators.map((each) => each.likes),
      customdata: c.creators.map((each) => [plain(each.name), plain(country(each.country)), each.days_on_top]),
      text: c.creators.map((each) => count(each.likes)), textposition: "outside", cliponaxis: false, marker: { color: theme.colours[0] },
      hovertemplate: "%{customdata[0]}<br>%{customdata[1]}<br>%{x:,} likes, %{customdata[2]} days among the ten<extra></extra>",
    }], {
      showlegend: false, hovermode: "closest", bargap: 0.32, xaxis: { type: "linear", showgrid: false, showticklabels: false },
      yaxis: { autorange: "reversed", showgrid: false, tickvals: c.creators.map((_, n) => n), ticktext: c.creators.map((each) => plain(each.name)) },
      margin: { r: 44 },
    }],
  },
];

const BURSTS_MAX = 10;
const times = (burst) => `${(burst.events / burst.usual).toFixed(1)} ×`;
const minute = (text) => text.slice(0, 16).replace("T", " ");
const hourOf = (c, n) => minute(new Date(Date.parse(c.hours_from) + n * 3_600_000).toISOString());
function burstsShown(c) {
  const above = (burst) => burst.events - burst.usual;
  const shown = new Set([...c.bursts].sort((a, b) => above(b) - above(a)).slice(0, BURSTS_MAX));
  return c.bursts.filter((each) => shown.has(each)).reverse();
}

function cohortWeeks(c) {
  return Array.from({ length: Math.max(...c.cohorts.map((each) => each.active.length)) }, (_, n) => n);
}
