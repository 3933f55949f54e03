// The page of chats: what belongs to the conversation as a whole. Each other matter has a module of its own.

import { send } from "orq/live";
import { ask, page, part, Problem } from "orq/chat-net";
import { toEnd } from "orq/chat-thread";
import "orq/chat-stream";
import "orq/chat-turns";
import { put } from "orq/chat-list";
import { toast } from "orq/shell";

const root = document.getElementById("chat");

let seen = "";

async function tried(doing) {
  try {
    await doing;
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    toast(problem.message, { tone: "bad" });
  }
}

async function change(facts) {
  await ask("PATCH", `${page.api}conversations/${page.id}/`, { json: facts });
  document.dispatchEvent(new CustomEvent("orq:chat-changed"));
}

document.addEventListener("click", async (event) => {
  const item = event.target.closest("#chat-menu :is([data-set], [data-delete], [data-menu-close])");
  if (!item) return;
  document.getElementById("chat-menu").hidePopover();
  if ("delete" in item.dataset) tried(put("delete", [page.id], { go: page.url }));
  else if (item.dataset.set === "is_archived" && item.dataset.to === "true") tried(put("archive", [page.id], { go: page.url }));
  else if (item.dataset.set) tried(change({ [item.dataset.set]: item.dataset.to === "true" }));
});

document.addEventListener("submit", (event) => {
  if (!event.target.matches("[data-rename]")) return;
  const title = event.target.elements.title.value.trim();
  if (title) tried(change({ title }));
});

// The head again, as it is now: here, and when another window has changed it.
async function freshHead() {
  const old = document.querySelector("[data-head]");
  if (!page.id || old.querySelector("dialog[open], :popover-open")) return;
  const fresh = (await part(`${page.url}${page.id}/head/`))?.querySelector("[data-head]");
  if (!fresh || fresh.outerHTML === seen) return;
  seen = fresh.outerHTML;
  old.replaceWith(document.importNode(fresh, true));
  const title = fresh.dataset.pageTitle;
  const place = document.querySelector(".where [aria-current]");
  if (place) place.textContent = title;
  document.title = `${title} · Orquestrador`;
}
document.addEventListener("orq:chat-changed", freshHead);

// The first message, or the first file, has made a conversation: from here on this is its page.
document.addEventListener("orq:chat-begun", ({ detail: { id } }) => {
  page.id = id;
  root.dataset.liveChat = id;
  send("chat:subscribe", { conversation_id: id });
  history.replaceState(history.state, "", `${page.url}${id}/`);
  const view = document.querySelector(".chat");
  view.classList.remove("chat-at-list", "chat-at-new");
  view.classList.add("chat-at-thread");
});

// Deleted, or no longer shared: what is on the page can still be read, and nothing is asked of it any more.
document.addEventListener("orq:chat-gone", () => {
  toast(page.textGone, { tone: "warn", keep: true });
  delete root.dataset.liveChat;
  delete page.id;
  document.querySelector("[data-composer]")?.remove();
}, { once: true });

toEnd();
if (document.querySelector("[data-composer]")) import("orq/chat-composer");
