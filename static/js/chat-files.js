// Files that go with the next message: chosen, dropped or pasted, sent up at once, each with its state beside its name.

import { ask, page, Problem } from "orq/chat-net";
import { chosen } from "orq/chat-picker";

const form = document.querySelector("[data-composer]");
const list = form.querySelector("[data-files]");
const input = form.querySelector("[data-file-input]");
const template = document.getElementById("file-chip");
const number = new Intl.NumberFormat(document.documentElement.lang);
let taken = []; // {about, chip, state: "going" | "ready" | "bad"}

// The files that are ready, or null while one is still on its way.
export function files() {
  if (taken.some((one) => one.state === "going")) return null;
  return taken.filter((one) => one.state === "ready").map((one) => one.about);
}

export function withoutFiles() {
  taken = [];
  draw();
}

// Files that are on the server already.
export function takeFiles(abouts) {
  for (const about of abouts) taken.push({ about, state: "ready", chip: chipOf(about.name) });
  for (const one of taken) if (one.state === "ready") ready(one, one.about);
  draw();
}

function chipOf(name) {
  const chip = template.content.cloneNode(true).firstElementChild;
  chip.querySelector(".clip").textContent = name;
  return chip;
}

function draw() {
  list.replaceChildren(...taken.map((one) => one.chip));
  list.hidden = !taken.length;
}

async function add(file) {
  const one = { about: null, state: "going", chip: chipOf(file.name) };
  taken.push(one);
  one.chip.querySelector(".file-about").textContent = "…";
  draw();
  try {
    const body = new FormData();
    body.append("file", file, file.name);
    const id = page.id ?? (await place());
    ready(one, await ask("POST", `${page.api}conversations/${id}/attachments/`, { form: body }));
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    one.state = "bad";
    one.chip.classList.add("is-bad");
    one.chip.querySelector(".file-about").textContent = problem.message;
    one.chip.querySelector(".file-about").setAttribute("role", "alert");
  }
}

// A file needs a conversation to lie in. It is in no list until something is said in it.
let placing = null;
function place() {
  placing ??= ask("POST", `${page.api}conversations/`, { json: chosen() }).then((made) => {
    document.dispatchEvent(new CustomEvent("orq:chat-begun", { detail: made }));
    return made.id;
  });
  return placing.catch((problem) => {
    placing = null;
    throw problem;
  });
}

function ready(one, about) {
  one.about = about;
  one.state = "ready";
  const parts = [size(about.size)];
  if (about.pages) parts.push(page.textPages.replace("{n}", number.format(about.pages)));
  if (about.tokens) parts.push(page.textTokens.replace("{n}", number.format(about.tokens)));
  one.chip.querySelector(".file-about").textContent = parts.join(" · ");
  if (about.kind !== "image") return;
  const picture = one.chip.querySelector("img");
  picture.src = `${page.api}attachments/${about.id}/content/`;
  picture.hidden = false;
  one.chip.querySelector(".file-icon").hidden = true;
}

function size(bytes) {
  if (bytes < 1000) return `${bytes} B`;
  return bytes < 1e6 ? `${number.format(Math.round(bytes / 1000))} kB` : `${number.format(Math.round(bytes / 1e5) / 10)} MB`;
}

function remove(one) {
  taken = taken.filter((other) => other !== one);
  draw();
  if (one.about) ask("DELETE", `${page.api}attachments/${one.about.id}/`).catch(() => null); // it goes by itself after a day
}

form.querySelector("[data-attach]").addEventListener("click", () => input.click());
input.addEventListener("change", () => {
  for (const file of input.files) add(file);
  input.value = "";
});
list.addEventListener("click", (event) => {
  const chip = event.target.closest("button")?.closest(".file");
  const one = taken.find((other) => other.chip === chip);
  if (one) remove(one);
  form.querySelector("[data-text]").focus();
});
form.addEventListener("paste", (event) => {
  const pasted = [...event.clipboardData.files];
  if (!pasted.length) return;
  event.preventDefault();
  for (const file of pasted) add(file);
});

// Dropping works on the whole thread.
const area = document.querySelector(".chat-main");
const carriesFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
area.addEventListener("dragover", (event) => {
  if (!carriesFiles(event)) return;
  event.preventDefault();
  form.classList.add("is-over");
});
area.addEventListener("dragleave", (event) => area.contains(event.relatedTarget) || form.classList.remove("is-over"));
area.addEventListener("drop", (event) => {
  if (!carriesFiles(event)) return;
  event.preventDefault();
  form.classList.remove("is-over");
  for (const file of event.dataTransfer.files) add(file);
});
