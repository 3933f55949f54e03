// What every page can do: fold the rail, show toasts, open dialogs and menus, copy, confirm, keep times fresh, show health.
// Behaviour is bound by data attributes on the document, so that parts swapped in later work as well.

import "orq/history";
import { now, startSession } from "orq/session";

const text = document.body.dataset;
document.documentElement.dataset.script = "on";

// On a phone tabs run past the edge: the one that is open is brought into sight.
for (const tab of document.querySelectorAll(".tabs [aria-current], .tabs [aria-selected='true'], .side [aria-current]")) {
  const bar = tab.closest(".tabs, .side");
  if (bar.scrollWidth > bar.clientWidth) bar.scrollLeft = tab.offsetLeft - bar.offsetLeft - (bar.clientWidth - tab.offsetWidth) / 2;
}

// ── Toasts ──────────────────────────────────────────────────────────────────────────────────────────────────────────
export function toast(message, { tone = "info", title = "", url = "", keep = false } = {}) {
  const box = document.createElement("div");
  box.className = `toast toast-${tone}`;
  if (tone === "bad") box.setAttribute("role", "alert");
  const icon = document.getElementById(`icon-${tone}`);
  box.append(icon ? icon.content.cloneNode(true) : document.createElement("span"));
  const words = document.createElement("div");
  if (title) {
    const head = document.createElement(url ? "a" : "div");
    head.className = "strong";
    head.textContent = title;
    if (url && url.startsWith("/")) head.href = url;
    words.append(head);
  }
  words.append(message);
  const close = document.createElement("button");
  close.type = "button";
  close.setAttribute("aria-label", text.textClose);
  const cross = document.getElementById("icon-close");
  close.append(cross ? cross.content.cloneNode(true) : "×");
  close.addEventListener("click", () => box.remove());
  box.append(words, close);
  document.getElementById("toasts").append(box);
  if (!keep && tone !== "bad") setTimeout(() => box.remove(), 6000);
  return box;
}
document.addEventListener("orq:toast", (event) => toast(event.detail.message ?? event.detail.value, event.detail));

// ── htmx: what went wrong is said, never swallowed ──────────────────────────────────────────────────────────────────
document.addEventListener("htmx:responseError", (event) => {
  if (event.detail.xhr.status === 401) return void document.dispatchEvent(new CustomEvent("orq:signed-out"));
  const answer = new DOMParser().parseFromString(event.detail.xhr.responseText || "", "text/html");
  const words = answer.querySelector("[data-problem]")?.textContent.trim();
  toast(words || text.textProblem, { tone: "bad" });
});
document.addEventListener("htmx:sendError", () => toast(text.textOffline, { tone: "bad" }));

// ── Clicks ──────────────────────────────────────────────────────────────────────────────────────────────────────────
document.addEventListener("click", (event) => {
  const target = event.target.closest("[data-rail-toggle], [data-dialog-open], [data-dialog-close], [data-copy], [data-palette-open]");
  if (!target) return;
  if ("railToggle" in target.dataset) toggleRail(target);
  else if ("paletteOpen" in target.dataset) openPalette();
  else if (target.dataset.dialogOpen) openDialog(target.dataset.dialogOpen);
  else if ("dialogClose" in target.dataset) target.closest("dialog")?.close();
  else if (target.dataset.copy) copy(target);
});

function openDialog(id) {
  for (const menu of document.querySelectorAll("[popover]:popover-open")) menu.hidePopover();
  document.getElementById(id)?.showModal();
}

function toggleRail(button) {
  const closed = document.querySelector(".rail").offsetWidth > 100;
  document.documentElement.dataset.rail = closed ? "closed" : "open";
  document.cookie = `orq_rail=${closed ? "closed" : "open"};path=/;max-age=31536000;samesite=lax`;
  button.setAttribute("aria-expanded", String(!closed));
}

async function copy(button) {
  const source = document.querySelector(button.dataset.copy);
  if (!source) return;
  await navigator.clipboard.writeText(source.value ?? source.textContent.trim());
  toast(text.textCopied, { tone: "ok" });
}

// A click on the veil closes the dialog.
document.addEventListener("mousedown", (event) => {
  if (event.target.matches?.("dialog.dialog[open]")) {
    const box = event.target.getBoundingClientRect();
    const inside = event.clientX >= box.left && event.clientX <= box.right && event.clientY >= box.top && event.clientY <= box.bottom;
    if (!inside) event.target.close();
  }
});

