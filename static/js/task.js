// A task's page: the graph's edges, text as it is written, times that run, and parts that are read again when something changed.

import { now } from "orq/session";
import { keepFresh } from "orq/task-parts";

const page = document.getElementById("task");
const said = document.getElementById("task-said");
const writing = new Map(); // call → {text, order}
let planChars = 0;

const parts = keepFresh(page, { after: draw });

function draw() {
  for (const [call, state] of writing) keepLonger(call, state);
  drawEdges();
  tick();
  announce();
}

// ── What happens ────────────────────────────────────────────────────────────────────────────────────────────────────
document.addEventListener("orq:task", ({ detail }) => {
  if (detail.event === "text") hear(detail.text);
  else parts.soon();
});
document.addEventListener("orq:read-again", () => parts.soon());

// A piece of text. `at` is where it belongs; a gap means that something was lost, and the page reads again.
function hear(piece) {
  if (piece.role === "planner") {
    planChars = piece.at + piece.delta.length;
    const count = document.querySelector("[data-plan-chars]");
    if (!count) return parts.soon();
    count.hidden = false;
    count.textContent = new Intl.NumberFormat(document.documentElement.lang).format(planChars);
    return;
  }
  if (piece.role !== "executor") return;
  const state = writing.get(piece.call) ?? { text: shownText(piece.call), order: piece.order };
  if (piece.at > state.text.length) return parts.soon();
  state.text = state.text.slice(0, piece.at) + piece.delta;
  writing.set(piece.call, state);
  show(piece.call, state);
}

const boxOf = (call, order) =>
  document.querySelector(`.live-text[data-call="${CSS.escape(call)}"]`) ?? document.querySelector(`.live-text[data-order="${order}"][data-call=""]`);
const shownText = (call) => document.querySelector(`.live-text[data-call="${CSS.escape(call)}"]`)?.textContent ?? "";

// After a part was read again: the server stores text once a second, so what came live may be longer, or not.
function keepLonger(call, state) {
  const stored = shownText(call);
  if (stored.length > state.text.length) state.text = stored;
  show(call, state);
}

// Scrolling follows only a reader who is at the bottom.
function show(call, state) {
  const box = boxOf(call, state.order);
  if (!box) return;
  const isAtEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 24;
  const isNew = !box.dataset.call;
  box.dataset.call = call;
  if (box.firstChild && state.text.startsWith(box.textContent)) box.firstChild.appendData?.(state.text.slice(box.textContent.length));
  else box.textContent = state.text;
  if (isAtEnd || isNew) box.scrollTop = box.scrollHeight;
}

// ── For those who listen ────────────────────────────────────────────────────────────────────────────────────────────
let lastSaid = status();
function status() {
  const badge = page.querySelector("#part-head [data-status]");
  return { key: badge?.dataset.status, words: badge?.textContent.trim() };
}
function announce() {
  const now = status();
  if (now.key === lastSaid.key) return;
  said.textContent = now.key === "completed" ? page.dataset.textReady : now.key === "running" ? page.dataset.textWriting : now.words;
  if (now.key === "completed") document.getElementById("tab-result")?.click();
  lastSaid = now;
}

// ── The graph's edges ───────────────────────────────────────────────────────────────────────────────────────────────
const SVG = "http://www.w3.org/2000/svg";

function drawEdges() {
  const graph = page.querySelector("[data-graph]");
  if (!graph || !graph.offsetParent) return;
  const layer = graph.querySelector("[data-edges]");
  const frame = graph.getBoundingClientRect();
  const isColumn = getComputedStyle(graph).flexDirection === "column";
  const steps = new Map([...graph.querySelectorAll(".step")].map((step) => [step.dataset.order, step]));
  layer.replaceChildren();
  for (const step of steps.values()) {
    for (const need of step.dataset.needs.split(" ").filter(Boolean)) {
      const from = steps.get(need);
      if (from) layer.append(edge(from, step, frame, isColumn));
    }
  }
}

function edge(from, to, frame, isColumn) {
  const a = from.getBoundingClientRect();
  const b = to.getBoundingClientRect();
  const path = document.createElementNS(SVG, "path");
  if (isColumn) {
    const [x, y1, y2] = [a.left - frame.left + 24, a.bottom - frame.top, b.top - frame.top];
    path.setAttribute("d", `M${x},${y1} L${x},${y2}`);
  } else {
    const [x1, y1] = [a.right - frame.left, a.top - frame.top + a.height / 2];
    const [x2, y2] = [b.left - frame.left, b.top - frame.top + b.height / 2];
    const bend = Math.max(24, (x2 - x1) / 2);
    path.setAttribute("d", `M${x1},${y1} C${x1 + bend},${y1} ${x2 - bend},${y2} ${x2},${y2}`);
  }
  const isDone = from.dataset.status === "completed";
  const isDisputed = from.classList.contains("is-disputed");
  path.setAttribute("class", `edge ${isDisputed ? "edge-disputed" : isDone ? "edge-done" : "edge-waiting"}`);
  return path;
}

// ── Times that run ──────────────────────────────────────────────────────────────────────────────────────────────────
const number = (value, digits) => new Intl.NumberFormat(document.documentElement.lang, { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(value);

function tick() {
  for (const time of page.querySelectorAll("[data-since]")) {
    const seconds = Math.max(0, (now() - Date.parse(time.dataset.since)) / 1000);
    if (seconds < 60) time.textContent = `${number(Math.floor(seconds), 0)}\u00a0s`;
    else if (seconds < 3600) time.textContent = `${number(Math.floor(seconds / 60), 0)}\u00a0min ${String(Math.floor(seconds % 60)).padStart(2, "0")}\u00a0s`;
    else if (seconds >= 172800) time.textContent = `${number(Math.floor(seconds / 86400), 0)}\u00a0d ${String(Math.floor((seconds % 86400) / 3600)).padStart(2, "0")}\u00a0h`;
    else time.textContent = `${number(Math.floor(seconds / 3600), 0)}\u00a0h ${String(Math.floor((seconds % 3600) / 60)).padStart(2, "0")}\u00a0min`;
  }
}

setInterval(tick, 1000);
new ResizeObserver(drawEdges).observe(page);
page.addEventListener("click", (event) => event.target.closest("[role=tab]") && requestAnimationFrame(drawEdges));
document.fonts?.ready.then(drawEdges);
for (const box of page.querySelectorAll(".live-text")) box.scrollTop = box.scrollHeight;
drawEdges();
tick();
