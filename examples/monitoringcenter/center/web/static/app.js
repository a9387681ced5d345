// The page: a queue of incidents, the people, and the evidence of one incident.
// Everything shown comes from the API as text; nothing is inserted as HTML.

import { createMap } from "/static/map.js";

const $ = (id) => document.getElementById(id);
const api = async (path, options) => {
  const r = await fetch(path, options);
  if (r.status === 401) location.assign("/login");
  const doc = r.status === 204 ? null : await r.json();
  if (!r.ok) throw new Error(doc.detail ?? doc.title ?? r.statusText);
  return doc;
};
const post = (path, body) => api(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });

// el makes an element from properties and children; strings become text.
function el(tag, props = {}, ...children) {
  const e = document.createElement(tag);
  for (const [k, v] of Object.entries(props)) {
    if (v === undefined || v === null || v === false) continue;
    if (k === "on") for (const [name, f] of Object.entries(v)) e.addEventListener(name, f);
    else if (k === "data") Object.assign(e.dataset, v);
    else if (k === "class") e.className = v;
    else e.setAttribute(k, v === true ? "" : v);
  }
  e.append(...shown(children));
  return e;
}
const shown = (children) => children.flat(Infinity).filter((c) => c !== null && c !== undefined && c !== false);

const when = (t) => (t ? new Date(t).toLocaleString(undefined, { dateStyle: "short", timeStyle: "medium" }) : "");
const clock = (t) => el("time", { datetime: t, title: when(t) }, when(t));
const words = (s) => s.replaceAll(/[._]/g, " ");
const rank = { critical: 4, violation: 3, warning: 2, technical: 1, info: 0 };

const state = { incidents: new Map(), commands: new Map(), people: new Map(), selected: null, person: null };
const map = createMap($("map"), (id) => openPerson(id));

// Queue

function queue() {
  const open = (i) => i && i.handling !== "closed";
  // What a group holds is behind the group, and in its details.
  return [...state.incidents.values()].filter((i) => open(i) && !(i.group && open(state.incidents.get(i.group)))).sort((a, b) =>
    (a.verdict === "withdrawn") - (b.verdict === "withdrawn") || (a.handling === "acknowledged") - (b.handling === "acknowledged") ||
    rank[b.severity] - rank[a.severity] || b.id - a.id);
}

function drawQueue() {
  const list = queue();
  $("queue").replaceChildren(...(list.length ? list.map(queueItem) : [el("li", { class: "empty" }, "No open incidents.")]));
  $("n-queue").textContent = list.length;
  const by = Object.groupBy(list.filter((i) => i.verdict === "stands"), (i) => i.severity);
  const shielded = [...state.people.values()].filter((p) => p.role === "protected").length;
  $("summary").textContent = `${state.people.size - shielded} people · ` + (shielded ? `${shielded} protected · ` : "") +
    (["critical", "violation", "warning", "technical"].filter((s) => by[s]).map((s) => `${by[s].length} ${s}`).join(" · ") || "no open incidents");
}

function queueItem(i) {
  return el("li", { data: { id: i.id, severity: i.severity, verdict: i.verdict }, tabindex: 0, "aria-current": i.id === state.selected && "true",
    on: { click: () => openIncident(i.id), keydown: (e) => e.key === "Enter" && openIncident(i.id) } },
  el("div", { class: "row" }, el("b", {}, i.name), clock(i.at)),
  el("div", { class: "reason" }, i.reason),
  el("div", { class: "row" },
    el("span", {}, el("span", { class: "tag " + i.severity }, words(i.class || i.kind)), " ",
      i.verdict === "withdrawn" && el("span", { class: "tag withdrawn" }, "withdrawn by evidence"), " ",
      i.handling === "acknowledged" && el("span", { class: "tag acknowledged" }, "acknowledged"), " ",
      i.late && el("span", { class: "tag late", title: i.late }, "late")),
    el("span", { class: "soft" }, i.verdict === "withdrawn" ? "" : i.until ? "ended" : "going on")));
}

// Evidence of one incident

const factName = (f) => words(f.name.replace(/_(m|s|mps)$/, ""));
const factText = (f) => (typeof f.value === "number" ? `${Number(f.value.toPrecision(5))} ${f.unit === "1" ? "" : f.unit ?? ""}` : String(f.value));