// A deed that cannot be undone waits until its name is typed: <input data-typed-confirm="the name"> enables the form's submit button.
document.addEventListener("input", (event) => {
  const wanted = event.target.dataset?.typedConfirm;
  if (wanted === undefined) return;
  event.target.form.querySelector("[type=submit]").disabled = event.target.value.trim() !== wanted;
});

// A form that is on its way says so and is not sent twice.
document.addEventListener("submit", (event) => {
  if (event.defaultPrevented || event.target.method !== "post" || event.target.hasAttribute("hx-post")) return;
  event.submitter?.classList.add("is-busy");
});

// A form marked data-autosubmit goes as soon as something in it is chosen.
document.addEventListener("change", (event) => {
  const form = event.target.form;
  if (form && "autosubmit" in form.dataset) form.requestSubmit();
});

// ── Tabs inside a page: role=tab with aria-controls; arrows move, the address remembers ─────────────────────────────
document.addEventListener("click", (event) => {
  const tab = event.target.closest("[role=tab]");
  if (tab) selectTab(tab, true);
});
document.addEventListener("keydown", (event) => {
  const tab = event.target.closest?.("[role=tab]");
  if (!tab || !["ArrowRight", "ArrowLeft", "Home", "End"].includes(event.key)) return;
  const tabs = [...tab.closest("[role=tablist]").querySelectorAll("[role=tab]")];
  const at = tabs.indexOf(tab);
  const next = { ArrowRight: (at + 1) % tabs.length, ArrowLeft: (at - 1 + tabs.length) % tabs.length, Home: 0, End: tabs.length - 1 }[event.key];
  selectTab(tabs[next], true);
  tabs[next].focus();
  event.preventDefault();
});

export function selectTab(tab, remember = false) {
  for (const other of tab.closest("[role=tablist]").querySelectorAll("[role=tab]")) {
    const chosen = other === tab;
    other.setAttribute("aria-selected", String(chosen));
    other.tabIndex = chosen ? 0 : -1;
    const panel = document.getElementById(other.getAttribute("aria-controls"));
    if (panel) panel.hidden = !chosen;
  }
  if (remember) history.replaceState(history.state, "", `#${tab.getAttribute("aria-controls")}`);
}
const remembered = location.hash.length > 1 && document.querySelector(`[role=tab][aria-controls="${CSS.escape(location.hash.slice(1))}"]`);
if (remembered) selectTab(remembered);

// An address can name a fold: it is opened, and the tab it is in is chosen.
const fold = !remembered && location.hash.length > 1 && document.getElementById(location.hash.slice(1))?.closest("details");
if (fold) {
  const panel = fold.closest("[role=tabpanel]");
  const tab = panel && document.querySelector(`[role=tab][aria-controls="${CSS.escape(panel.id)}"]`);
  if (tab) selectTab(tab);
  fold.open = true;
  fold.scrollIntoView();
}

// ── Bell ────────────────────────────────────────────────────────────────────────────────────────────────────────────
const bell = document.getElementById("bell-menu");
bell?.addEventListener("toggle", (event) => {
  if (event.newState === "open") window.htmx?.trigger(bell, "orq:open");
});
document.addEventListener("htmx:afterSwap", (event) => {
  const state = event.target === bell && bell.querySelector("#bell-state");
  if (state) showUnread(Number(state.dataset.unread));
});
function showUnread(number) {
  const count = document.getElementById("bell-count");
  if (!count) return;
  count.textContent = String(number);
  count.hidden = !number;
}
// The number comes with the message, so that every tab shows the same. A toast is shown once: by the page that is looked at,
// or by the first that will be.
const toasted = new Set();
const notes = "BroadcastChannel" in window ? new BroadcastChannel("orq-notes") : null;
notes?.addEventListener("message", ({ data }) => toasted.add(data));

let countedAt = 0; // an answer to a question can be overtaken by what is newer
document.addEventListener("orq:notification", ({ detail: note }) => {
  if (!(note.as_of < countedAt)) {
    countedAt = note.as_of ?? countedAt;
    showUnread(note.unread);
  }
  if (note.event !== "new") return;
  if (document.hidden) document.addEventListener("visibilitychange", () => noteToast(note), { once: true });
  else if (navigator.locks) navigator.locks.request(`orq-note-${note.id}`, { ifAvailable: true }, (lock) => lock && noteToast(note));
  else noteToast(note);
});

