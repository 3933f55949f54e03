// One socket for the page. What it hears goes out as events on the document; who is interested marks itself:
//   data-live-task="<id>"   orq:task   {detail: data of task:update}
//   data-live-team          orq:team   {detail: data of team:update}
//   data-live-models        orq:model  {detail: data of model:update}
//   data-live-compare="<id>"    orq:compare    {detail: data of compare:update}
//   data-live-benchmark="<id>"  orq:benchmark  {detail: data of benchmark:update}
//   data-live-chat="<id>"   orq:chat   {detail: {type, data} of chat:*}, and orq:open when the socket has opened
//   everywhere              orq:notification {detail}
// When the socket was away, orq:read-again says that messages may have been missed.

const text = document.body.dataset;
const PING_MS = 25_000;
const PATIENCE_MS = 10_000;
const SIGNED_OUT = 4401;
const LONGEST_WAIT_MS = 15_000;

let socket = null;
let attempts = 0;
let wasOpen = false;
let retry = 0;
let heartbeat = 0;
let silence = 0;
let sign = null;

const tell = (name, detail) => document.dispatchEvent(new CustomEvent(name, { detail }));
const watched = () => [...new Set([...document.querySelectorAll("[data-live-task]")].map((element) => element.dataset.liveTask))];
export const send = (type, data) => socket?.readyState === WebSocket.OPEN && socket.send(JSON.stringify({ type, data }));

export const isOpen = () => socket?.readyState === WebSocket.OPEN;

function connect() {
  clearTimeout(retry);
  socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws/`);
  socket.addEventListener("open", opened);
  socket.addEventListener("message", (event) => heard(JSON.parse(event.data)));
  socket.addEventListener("close", closed);
}

function opened() {
  for (const task of watched()) send("task:subscribe", { task_id: task });
  if (document.querySelector("[data-live-models]")) send("models:subscribe", {});
  for (const element of document.querySelectorAll("[data-live-compare]")) send("compare:subscribe", { comparison_id: element.dataset.liveCompare });
  for (const element of document.querySelectorAll("[data-live-benchmark]")) send("benchmark:subscribe", { benchmark_id: element.dataset.liveBenchmark });
  for (const element of document.querySelectorAll("[data-live-chat]")) send("chat:subscribe", { conversation_id: element.dataset.liveChat });
  send("notification:state", {}); // some may have come while the page was on its way
  tell("orq:open", {});
  clearInterval(heartbeat);
  heartbeat = setInterval(() => {
    send("ping", {});
    silence ||= setTimeout(() => socket.close(), PATIENCE_MS);
  }, PING_MS);
}

function heard(message) {
  clearTimeout(silence);
  silence = 0;
  if (message.type !== "error") present();
  const data = message.data;
  if (message.type === "task:update") tell("orq:task", data);
  else if (message.type === "team:update") tell("orq:team", data);
  else if (message.type === "model:update") heardOfModels(data);
  else if (message.type === "compare:update") tell("orq:compare", data);
  else if (message.type === "benchmark:update") tell("orq:benchmark", data);
  else if (message.type.startsWith("chat:")) tell("orq:chat", message);
  else if (message.type === "notification") tell(data.event === "reload" ? "orq:read-again" : "orq:notification", data);
}

// The first message is how everything was when the page was asked for; it tells nothing new.
function heardOfModels(data) {
  if (data.event === "reload") tell("orq:read-again", {});
  else if (data.event !== "snapshot") tell("orq:model", data);
}

// The socket works: messages may have been missed only if it was away before.
function present() {
  if (attempts > 0 && wasOpen) tell("orq:read-again", {});
  attempts = 0;
  wasOpen = true;
  show("");
}

function closed(event) {
  clearInterval(heartbeat);
  clearTimeout(silence);
  silence = 0;
  if (event.code === SIGNED_OUT) {
    show(text.textSignedOut);
    return;
  }
  attempts += 1;
  if (attempts > 1) show(text.textReconnecting);
  const wait = Math.min(LONGEST_WAIT_MS, 300 * 2 ** attempts) * (0.7 + Math.random() * 0.6);
  retry = setTimeout(connect, wait);
}

// A quiet line in the corner, no alarm: the page still shows what it knew.
function show(words) {
  if (!words) {
    sign?.remove();
    sign = null;
    return;
  }
  if (!sign) {
    sign = document.createElement("div");
    sign.className = "live-state";
    sign.setAttribute("role", "status");
    document.body.append(sign);
  }
  sign.textContent = words;
}

function hurry() {
  if (document.hidden || !socket || socket.readyState < WebSocket.CLOSING) return;
  connect();
}

if (text.live !== undefined) {
  connect();
  addEventListener("online", hurry);
  document.addEventListener("visibilitychange", hurry);
  document.addEventListener("orq:signed-in", hurry);
  addEventListener("pagehide", () => socket?.close());
  addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    tell("orq:read-again", {});
    connect();
  });
}
