// Keeps the tracking page current. The page is complete without it. Data reaches the page as text nodes and attributes only.
"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const words = JSON.parse(byId("words").textContent);
  let order = JSON.parse(byId("order").textContent);
  const token = new URLSearchParams(location.search).get("token") ?? "";
  const RETRY_MS_MIN = 2000;
  const RETRY_MS_MAX = 60000;
  const TICK_MS = 10000;
  let source = null;
  let retryMs = RETRY_MS_MIN;
  let timer = 0;
  let over = false;

  // ---- Times ----

  const sameDay = (a, b) => a.toDateString() === b.toDateString();
  // The reader's own form of the language, such as that of a country, if the page has the language.
  const locale = navigator.languages.find((tag) => tag.split("-")[0] === words.lang) ?? words.lang;
  const clock = new Intl.DateTimeFormat(locale, { hour: "numeric", minute: "2-digit" });
  const full = new Intl.DateTimeFormat(locale, { day: "numeric", month: "short", hour: "numeric", minute: "2-digit" });

  const shown = (at) => (sameDay(at, new Date()) ? clock : full).format(at);

  function about(at) {
    const minutes = Math.round((at - Date.now()) / 60000);
    if (minutes < 1) return words.soon;
    const [count, unit] = minutes < 90 ? [minutes, words.minutes] : [Math.round(minutes / 60), words.hours];
    return words.about.replace("{}", count + "\u00a0" + unit);
  }

  function localTimes(root) {
    for (const time of root.querySelectorAll("time[datetime]")) {
      const at = new Date(time.dateTime);
      time.textContent = shown(at);
      time.title = at.toLocaleString(locale, { dateStyle: "full", timeStyle: "long" });
    }
  }

  // ---- The page ----

  function element(name, attributes, ...children) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
      if (value !== null && value !== false) made.setAttribute(key, value);
    }
    made.append(...children.filter((child) => child !== null));
    return made;
  }

  const timeOf = (at) => element("time", { datetime: at });
  const statusOf = (status) => words.status[status] ?? { name: status, explain: "", due: words.due, tone: "active", icon: "box" };

  function nextOf(status) {
    if (order.attempts_left === 0) return words.exhausted;
    return words.next[status] ?? [];
  }

  function step(status, kind, at, moving) {
    const current = kind === "current";
    const state = { done: words.done, next: words.coming }[kind];
    const name = element("span", { class: "name" }, statusOf(status).name);
    if (state) name.append(element("span", { class: "unseen" }, ", " + state));
    return element(
      "li",
      { class: current ? (moving ? "moving" : "still") : kind, "aria-current": current ? "step" : null },
      name,
      at ? timeOf(at) : null,
    );
  }

  function show() {
    const status = statusOf(order.status);
    const moves = order.history.filter((entry) => !entry.late);
    const next = nextOf(order.status);
    const moving = next.length > 0;
    const tone = order.late && status.tone === "active" ? "warn" : status.tone;
    byId("hero").dataset.tone = tone;
    byId("way").dataset.tone = tone;
    byId("sign").setAttribute("href", "#" + status.icon);
    byId("headline").textContent = status.name;
    const explain = order.status === "DELIVERY_FAILED" && order.attempts_left === 0 ? words.given_up : status.explain;
    byId("explain").textContent = explain;
    document.title = status.name + " · " + words.title;
    byId("late").hidden = !order.late;
    showDue(status);
    const bar = moves.slice(0, -1).map(() => element("span", { class: "full" }));
    bar.push(element("span", { class: moving ? "running" : "full" }));
    byId("bar").replaceChildren(...bar, ...next.map(() => element("span", {})));
    const way = moves.map((entry, at) => step(entry.status, at === moves.length - 1 ? "current" : "done", entry.at, moving));
    byId("steps").replaceChildren(...way, ...next.map((name) => step(name, "next", null, false)));
    const history = [...order.history].reverse().map((entry) => {
      const name = statusOf(entry.status).name + (entry.late ? " – " + words.late : "");
      return element("li", {}, element("span", {}, name), timeOf(entry.at));
    });
    byId("history").replaceChildren(...history);
    localTimes(document);
  }

  function showDue(status) {
    const when = byId("when");
    when.hidden = !order.deadline;
    if (!order.deadline) return;
    const at = new Date(order.deadline.at);
    const label = words.deadline[order.deadline.kind] ?? status.due;
    when.replaceChildren(
      element("span", {}, label + " "),
      element("strong", {}, timeOf(order.deadline.at)),
      element("span", { class: "about", id: "about" }, " · " + about(at)),
    );
  }

  // ---- News ----

  // A document is never replaced by an older one, whichever way the two arrive.
  function take(newer) {
    if (newer.order_id !== order.order_id || newer.version < order.version) return;
    const moved = newer.status !== order.status || newer.late !== order.late;
    const fresh = newer.version > order.version;
    order = newer;
    if (fresh) show();
    if (moved) byId("news").textContent = statusOf(order.status).name + (order.late ? ". " + words.late : "");
    if (nextOf(order.status).length === 0) finish("ended");
  }

  function takeFact(fact) {
    if (fact.version <= order.version) return;
    const late = Boolean(fact.late);
    const entry = { version: fact.version, status: fact.status, at: fact.at, actor: fact.actor, late };
    // The rest follows with the document.
    take({ ...order, version: fact.version, status: fact.status, updated_at: fact.at, late, deadline: undefined, attempts_left: undefined, history: [...order.history, entry] });
    if (!over) read();
  }

  function net(state) {
    const line = byId("net");
    line.dataset.net = state;
    byId("net-text").textContent = words.net[state];
    byId("reload").hidden = state === "live" || state === "ended";
  }

  function finish(state) {
    over = true;
    clearTimeout(timer);
    source?.close();
    net(state);
  }

  async function read() {
    let reply;
    try {
      reply = await fetch(words.document + "?token=" + encodeURIComponent(token), { cache: "no-store", credentials: "same-origin" });
    } catch {
      return false;
    }
    if (reply.status === 404 || reply.status === 410) {
      finish("closed");
      return false;
    }
    if (!reply.ok) return false;
    take(await reply.json());
    return true;
  }

  function connect() {
    clearTimeout(timer);
    if (over) return;
    source?.close();
    const query = new URLSearchParams({ token, last_event_id: String(order.version) });
    source = new EventSource(words.events + "?" + query);
    source.addEventListener("open", () => {
      retryMs = RETRY_MS_MIN;
      net("live");
    });
    source.addEventListener("snapshot", (event) => take(JSON.parse(event.data)));
    source.addEventListener("fact", (event) => takeFact(JSON.parse(event.data)));
    source.addEventListener("end", (event) => {
      // The browser connects again by itself, unless that would end the same way.
      if (["unknown_version", "not_visible", "credentials_expired"].includes(JSON.parse(event.data).reason)) retry();
    });
    source.addEventListener("error", () => {
      if (over) return;
      net("lost");
      // The browser reconnects by itself, unless the server refused the stream.
      if (source.readyState === EventSource.CLOSED) retry();
    });
  }

  // Reads the order itself, which shows whether the link still exists, and connects again.
  function retry() {
    source?.close();
    clearTimeout(timer);
    timer = setTimeout(async () => {
      const there = await read();
      retryMs = Math.min(retryMs * 2, RETRY_MS_MAX);
      if (over) return;
      if (there) connect();
      else retry();
    }, retryMs * (0.75 + Math.random() / 2));
  }

  setInterval(() => {
    const line = byId("about");
    if (line && order.deadline) line.textContent = " · " + about(new Date(order.deadline.at));
  }, TICK_MS);

  const again = () => {
    if (over || document.hidden || source?.readyState === EventSource.OPEN) return;
    retryMs = RETRY_MS_MIN;
    connect();
  };
  document.addEventListener("visibilitychange", again);
  window.addEventListener("online", again);
  window.addEventListener("offline", () => over || net("lost"));

  show();
  if (nextOf(order.status).length === 0) finish("ended");
  else connect();
})();
