// What outlasts a page: the server's clock, who is signed in, what was typed when that ended, and what can be read offline.

const root = document.documentElement;
const text = document.body.dataset;
const CLOCK = "orq_clock";
const TYPED = "orq_typed";
const PAGES = "orq-pages-"; // the names of the service worker's caches of pages
const SLACK_MS = 5_000; // an answer on its way is no wrong clock

// ── The clock: a browser's may be wrong by a day, times on pages are the server's ───────────────────────────────────
function clockOffset() {
  const told = Date.parse(text.now ?? "");
  const [arrival] = performance.getEntriesByType("navigation");
  const isOld = arrival?.type === "back_forward"; // perhaps out of the browser's own store: then it says nothing of the clock
  if (isKept() || isOld || !told || !arrival) return Number(recall(localStorage, CLOCK) ?? 0);
  const off = performance.timeOrigin + arrival.responseStart - told;
  const offset = Math.abs(off) < SLACK_MS ? 0 : off;
  keep(localStorage, CLOCK, offset);
  return offset;
}
const offset = clockOffset();

// Milliseconds of now, by the server.
export function now() {
  return Date.now() - offset;
}

// ── Signed out while a page is open ─────────────────────────────────────────────────────────────────────────────────
const dialog = document.getElementById("signed-out");
document.addEventListener("orq:signed-out", () => dialog && !dialog.open && dialog.showModal());

async function lookAgain(toast) {
  if (document.hidden || !dialog?.open) return;
  const answer = await fetch("/api/me/", { headers: { Accept: "application/json" } }).catch(() => null);
  if (!answer?.ok) return;
  if ((await answer.json()).id !== text.person) return void location.reload(); // somebody else: nothing of this page is theirs
  dialog.close();
  toast(text.textSignedIn, { tone: "ok" });
  document.dispatchEvent(new CustomEvent("orq:signed-in"));
}

// The mark that forms carry changes with every sign-in; what is sent has the one of now.
const mark = () => /(?:^|; )csrftoken=([^;]+)/.exec(document.cookie)?.[1];
document.addEventListener("htmx:configRequest", ({ detail }) => {
  if (mark()) detail.headers["X-CSRFToken"] = mark();
});
document.addEventListener("submit", ({ target }) => {
  const field = target.elements?.namedItem("csrfmiddlewaretoken");
  if (field && mark()) field.value = mark();
}, true);

// ── Signing out on purpose: nothing that was written in a chat stays behind in this browser ─────────────────────────
const ofChats = () => Object.keys(localStorage).filter((name) => name.startsWith(`orq:outbox:${text.person}`) || name.startsWith(`orq:draft:${text.person}:`));
document.addEventListener("submit", (event) => {
  if (!event.target.matches("[data-sign-out]")) return;
  if (recall(localStorage, `orq:outbox:${text.person}`)?.length && !confirm(text.textUnsent)) return void event.preventDefault();
  for (const name of ofChats()) localStorage.removeItem(name);
}, true);

// ── What was typed in a form that met an ended session ──────────────────────────────────────────────────────────────
const KEPT_FIELDS = "input:not([type=hidden], [type=password], [type=file], [type=submit]), textarea, select";

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.method !== "post" || !text.person) return;
  const fields = [...form.querySelectorAll(KEPT_FIELDS)].filter((field) => field.name).map(({ name, value, type, checked }) => ({ name, value, type, checked }));
  if (fields.length) keep(sessionStorage, TYPED, { person: text.person, path: location.pathname, action: form.getAttribute("action"), fields });
});

function restore(toast) {
  const typed = recall(sessionStorage, TYPED);
  if (!typed) return;
  if (!text.person) {
    if (location.pathname.startsWith("/sign-in/")) keep(sessionStorage, TYPED, { ...typed, met: true });
    return;
  }
  if (typed.met && typed.person === text.person && typed.path !== location.pathname) return;
  keep(sessionStorage, TYPED, null);
  if (!typed.met || typed.person !== text.person) return;
  const likeness = (one) => (one.getAttribute("action") === typed.action ? typed.fields.filter(({ name }) => one.elements.namedItem(name)).length : 0);
  const [form] = [...document.querySelectorAll("form[method=post]")].sort((one, other) => likeness(other) - likeness(one));
  if (!form || !likeness(form)) return;
  const counted = Map.groupBy ? Map.groupBy(typed.fields, ({ name }) => name) : new Map(typed.fields.map((one) => [one.name, [one]]));
  const fillIn = (isAlone) => {
    for (const [name, kept] of counted) if ((kept.length === 1) === isAlone) kept.forEach((one, place) => put(form, name, one, place));
    form.dispatchEvent(new Event("input", { bubbles: true }));
    form.dispatchEvent(new Event("change", { bubbles: true }));
  };
  fillIn(true); // a text may ask for rows of its own …
  fillIn(false); // … which are there now
  toast(text.textRestored, { tone: "ok", keep: true });
}

function put(form, name, { value, type, checked }, place) {
  const fields = [...form.querySelectorAll(`[name="${CSS.escape(name)}"]`)];
  if (type === "checkbox" || type === "radio") fields.filter((field) => field.value === value).forEach((field) => (field.checked = checked));
  else if (fields[place] && fields[place].type !== "password") fields[place].value = value;
}

// ── Offline ─────────────────────────────────────────────────────────────────────────────────────────────────────────
function isKept() {
  return root.dataset.offlineSince !== undefined;
}

function sayOffline() {
  if (!isKept()) return;
  const time = new Intl.DateTimeFormat(root.lang, { dateStyle: "medium", timeStyle: "short" }).format(new Date(root.dataset.offlineSince));
  const note = document.createElement("div");
  note.className = "offline-note";
  note.id = "offline-note";
  note.setAttribute("role", "status");
  const again = document.createElement("a");
  again.href = location.href;
  again.textContent = text.textAgain;
  note.append(`${text.textAsOf.replace("%s", time)} `, again);
  document.body.prepend(note);
  addEventListener("online", () => location.reload());
}

// Where nobody is signed in, nothing of anybody stays in this browser.
async function forget() {
  for (const name of await caches.keys()) if (name.startsWith(PAGES)) await caches.delete(name);
}

function keep(store, name, value) {
  try {
    if (value === null) store.removeItem(name);
    else store.setItem(name, JSON.stringify(value));
  } catch { /* this browser keeps nothing: the page works without it */ }
}
function recall(store, name) {
  try {
    return JSON.parse(store.getItem(name));
  } catch {
    return null;
  }
}

export function startSession(toast) {
  sayOffline();
  addEventListener("DOMContentLoaded", () => restore(toast)); // when the page's own modules are there
  for (const name of ["visibilitychange", "focus"]) addEventListener(name, () => lookAgain(toast), true);
  if ("serviceWorker" in navigator && text.person) navigator.serviceWorker.register("/sw.js").catch(() => {});
  if ("caches" in window && !text.person && !isKept()) forget();
}