async function openIncident(id) {
  state.selected = id;
  drawQueue();
  const e = await api("/api/v1/incidents/" + id);
  if (state.selected !== id) return;
  const i = e.incident;
  const note = el("textarea", { id: "note", "aria-label": "Note", placeholder: "What was found, who was told" });
  const problem = el("p", { role: "alert", class: "soft" });
  const act = (what) => async () => {
    try {
      await post(`/api/v1/incidents/${id}/${what}`, { note: note.value });
      await openIncident(id);
    } catch (err) {
      problem.textContent = err.message;
      note.focus();
    }
  };
  $("detail").replaceChildren(...shown([
    el("div", { class: "row" }, el("span", { class: "tag " + i.severity }, i.severity), el("button", { class: "quiet", on: { click: closeDetail } }, "Back")),
    el("h2", {}, i.name),
    el("p", { class: "soft" }, `Incident ${i.id} · ${words(i.kind)}${i.class ? " · " + words(i.class) : ""} · rule ${i.rule}${i.version ? "@" + i.version : ""}`),
    i.verdict === "withdrawn" && el("p", { class: "notice" }, "Later evidence no longer supports this. It stays here until a person closes it."),
    i.late && el("p", { class: "notice late" }, `Late: ${i.late}. It could have been known at ${when(i.knowable)}, and was raised at ${when(i.raised)}.`),
    el("p", { class: "reason" }, i.reason),
    el("dl", {}, el("dt", {}, "From"), el("dd", {}, when(i.at)), el("dt", {}, "Until"), el("dd", {}, i.until ? when(i.until) : "going on"), el("dt", {}, "Raised"), el("dd", {}, when(i.raised)),
      i.about && [el("dt", {}, "About"), el("dd", {}, i.about)], i.facts.map((f) => [el("dt", {}, factName(f)), el("dd", {}, factText(f))])),
    i.people?.length > 0 && el("p", { class: "reason" }, `Concerns ${i.people.length} people: ` + i.people.map((p) => p.name + (p.covered ? " (another unit is in order)" : "")).join(", ")),
    i.members?.length > 0 && [el("h3", {}, "Incidents that belong to it"), el("ul", {}, i.members.map((n) => el("li", {},
      el("button", { class: "quiet", on: { click: () => openIncident(n) } }, `Incident ${n}`), " ", state.incidents.get(n)?.reason ?? "")))],
    i.group > 0 && el("p", { class: "notice" }, "Belongs to ", el("button", { class: "quiet", on: { click: () => openIncident(i.group) } }, `incident ${i.group}`)),
    i.handling === "closed" ? el("p", { class: "notice" }, `Closed by ${i.by}: ${i.note}`) : el("div", {}, el("h3", {}, "Handling"), note, problem,
      el("div", { class: "actions" },
        el("button", { id: "acknowledge", disabled: i.handling !== "new", on: { click: act("acknowledge") } }, "Acknowledge"),
        el("button", { id: "close", class: "main", on: { click: act("close") } }, "Close with note"))),
    el("h3", {}, "Who was told"),
    el("ul", {}, e.notices.length ? e.notices.map((n) => el("li", { data: { notice: n.state } },
      el("div", { class: "row" }, el("b", {}, n.recipient), clock(n.told ?? n.tried ?? n.written)),
      el("div", { class: "soft" }, [`${words(n.kind)} by ${n.channel}`, n.state + (n.possibly_told ? ", possibly told" : ""), n.attempts > 1 && `${n.attempts} attempts`, n.reason, n.cause].filter(Boolean).join(" · ")))) :
      el("li", { class: "soft" }, "Nobody outside this page.")),
    el("h3", {}, "What was found"),
    el("ul", {}, e.history.map((h) => el("li", {}, el("div", { class: "row" }, el("b", {}, h.change), clock(h.known)), h.reason))),
    el("h3", {}, "Evidence"),
    el("ul", {}, e.observations.map((o) => el("li", {}, el("div", { class: "row" }, el("b", {}, o.body), clock(o.at)), observationText(o)))),
    el("h3", {}, "Raw frames"),
    el("ul", {}, e.frames.map((f) => el("li", {}, el("div", { class: "row" }, el("b", {}, f.type || "frame"), clock(f.received)), el("code", {}, f.hex)))),
    el("h3", {}, "Audit"),
    el("ul", {}, e.audit.map((a) => el("li", {}, el("div", { class: "row" }, el("b", {}, a.action), clock(a.at)), el("span", { class: "soft" }, a.actor)))),
  ]));
  $("detail").hidden = false;
  await showPerson(i.person);
}

const hidden = new Set(["id", "body", "at", "device", "received", "device_at", "part", "seq"]);
const observationText = (o) => el("span", { class: "soft" }, o.device + " · " + Object.entries(o).filter(([k]) => !hidden.has(k)).map(([k, v]) => `${words(k)} ${typeof v === "object" ? JSON.stringify(v) : v}`).join(", "));

