// Pictures that are rendered where saga runs, for browsers without WebGL or with a slow one, and the camera of these.
"use strict";
saga.frame = {
  on: false,
  camera: null,

  start() {
    this.image = saga.make("img", { id: "saga-frame", draggable: false, alt: "" });
    document.body.append(this.image);
    saga.frames.push((data) => this.show(data));
    this.image.addEventListener("contextmenu", (event) => event.preventDefault());
    this.image.addEventListener("pointerdown", (event) => {
      this.image.setPointerCapture(event.pointerId);
      this.drag = [event.clientX, event.clientY];
    });
    this.image.addEventListener("pointermove", (event) => this.turn(event));
    this.image.addEventListener("pointerup", () => { this.drag = null; this.ask(true); });
    this.image.addEventListener("wheel", (event) => this.zoom(event), { passive: false });
    addEventListener("resize", () => this.ask(true));
  },

  async turn_on(on) {
    if (on === this.on) return;
    this.on = on;
    this.image.style.display = on ? "block" : "none";
    this.image.style.pointerEvents = on ? "auto" : "none";
    await this.tell();
    this.spare(on);
    saga.panel.render();
  },

  // saga forgets a page whose connection is lost, so it is told again.
  async tell() {
    const answer = await saga.send("frames", { on: this.on, width: innerWidth, height: innerHeight });
    if (answer && answer.camera) this.camera = answer.camera;
    this.busy = false;
    if (this.on) this.ask(true);
  },

  // Behind the pictures WebGL has nothing to draw: a canvas of a few pixels costs nothing.
  spare(on) {
    for (const canvas of document.querySelectorAll("canvas[data-engine]")) {
      const around = canvas.parentElement;
      around.style.maxWidth = around.style.maxHeight = on ? "16px" : "";
    }
  },

  show(data) {
    const url = URL.createObjectURL(new Blob([data], { type: "image/jpeg" }));
    this.image.onload = () => URL.revokeObjectURL(url);
    this.image.src = url;
  },

  turn(event) {
    if (!this.drag || !this.camera) return;
    const [dx, dy] = [event.clientX - this.drag[0], event.clientY - this.drag[1]];
    this.drag = [event.clientX, event.clientY];
    const kind = event.buttons & 2 || (event.buttons & 1 && event.shiftKey) ? "pan" : "orbit";
    this.steps = this.steps || [];
    this.steps.push([kind, dx / innerHeight, dy / innerHeight]);
    this.ask(false);
  },

  zoom(event) {
    event.preventDefault();
    this.steps = this.steps || [];
    this.steps.push(["zoom", Math.sign(event.deltaY), 0]);
    this.ask(false);
    clearTimeout(this.rest);
    this.rest = setTimeout(() => this.ask(true), 250);
  },

  // One picture at a time is asked for; what the hand did meanwhile goes into the next.
  async ask(still) {
    if (!this.on) return;
    if (this.busy) {
      this.again = this.again || still || (this.steps && this.steps.length > 0);
      this.still = this.still || still;
      return;
    }
    this.busy = true;
    const steps = this.steps || [];
    this.steps = [];
    await saga.send("look", { steps, still, width: innerWidth, height: innerHeight });
    this.busy = false;
    if (this.again || (this.steps && this.steps.length)) {
      const rest = this.still || false;
      this.again = this.still = false;
      this.ask(rest);
    }
  },
};
