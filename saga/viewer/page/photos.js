// The photographs: a strip of them, and one beside its mask.
"use strict";
saga.photos = {
  open: false,
  current: null,

  start() {
    this.strip = saga.make("div", { id: "saga-strip", className: "card hidden" });
    this.photo = saga.make("img", { className: "asked", alt: "photograph", draggable: false });
    this.mask = saga.make("img", { alt: "photograph with the selection", draggable: false });
    this.caption = saga.make("b", {});
    this.box = saga.make("div", { id: "saga-photo", className: "card hidden" },
      saga.make("div", { className: "row" }, this.caption, saga.make("span", { style: { flex: 1 } }),
        saga.make("button", { className: "small", id: "saga-photo-go", textContent: "look from here", onclick: () => saga.act("go", { view: this.current }) }),
        saga.make("button", { className: "small", id: "saga-photo-close", textContent: "close", onclick: () => this.show(null) })),
      saga.make("div", { className: "sides" }, this.photo, this.mask));
    saga.panel.root.append(this.strip, this.box);
    this.box.ondragover = (event) => event.preventDefault();
    this.box.ondrop = (event) => this.drop(event);
    this.photo.onclick = (event) => {
      const box = this.photo.getBoundingClientRect();
      const at = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
      saga.act("click", { at, view: this.current, ...saga.tools.meaning(event) });
    };
  },

  // A picture of a mask, of the photograph's size, selects what it shows.
  async drop(event) {
    event.preventDefault();
    const file = event.dataTransfer.files[0];
    if (!file || !this.current) return;
    if (file.size > 3e6) return saga.say(`${file.name}: expected a PNG of at most 3 MB, found a larger file.`, true);
    const data = await new Promise((resolve) => {
      const reader = new FileReader();
      reader.onload = () => resolve(reader.result);
      reader.readAsDataURL(file);
    });
    saga.act("mask", { view: this.current, png: data.slice(data.indexOf(",") + 1), ...saga.tools.meaning(event) });
  },

  toggle() {
    this.open = !this.open;
    this.strip.classList.toggle("hidden", !this.open);
    if (!this.open) this.show(null);
    this.render();
  },

  show(view) {
    this.current = view;
    this.box.classList.toggle("hidden", !view);
    this.version = null;
    this.render();
    if (view) saga.act("go", { view });
  },

  render() {
    const state = saga.state;
    if (!state || !this.strip) return;
    document.getElementById("saga-photos").classList.toggle("on", this.open);
    if (this.open && this.strip.childElementCount !== state.views.length) {
      this.strip.replaceChildren(...state.views.map((view, index) => saga.make("img", {
        src: `/saga/photograph/${index}?height=66&scene=${state.digest}`, title: view, loading: "lazy", alt: view, dataset: { view },
        onclick: () => this.show(view),
      })));
    }
    for (const image of this.strip.children) image.classList.toggle("on", image.dataset.view === this.current);
    if (!this.current || this.version === state.version) return;
    this.version = state.version;
    const index = state.views.indexOf(this.current);
    this.caption.textContent = this.current;
    const source = `/saga/photograph/${index}?height=700&scene=${state.digest}`;
    if (!this.photo.src.endsWith(source)) this.photo.src = source;
    this.mask.src = `/saga/mask/${index}?height=700&version=${state.version}`;
  },
};