function closeDetail() {
  state.selected = null;
  $("detail").hidden = true;
  map.showTrack(null);
  drawQueue();
}

// People

function drawPeople() {
  $("n-people").textContent = state.people.size;
  $("people").replaceChildren(...[...state.people.values()].map((p) =>
    el("li", { tabindex: 0, data: { severity: p.worst ?? "" }, "aria-current": p.id === state.person && "true",
      on: { click: () => openPerson(p.id), keydown: (e) => e.key === "Enter" && openPerson(p.id) } },
    el("div", { class: "row" }, el("span", {}, el("b", {}, p.name), " ", p.role !== "monitored" && el("span", { class: "tag protected" }, p.role === "both" ? "monitored and protected" : "protected person")),
      el("span", { class: "soft" }, p.battery === undefined ? "" : `${Math.round(p.battery * 100)} %`)),
    el("div", { class: "row soft" }, el("span", {}, (p.devices ?? []).join(", ")), el("span", {}, p.last_heard ? "heard " + when(p.last_heard) : "never heard")),
    p.open_incidents > 0 && el("span", { class: "tag " + p.worst }, `${p.open_incidents} open`))));
}

async function showPerson(id) {
  state.person = id;
  map.centre(state.people.get(id));
  map.showTrack(await api(`/api/v1/people/${encodeURIComponent(id)}/track`));
}

async function openPerson(id) {
  await showPerson(id);
  drawPeople();
  const m = await api(`/api/v1/people/${encodeURIComponent(id)}/measures`);
  if (state.person !== id) return;
  state.selected = null;
  drawQueue();
  const p = state.people.get(id), list = (title, events) => events.length > 0 && [el("h3", {}, title),
    el("ul", {}, events.toReversed().slice(0, 50).map((e) => el("li", {}, el("div", { class: "row" }, el("b", {}, words(e.class || e.kind)), clock(e.at)), e.reason)))];
  const a = m.allowance;
  $("detail").replaceChildren(...shown([
    el("div", { class: "row" }, el("span", { class: "tag" }, words(p.role)), el("button", { class: "quiet", on: { click: closeDetail } }, "Back")),
    el("h2", {}, p.name),
    el("p", { class: "soft" }, "The last seven days. That you look at them is in the audit."),
    a && [el("h3", {}, "Allowance of absence"), el("p", { class: "reason" }, a.reason), el("p", { class: "soft" }, a.step === "NONE" ? "Nothing is proposed." : `Proposed: ${words(a.step).toLowerCase()}.`)],
    list("Check-ins", m.checkins), list("Breath tests", m.breath), list("Alcohol at the skin", m.episodes),
    m.skin.length > 0 && [el("h3", {}, "Readings at the skin"), skinLine(m.skin)],
    m.random && [el("h3", {}, "Tests drawn at random"), el("p", { class: "soft" }, "Shown by /api/v1/people/…/draws/DATE, once the day is over.")],
    !a && !m.random && m.checkins.length + m.breath.length + m.episodes.length + m.skin.length === 0 && el("p", { class: "reason" }, "No check-ins, alcohol readings or absences in this time."),
  ]));
  $("detail").hidden = false;
}

// skinLine draws readings as a line; the figures of the highest are its label.
function skinLine(list) {
  const svg = (tag, props) => {
    const e = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [k, v] of Object.entries(props)) e.setAttribute(k, v);
    return e;
  };
  const t = list.map((r) => Date.parse(r.at)), v = list.map((r) => Number(r.value)), top = Math.max(...v, 1e-9), span = Math.max(t.at(-1) - t[0], 1);
  const highest = list[v.indexOf(Math.max(...v))], label = `${list.length} readings, the highest ${highest.value} ${highest.unit} at ${when(highest.at)}`;
  const chart = svg("svg", { viewBox: "0 0 400 80", role: "img", "aria-label": label, class: "chart" });
  chart.append(svg("polyline", { fill: "none", stroke: "currentColor", "stroke-width": 1.5,
    points: list.map((_, i) => `${((t[i] - t[0]) / span * 396 + 2).toFixed(1)},${(78 - Math.max(v[i], 0) / top * 74).toFixed(1)}`).join(" ") }));
  return el("figure", {}, chart, el("figcaption", { class: "soft" }, label));
}

// Unknown devices

