// The list of conversations: several chosen at once, and kept up to date. What was put away can be taken back.

import { ask, page, part, Problem } from "orq/chat-net";
import { toast } from "orq/shell";

const UNDO = { archive: "unarchive", unarchive: "archive", delete: "restore" };
const SOON_MS = 300;
const KEPT = "orq:chat-undo";
const side = document.querySelector(".chat-side");
const bar = side.querySelector("[data-many]");
const chosen = () => [...side.querySelectorAll("[name=conversation]:checked")].map((box) => box.value);

function count() {
  const number = chosen().length;
  bar.hidden = !number;
  bar.querySelector("[data-many-count]").textContent = String(number);
  side.classList.toggle("is-choosing", number > 0);
}

export async function refreshList() {
  const words = side.querySelector("[name=q]").value.trim();
  const view = side.querySelector("[name=view]")?.value ?? "";
  if (side.querySelectorAll(".chat-row-list").length > 1) return; // older ones were asked for: nothing may jump
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

// `stay`: whether the page that is open remains; else what can be undone is said on the next one.
export async function put(deed, ids, { go = "" } = {}) {
  const form = new FormData();
  form.append("do", deed);
  for (const id of ids) form.append("conversation", id);
  const { done, refused } = await ask("POST", `${page.url}many/`, { form });
  if (refused.length) toast(refused.join(" "), { tone: "bad" });
  if (go && done.length) {
    sessionStorage.setItem(KEPT, JSON.stringify({ deed, done }));
    location.assign(go);
    return;
  }
  await refreshList();
  if (done.length) offerUndo(deed, done);
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
  if (deed === "export") location.assign(`${page.url}export/?${ids.map((id) => `conversation=${id}`).join("&")}`);
  else tried(put(deed, ids, { go: ids.includes(page.id) ? page.url : "" }));
});
document.addEventListener("htmx:afterSwap", mark);
document.addEventListener("orq:chat-changed", soon);
document.addEventListener("orq:chat", ({ detail }) => detail.type === "chat:list" && soon());
document.addEventListener("orq:read-again", refreshList);
document.addEventListener("visibilitychange", () => document.hidden || refreshList());

const kept = sessionStorage.getItem(KEPT);
if (kept) {
  sessionStorage.removeItem(KEPT);
  const { deed, done } = JSON.parse(kept);
  offerUndo(deed, done);
}
count();
