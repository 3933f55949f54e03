// The page of a comparison: each answer is written in its own column as it comes; what has ended is read again whole.

import { keepFresh } from "orq/task-parts";

const page = document.getElementById("comparison");
const said = document.getElementById("comparison-said");
const writing = new Map(); // column → text so far
const parts = keepFresh(page, { after: restore });

document.addEventListener("orq:compare", ({ detail }) => {
  if (detail.event === "text") hear(detail.text);
  else if (detail.event !== "snapshot") parts.soon();
});
document.addEventListener("orq:read-again", () => parts.soon());

const boxOf = (column) => page.querySelector(`.live-text[data-column="${column}"]`);

// A piece of an answer. `at` is where it belongs; a gap means that something was lost, and the page reads again.
function hear({ column, at, delta, restarted }) {
  const text = restarted ? "" : (writing.get(column) ?? boxOf(column)?.textContent ?? "");
  if (at > text.length) return parts.soon();
  writing.set(column, text.slice(0, at) + delta);
  show(column);
}

// After a part was read again: the server stores text once a second, so what came live may be longer.
function restore() {
  for (const [column, text] of writing) {
    const box = boxOf(column);
    if (!box) writing.delete(column);
    else if (box.textContent.length > text.length) writing.set(column, box.textContent);
    else show(column);
  }
  const state = page.querySelector("#part-head [data-status]");
  if (state && said.textContent !== state.textContent.trim()) said.textContent = state.textContent.trim();
}

// Scrolling follows only a reader who is at the bottom.
function show(column) {
  const box = boxOf(column);
  if (!box) return;
  const isAtEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 24;
  box.textContent = writing.get(column);
  if (isAtEnd) box.scrollTop = box.scrollHeight;
}
