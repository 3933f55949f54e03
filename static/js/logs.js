// Following the log: fresh lines come in at the top, at most so many stay; a pause keeps the place for reading.

const MOST_LINES = 500;
const PING_MS = 25_000;
const LONGEST_WAIT_MS = 15_000;
const SIGNED_OUT = 4401;

const log = document.getElementById("log");
const button = document.getElementById("log-follow");
const state = document.getElementById("log-state");
const words = log.dataset;

let socket = null;
let newest = words.newest;
let attempts = 0;
let retry = 0;
let heartbeat = 0;
let isFollowing = false;

const send = (type, data = {}) => socket?.readyState === WebSocket.OPEN && socket.send(JSON.stringify({ type, data }));

function say(text) {
  state.hidden = !text;
  state.textContent = text;
}

function connect() {
  clearTimeout(retry);
  socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws/logs/`);
  socket.addEventListener("open", () => {
    send("logs:subscribe", { filters: JSON.parse(words.filters), after: newest });
    clearInterval(heartbeat);
    heartbeat = setInterval(() => send("ping"), PING_MS);
  });
  socket.addEventListener("message", (event) => heard(JSON.parse(event.data)));
  socket.addEventListener("close", closed);
}

function heard({ type, data }) {
  attempts = 0;
  if (type === "logs:gap") send("logs:subscribe", { filters: JSON.parse(words.filters), after: newest });
  else if (type === "error") say(data.detail || data.title);
  else if (data.lines) {
    for (const line of data.lines) put(line);
    if (data.has_more) say(words.textGap);
    else if (data.skipped) say(`${data.skipped} ${data.skipped === 1 ? words.textOneSkipped : words.textSkipped}`);
    else if (type !== "logs:lines") say(words.textFollowing);
  }
}

function closed(event) {
  clearInterval(heartbeat);
  if (!isFollowing || event.code === SIGNED_OUT) return;
  attempts += 1;
  say(words.textAway);
  retry = setTimeout(connect, Math.min(LONGEST_WAIT_MS, 300 * 2 ** attempts) * (0.7 + Math.random() * 0.6));
}

// The first line of an empty list needs the table, which the server draws.
function put(line) {
  newest = line.id;
  const lines = document.getElementById("log-lines");
  if (!lines) {
    location.reload();
    return;
  }
  if (document.getElementById(`line-${line.id}`)) return;
  lines.prepend(rowOf(line));
  while (lines.children.length > MOST_LINES) lines.lastElementChild.remove();
}

const day = new Intl.DateTimeFormat(document.documentElement.lang, { day: "2-digit", month: "2-digit", timeZone: "UTC" });

function rowOf(line) {
  const row = document.getElementById("log-line-template").content.firstElementChild.cloneNode(true);
  const part = (name) => row.querySelector(`[data-part=${name}]`);
  row.id = `line-${line.id}`;
  row.classList.add(`log-${line.level}`);
  const at = new Date(line.created_at);
  const time = document.createElement("time");
  time.dateTime = line.created_at;
  time.textContent = `${day.format(at)} ${at.toISOString().slice(11, 19)}`;
  part("time").append(time);
  const sign = document.getElementById(`log-${line.level}-template`);
  if (sign) {
    const mark = document.createElement("span");
    mark.className = line.level === "error" ? "tone-bad" : "tone-warn";
    mark.append(sign.content.cloneNode(true));
    part("level").append(mark);
  }
  const main = part("text").querySelector("a");
  main.href = `${words.url}${line.id}/`;
  main.textContent = line.order ? `${line.order}. ${line.text}` : line.text;
  part("model").textContent = line.model;
  about(part("about"), line);
  return row;
}

function about(cell, line) {
  if (!line.task_title && !line.prompt) return;
  const link = document.createElement("a");
  link.className = "clip";
  link.href = line.task_title ? `${words.urlTask}${line.task}/` : `${words.urlPrompt}${line.prompt}/`;
  link.textContent = line.task_title || words.textPrompt;
  cell.append(link);
}

function show() {
  button.setAttribute("aria-pressed", String(isFollowing));
  button.querySelector("[data-word]").textContent = isFollowing ? button.dataset.textPause : button.dataset.textFollow;
}

button.addEventListener("click", () => {
  isFollowing = !isFollowing;
  show();
  if (!isFollowing) {
    send("logs:pause");
    say(words.textPaused);
  } else if (socket?.readyState === WebSocket.OPEN) send("logs:resume", { after: newest });
  else connect();
});
addEventListener("pagehide", () => socket?.close());
