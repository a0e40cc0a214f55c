// Keys for everything, the sheet of them, and the first hint; then everything starts.
"use strict";
saga.keys = {
  table: [
    ["Select", null],
    ["click", "the object under the pointer; again there: its group, its part", null],
    ["shift / alt + click", "add it / take it away", null],
    ["control + click", "this belongs to it too; with alt: this does not", null],
    ["C  R  L  B", "click, rectangle, lasso, brush", { c: () => saga.tools.choose("click"), r: () => saga.tools.choose("rectangle"), l: () => saga.tools.choose("lasso"), b: () => saga.tools.choose("brush") }],
    ["1  2  3  4", "new, add, take away, common", Object.fromEntries(["replace", "add", "subtract", "intersect"].map((mode, index) => [String(index + 1), () => { saga.mode = mode; saga.panel.tools(); }]))],
    ["/", "find by words", { "/": () => document.getElementById("saga-words").focus() }],
    ["Tab", "the next of the answers", { Tab: () => saga.act("next") }],
    ["+  -", "grow, shrink", { "+": () => saga.act("grow"), "=": () => saga.act("grow"), "-": () => saga.act("shrink") }],
    ["I", "all but this", { i: () => saga.act("invert") }],
    ["Esc", "nothing; closes what is open", { Escape: () => saga.keys.escape() }],
    ["control + Z / Y", "undo / redo", null],
    ["space, held", "moves the view while a drawing tool is on", null],
    ["[  ]", "a smaller or larger brush", { "[": () => { saga.brush = Math.max(4, saga.brush - 4); saga.say(`brush: ${saga.brush} pixels`); }, "]": () => { saga.brush = Math.min(200, saga.brush + 4); saga.say(`brush: ${saga.brush} pixels`); } }],
    ["See", null],
    ["V", "next: scene, features, objects, scores", { v: () => saga.keys.cycle() }],
    ["X  H  K  M", "alone, hidden, cut out on black, all", { x: () => saga.keys.only("isolate"), h: () => saga.keys.only("hide"), k: () => saga.keys.only("cutout"), m: () => saga.keys.only("all") }],
    ["O", "preview under the pointer", { o: () => document.getElementById("saga-hover").click() }],
    ["P", "photographs", { p: () => saga.photos.toggle() }],
    ["N", "light or dark", { n: () => saga.panel.theme() }],
    ["G", "pictures from saga instead of WebGL", { g: () => saga.frame.turn_on(!saga.frame.on) }],
    ["drag / right drag / wheel", "turn, move, come closer", null],
    ["Objects", null],
    ["Enter", "save the selection as an object", { Enter: () => saga.panel.save() }],
    ["F", "find everything", { f: () => saga.act("find") }],
    ["T", "write object and rest", { t: () => saga.panel.out("selection") }],
    ["W", "write masks of all views", { w: () => saga.panel.out("masks") }],
    ["U", "write all objects", { u: () => saga.panel.out("objects") }],
    ["S", "write the scene with labels", { s: () => saga.panel.out("labels") }],
    ["Y  J", "a turntable as GIF, as MP4", { y: () => saga.panel.out("gif"), j: () => saga.panel.out("mp4") }],
    ["?", "this sheet", { "?": () => saga.keys.help() }],
  ],

  start() {
    this.known = Object.assign({}, ...this.table.map((entry) => entry[2] || {}));
    addEventListener("keydown", (event) => this.press(event), true);
    addEventListener("keyup", (event) => { if (event.key === " ") saga.tools.canvas.classList.toggle("on", saga.tool !== "click"); }, true);
  },

  press(event) {
    const typing = /^(input|textarea|select)$/i.test(event.target.tagName || "") && !/checkbox|range|color/.test(event.target.type || "");
    if (typing) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    let action = null;
    if (event.ctrlKey || event.metaKey) {
      const key = event.key.toLowerCase();
      if (key === "z") action = () => saga.act(event.shiftKey ? "redo" : "undo");
      else if (key === "y") action = () => saga.act("redo");
    } else if (event.key === " " && saga.tool !== "click") {
      action = () => saga.tools.canvas.classList.remove("on");
    } else if (!event.altKey && !(event.key === "Enter" && event.target.tagName === "BUTTON")) {
      action = this.known[event.key] || this.known[event.key.toLowerCase()];
      if (event.key === "Tab" && !(saga.state && saga.state.answers.length)) action = null;
    }
    if (!action) return;
    event.preventDefault();
    event.stopPropagation();
    action();
  },

  escape() {
    for (const id of ["saga-help", "saga-hint"]) {
      const open = document.getElementById(id);
      if (open) return open.remove();
    }
    if (saga.photos.current) return saga.photos.show(null);
    if (saga.tools.line.length) return saga.tools.cancel();
    saga.act("clear");
  },

  only(value) {
    saga.act("only", { value: saga.state && saga.state.only === value ? "all" : value });
  },

  cycle() {
    const all = ["colors", "features", "objects", "scores"];
    saga.panel.see(all[(all.indexOf(saga.state ? saga.state.see : "colors") + 1) % all.length]);
  },

  help() {
    const open = document.getElementById("saga-help");
    if (open) return open.remove();
    const lines = this.table.map(([key, text]) => (text === null ? saga.make("div", { className: "title" }, saga.make("b", {}, key)) : saga.make("div", {}, saga.make("kbd", {}, key), saga.make("span", {}, text))));
    saga.panel.root.append(saga.make("div", { id: "saga-help", className: "card" }, saga.make("h2", {}, "Keys"), saga.make("div", { className: "keys" }, ...lines),
      saga.make("div", { className: "row" }, saga.make("button", { textContent: "Close (Esc)", onclick: () => this.help() }))));
  },

  hint() {
    if (localStorage.getItem("saga-hint")) return;
    const close = () => { localStorage.setItem("saga-hint", "seen"); box.remove(); };
    const box = saga.make("div", { id: "saga-hint", className: "card" }, saga.make("h2", {}, "Click on an object"),
      saga.make("p", {}, "It turns orange: that is the selection. Click there again for the group it belongs to, or a part of it."),
      saga.make("p", {}, "Shift adds, alt takes away. Enter keeps it as an object; what you do is saved beside the scene."),
      saga.make("p", {}, "Drag to turn, wheel to come closer. The question mark shows all keys."),
      saga.make("div", { className: "row" }, saga.make("button", { id: "saga-hint-close", textContent: "Begin", onclick: close })));
    saga.panel.root.append(box);
    addEventListener("pointerdown", (event) => { if (box.isConnected && !box.contains(event.target)) close(); }, true);
  },
};

saga.welcome = (state) => {
  saga.greeted = true;
  if (saga.webgl() === null) saga.frame.turn_on(true);
  saga.panel.theme(document.documentElement.classList.contains("saga-dark"));
  const slow = /swiftshader|llvmpipe|software/i.test(saga.webgl() || "");
  if (!state.method_ready) saga.say("Nothing answers clicks yet: open Method and make features and regions.", true);
  else saga.say("Click on an object.", false, slow ? ["No graphics card draws here: if it is slow, press G."] : []);
};
saga.start = () => {
  for (const part of ["panel", "photos", "frame", "tools", "keys"]) saga[part].start();
  saga.listeners.push(() => saga.frame.ask(true));
  saga.listeners.push((state) => { if (!saga.greeted) saga.welcome(state); });
  const dark = localStorage.getItem("saga-dark");
  document.documentElement.classList.toggle("saga-dark", dark === null ? matchMedia("(prefers-color-scheme: dark)").matches : dark === "1");
  saga.keys.hint();
  if (window.sagaClient !== undefined) saga.client = window.sagaClient;
  saga.connect();
};
if (document.readyState === "loading") addEventListener("DOMContentLoaded", saga.start);
else saga.start();
