// Words as they are written. Pieces say where they belong; they are put in about ten times a second, and a gap is asked for again.

import { isOpen, send } from "orq/live";
import { page } from "orq/chat-net";
import { afterChange, changing, refresh, turnOf, turnsBox } from "orq/chat-thread";

const PAINT_MS = 100;
const ASK_AGAIN_MS = 1000;
const writing = new Map(); // message → {text, painted: how much of it is on the page, -1: not this}
const asked = new Map(); // message → when the rest was last asked for
const status = document.querySelector("[data-announce]");
let timer = 0;

export const say = (words) => {
  if (status.textContent !== words) status.textContent = words;
};

document.addEventListener("orq:chat", ({ detail: { type, data } }) => {
  if (type === "chat:list" || (data.conversation_id && data.conversation_id !== page.id)) return;
  if (type === "chat:streaming") hear(data);
  else if (type === "chat:subscribed") refresh().then(join); // what happened between drawing the page and listening
  else if (type === "chat:resumed") resumed(data);
  else if (type === "chat:done") ended(data);
  else if (type === "chat:update") updated(data);
});
document.addEventListener("orq:read-again", () => refresh().then(join));
afterChange(paintAll);
afterChange(announce);

function hear({ message_id: id, at, delta }) {
  const state = writing.get(id) ?? begun(id);
  if (at > state.text.length) return askAgain(id, state.text.length);
  if (at < state.painted) state.painted = -1;
  state.text = state.text.slice(0, at) + delta;
  timer ||= setTimeout(paintAll, PAINT_MS);
}

function begun(id) {
  const text = turnOf(id)?.querySelector("[data-stream]")?.textContent ?? "";
  const state = { text, painted: -1 };
  writing.set(id, state);
  if (!turnOf(id)) refresh();
  return state;
}

function paintAll() {
  clearTimeout(timer);
  timer = 0;
  if (writing.size) changing(() => writing.forEach(paint));
}

function paint(state, id) {
  const box = turnOf(id)?.querySelector("[data-stream]");
  if (!box) return;
  const node = box.firstChild;
  if (node && node.length === state.painted) node.appendData(state.text.slice(state.painted));
  else box.textContent = state.text;
  state.painted = state.text.length;
}

function askAgain(id, seq) {
  if (performance.now() - (asked.get(id) ?? -ASK_AGAIN_MS) < ASK_AGAIN_MS) return;
  asked.set(id, performance.now());
  send("chat:resume", { message_id: id, seq });
}

// Whoever opens the page in the middle of an answer, or comes back, gets what came since.
function join() {
  for (const box of document.querySelectorAll(".is-streaming [data-stream]")) {
    const id = box.closest(".turn").dataset.id;
    send("chat:resume", { message_id: id, seq: writing.get(id)?.text.length ?? box.textContent.length });
  }
}

// What is stored may be behind what the page has heard already.
function resumed(data) {
  const has = writing.get(data.message_id)?.text.length ?? 0;
  if (data.at + data.delta.length >= has) hear(data);
  if (data.status !== "streaming" && data.status !== "queued") ended(data);
}

async function ended(data) {
  const id = data.id ?? data.message_id;
  await refresh();
  writing.delete(id);
  const words = { complete: page.textReady, failed: page.textFailed, stopped: page.textStopped };
  say(words[data.status] ?? "");
  document.dispatchEvent(new CustomEvent("orq:chat-changed"));
}

async function updated({ event, message_id: id, stage }) {
  if (event === "stage" && moved(turnOf(id)?.querySelector(".turn-stage"), stage)) return;
  await refresh();
  if (event !== "stage") document.dispatchEvent(new CustomEvent("orq:chat-changed"));
}

// How far the load of a model is; false where more than that has changed.
function moved(box, stage) {
  const percent = box?.querySelector("[data-percent]");
  if (!percent || !stage || stage.percent === null || Boolean(stage.alternative) !== Boolean(box.querySelector("[data-alternative]"))) return false;
  percent.textContent = `${stage.percent} %`;
  box.querySelector("progress").value = stage.percent;
  return true;
}

function announce() {
  const isBusy = turnsBox().querySelector(".turn[aria-busy]") !== null;
  document.querySelector("[data-stop-all]")?.toggleAttribute("hidden", !isBusy);
  if (isBusy) say(page.textAnswering);
}

if (isOpen() && page.id) send("chat:subscribe", { conversation_id: page.id });
announce();
