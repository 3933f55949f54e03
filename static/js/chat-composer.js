// Where people write. It is never locked; what is written is kept in the browser until it is sent.

import { page, recall, remember } from "orq/chat-net";
import { files, takeFiles, withoutFiles } from "orq/chat-files";
import { chosen } from "orq/chat-picker";
import { post } from "orq/chat-outbox";
import { isChoosing } from "orq/chat-slash";

const MOST_CHARS = 400_000;
const form = document.querySelector("[data-composer]");
const text = form.querySelector("[data-text]");
const problem = form.querySelector("[data-problem-line]");
const draftName = () => `orq:draft:${page.person}:${page.id ?? "new"}`;
let timer = 0;

function keepDraft() {
  clearTimeout(timer);
  timer = 0;
  remember(draftName(), text.value || null);
}

export function complain(words) {
  problem.textContent = words;
  problem.hidden = !words;
}

export function write(words) {
  text.value = words;
  text.dispatchEvent(new Event("input", { bubbles: true }));
  text.focus();
  text.setSelectionRange(words.length, words.length);
}

function submit() {
  const content = text.value.trim();
  const ready = files();
  if (ready === null || (!content && !ready.length)) return;
  if (content.length > MOST_CHARS) {
    complain(page.textTooLong.replace("{most}", MOST_CHARS.toLocaleString(document.documentElement.lang)).replace("{has}", content.length.toLocaleString(document.documentElement.lang)));
    return;
  }
  post({ content, files: ready, begin: chosen() });
  withoutFiles();
  text.value = "";
  fit();
  complain("");
  keepDraft();
}

// Where the browser does not do it by itself.
const fitsItself = CSS.supports("field-sizing", "content");
function fit() {
  if (fitsItself) return;
  text.style.height = "auto";
  text.style.height = `${text.scrollHeight}px`;
}

text.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing || isChoosing()) return;
  event.preventDefault();
  submit();
});
// From an empty field the up arrow leads to the last thing that was said, to say it differently.
text.addEventListener("keydown", (event) => {
  if (event.key !== "ArrowUp" || text.value || event.isComposing || event.shiftKey) return;
  const last = [...document.querySelectorAll(".turn-user:not(.is-pending) [data-edit]")].at(-1);
  if (!last) return;
  event.preventDefault();
  last.click();
});
text.addEventListener("input", () => {
  fit();
  complain("");
  timer ||= setTimeout(keepDraft, 250);
});
form.addEventListener("submit", (event) => {
  event.preventDefault();
  submit();
  text.focus();
});
addEventListener("pagehide", keepDraft);
document.addEventListener("visibilitychange", () => document.hidden && keepDraft());

// What could not be sent is put back in front of what has been written since.
document.addEventListener("orq:put-back", ({ detail }) => {
  write([detail.content, text.value].filter(Boolean).join("\n\n"));
  takeFiles(detail.files);
});
document.addEventListener("click", (event) => {
  const idea = event.target.closest("[data-idea]");
  if (idea) write(idea.textContent);
});
document.addEventListener("orq:chat-begun", () => remember(`orq:draft:${page.person}:new`, null));

if (matchMedia("(hover: hover)").matches && !location.hash) text.focus(); // a phone's keyboard would cover the thread
if (!text.value) text.value = recall(draftName(), "");
fit();
form.classList.add("is-ready");
