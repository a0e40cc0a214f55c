// Pointing and drawing on the view: clicks, hover, rectangle, lasso and brush.
"use strict";
saga.tool = "click";
saga.mode = "replace";
saga.takes = "object";
saga.brush = 18;
saga.hovering = false;

saga.tools = {
  start() {
    const canvas = saga.make("canvas", { id: "saga-draw" });
    document.body.append(canvas);
    this.canvas = canvas;
    this.line = [];
    const fit = () => { canvas.width = innerWidth; canvas.height = innerHeight; };
    addEventListener("resize", fit);
    fit();
    canvas.addEventListener("pointerdown", (event) => this.begin(event));
    canvas.addEventListener("pointermove", (event) => this.move(event));
    canvas.addEventListener("pointerup", (event) => this.end(event));
    canvas.addEventListener("pointercancel", () => this.cancel());
    addEventListener("pointerdown", (event) => this.press(event), true);
    addEventListener("pointerup", (event) => this.release(event), true);
    addEventListener("pointermove", (event) => this.hover(event), true);
  },

  // The part of the page that shows the scene.
  area() {
    if (saga.frame.on) return { element: saga.frame.image, box: saga.frame.image.getBoundingClientRect() };
    let best = null;
    for (const element of document.querySelectorAll("canvas")) {
      if (element.id === "saga-draw") continue;
      const box = element.getBoundingClientRect();
      if (!best || box.width * box.height > best.box.width * best.box.height) best = { element, box };
    }
    return best;
  },

  // Whether the pointer is on the scene, and not on something that lies over it.
  on_scene(event, area) {
    const target = event.target;
    return Boolean(area) && (target === area.element || target.tagName === "CANVAS" || (target.contains && target.contains(area.element)));
  },

  place(event) {
    const area = this.area();
    if (!area) return null;
    return [(event.clientX - area.box.left) / area.box.width, (event.clientY - area.box.top) / area.box.height];
  },

  // Shift adds, alt takes away; control adds a prompt to the last ones, or with alt says what does not belong.
  meaning(event) {
    if (event.ctrlKey || event.metaKey) return { refine: event.altKey ? "negative" : "positive" };
    return { mode: event.shiftKey ? "add" : event.altKey ? "subtract" : saga.mode };
  },

  press(event) {
    const area = this.area();
    this.pressed = null;
    if (saga.tool !== "click" || event.button !== 0 || !this.on_scene(event, area)) return;
    this.pressed = { x: event.clientX, y: event.clientY, time: event.timeStamp };
  },

  release(event) {
    const pressed = this.pressed;
    this.pressed = null;
    if (!pressed || Math.hypot(event.clientX - pressed.x, event.clientY - pressed.y) > 4) return;
    if (event.timeStamp - pressed.time > 1000) return;
    const place = this.place(event);
    if (place) saga.act("click", { at: place, ...this.meaning(event) });
  },

  async hover(event) {
    if (!saga.hovering || event.buttons || saga.tool !== "click") return;
    const area = this.area();
    this.under = this.on_scene(event, area) ? this.place(event) : null;
    if (this.asking) return;
    this.asking = true;
    for (let asked; asked !== this.under; ) {
      asked = this.under;
      await saga.send("hover", { at: asked });
    }
    this.asking = false;
  },

  choose(tool) {
    saga.tool = tool;
    this.cancel();
    this.canvas.classList.toggle("on", tool !== "click");
    saga.panel.tools();
  },

  begin(event) {
    if (event.button !== 0) return;
    this.canvas.setPointerCapture(event.pointerId);
    this.meant = this.meaning(event);
    this.line = [[event.clientX, event.clientY]];
    event.preventDefault();
  },

  move(event) {
    if (!this.line.length) return;
    const [x, y] = this.line[this.line.length - 1];
    if (saga.tool === "rectangle") this.line = [this.line[0], [event.clientX, event.clientY]];
    else if (Math.hypot(event.clientX - x, event.clientY - y) > 2) this.line.push([event.clientX, event.clientY]);
    this.draw();
  },

  draw() {
    const context = this.canvas.getContext("2d");
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    if (!this.line.length) return;
    context.strokeStyle = "#ff6a00";
    context.fillStyle = "#ff6a0033";
    context.lineWidth = 2;
    context.lineJoin = context.lineCap = "round";
    context.beginPath();
    if (saga.tool === "rectangle") {
      const [[x0, y0], [x1, y1]] = [this.line[0], this.line[this.line.length - 1]];
      context.rect(x0, y0, x1 - x0, y1 - y0);
    } else this.line.forEach(([x, y], index) => (index ? context.lineTo(x, y) : context.moveTo(x, y)));
    if (saga.tool === "brush") {
      context.lineWidth = saga.brush;
      context.strokeStyle = "#ff6a0088";
    } else {
      if (saga.tool === "lasso") context.closePath();
      context.fill();
    }
    context.stroke();
  },

  end(event) {
    if (!this.line.length) return;
    const area = this.area();
    const line = this.line.map(([x, y]) => this.place({ clientX: x, clientY: y }));
    const meant = this.meant;
    this.cancel();
    if (!area) return;
    const values = { line: line.slice(0, 4000), takes: saga.takes, width: saga.brush / area.box.height, ...meant };
    const far = Math.max(...line.map(([x, y]) => Math.hypot(x - line[0][0], y - line[0][1])));
    if (far < 0.006) return saga.act("click", { at: this.place(event), ...meant });
    saga.act(saga.tool, values);
  },

  cancel() {
    this.line = [];
    this.draw();
  },
};