function noteToast(note) {
  if (toasted.has(note.id)) return;
  toasted.add(note.id);
  notes?.postMessage(note.id);
  toast(note.body || "", { title: note.title, url: `/notifications/${note.id}/` });
  return new Promise((done) => setTimeout(done, 2000)); // the lock is kept for so long
}

// ── Times stay fresh ────────────────────────────────────────────────────────────────────────────────────────────────
const relative = new Intl.RelativeTimeFormat(document.documentElement.lang, { numeric: "always" });
function freshen() {
  for (const time of document.querySelectorAll("time[data-ago]")) {
    const past = (now() - Date.parse(time.dateTime)) / 1000;
    const size = Math.abs(past);
    if (size < 45 || size >= 26 * 86400) continue;
    const [unit, length] = size < 2700 ? ["minute", 60] : size < 79200 ? ["hour", 3600] : ["day", 86400];
    time.textContent = relative.format(-Math.sign(past) * Math.max(1, Math.round(size / length)), unit);
  }
}
setInterval(freshen, 30_000);
freshen(); // parts of a page may have been drawn long ago

// ── Keys ────────────────────────────────────────────────────────────────────────────────────────────────────────────
// What a key does is said by the list in the dialog: data-keys names it, data-go where it leads.
const KEYS_OFF = "orq_keys_off";
const SEQUENCE_MS = 1500;
const isMac = /Mac|iPhone|iPad/.test(navigator.platform);
const keyList = document.getElementById("keyboard");
const keysSwitch = document.getElementById("keys-on");
let begun = { key: "", at: 0 };

for (const mark of document.querySelectorAll("[data-ctrl-key]")) if (isMac) mark.textContent = "⌘ K";
if (keysSwitch) {
  keysSwitch.checked = localStorage.getItem(KEYS_OFF) === null;
  keysSwitch.addEventListener("change", () => (keysSwitch.checked ? localStorage.removeItem(KEYS_OFF) : localStorage.setItem(KEYS_OFF, "1")));
}

async function openPalette() {
  const { open } = await import("orq/palette");
  for (const menu of document.querySelectorAll("[popover]:popover-open")) menu.hidePopover();
  open();
}

const isTyping = (target) => Boolean(target.closest?.("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]"));

document.addEventListener("keydown", (event) => {
  if (!keyList || event.defaultPrevented || event.isComposing) return;
  if ((event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && event.key.toLowerCase() === "k") {
    event.preventDefault();
    return void openPalette();
  }
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target) || !keysSwitch.checked) return;
  if (document.querySelector("dialog[open]")) return;
  const sequence = performance.now() - begun.at < SEQUENCE_MS ? `${begun.key} ${event.key}` : event.key;
  begun = { key: event.key, at: performance.now() };
  const wanted = keyList.querySelector(`[data-keys="${CSS.escape(sequence)}"]`) ?? keyList.querySelector(`[data-keys="${CSS.escape(event.key)}"]`);
  if (!wanted) return;
  begun = { key: "", at: 0 };
  event.preventDefault();
  if (wanted.dataset.go) location.assign(wanted.dataset.go);
  else if (event.key === "?") openDialog("keyboard");
  else searchHere();
});

function searchHere() {
  const field = [...document.querySelectorAll("main [type=search]")].find((one) => one.checkVisibility());
  if (field) field.focus();
  else openPalette();
}

// A choice of language or theme comes back to the same part of the page.
document.addEventListener("submit", ({ target }) => {
  const place = target.querySelector("[data-keep-place]");
  if (place && location.hash && !place.value.includes("#")) place.value += location.hash;
});

// ── Health ──────────────────────────────────────────────────────────────────────────────────────────────────────────
const health = document.getElementById("health");
async function askHealth() {
  if (document.hidden) return;
  let state = "gone";
  try {
    const answer = await fetch(health.dataset.url, { headers: { Accept: "application/json" } });
    state = answer.ok ? "up" : "down";
  } catch { /* the server does not answer: that is the state shown */ }
  const words = health.dataset[{ up: "textUp", down: "textDown", gone: "textGone" }[state]];
  health.querySelector(".dot").className = `dot dot-${{ up: "ok", down: "warn", gone: "bad" }[state]}`;
  health.title = words;
  health.setAttribute("aria-label", words);
}
if (health) {
  askHealth();
  setInterval(askHealth, 15_000);
  document.addEventListener("visibilitychange", askHealth);
}

startSession(toast);
