// What can be done with one message: copy, edit, answer anew, other branches, stop, check, thumbs, remove.

import { ask, page, Problem } from "orq/chat-net";
import { pickForOne } from "orq/chat-picker";
import { post } from "orq/chat-outbox";
import { toast } from "orq/shell";
import { afterChange, changing, refresh, toEnd, turnsBox } from "orq/chat-thread";

const DEEDS = {
  copyAnswer: (id) => ask("GET", `${page.api}messages/${id}/`).then((message) => copy(message.content)),
  stop: (id) => ask("POST", `${page.api}messages/${id}/stop/`).then(refresh),
  again: (id, turn) => again(id, turn),
  againWith: (id, turn) => pickForOne((model) => tried(again(id, turn, model))),
  verify: (id) => ask("POST", `${page.api}messages/${id}/verify/`, { json: {} }).then(refresh),
  alternative: (id) => ask("POST", `${page.api}messages/${id}/use-alternative/`).then(refresh),
  edit: (id, turn) => edit(turn),
  branch: (id, turn, target) => branch(target.dataset.branch),
  thumb: (id, turn, target) => thumb(id, target),
  remove: (id, turn) => remove(id, turn),
};
const SELECTOR = Object.keys(DEEDS).map((name) => `[data-${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}]`).join(",");

document.addEventListener("click", (event) => {
  const code = event.target.closest("[data-copy-code]");
  if (code) return tried(copy(code.closest(".code").querySelector("pre").textContent));
  const target = event.target.closest(SELECTOR);
  const turn = target?.closest(".turn");
  if (!turn || turn.classList.contains("is-pending")) return;
  const name = Object.keys(DEEDS).find((one) => one in target.dataset);
  if (name === "branch" && page.mayWrite !== "true") return; // who only reads follows the link
  event.preventDefault();
  tried(DEEDS[name](turn.dataset.id, turn, target));
});

async function tried(doing) {
  try {
    await doing;
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    toast(problem.message, { tone: "bad" });
  }
}

async function again(id, turn, model) {
  turn.querySelector("[data-again]")?.setAttribute("disabled", "");
  await ask("POST", `${page.api}messages/${id}/regenerate/`, { json: model ? { model } : {} }).catch((problem) => {
    turn.querySelector("[data-again]")?.removeAttribute("disabled");
    throw problem;
  });
  await refresh();
  toEnd();
}

async function branch(message) {
  const form = new FormData();
  form.append("message", message);
  await ask("POST", `${page.url}${page.id}/branch/`, { form });
  await refresh();
  document.getElementById(`m-${message}`)?.querySelector("[data-branch]")?.focus();
}

// What went, and how many lay below it, the server says; until that is closed it can be taken back.
async function remove(id, turn) {
  const before = turn.previousElementSibling;
  const { message } = await ask("DELETE", `${page.api}messages/${id}/`);
  await refresh();
  document.dispatchEvent(new CustomEvent("orq:chat-changed"));
  document.querySelector(".toast:has([data-put-back])")?.remove();
  const button = Object.assign(document.createElement("button"), { type: "button", className: "link-button undo", textContent: page.textUndo });
  button.dataset.putBack = id;
  const words = document.createElement("span");
  words.append(message, " ", button);
  const box = toast(words, { tone: "ok", keep: true });
  button.addEventListener("click", () => {
    box.remove();
    tried(putBack(id));
  });
  (before?.isConnected ? before.querySelector("[data-copy-answer]") : document.querySelector("[data-text]"))?.focus();
}

async function putBack(id) {
  await ask("POST", `${page.api}messages/${id}/restore/`);
  await refresh();
  document.dispatchEvent(new CustomEvent("orq:chat-changed"));
  document.getElementById(`m-${id}`)?.querySelector("[data-copy-answer]")?.focus();
}

async function thumb(id, button) {
  const isOn = button.getAttribute("aria-pressed") === "true";
  await ask("POST", `${page.api}messages/${id}/rate/`, { json: { thumb: isOn ? null : button.dataset.thumb } });
  for (const one of button.parentElement.querySelectorAll("[data-thumb]")) one.setAttribute("aria-pressed", String(one === button && !isOn));
}

// Where the page came without TLS the browser has no clipboard for us; then a hidden field is copied from.
async function copy(words) {
  if (navigator.clipboard) {
    await navigator.clipboard.writeText(words);
  } else {
    const field = Object.assign(document.createElement("textarea"), { value: words, className: "visually-hidden" });
    document.body.append(field);
    field.select();
    document.execCommand("copy");
    field.remove();
  }
  toast(page.textCopied, { tone: "ok" });
}

// ── Edit and send anew ──────────────────────────────────────────────────────────────────────────────────────────────
function edit(turn) {
  if (turn.querySelector("[data-edit-form]")) return;
  const form = document.getElementById("turn-edit").content.cloneNode(true).firstElementChild;
  const field = form.querySelector("textarea");
  field.value = turn.querySelector("[data-raw]")?.textContent ?? "";
  const hidden = [...turn.children];
  const end = () => {
    form.remove();
    for (const one of hidden) one.hidden = false;
    turn.querySelector("[data-edit]")?.focus();
  };
  changing(() => {
    for (const one of hidden) one.hidden = true;
    turn.append(form);
  });
  field.focus();
  form.querySelector("[data-edit-cancel]").addEventListener("click", end);
  form.addEventListener("keydown", (event) => {
    if (event.key === "Escape") end();
    else if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      form.requestSubmit();
    }
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const content = field.value.trim();
    if (!content) return;
    end();
    const files = [...turn.querySelectorAll("[data-file]")].map((file) => ({ id: file.dataset.file, name: file.dataset.name }));
    post({ content, files, insteadOf: turn.dataset.id });
    document.querySelector("[data-text]")?.focus();
  });
}

// ── Code blocks get their button ────────────────────────────────────────────────────────────────────────────────────
const copyButton = document.getElementById("code-copy");
function furnish() {
  for (const head of turnsBox().querySelectorAll(".code-head:not(:has(button))")) head.append(copyButton.content.cloneNode(true));
}
afterChange(furnish);
furnish();

document.querySelector("[data-stop-all]")?.addEventListener("click", () => {
  const open = [...turnsBox().querySelectorAll(".turn[aria-busy]")].reverse(); // what waits behind it is taken back first
  tried(Promise.all(open.map((turn) => ask("POST", `${page.api}messages/${turn.dataset.id}/stop/`))).then(refresh));
});
