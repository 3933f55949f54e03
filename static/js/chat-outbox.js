// What was written and has not reached the server yet. It lies in the browser's storage with a key of its own, so that it is
// sent once, however often the connection, the page or the session breaks off on the way.

import { ask, newKey, page, part, Problem, recall, remember } from "orq/chat-net";
import { afterChange, refresh, toEnd, turnOf, turnsBox } from "orq/chat-thread";

const NAME = `orq:outbox:${page.person}`;
const WAITS_MS = [1000, 2000, 5000, 15_000];
const box = document.querySelector("[data-pending]");
const template = document.getElementById("turn-pending");
let isSending = false;
let failures = 0;
let timer = 0;
let inMemory = null; // where the browser keeps nothing
const tab = (sessionStorage.orqTab ??= newKey()); // what is written in one window before there is a conversation belongs together

const all = () => inMemory ?? recall(NAME, []);
const mine = () => all().filter((entry) => (entry.conversation ?? "") === (page.id ?? ""));
const next = () => all().find((entry) => entry.state !== "refused");
function keep(entries) {
  if (!remember(NAME, entries)) inMemory = entries;
}
const change = (key, facts) => keep(all().map((entry) => (entry.key === key ? { ...entry, ...facts } : entry)));
const remove = (key) => keep(all().filter((entry) => entry.key !== key));

// `begin` is what a new conversation begins with.
export function post({ content, files = [], insteadOf = null, begin = {} }) {
  const entry = { key: newKey(), tab, conversation: page.id ?? null, content, files, insteadOf, begin, state: "sending" };
  keep([...all(), entry]);
  show();
  toEnd();
  flush();
}

export async function flush() {
  clearTimeout(timer);
  if (isSending) return;
  isSending = true;
  try {
    await locked(sendAll);
  } finally {
    isSending = false;
  }
}

// Of several windows one sends at a time.
const locked = (work) => (navigator.locks ? navigator.locks.request(NAME, work) : work());

// Also what was written in other conversations, whose pages may be closed by now.
async function sendAll() {
  for (let entry; (entry = next()); ) {
    try {
      await sendOne(entry);
      failures = 0;
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      if (!refused(entry, problem)) return;
    }
  }
}

async function sendOne(entry) {
  const id = entry.conversation ?? (await begun(entry));
  const body = { content: entry.content, attachments: entry.files.map((file) => file.id) };
  if (entry.insteadOf) body.instead_of = entry.insteadOf;
  const sent = await ask("POST", `${page.api}conversations/${id}/messages/`, { json: body, key: entry.key });
  remove(entry.key);
  if (id === page.id) await refresh();
  show();
  if (turnOf(sent.question.id)) toEnd();
  document.dispatchEvent(new CustomEvent("orq:chat-changed"));
}

// The first message makes the conversation, and a page that has none becomes its page.
async function begun(entry) {
  const made = await ask("POST", `${page.api}conversations/`, { json: entry.begin, key: `${entry.key}-c` });
  keep(all().map((one) => (one.conversation === null && one.tab === entry.tab ? { ...one, conversation: made.id } : one)));
  if (!page.id) document.dispatchEvent(new CustomEvent("orq:chat-begun", { detail: made }));
  return made.id;
}

// True when the next one may be tried.
function refused(entry, problem) {
  if (problem.isSignedOut) {
    change(entry.key, { state: "signed_out" });
  } else if (problem.isAway) {
    change(entry.key, { state: "waiting" });
    timer = setTimeout(flush, WAITS_MS[Math.min(failures++, WAITS_MS.length - 1)]);
  } else {
    const isGone = problem.status === 404 && entry.conversation !== page.id; // it is kept where a new one begins
    change(entry.key, { state: "refused", why: problem.message, ...(isGone ? { conversation: null } : {}) });
  }
  show();
  return !problem.isSignedOut && !problem.isAway;
}

// ── On the page ─────────────────────────────────────────────────────────────────────────────────────────────────────
export function show() {
  box.replaceChildren(...mine().map(drawn));
  start();
}

// What an empty conversation shows; also of one that became empty.
async function start() {
  const isEmpty = () => !mine().length && !turnsBox().children.length;
  if (isEmpty() && page.id && !document.querySelector("[data-start]")) {
    const fresh = (await part(`${page.url}${page.id}/`))?.querySelector("[data-start]");
    if (fresh && !document.querySelector("[data-start]")) box.before(document.importNode(fresh, true));
  }
  document.querySelector("[data-start]")?.toggleAttribute("hidden", !isEmpty());
}
afterChange(start);

function drawn(entry) {
  const turn = template.content.cloneNode(true).firstElementChild;
  turn.dataset.entry = entry.key;
  turn.querySelector(".turn-text").textContent = entry.content;
  turn.querySelector(".turn-text").hidden = !entry.content;
  const files = turn.querySelector(".turn-files");
  files.hidden = !entry.files.length;
  files.append(...entry.files.map((file) => Object.assign(document.createElement("li"), { className: "file", textContent: file.name })));
  const state = turn.querySelector(".turn-state");
  const words = { sending: page.textSending, waiting: page.textOffline, signed_out: page.textSignedOut };
  state.textContent = words[entry.state] ?? `${page.textNotSent}: ${entry.why}`;
  state.classList.toggle("is-bad", entry.state === "refused");
  if (entry.state === "signed_out") {
    const link = Object.assign(document.createElement("a"), { href: `/sign-in/?next=${encodeURIComponent(location.pathname)}`, textContent: page.textSignIn });
    state.append(" ", link);
  }
  turn.querySelector(".turn-tools").hidden = entry.state === "sending";
  return turn;
}

box.addEventListener("click", (event) => {
  const key = event.target.closest("[data-entry]")?.dataset.entry;
  const entry = all().find((one) => one.key === key);
  if (!entry) return;
  if (event.target.closest("[data-outbox-again]")) {
    change(key, { state: "sending", why: "" });
    show();
    flush();
  } else if (event.target.closest("[data-outbox-back]")) {
    remove(key);
    show();
    document.dispatchEvent(new CustomEvent("orq:put-back", { detail: entry }));
  }
});

addEventListener("online", flush);
document.addEventListener("orq:open", flush);
addEventListener("storage", (event) => event.key === NAME && show());
show();
if (next()) flush();
