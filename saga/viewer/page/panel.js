// The panel: tools, the selection, what is seen, objects, methods, and what goes out.
"use strict";
saga.panel = {
  start() {
    const { make } = saga;
    const button = (id, text, title, press) => make("button", { id, textContent: text, title, onclick: press });
    const does = (id, text, title, what, values) => button(id, text, title, () => saga.act(what, values || {}));
    const choice = (id, options, change) => {
      const select = make("select", { id, onchange: () => change(select.value) });
      select.append(...Object.entries(options).map(([value, text]) => make("option", { value, textContent: text })));
      return select;
    };
    const part = (id, title, open, ...children) => make("details", { id, open }, make("summary", {}, title), make("div", {}, ...children));
    const row = (...children) => make("div", { className: "row" }, ...children);
    const check = (id, text, title, change) => {
      const box = make("input", { id, type: "checkbox", onchange: () => change(box.checked) });
      return make("label", { title }, box, text);
    };

    const tools = { click: ["Click", "C"], rectangle: ["Rectangle", "R"], lasso: ["Lasso", "L"], brush: ["Brush", "B"] };
    const modes = { replace: ["New", 1], add: ["Add", 2], subtract: ["Take away", 3], intersect: ["Common", 4] };
    const select = part(
      "saga-select", "Select", true,
      row(...Object.entries(tools).map(([tool, [text, key]]) => make("button", { id: `saga-tool-${tool}`, dataset: { tool }, textContent: text, title: `${text} (${key})`, onclick: () => saga.tools.choose(tool) }))),
      row(...Object.entries(modes).map(([mode, [text, key]]) => make("button", { id: `saga-mode-${mode}`, dataset: { mode }, textContent: text, title: `What becomes of the selection (${key})`, onclick: () => { saga.mode = mode; this.tools(); } }))),
      row(make("input", { id: "saga-words", type: "text", placeholder: "by words, e.g. red mug", title: "The object that they describe (/)", maxLength: 300, style: { flex: "1 1 60px", minWidth: 0 }, onkeydown: (event) => { if (event.key === "Enter") this.words(); } }),
        button("saga-words-find", "Find", "The object that the words describe (Enter)", () => this.words())),
      make("div", { id: "saga-drawn", className: "row hidden" }, "takes",
        choice("saga-takes", { object: "the object in it", surface: "all that shows in it", through: "all behind it too" }, (value) => { saga.takes = value; })),
      make("div", { id: "saga-answers", className: "row" }),
      row(does("saga-grow", "Grow", "Add what lies close (+)", "grow"), does("saga-shrink", "Shrink", "Take away the rim (-)", "shrink"),
        does("saga-invert", "Invert", "Select all else (I)", "invert"), does("saga-clear", "Clear", "Select nothing (Esc)", "clear")),
      row(does("saga-undo", "Undo", "Control Z", "undo"), does("saga-redo", "Redo", "Control Y", "redo")),
    );
    const see = part(
      "saga-see", "See", true,
      row(choice("saga-see-what", { colors: "own colors", features: "features", objects: "objects", scores: "scores", depth: "depth" }, (value) => this.see(value)),
        choice("saga-only", { all: "all", isolate: "alone", hide: "hidden", cutout: "cut out" }, (value) => saga.act("only", { value }))),
      make("div", { id: "saga-threshold", className: "hidden" }, make("canvas", { id: "saga-histogram", width: 480, height: 88 }),
        make("input", { id: "saga-threshold-value", type: "range", min: 0, max: 1000, oninput: () => this.threshold() }),
        make("div", { id: "saga-threshold-text", className: "quiet" })),
      row(check("saga-hover", "preview under the pointer", "What a click would select (O)", (on) => { saga.hovering = on; if (!on) saga.send("hover", { at: null }); }),
        check("saga-frames", "pictures from saga", "Rendered where saga runs, for browsers without WebGL or with a slow one", (on) => saga.frame.turn_on(on))),
    );
    const objects = part(
      "saga-objects-part", "Objects", true,
      row(make("input", { id: "saga-name", type: "text", placeholder: "name", style: { flex: "1 1 60px", minWidth: 0 }, onkeydown: (event) => { if (event.key === "Enter") this.save(); } }),
        button("saga-save", "Save selection", "Keep it as an object (Enter)", () => this.save())),
      row(does("saga-find", "Find everything", "All objects of the scene (F)", "find"),
        button("saga-merge", "Merge", "One object of those ticked", () => this.ticked("merge")), button("saga-delete", "Delete", "Take those ticked off the list", () => this.ticked("delete"))),
      make("div", { id: "saga-objects" }),
    );
    const clean = part(
      "saga-clean", "Clean", false,
      row(does("saga-strays-look", "Look for strays", "Floaters, spikes, haze, what no view sees, duplicates: what is proposed is selected", "look_for_strays")),
      make("div", { id: "saga-strays" }),
      make("div", { className: "quiet" }, "See them hidden for the scene without; Object and rest saves it as rest."),
    );
    const methods = part(
      "saga-methods", "Method", false,
      row((this.methods = choice("saga-method", {}, (value) => saga.act("method", { value })))),
      make("div", { id: "saga-training" },
        row("from", choice("saga-masks", { scene: "masks of the scene itself", masks: "my masks", sam: "Segment Anything" }, () => this.masks())),
        row((this.path = make("input", { id: "saga-masks-path", className: "hidden", type: "text", style: { flex: "1 1 60px", minWidth: 0 }, onchange: () => { this.path.dataset.mine = "1"; } }))),
        row(button("saga-train", "Make features and regions", "Trains on the views, once for a scene", () => this.train()))),
      make("div", { id: "saga-method-text", className: "quiet" }),
    );
    const out = part(
      "saga-out", "Save files", false,
      row("in", (this.formats = choice("saga-format", {}, () => {}))),
      row(button("saga-out-selection", "Object and rest", "The selection and the scene without it, masks of all views, a preview", () => this.out("selection")),
        button("saga-out-masks", "Masks", "Masks of the selection in all views", () => this.out("masks"))),
      row(button("saga-out-objects", "All objects", "Each in a file of its own, label maps, labels in the PLY", () => this.out("objects")),
        button("saga-out-labels", "Labels", "The scene as a PLY with the number of each Gaussian's object", () => this.out("labels"))),
      row(button("saga-out-gif", "Turntable GIF", "The selection, turning", () => this.out("gif")), button("saga-out-mp4", "MP4", "The selection, turning", () => this.out("mp4"))),
      row(check("saga-asset", "for engines too", "Object and rest, and all objects: also upright in meters, with a closed mesh and its hull (GLB)", (on) => document.getElementById("saga-scale").classList.toggle("hidden", !on)),
        make("input", { id: "saga-scale", className: "hidden", type: "number", min: 0, step: "any", placeholder: "units in a meter", title: "Units of the scene in a meter; 1 where nothing is written", style: { flex: "1 1 60px", minWidth: 0 } })),
      row(check("saga-download", "download them here too", "Files come to this browser, wherever saga runs", (on) => localStorage.setItem("saga-download", on ? "1" : ""))),
      make("div", { id: "saga-out-text", className: "quiet" }),
      row(does("saga-fetch", "Download", "What was written last, as one file", "download")),
    );
    this.title = make("b", {}, "saga");
    this.count = make("div", { id: "saga-count", className: "quiet" });
    const header = make("header", {}, this.title,
      make("button", { className: "small", textContent: "photos", id: "saga-photos", title: "Photographs (P)", onclick: () => saga.photos.toggle() }),
      make("button", { className: "small", textContent: "◐", id: "saga-theme", title: "Light or dark (N)", onclick: () => this.theme() }),
      make("button", { className: "small", textContent: "?", id: "saga-help-button", title: "Keys (?)", onclick: () => saga.keys.help() }),
      make("button", { className: "small", textContent: "–", id: "saga-fold", title: "Fold this panel", onclick: () => this.element.classList.toggle("closed") }));
    this.element = make("div", { id: "saga-panel", className: "card" }, header, make("div", { className: "body" }, this.count, select, see, objects, clean, methods, out));
    this.job = make("div", { id: "saga-job", className: "card hidden" }, make("div", { id: "saga-job-text" }), make("progress", { max: 1 }), row(does("saga-cancel", "Cancel", "", "cancel")));
    this.status = make("div", { id: "saga-status", className: "card" }, "Connecting …");
    this.root = make("div", { id: "saga" }, this.element, this.job, this.status);
    document.body.append(this.root);
    if (innerWidth <= 700) this.element.classList.add("closed");
    if (innerWidth <= 900) see.open = false; // as in a notebook
    saga.listeners.push(() => this.render());
    this.tools();
  },

  async see(value) {
    if (value === "depth") await saga.frame.turn_on(true);
    await saga.act("see", { value });
    saga.frame.ask(true);
  },

  async words() {
    const field = document.getElementById("saga-words");
    const text = field.value.trim();
    if (!text) return field.focus();
    await saga.act("words", { text, mode: saga.mode });
    field.blur();
  },

  async save() {
    const field = document.getElementById("saga-name");
    const answer = await saga.act("save", { name: field.value.trim() || null });
    if (answer && !answer.error) field.value = "";
    field.blur();
  },

  out(what) {
    const at = (id) => document.getElementById(id);
    saga.act("export", { what, format: this.formats.value || null, download: this.downloads(), asset: at("saga-asset").checked, scale: Number(at("saga-scale").value) || null });
  },

  downloads() {
    return localStorage.getItem("saga-download") !== "";
  },

  train() {
    const masks = document.getElementById("saga-masks").value;
    saga.act("prepare", { masks, path: this.path.value, anew: !saga.state.can_prepare });
  },

  // The field for a path, with what saga-view was started with, until somebody writes into it.
  masks() {
    const kind = document.getElementById("saga-masks").value;
    this.path.classList.toggle("hidden", kind === "scene");
    this.path.placeholder = kind === "sam" ? "checkpoint, or vit_h, vit_l, vit_b" : "folder or file beside the scene";
    const given = (saga.state && saga.state.given) || {};
    if (!this.path.dataset.mine) this.path.value = given[kind] || "";
  },

  ticked(what) {
    const names = [...document.querySelectorAll("#saga-objects .tick:checked")].map((box) => box.dataset.name);
    saga.act(what, { names });
  },

  threshold() {
    const range = saga.state && saga.state.scores;
    if (!range) return;
    const value = range.low + ((range.high - range.low) * document.getElementById("saga-threshold-value").value) / 1000;
    this.wanted = value;
    if (this.sliding) return;
    this.sliding = true;
    (async () => {
      for (let sent; sent !== this.wanted; ) {
        sent = this.wanted;
        await saga.act("threshold", { value: sent });
      }
      this.sliding = false;
    })();
  },

  theme(dark) {
    const value = dark === undefined ? !document.documentElement.classList.contains("saga-dark") : dark;
    document.documentElement.classList.toggle("saga-dark", value);
    localStorage.setItem("saga-dark", value ? "1" : "");
    saga.send("theme", { dark: value });
  },

  tools() {
    const drawing = saga.tool !== "click";
    for (const each of document.querySelectorAll("#saga-select [data-tool]")) each.classList.toggle("on", each.dataset.tool === saga.tool);
    for (const each of document.querySelectorAll("#saga-select [data-mode]")) each.classList.toggle("on", each.dataset.mode === saga.mode);
    const drawn = document.getElementById("saga-drawn");
    if (drawn) drawn.classList.toggle("hidden", !drawing);
  },

  render() {
    const state = saga.state;
    if (!state) return;
    const at = (id) => document.getElementById(id);
    const number = (value) => value.toLocaleString("en-US");
    this.title.textContent = state.scene;
    this.title.title = state.path || "";
    document.title = `${state.scene} · saga`;
    const detail = state.shown < state.count ? `; ${number(state.shown)} are drawn` : "";
    this.count.textContent = `${number(state.selected)} of ${number(state.count)} Gaussians selected${detail}`;
    at("saga-undo").disabled = !state.can_undo;
    at("saga-redo").disabled = !state.can_redo;
    for (const id of ["saga-grow", "saga-shrink", "saga-clear", "saga-save", "saga-out-selection", "saga-out-masks", "saga-out-gif", "saga-out-mp4"]) at(id).disabled = !state.selected;
    for (const id of ["saga-out-objects", "saga-out-labels"]) at(id).disabled = !state.objects.length;
    at("saga-download").checked = this.downloads();
    at("saga-fetch").classList.toggle("hidden", !state.written);
    at("saga-save").textContent = state.editing ? `Save ${state.editing}` : "Save selection";
    at("saga-answers").replaceChildren(...state.answers.map((each, index) => saga.make("button", {
      textContent: `${each.name} ${number(each.size)}`, className: index === state.chosen ? "on" : "", title: "One of the answers (Tab for the next)",
      onclick: () => saga.act("choose", { index }),
    })));
    at("saga-see-what").value = state.see;
    at("saga-only").value = state.only;
    at("saga-hover").checked = saga.hovering;
    at("saga-frames").checked = saga.frame.on;
    this.histogram(state.scores);
    this.strays(state.strays);
    this.objects(state);
    this.fill(this.methods, state.methods, state.method);
    if (!this.formats.options.length) this.fill(this.formats, state.formats, state.format);
    at("saga-training").classList.toggle("hidden", !state.can_train);
    at("saga-train").textContent = state.can_prepare ? "Make features and regions" : "Make them anew";
    this.masks();
    at("saga-method-text").textContent = state.method_text;
    at("saga-out-text").textContent = state.written ? `written: ${state.written}` : "";
    this.job.classList.toggle("hidden", !state.job);
    if (state.job) {
      at("saga-job-text").textContent = `${state.job.text}${state.job.total ? ` ${state.job.done} of ${state.job.total}` : ""}`;
      const bar = this.job.querySelector("progress");
      if (state.job.total) bar.value = state.job.done / state.job.total;
      else bar.removeAttribute("value");
    }
    saga.photos.render();
  },

  fill(select, values, chosen) {
    const known = [...select.options].map((option) => option.value).join();
    if (known !== values.join()) select.replaceChildren(...values.map((value) => saga.make("option", { value, textContent: value })));
    if (chosen) select.value = chosen;
  },

  histogram(scores) {
    document.getElementById("saga-threshold").classList.toggle("hidden", !scores);
    if (!scores) return;
    const canvas = document.getElementById("saga-histogram");
    const context = canvas.getContext("2d");
    const [width, height] = [canvas.width, canvas.height];
    const highest = Math.max(1, ...scores.bins.map((count) => Math.sqrt(count)));
    const share = (scores.value - scores.low) / (scores.high - scores.low);
    context.clearRect(0, 0, width, height);
    scores.bins.forEach((count, index) => {
      context.fillStyle = (index + 0.5) / scores.bins.length >= share ? "#ff6a00" : "#8d97a5";
      const tall = (Math.sqrt(count) / highest) * height;
      context.fillRect((index * width) / scores.bins.length, height - tall, width / scores.bins.length - 1, tall);
    });
    if (!this.sliding) document.getElementById("saga-threshold-value").value = Math.round(1000 * share);
    document.getElementById("saga-threshold-text").textContent = `scores above ${scores.value.toFixed(2)} are selected`;
  },

  strays(kinds) {
    const box = document.getElementById("saga-strays");
    if (!kinds) return box.replaceChildren();
    if (!box.children.length) box.replaceChildren(...kinds.map((each) => saga.make("div", { className: "row", title: each.why, dataset: { kind: each.name } },
      saga.make("span", { style: { background: each.color, width: "12px", height: "12px", borderRadius: "3px" } }),
      saga.make("span", { style: { flex: "0 0 76px" } }, each.name),
      saga.make("input", { type: "range", min: 0, max: 100, disabled: !each.told, style: { flex: "1 1 60px", minWidth: 0 }, onchange: () => this.clean() }),
      saga.make("span", { className: "quiet" }))));
    kinds.forEach((each, index) => {
      const line = box.children[index];
      if (document.activeElement !== line.querySelector("input")) line.querySelector("input").value = Math.round(100 * each.strength);
      line.lastChild.textContent = each.told ? each.count.toLocaleString("en-US") : "not told";
    });
  },

  clean() {
    const strengths = {};
    for (const line of document.querySelectorAll("#saga-strays > div")) strengths[line.dataset.kind] = line.querySelector("input").value / 100;
    saga.act("strays", { strengths });
  },

  objects(state) {
    const box = document.getElementById("saga-objects");
    const ticked = new Set([...box.querySelectorAll(".tick:checked")].map((each) => each.dataset.name));
    box.replaceChildren(...state.objects.map((each) => {
      const name = saga.make("span", { className: "name", textContent: each.name, title: "Select it; shift adds, alt takes away; twice to rename" });
      name.onclick = (event) => saga.act("select_object", { name: each.name, ...saga.tools.meaning(event) });
      name.ondblclick = () => {
        const wanted = prompt("Name of the object", each.name);
        if (wanted && wanted !== each.name) saga.act("rename", { name: each.name, to: wanted });
      };
      return saga.make("div", { className: `object${each.name === state.editing ? " editing" : ""}`, dataset: { name: each.name } },
        saga.make("input", { type: "checkbox", className: "tick", dataset: { name: each.name }, checked: ticked.has(each.name), title: "for merging and deleting" }),
        saga.make("input", { type: "color", value: each.color, title: "Color", onchange: (event) => saga.act("recolor", { name: each.name, color: event.target.value }) }),
        name, saga.make("span", { className: "quiet" }, each.count.toLocaleString("en-US")),
        saga.make("button", { className: "small edit", textContent: "edit", title: "Select it, change the selection, save it again", onclick: () => saga.act("edit", { name: each.name }) }));
    }));
  },
};
