// Keeps the page up to date. All HTML comes escaped from the server; this file makes none.
"use strict";

const list = document.getElementById("requests");
const state = document.getElementById("state");
const pause = document.getElementById("pause");
const others = document.getElementById("others");
const limit = 200;
let mark = document.body.dataset.mark;
let source = null;
let openedByUs = list.querySelector("details.request[open]");
const touched = new WeakSet();

function fragment(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content;
}

function place(update) {
  const id = "r" + update.number;
  const known = document.getElementById(id);
  if (update.whole !== undefined) {
    const wasOpen = known !== null && known.open;
    const made = fragment(update.whole).firstElementChild;
    if (known !== null) {
      known.replaceWith(made);
      made.open = wasOpen;
      return;
    }
    list.prepend(made);
    openNewest(made);
    while (list.childElementCount > limit) list.lastElementChild.remove();
    return;
  }
  if (known === null) return;
  for (const [part, html] of Object.entries(update.parts)) {
    const target = document.getElementById(id + "-" + part);
    if (target !== null) target.replaceChildren(fragment(html));
  }
}

// The newest call is open, unless somebody has opened or closed others himself.
function openNewest(made) {
  if (made.dataset.kind === "other") return;
  if (openedByUs !== null && !touched.has(openedByUs)) openedByUs.open = false;
  made.open = true;
  openedByUs = made;
}

list.addEventListener("click", (event) => {
  const summary = event.target.closest("details.request > summary");
  if (summary !== null) touched.add(summary.parentElement);
});

function connect() {
  source = new EventSource("/_page/events?after=" + encodeURIComponent(mark));
  source.onopen = () => say("live", "live");
  source.onerror = () => say("lost", "connection lost, trying again");
  source.addEventListener("request", (event) => {
    mark = event.lastEventId || mark;
    place(JSON.parse(event.data));
  });
  source.addEventListener("totals", (event) => {
    mark = event.lastEventId || mark;
    document.getElementById("totals").replaceChildren(fragment(JSON.parse(event.data).html));
  });
  source.addEventListener("reload", () => location.reload());
}

function say(kind, words) {
  state.className = kind;
  state.textContent = words;
}

pause.hidden = false;
pause.addEventListener("click", () => {
  if (source !== null) {
    source.close();
    source = null;
    say("paused", "paused");
  } else {
    connect();
  }
  pause.textContent = source === null ? "Go on" : "Pause";
});
others.addEventListener("change", () => document.body.classList.toggle("with-others", others.checked));
document.body.classList.add("scripted");
connect();
