// The page of a benchmark: its parts are read again as answers come in.

import { keepFresh } from "orq/task-parts";

const parts = keepFresh(document.getElementById("benchmark"));
document.addEventListener("orq:benchmark", ({ detail }) => detail.event !== "snapshot" && parts.soon());
document.addEventListener("orq:read-again", () => parts.soon());
