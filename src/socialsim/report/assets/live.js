// The dashboard's part: asks every two seconds how the ingestion does, and for newer figures when there are some.
const POLL_MS = 2000;
let seen = null;

function showPulse(pulse) {
  const place = document.getElementById("pulse");
  place.hidden = false;
  place.className = "card";
  const cell = (text, note, kind) => make("div", {}, make("b", {}, ...(kind ? [make("i", { class: `dot ${kind}` })] : []), text), make("span", {}, note));
  const idle = pulse.rows_per_s === 0;
  place.replaceChildren(
    cell(pulse.rows_per_s === null ? "–" : `${count(pulse.rows_per_s)} rows/s`, "stored", pulse.problem ? "broken" : idle ? "still" : "live"),
    cell(pulse.lag === null ? "–" : count(pulse.lag), pulse.lag === null ? "lag: give the log by --from" : "lag: records in the log, not stored"),
    cell(count(pulse.rows), "rows stored so far"),
    cell(pulse.newest ? minute(pulse.newest) : "–", "newest event (UTC)"),
    spark(pulse.rates, "rows stored per second, lately", 0),
  );
  const hint = content.days.length ? null : "No day has its figures yet. They are made as days close by: socialsim kpi --follow";
  notify(pulse.problem ?? hint, Boolean(pulse.problem));
}

async function poll() {
  const answer = await fetch(`data.json?seen=${encodeURIComponent(seen ?? "")}`, { cache: "no-store" });
  if (!answer.ok) throw new Error(`the server answers ${answer.status}`);
  const { version, pulse, content: newer } = await answer.json();
  if (newer) {
    content = newer;
    seen = version;
    await show();
  }
  showPulse(pulse);
  root.dataset.polls = String(Number(root.dataset.polls ?? 0) + 1);
}

async function follow() {
  for (;;) {
    try { await poll(); } catch (error) { notify(`No answer from the dashboard: ${error.message}`, true); }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

main().catch((error) => notify(`The page could not be drawn: ${error.message}`, true));
