// The live log: lines of the API's stream, as text only. One stream, closed while the page is hidden; after every
// break the newest lines are fetched, and those that are shown already are passed over.
const MOST = 500; // lines shown, and lines that wait while it is paused
const FETCHED = 200;
const SECONDS = 900; // then the stream begins anew, so that a session that was ended does not go on reading

const list = document.getElementById("log");
const state = document.getElementById("log-state");
const pause = document.getElementById("log-pause");
const filters = list.dataset.query;
const SVG = "http://www.w3.org/2000/svg";
const links = ["peer", "session", "trace", "account"];
const clock = new Intl.DateTimeFormat(document.documentElement.lang, { hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3, hour12: false });
const day = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "medium", timeStyle: "long" });

let shown = []; // { at, key, node }, oldest first
let known = new Set(); // keys of the lines shown or waiting
let waiting = []; // lines that wait for the next frame, or for the end of a pause
let paused = false;
let drawing = false;
let clearedAt = 0;
let source = null;

function say(what, count = 0) {
  state.dataset.state = what;
  const text = state.dataset[what].replace("{count}", count);
  if (state.textContent !== text) state.textContent = text;
}

function element(name, kind, text = "") {
  const made = document.createElement(name);
  if (kind) made.className = kind;
  made.textContent = text;
  return made;
}

function here(name, value) {
  const query = new URLSearchParams(filters);
  query.set(name, value);
  const made = element("a", "", value);
  made.href = `${location.pathname}?${query}`;
  return made;
}

function way(trace) {
  const made = element("a", "");
  const icon = document.createElementNS(SVG, "svg");
  icon.setAttribute("class", "icon");
  icon.setAttribute("aria-hidden", "true");
  icon.append(document.createElementNS(SVG, "use"));
  icon.firstChild.setAttribute("href", list.dataset.icon);
  made.append(icon);
  made.href = `/admin/trace?message=${encodeURIComponent(trace)}`;
  made.title = list.dataset.way;
  made.setAttribute("aria-label", list.dataset.way);
  return made;
}

function field(name, value, said) {
  const made = element("span", "log-field");
  made.append(element("span", "log-key", name), " ");
  if (links.includes(name) && value) made.append(here(name, value));
  else made.append(value);
  if (name === "trace" && value && !said) made.append(" ", way(value));
  return made;
}

function drawn(line) {
  const made = element("li", "log-line");
  made.classList.add(line.level);
  const head = element("span", "log-head");
  const moment = new Date(line.at * 1000);
  const time = element("time", "", clock.format(moment));
  time.dateTime = moment.toISOString();
  time.title = day.format(moment);
  const event = element("span", "log-event", line.event);
  event.title = `${line.logger}, ${list.dataset.worker.replace("{worker}", line.worker)}`;
  head.append(time, " ", element("span", "log-level", line.level), " ", event);
  made.append(head, " ");
  const { line: said, ...fields } = line.fields; // what was said in a conversation comes first
  if (said !== undefined) made.append(element("span", "log-field log-said", said), " ");
  for (const [name, value] of Object.entries(fields)) made.append(field(name, value, said !== undefined), " ");
  return made;
}

function put(line) {
  const row = { at: line.at, key: line.key, node: line.dropped ? element("li", "log-gap", list.dataset.dropped.replace("{count}", line.dropped)) : drawn(line) };
  let place = shown.length;
  while (place > 0 && shown[place - 1].at > row.at) place -= 1; // lines of other workers may come a little late
  list.insertBefore(row.node, shown[place]?.node ?? null);
  shown.splice(place, 0, row);
}

function draw() {
  drawing = false;
  if (paused) return;
  const follow = list.scrollHeight - list.scrollTop - list.clientHeight < 40;
  for (const line of waiting) put(line);
  waiting = [];
  for (const row of shown.splice(0, Math.max(0, shown.length - MOST))) {
    row.node.remove();
    known.delete(row.key);
  }
  if (follow) list.scrollTop = list.scrollHeight;
}

function take(line, key) {
  if (key && known.has(key)) return;
  if (key) known.add(key);
  waiting.push({ ...line, key });
  if (waiting.length > MOST) known.delete(waiting.shift().key);
  if (paused) say("paused", waiting.length);
  else if (!drawing) {
    drawing = true;
    requestAnimationFrame(draw);
  }
}

async function fill() {
  try {
    const answer = await fetch(`/api/v1/log?${filters}&count=${FETCHED}`, { signal: AbortSignal.timeout(10000) });
    if (!answer.ok) return;
    for (const line of (await answer.json()).lines) if (line.at > clearedAt) take(line, JSON.stringify(line));
  } catch {
    // the stream tells whether the server is away
  }
}

function start() {
  stop();
  say("joining");
  source = new EventSource(`/api/v1/log/watch?${filters}&seconds=${SECONDS}`);
  const mine = source;
  mine.addEventListener("open", () => {
    if (paused) say("paused", waiting.length);
    else say("live");
    fill();
  });
  mine.addEventListener("line", (event) => {
    const line = JSON.parse(event.data);
    take(line, JSON.stringify(line));
  });
  mine.addEventListener("beat", (event) => {
    const dropped = JSON.parse(event.data).dropped;
    if (dropped) take({ at: Date.now() / 1000, dropped }, "");
  });
  mine.addEventListener("result", start);
  mine.addEventListener("problem", () => { stop(); say("lost"); });
  mine.addEventListener("error", () => {
    if (mine !== source) return;
    say(mine.readyState === EventSource.CLOSED ? "lost" : "joining");
  });
}

function stop() {
  source?.close();
  source = null;
}

pause.addEventListener("click", () => {
  paused = !paused;
  pause.setAttribute("aria-pressed", String(paused));
  if (paused) say("paused", waiting.length);
  else {
    say(source?.readyState === EventSource.OPEN ? "live" : source ? "joining" : "lost");
    draw();
  }
});

document.getElementById("log-clear").addEventListener("click", () => {
  clearedAt = Math.max(clearedAt, ...shown.map((row) => row.at), ...waiting.map((line) => line.at));
  list.replaceChildren();
  shown = [];
  waiting = [];
  known = new Set();
  if (paused) say("paused", 0);
});

document.addEventListener("visibilitychange", () => { if (document.hidden) stop(); else start(); });
addEventListener("pagehide", stop);
addEventListener("pageshow", (event) => { if (event.persisted) start(); });

list.replaceChildren();
if (!document.hidden) start();
