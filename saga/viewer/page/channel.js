// What all parts of the page share: messages to and from saga, and the state that it tells.
"use strict";
window.saga = {
  state: null, // what saga told last: see saga/viewer/status.py
  client: null, // viser's number of this page; saga tells it through viser
  listeners: [],
  waiting: new Map(),
  number: 0,
  socket: null,
  frames: [],

  connect() {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(`${scheme}//${location.host}/`, "saga");
    socket.binaryType = "arraybuffer";
    this.socket = socket;
    socket.onopen = () => {
      this.greet();
      if (this.frame.on) this.frame.tell();
    };
    socket.onmessage = (event) => {
      if (typeof event.data !== "string") return this.frames.forEach((show) => show(event.data));
      const message = JSON.parse(event.data);
      if (message.kind === "state") {
        this.state = message;
        this.listeners.forEach((listener) => listener(message));
      } else if (message.kind === "done") {
        const answer = this.waiting.get(message.id);
        this.waiting.delete(message.id);
        if (answer) answer(message);
      } else if (this[`on_${message.kind}`]) this[`on_${message.kind}`](message);
    };
    socket.onclose = () => {
      this.waiting.clear();
      this.say("The connection is lost: is saga-view still running?", true);
      setTimeout(() => this.connect(), 1500);
    };
  },

  // viser tells the page its number when it has connected; the messages about this page's camera go by it.
  greet() {
    if (this.socket && this.socket.readyState === 1) this.send("hello", { client: this.client, webgl: saga.webgl() });
  },

  send(what, values = {}) {
    if (!this.socket || this.socket.readyState !== 1) return Promise.resolve(null);
    const id = ++this.number;
    const began = performance.now();
    this.socket.send(JSON.stringify({ id, do: what, ...values }));
    return new Promise((resolve) => this.waiting.set(id, resolve)).then((answer) => {
      answer.round = performance.now() - began;
      return answer;
    });
  },

  // Something a person did: what came of it is shown.
  async act(what, values = {}) {
    const answer = await this.send(what, values);
    if (!answer) return null;
    if (answer.error) this.say(answer.error, true);
    else if (answer.text) {
      const time = answer.ms === undefined ? "" : ` · ${answer.ms.toFixed(0)} ms, in the browser after ${answer.round.toFixed(0)} ms`;
      this.say(answer.text + time, false, answer.warnings);
      this.last = { engine: answer.ms, display: answer.display_ms, round: answer.round };
    }
    return answer;
  },

  webgl() {
    if (this.renderer !== undefined) return this.renderer;
    const context = document.createElement("canvas").getContext("webgl2");
    if (!context) return (this.renderer = null);
    const facts = context.getExtension("WEBGL_debug_renderer_info");
    this.renderer = facts ? context.getParameter(facts.UNMASKED_RENDERER_WEBGL) : "unknown";
    const lose = context.getExtension("WEBGL_lose_context");
    if (lose) lose.loseContext();
    return this.renderer;
  },

  make(tag, properties = {}, ...children) {
    const { style, dataset, ...others } = properties;
    const element = Object.assign(document.createElement(tag), others);
    Object.assign(element.dataset, dataset || {});
    Object.assign(element.style, style || {});
    element.append(...children.filter((child) => child !== null && child !== undefined));
    return element;
  },

  on_say(message) {
    this.say(message.text, message.error);
  },

  say(text, error = false, warnings = []) {
    const box = document.getElementById("saga-status");
    if (!box) return;
    box.className = error ? "card error" : "card";
    box.replaceChildren(text, ...(warnings || []).map((each) => saga.make("div", { className: "quiet" }, each)));
  },
};