async function drawUnknown() {
  const list = await api("/api/v1/quarantine");
  $("n-unknown").textContent = list.length || "";
  $("unknown").replaceChildren(...(list.length ? list.map((q) => el("li", {},
    el("div", { class: "row" }, el("b", {}, q.device || "no identity"), clock(q.last)),
    el("div", {}, `${q.reason} · ${q.frames} frames of ${q.codec}`),
    q.latest.slice(0, 2).map((f) => el("div", {}, el("code", {}, f.hex.slice(0, 120)))))) : [el("li", { class: "empty" }, "Every device that reports is assigned to a person.")]));
}

// Commands to devices

function drawCommands() {
  const list = [...state.commands.values()].sort((a, b) => b.id - a.id).slice(0, 200);
  $("commands").replaceChildren(...(list.length ? list.map((c) => el("li", { data: { state: c.state } },
    el("div", { class: "row" }, el("b", {}, c.device), clock(c.changed)),
    el("div", {}, [c.kind, c.text, c.every_s && `every ${c.every_s} s`].filter(Boolean).join(" · ")),
    el("div", { class: "row soft" }, el("span", {}, c.state + (c.reason ? ": " + c.reason : "")), el("span", {}, "by " + c.by)))) : [el("li", { class: "empty" }, "No device was told anything.")]));
}

// Tabs and keys

const tabs = ["queue", "people", "unknown", "commands"];
for (const name of tabs) {
  $("tab-" + name).addEventListener("click", () => {
    for (const other of tabs) {
      $("tab-" + other).setAttribute("aria-selected", String(other === name));
      $(other).hidden = other !== name;
    }
    if (name === "unknown") drawUnknown();
  });
}

document.addEventListener("keydown", (e) => {
  if (e.target.matches("textarea, input")) {
    if (e.key === "Escape") e.target.blur();
    return;
  }
  if (e.ctrlKey || e.metaKey || e.altKey) return;
  const list = queue(), at = list.findIndex((i) => i.id === state.selected);
  const move = (n) => list.length && openIncident(list[Math.max(0, Math.min(list.length - 1, at + n))].id);
  switch (e.key) {
    case "j": return move(1);
    case "k": return move(-1);
    case "Escape": return closeDetail();
    case "a": return $("acknowledge")?.click();
    case "c": e.preventDefault(); return $("note")?.value ? $("close").click() : $("note")?.focus();
  }
});

// Live feed. EventSource reconnects by itself and resumes from the last id.

function setPeople(list) {
  state.people = new Map(list.map((p) => [p.id, p]));
  map.showPeople(list);
  drawPeople();
  drawQueue();
}

// movePeople shows what is new of some. To draw the lists of very many anew takes
// long: it is a twentieth of the time at most.
const lists = { due: false, pause: 0 };

function movePeople(list) {
  for (const p of list) state.people.set(p.id, p);
  map.movePeople(list);
  if (lists.due) return;
  lists.due = true;
  setTimeout(() => {
    const begin = performance.now();
    lists.due = false;
    drawPeople();
    drawQueue();
    lists.pause = 20 * (performance.now() - begin);
  }, lists.pause);
}

async function loadAll() {
  const [incidents, people, zones, commands] = await Promise.all(
    ["incidents?limit=1000", "people", "zones", "commands"].map((path) => api("/api/v1/" + path)));
  state.commands = new Map(commands.map((c) => [c.id, c]));
  drawCommands();
  state.incidents = new Map(incidents.map((i) => [i.id, i]));
  map.showZones(zones);
  setPeople(people);
  await drawUnknown();
}

function listen() {
  const feed = new EventSource("/api/v1/feed");
  const link = (s, text) => { $("link").dataset.state = s; $("link").textContent = text; };
  feed.addEventListener("open", () => link("live", "live"));
  feed.addEventListener("error", () => link("lost", "connection lost, trying again"));
  feed.addEventListener("reload", loadAll);
  feed.addEventListener("people", (e) => setPeople(JSON.parse(e.data)));
  feed.addEventListener("moved", (e) => movePeople(JSON.parse(e.data)));
  feed.addEventListener("command", (e) => {
    const c = JSON.parse(e.data);
    state.commands.set(c.id, c);
    drawCommands();
  });
  feed.addEventListener("notice", (e) => {
    if (JSON.parse(e.data).incident === state.selected && !$("note")?.value) openIncident(state.selected);
  });
  feed.addEventListener("incident", (e) => {
    const i = JSON.parse(e.data);
    state.incidents.set(i.id, i);
    drawQueue();
  });
}

listen();
await Promise.all([map.loadGround(), loadAll()]);
