// The page of chats: what belongs to the conversation as a whole. Each other matter has a module of its own.

import { send } from "orq/live";
import { ask, page, Problem } from "orq/chat-net";
import { toEnd } from "orq/chat-thread";
import "orq/chat-stream";
import "orq/chat-turns";
import { put } from "orq/chat-list";
import { toast } from "orq/shell";

const root = document.getElementById("chat");

async function change(facts) {
  try {
    await ask("PATCH", `${page.api}conversations/${page.id}/`, { json: facts });
    return true;
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    toast(problem.message, { tone: "bad" });
    return false;
  }
}

document.getElementById("chat-menu")?.addEventListener("click", async (event) => {
  const item = event.target.closest("[data-set], [data-delete], [data-menu-close]");
  if (!item) return;
  document.getElementById("chat-menu").hidePopover();
  if ("delete" in item.dataset) return put("delete", [page.id], { go: page.url });
  if (item.dataset.set === "is_archived" && item.dataset.to === "true") return put("archive", [page.id], { go: page.url });
  if (item.dataset.set && (await change({ [item.dataset.set]: item.dataset.to === "true" }))) location.reload();
});

document.querySelector("[data-rename]")?.addEventListener("submit", async (event) => {
  const title = event.target.elements.title.value.trim();
  if (title && (await change({ title }))) titled(title);
});

function titled(title) {
  for (const element of document.querySelectorAll("[data-title]")) element.textContent = title;
  document.title = document.title.replace(/^.*?(?= · [^·]*$)/, title);
  document.dispatchEvent(new CustomEvent("orq:chat-changed"));
}

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

if (document.querySelector("[data-composer]")) await import("orq/chat-composer");
toEnd();
