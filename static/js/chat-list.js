// The list of conversations: several chosen at once, and kept up to date. What was put away can be taken back.

import { ask, page, part, Problem } from "orq/chat-net";
import { toast } from "orq/shell";

const UNDO = { archive: "unarchive", unarchive: "archive", delete: "restore" };
const SOON_MS = 300;
const AT_ONCE = 200; // the most that the server does in one request
const KEPT = "orq:chat-undo";
const side = document.querySelector(".chat-side");
const bar = side.querySelector("[data-many]");
const chosen = () => [...side.querySelectorAll("[name=conversation]:checked")].map((box) => box.value);

let isAtWork = false;

function count() {
  if (isAtWork) return;
  const number = chosen().length;
  bar.hidden = !number;
  bar.querySelector("[data-many-count]").textContent = String(number);
  side.classList.toggle("is-choosing", number > 0);
}

// `whole`: also where older ones were asked for, of which the first are shown again then.
export async function refreshList({ whole = false } = {}) {
  const words = side.querySelector("[name=q]").value.trim();
  const view = side.querySelector("[name=view]")?.value ?? "";
  if (!whole && side.querySelectorAll(".chat-row-list").length > 1) return; // older ones were asked for: nothing may jump
  const fresh = await part(`${page.url}rows/?${new URLSearchParams({ q: words, view })}`);
  if (!fresh) return;
  const ticked = new Set(chosen());
  const rows = document.importNode(fresh.getElementById("chat-rows"), true);
  for (const box of rows.querySelectorAll("[name=conversation]")) box.checked = ticked.has(box.value);
  const focused = document.activeElement?.closest?.(".chat-row")?.dataset.id;
  side.querySelector("#chat-rows").replaceWith(rows);
  globalThis.htmx?.process(rows);
  mark();
  if (focused) rows.querySelector(`.chat-row[data-id="${CSS.escape(focused)}"] a`)?.focus();
  count();
}

let timer = 0;
function soon() {
  timer ||= setTimeout(() => {
    timer = 0;
    refreshList();
  }, SOON_MS);
}

function mark() {
  for (const row of side.querySelectorAll(".chat-row")) {
    const isHere = row.dataset.id === page.id;
    row.classList.toggle("is-here", isHere);
    row.querySelector("a").toggleAttribute("aria-current", isHere);
    if (isHere) row.querySelector("a").setAttribute("aria-current", "page");
  }
}

// Does `work` with so many at a time as the server takes; the bar says how far it is.
async function inParts(ids, work) {
  isAtWork = true;
  bar.hidden = false;
  const buttons = bar.querySelectorAll("button");
  for (const button of buttons) button.disabled = true;
  try {
    for (let at = 0; at < ids.length; at += AT_ONCE) {
      bar.querySelector("[data-many-count]").textContent = ids.length > AT_ONCE ? `${at} / ${ids.length}` : String(ids.length);
      await work(ids.slice(at, at + AT_ONCE));
    }
  } finally {
    isAtWork = false;
    for (const button of buttons) button.disabled = false;
    count();
  }
}

// With `go` that page is opened, and says what can be undone. What was done before a failure can be undone as well.
export async function put(deed, ids, { go = "" } = {}) {
  const done = [];
  const refused = new Set();
  let problem = null;
  try {
    await inParts(ids, async (some) => {
      const form = new FormData();
      form.append("do", deed);
      for (const id of some) form.append("conversation", id);
      const answer = await ask("POST", `${page.url}many/`, { form });
      done.push(...answer.done);
      for (const why of answer.refused) refused.add(why);
    });
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    problem = error;
  }
  if (refused.size) toast([...refused].join(" "), { tone: "bad" });
  if (done.length && go && !problem) {
    sessionStorage.setItem(KEPT, JSON.stringify({ deed, done }));
    location.assign(go);
    return;
  }
  if (done.length) {
    await settle(deed, done);
    offerUndo(deed, done);
  }
  if (problem) throw problem;
}

async function settle(deed, done) {
  if (deed !== "restore") for (const id of done) side.querySelector(`.chat-row[data-id="${CSS.escape(id)}"]`)?.remove();
  count();
  await refreshList({ whole: deed === "restore" || !side.querySelector(".chat-row") });
}

// One file, of however many parts it was made.
async function take(ids) {
  const conversations = [];
  await inParts(ids, async (some) => {
    const query = some.map((id) => `conversation=${id}`).join("&");
    conversations.push(...(await ask("GET", `${page.url}export/?${query}`)).conversations);
  });
  const file = new Blob([JSON.stringify({ conversations }, null, 1)], { type: "application/json" });
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(file), download: "conversations.json" });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

function offerUndo(deed, done) {
  const words = document.createElement("span");
  words.textContent = { archive: page.textArchived, unarchive: page.textUnarchived, delete: page.textDeleted, restore: page.textRestored }[deed];
  if (UNDO[deed]) {
    const button = Object.assign(document.createElement("button"), { type: "button", className: "link-button undo", textContent: page.textUndo });
    button.addEventListener("click", () => {
      button.closest(".toast").remove();
      tried(put(UNDO[deed], done));
    });
    words.append(" ", button);
  }
  toast(words, { tone: "ok" });
}

async function tried(doing) {
  try {
    await doing;
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    toast(problem.message, { tone: "bad" });
  }
}

side.addEventListener("change", count);
bar.addEventListener("click", (event) => {
  const deed = event.target.closest("[data-many-do]")?.dataset.manyDo;
  if (!deed) return;
  const ids = chosen();
  if (deed !== "export") tried(put(deed, ids, { go: ids.includes(page.id) ? page.url : "" }));
  else if (ids.length > AT_ONCE) tried(take(ids));
  else location.assign(`${page.url}export/?${ids.map((id) => `conversation=${id}`).join("&")}`);
});
document.addEventListener("htmx:afterSwap", mark);
document.addEventListener("orq:chat-changed", soon);
document.addEventListener("orq:chat", ({ detail }) => detail.type === "chat:list" && soon());
document.addEventListener("orq:read-again", () => refreshList());
document.addEventListener("visibilitychange", () => document.hidden || refreshList());

// Coming back, a browser fills in the words that were searched for; the rows must be theirs.
addEventListener("pageshow", () => {
  const words = side.querySelector("[name=q]");
  if (words.value !== words.defaultValue) refreshList({ whole: true });
});

const kept = sessionStorage.getItem(KEPT);
if (kept) {
  sessionStorage.removeItem(KEPT);
  const { deed, done } = JSON.parse(kept);
  offerUndo(deed, done);
}
count();
