"use strict";

// Everything is drawn from the record: `moments[k]` is before turn k + 1, the last is the end.
const record = JSON.parse(document.getElementById("record").textContent);
const CAUSES = { queue: "queue", radio: "radio", switch: "switch, recompute", prefill: "prefill",
  decode: "decode" };
const ROUTES = ["device", "edge"];

// Turn columns (a value alone stands for all rows) into `count` nested rows.
function rows(columns, count) {
  const made = Array.from({ length: count }, () => ({}));
  for (const [name, values] of Object.entries(columns)) {
    const path = name.split("."), last = path.pop();
    made.forEach((row, i) => {
      const value = values.length === 1 ? values[0] : values[i];
      if (value === null) return;
      let place = row;
      for (const part of path) place = place[part] ??= {};
      place[last] = value;
    });
  }
  return made;
}

const runs = record.runs.map((run) => ({
  router: run.router,
  moments: rows(run.moments, run.count + 1),
  turns: rows(run.turns, run.count),
}));
const steps = Math.max(...runs.map((run) => run.turns.length)) + 1;
// One scale for all routers, so that heights compare.
const longest_s = Math.max(1e-9, ...runs.flatMap((run) => run.turns.map((turn) => turn.latency_s)));

const escaped = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
const text = (value) => String(value).replace(/[&<>"]/g, (sign) => escaped[sign]);
const seconds = (value) => (value < 9.995 ? value.toFixed(2) : value.toFixed(1)) + " s";
const percent = (share) => (100 * share).toFixed(0) + " %";
const whole = (value) => Math.round(value).toLocaleString("en");
const signed = (value) => (value < 0 ? "" : "+") + value.toFixed(3);
const sum = (parts) => Object.values(parts).reduce((total, part) => total + part, 0);
const ink = (name) => `--c:var(--${name})`;
const dot = (name) => `<i class="dot" style="${ink(name)}"></i>`;

const legend = (names) => `<p class="legend quiet">`
  + names.map(([colour, name]) => `<span>${dot(colour)}${name}</span>`).join(" ") + "</p>";

function clock(time_s) {
  const two = (value) => String(value).padStart(2, "0");
  const minutes = Math.floor(time_s / 60), hours = Math.floor(minutes / 60);
  const start = hours ? `${hours}:${two(minutes % 60)}` : minutes;
  return `${start}:${two(Math.floor(time_s % 60))}`;
}

function gauge(label, value, share, colour) {
  const width = 100 * Math.min(Math.max(share, 0), 1);
  return `<div class="gauge"><span>${text(label)}</span><b>${text(value)}</b>`
    + `<i style="${ink(colour)};--w:${width.toFixed(1)}%"></i></div>`;
}

function card(title, beside, body) {
  return `<div class="card"><h3><span>${title}</span><span class="quiet">${text(beside)}</span></h3>`
    + `${body}</div>`;
}

function line(label, strip, value) {
  return `<div class="line"><span class="quiet">${label}</span><div class="strip">${strip}</div>`
    + `<span>${value}</span></div>`;
}

const piece = (share, colour, kind = "") =>
  `<i class="${kind}" style="--w:${(100 * share).toFixed(2)}%;${ink(colour)}"></i>`;

function phoneCard(run, at) {
  const { phone, dialogue, question } = run.moments[at];
  const said = dialogue.pieces.slice(-10).map(([author]) => `<i class="${author}" `
    + `style="${ink(author)}"></i>`).join("");
  const asks = question ? `<i class="user" style="${ink("quiet")}"></i>` : "";
  const busy = phone.busy_s > 0 ? seconds(phone.busy_s) : "idle";
  let gauges = gauge("heat", phone.heat.toFixed(2), phone.heat, phone.heat > 0.5 ? "failed" : "good")
    + gauge("busy for", busy, phone.busy_s / 10, "device");
  if (phone.battery_left !== undefined) {
    const left = phone.battery_left;
    gauges += gauge("battery", percent(left), left, left > 0.2 ? "good" : "failed");
  }
  const which = phone.count > 1 ? `${phone.number + 1} of ${phone.count}` : "";
  return card(dot("device") + "Phone", which, `<div class="quiet">${text(phone.model)}</div>`
    + `<div class="phone"><div class="screen">${said}${asks}</div><div>${gauges}`
    + `${crowd(run, at)}</div></div>`);
}

// Every phone of a cell as a dot in the colour of its last answer.
function crowd(run, at) {
  const { count, number } = run.moments[at].phone;
  if (count === 1) return "";
  const answered = {};
  for (const turn of run.turns.slice(0, at)) answered[turn.phone] = turn.route;
  const dots = Array.from({ length: count }, (_, phone) =>
    `<i class="${phone === number ? "asks" : ""}" style="${ink(answered[phone] || "rail")}"></i>`);
  return `<div class="crowd">${dots.join("")}</div>`;
}

function linkCard(run, at) {
  const { link, question } = run.moments[at], last = run.turns[at - 1];
  const answer = last ? `<p><span class="chip ${last.route}" style="${ink(last.route)}">`
    + `${record.authors[last.route]} ${seconds(last.latency_s)}</span>`
    + ` <span class="quiet">last turn</span></p>` : "";
  if (!question) return card("Link", "", `${answer}<p class="quiet">the episode is over</p>`);
  const attached = question.attachment_bytes > 0
    ? ` + ${(question.attachment_bytes / 1e6).toFixed(1)} MB` : "";
  return card("Link", `${link.snr_db.toFixed(1)} dB`, answer
    + gauge("radio, expected", seconds(link.radio_s), link.radio_s / 10, "radio")
    + gauge("next prompt", whole(question.prompt_tokens) + " tokens" + attached, 0, "rail")
    + gauge("needs the large model", percent(question.score), question.score, "edge"));
}

function edgeCard(run, at) {
  const { edge } = run.moments[at];
  const drawn = Math.min(edge.places, 32), busy = Math.round(edge.load * drawn);
  const places = Array.from({ length: drawn }, (_, place) =>
    `<i style="${ink(place < busy ? "decode" : "rail")}"></i>`).join("");
  let gauges = gauge(`load, ${edge.report_age_s.toFixed(0)} s ago`, percent(edge.load), edge.load,
    "decode") + gauge("expected wait", seconds(edge.wait_s), edge.wait_s / 10, "edge");
  if (edge.calls !== undefined) {
    const left = `${whole(edge.calls_left)} of ${whole(edge.calls)}`;
    gauges += gauge("calls left", left, edge.calls_left / Math.max(edge.calls, 1), "edge");
  }
  return card(dot("edge") + "Edge", "", `<div class="quiet">${text(edge.model)}</div>`
    + `<div class="places">${places}</div>${gauges}`);
}

// The next of 1, 2, 4, 8 hundred tokens and so on, so that bars seldom rescale.
const room = (tokens) => 100 * 2 ** Math.ceil(Math.log2(Math.max(tokens, 100) / 100));

function dialogueCard(run, at) {
  const { dialogue, question } = run.moments[at];
  const context = dialogue.context_tokens, prompt = question ? question.prompt_tokens : 0;
  const all = room(context + prompt);
  const said = dialogue.pieces.map(([author, tokens]) => piece(tokens / all, author, "said")).join("");
  const caches = ROUTES.map((route) => {
    const held = dialogue.cached_tokens[route], lacking = context - held;
    const redo = lacking >= 0.5 ? `redo ${whole(lacking)}` : "";
    return line(`${record.authors[route]} KV`, piece(held / all, route)
      + piece(lacking / all, "rail", "redo"), redo);
  });
  return card(`Dialogue, turn ${dialogue.turn}`, `context ${whole(context)} of ${whole(all)} tokens`,
    line("context", said + piece(prompt / all, "rail", "redo"), question ? `+ ${whole(prompt)}` : "")
    + caches.join(""));
}

function latencyCard(run, at) {
  const { next_s } = run.moments[at], last = run.turns[at - 1], turn = run.turns[at];
  const bars = [];
  if (last) bars.push(["last turn", last.route, last.causes_s]);
  if (turn) {
    for (const route of ROUTES) bars.push([`if ${record.authors[route]}`, route, next_s[route]]);
    bars.push(["it took", turn.route, turn.causes_s]);
  }
  const most = Math.max(1e-9, ...bars.map(([, , parts]) => sum(parts)));
  return card("Latency", "", bars.map(([label, route, parts]) => line(dot(route) + label,
    Object.keys(CAUSES).map((cause) => piece(parts[cause] / most, cause)).join(""),
    seconds(sum(parts)))).join("") + legend(Object.entries(CAUSES)));
}

function turnsCard(run, at) {
  const quality = (turn) => record.qualities.find(([least]) => turn.quality >= least)[1];
  const bars = run.turns.map((turn, i) => {
    const height = Math.max(1, 80 * turn.latency_s / longest_s);
    return `<g class="${i > at ? "later" : ""}">`
      + `<rect x="${i + 0.1}" y="${(84 - height).toFixed(1)}" width="0.8" height="${height.toFixed(1)}"`
      + ` fill="var(--${turn.route})"/><rect x="${i + 0.1}" y="90" width="0.8" height="10"`
      + ` fill="var(--${quality(turn).replace(" ", "-")})"/></g>`;
  });
  const mark = Math.max(1, steps / 100); // to be seen among very many turns
  return card("Turns", `height: latency, to ${seconds(longest_s)}`,
    `<svg class="turns" viewBox="0 0 ${Math.max(steps - 1, 1)} 100" preserveAspectRatio="none">`
    + `<rect x="${at + 0.5 - mark / 2}" width="${mark}" height="100" fill="var(--now)"/>`
    + `${bars.join("")}</svg>`
    + legend(record.qualities.map(([, name]) => [name.replace(" ", "-"), name])));
}

function reasonsCard(run, at) {
  const { next_s, prices, truth } = run.moments[at], turn = run.turns[at];
  if (!turn) return card("Why", "", `<p>The episode is over.</p>`);
  const blank = "&ndash;";
  const row = (label, cells, kind = "") => `<tr class="${kind}"><td>${label}</td>`
    + cells.map((cell) => `<td>${cell}</td>`).join("") + "</tr>";
  const times = Object.entries(CAUSES).map(([cause, name]) => row(dot(cause) + name + ", s",
    [next_s.device[cause], next_s.edge[cause], turn.causes_s[cause]].map((s) => s.toFixed(2))));
  const priced = prices || { device: {}, edge: {} };
  const foretold = (route, term) =>
    priced[route]?.[term] === undefined ? blank : signed(priced[route][term]);
  const paid = Object.entries(turn.info).filter(([key]) => key.startsWith("reward_"));
  const terms = paid.map(([key, value]) => {
    const term = key.replace("reward_", "");
    return row("reward: " + term.replaceAll("_", " "),
      [foretold("device", term), foretold("edge", term), signed(value)]);
  });
  const total = [...ROUTES.map((route) => sum(next_s[route])), turn.latency_s];
  const known = Object.entries(truth).map(([name, value]) => `${text(name.replaceAll("_", " "))} ${value.toFixed(2)}`);
  const refused = turn.info.refused ? " The quota was spent, so the edge refused it." : "";
  return card(`Why turn ${at + 1} went there`, `the truth: ${known.join(", ")}`,
    `<p>Answered by <span class="chip ${turn.route}" style="${ink(turn.route)}">`
    + `${record.authors[turn.route]}</span>. Expected ${seconds(total[0])} on the phone and `
    + `${seconds(total[1])} at the edge; it took ${seconds(total[2])} and paid `
    + `<b>${signed(turn.reward)}</b>.${refused}</p>`
    + `<div class="wide"><table><tr><th></th><th>${dot("device")}phone, expected</th>`
    + `<th>${dot("edge")}edge, expected</th><th>${dot(turn.route)}what it cost</th></tr>`
    + times.join("") + row("latency, s", total.map((s) => s.toFixed(2)), "sum") + terms.join("")
    + row("reward", ["", "", signed(turn.reward)], "sum")
    + row("energy, J", [blank, blank, turn.info.energy_j.toFixed(2)])
    + row("first token, s", [blank, blank, turn.info.ttft_s.toFixed(2)])
    + `</table></div>`);
}

function observation(run, at) {
  const { seen } = run.moments[at];
  return "<tr><th>feature</th><th>value</th><th>unit</th><th></th></tr>"
    + record.features.map(({ name, unit, meaning }) => `<tr><td>${text(name)}</td>`
      + `<td>${seen[name].toPrecision(4)}</td><td>${text(unit)}</td>`
      + `<td class="quiet">${text(meaning)}</td></tr>`).join("");
}

const CARDS = [dialogueCard, latencyCard, turnsCard, reasonsCard];

function state(run, at) {
  const top = [phoneCard, linkCard, edgeCard].map((draw) => draw(run, at)).join("");
  return `<div class="three">${top}</div>` + CARDS.map((draw) => draw(run, at)).join("");
}

const byId = (id) => document.getElementById(id);
let now = 0; // the moment that is shown
let timer = null; // while it plays

function show(step) {
  now = Math.min(Math.max(step, 0), steps - 1);
  byId("turn").value = now + 1;
  runs.forEach((run, i) => {
    const at = Math.min(now, run.turns.length); // a spent battery ends an episode early
    byId(`return-${i}`).textContent = `return ${signed(run.moments[at].total)}`;
    byId(`state-${i}`).innerHTML = state(run, at);
    byId(`seen-${i}`).innerHTML = observation(run, at);
  });
  const over = now === steps - 1, { time_s } = runs[0].moments[Math.min(now, runs[0].turns.length)];
  byId("when").textContent = clock(time_s)
    + (over ? ` · over, ${steps - 1} turns` : ` · turn ${now + 1} of ${steps - 1}`);
  if (over) stop();
}

function stop() {
  clearInterval(timer);
  timer = null;
  byId("play").textContent = "play";
  remember();
}

function play() {
  if (timer !== null) return stop();
  if (now === steps - 1) show(0);
  byId("play").textContent = "pause";
  timer = setInterval(() => show(now + 1), 1000 / byId("speed").value);
}

// Keep the turn in the address, to be shared, but not while it moves: browsers limit that.
let later = null;
function remember() {
  if (location.protocol === "about:") return; // inside a page, whose address is not ours to change
  clearTimeout(later);
  later = setTimeout(() => {
    if (timer === null) location.replace(`#turn=${now + 1}`);
  }, 300);
}

function go(step) {
  if (timer !== null) stop();
  show(step);
  remember();
}

const asked = () => Number(/^#turn=(\d+)$/.exec(location.hash)?.[1] || 1) - 1;
const KEYS = {
  ArrowLeft: () => go(now - 1), ArrowRight: () => go(now + 1),
  PageUp: () => go(now - 10), PageDown: () => go(now + 10),
  Home: () => go(0), End: () => go(steps - 1), " ": play,
};

function pressed(event) {
  const kind = event.target.tagName;
  if (event.ctrlKey || event.altKey || event.metaKey || kind === "SELECT") return;
  if (event.key === " " && (kind === "BUTTON" || kind === "SUMMARY")) return; // they take it
  if (!(event.key in KEYS)) return;
  event.preventDefault();
  KEYS[event.key]();
}

byId("runs").innerHTML = runs.map((run, i) => `<section class="run"><h2>`
  + `<span>${text(run.router)}</span><span id="return-${i}"></span></h2><div id="state-${i}"></div>`
  + `<details class="card"><summary>What the router saw</summary><div class="wide">`
  + `<table id="seen-${i}"></table></div></details></section>`).join("");
byId("turn").max = steps;
byId("turn").addEventListener("input", (event) => go(event.target.value - 1));
byId("back").addEventListener("click", () => go(now - 1));
byId("on").addEventListener("click", () => go(now + 1));
byId("play").addEventListener("click", play);
byId("speed").addEventListener("change", () => { if (timer !== null) { stop(); play(); } });
byId("runs").addEventListener("click", (event) => {
  const strip = event.target.closest(".turns");
  if (!strip) return;
  const box = strip.getBoundingClientRect();
  go(Math.floor((event.clientX - box.left) / box.width * (steps - 1)));
});
document.addEventListener("keydown", pressed);
window.addEventListener("hashchange", () => { if (timer === null && asked() !== now) show(asked()); });
show(asked());
