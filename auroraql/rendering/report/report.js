// Shows the rows of each section of a report: only those in view are elements. Values become text, never markup, and
// links only if they are http or https addresses.
"use strict";
(() => {
  const MAX_CHOICES = 60, MAX_FACETS = 400, MAX_PICTURES = 240, EXTRA_ROWS = 25, TYPING_PAUSE_MS = 120;
  const WEB = /^https?:\/\/[^\s"'<>\\^`{|}]+$/, PICTURE = /\.(?:jpe?g|png|gif|webp|avif|svg)(?:[?#].*)?$/i;
  const format = (number) => number.toLocaleString("en");

  function make(tag, properties = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(properties)) {
      if (name in element) element[name] = value;
      else element.setAttribute(name, value);
    }
    element.append(...children);
    return element;
  }

  function link(url, ...children) {
    return make("a", { href: url, target: "_blank", rel: "noopener noreferrer" }, ...children);
  }

  const fileName = (url) => url.replace(/\/+$/, "").split("/").pop() || url;

  class Column {
    constructor(data) { Object.assign(this, data); }
    code(row) { return this.codes ? this.codes[row] : 0; }
    text(row) {  // null for a missing value
      if (!this.numbers) return this.texts[this.code(row)] ?? null;
      const value = this.numbers[row];
      return value === null || this.digits === undefined ? value?.toString() ?? null : value.toFixed(this.digits);
    }
    full(row) { return this.full_texts?.[this.code(row)] ?? this.text(row); }
    rank(row) { return this.numbers ? this.numbers[row] : this.code(row) < 0 ? null : this.code(row); }
    mark(hits, word) {  // marks the rows whose value contains a word
      if (this.numbers) {
        if (/^-?\d*\.?\d*$/.test(word)) for (let row = 0; row < hits.length; row++) if (this.text(row)?.includes(word)) hits[row] = 1;
        return;
      }
      const matches = (this.full_texts ?? this.texts).map((text) => text.toLowerCase().includes(word));
      if (matches.includes(true)) for (let row = 0; row < hits.length; row++) if (matches[this.code(row)]) hits[row] = 1;
    }
    values(row) {
      const text = this.full(row);
      if (text === null) return make("span", { className: "null" }, "NULL");
      return WEB.test(text) ? link(text, fileName(text)) : this.text(row);
    }
  }

  class Report {
    constructor(section, data) {
      this.total = data.rows;
      this.columns = data.columns.map((column) => new Column({ ...column, full: undefined, full_texts: column.full }));
      this.columns.forEach((column) => delete column.full);
      Object.assign(this, { picture: data.picture, site: data.site, time: data.time, caption: data.caption });
      this.tests = new Map();  // of the filters: a name, and a function from a row to whether it is shown
      this.order = null;
      this.firstPicture = 0;
      this.selects = new Map();
      this.build(section);
      this.update();
    }

    build(section) {
      this.status = make("p", { role: "status", className: "note" });
      this.facets = make("div");
      this.pictures = make("div");
      this.buildTable();
      section.append(this.buildControls(), this.facets, this.pictures, this.status, this.scroller);
    }

    buildControls() {
      let timer;
      this.words = make("input", { type: "search", size: 24 });
      this.words.addEventListener("input", () => {
        clearTimeout(timer);
        timer = setTimeout(() => this.filterWords(), TYPING_PAUSE_MS);
      });
      const controls = make("div", { className: "controls", role: "group", "aria-label": "Filters" });
      controls.append(make("label", {}, "Words", this.words));
      this.columns.forEach((column, at) => {
        const count = column.texts?.length ?? 0;
        if (count < 2 || count > MAX_CHOICES) return;
        const options = column.texts.map((text, code) => make("option", { value: String(code) }, text || "(empty)"));
        const select = make("select", {}, make("option", { value: "" }, "all"), ...options);
        select.addEventListener("change", () => this.choose(at, select.value === "" ? null : Number(select.value)));
        this.selects.set(at, select);
        controls.append(make("label", {}, column.title, select));
      });
      const clear = make("button", { type: "button" }, "Clear filters");
      clear.addEventListener("click", () => this.clear());
      controls.append(clear);
      return controls;
    }

    buildTable() {
      const titles = this.columns.map((column, at) => {
        const button = make("button", { type: "button", title: `Sort by ${column.name}` }, column.title, make("span", { "aria-hidden": "true" }));
        button.addEventListener("click", () => this.sortBy(at));
        return make("th", { scope: "col", className: column.number ? "number" : "" }, button);
      });
      this.titles = titles;
      const widths = this.columns.map((column) => column.width);
      const columns = [String(this.total).length + 3, ...widths].map((width) => make("col", { style: `width: calc(${width}ch + 1.4rem)` }));
      const space = () => make("td", { className: "space", colSpan: columns.length });
      [this.above, this.below] = [space(), space()];
      this.body = make("tbody", { className: "seen" });
      const head = make("thead", {}, make("tr", { "aria-rowindex": "1" }, make("th", { scope: "col" }, "row"), ...titles));
      const spacer = (cell) => make("tbody", { "aria-hidden": "true" }, make("tr", {}, cell));
      this.table = make("table", { className: "rows", "aria-label": "Rows" }, make("colgroup", {}, ...columns), head, spacer(this.above), this.body, spacer(this.below));
      this.scroller = make("div", { className: "scroller", tabIndex: 0, role: "group", "aria-label": "Table of rows" }, this.table);
      this.scroller.addEventListener("scroll", () => this.showRows());
      addEventListener("resize", () => this.showRows());
    }

    // --- filters and order

    filterWords() {
      const words = this.words.value.toLowerCase().split(/\s+/).filter(Boolean);
      const hits = words.map((word) => {
        const rows = new Uint8Array(this.total);
        this.columns.forEach((column) => column.mark(rows, word));
        return rows;
      });
      this.setTest("words", hits.length ? (row) => hits.every((rows) => rows[row]) : null);
    }

    choose(at, code) {
      const column = this.columns[at];
      if (this.selects.has(at)) this.selects.get(at).value = code === null ? "" : String(code);
      this.setTest(at, code === null ? null : (row) => column.code(row) === code, code);
    }

    setTest(name, test, value = null) {
      if (test) this.tests.set(name, Object.assign(test, { value }));
      else this.tests.delete(name);
      this.firstPicture = 0;
      this.update();
    }

    clear() {
      this.words.value = "";
      for (const select of this.selects.values()) select.value = "";
      this.tests.clear();
      this.firstPicture = 0;
      this.update();
      this.words.focus();
    }

    sortBy(at) {
      const down = this.order?.at === at && !this.order.down;
      this.order = this.order?.at === at && this.order.down ? null : { at, down };
      this.titles.forEach((title, number) => {
        const direction = this.order?.at === number ? (down ? "descending" : "ascending") : "";
        if (direction) title.setAttribute("aria-sort", direction);
        else title.removeAttribute("aria-sort");
        title.querySelector("span").textContent = direction ? (down ? " ▼" : " ▲") : "";
      });
      this.update();
    }

    select(except) {  // the rows that pass every filter except one
      const tests = [...this.tests].filter(([name]) => name !== except).map(([, test]) => test);
      const rows = [];
      for (let row = 0; row < this.total; row++) if (tests.every((test) => test(row))) rows.push(row);
      return rows;
    }

    update() {
      this.rows = this.select();
      if (this.order) {
        const { at, down } = this.order, column = this.columns[at], sign = down ? -1 : 1;
        const ranks = Array.from({ length: this.total }, (_, row) => column.rank(row));
        this.rows.sort((a, b) => (ranks[a] === null) - (ranks[b] === null) || sign * (ranks[a] - ranks[b]));
      }
      const shown = this.rows.length === this.total ? "" : `${format(this.rows.length)} of `;
      this.status.textContent = `${shown}${format(this.total)} ${this.total === 1 ? "row" : "rows"}`;
      this.body.replaceChildren();
      this.scroller.scrollTop = 0;
      this.showRows();
      this.showFacets();
      this.showPictures();
    }

    // --- rows in view

    showRows() {
      const height = this.rowHeight || 28;
      const inView = Math.ceil(this.scroller.clientHeight / height) || 40;
      const top = Math.floor(this.scroller.scrollTop / height);
      const first = Math.max(0, Math.min(top - EXTRA_ROWS, this.rows.length - inView));
      const end = Math.min(this.rows.length, top + inView + EXTRA_ROWS);
      const places = [...this.body.rows].map((line) => [line, line.place]);
      for (const [line, place] of places) if (place < first || place >= end) line.remove();
      const from = this.body.rows[0]?.place ?? end, to = this.body.rows[0] ? this.body.lastElementChild.place + 1 : end;
      this.body.prepend(...this.lines(first, from));
      this.body.append(...this.lines(to, end));
      this.above.style.height = `${first * height}px`;
      this.below.style.height = `${(this.rows.length - end) * height}px`;
      this.table.setAttribute("aria-rowcount", String(this.rows.length + 1));
      if (!this.rowHeight && this.body.rows[0]?.offsetHeight) {
        this.rowHeight = this.body.rows[0].getBoundingClientRect().height;
        this.showRows();
      }
    }

    lines(first, end) {
      const lines = [];
      for (let place = first; place < end; place++) lines.push(this.line(place));
      return lines;
    }

    line(place) {
      const row = this.rows[place];
      const number = make("button", { type: "button", "aria-label": `All fields of row ${row + 1}` }, format(row + 1));
      number.addEventListener("click", () => this.openRow(row));
      const line = make("tr", { "aria-rowindex": String(place + 2) }, make("th", { scope: "row" }, number));
      line.place = place;
      line.classList.toggle("target", row === this.target);
      this.columns.forEach((column, at) => {
        const cell = make("td", { className: column.number ? "number" : "", dir: "auto" }, column.values(row));
        if (at === this.picture && this.hasPicture(row)) {
          const show = make("button", { type: "button", "aria-label": `Show the picture of row ${row + 1}` }, "▣");
          show.addEventListener("click", () => this.showPictureOf(row));
          cell.prepend(show, " ");
        }
        line.append(cell);
      });
      return line;
    }

    goToRow(row) {
      const place = this.rows.indexOf(row);
      this.target = row;
      this.scroller.scrollTop = Math.max(0, (place - 2) * this.rowHeight);
      this.showRows();
      for (const line of this.body.rows) line.classList.toggle("target", line.place === place);
      this.scroller.scrollIntoView({ block: "nearest" });
      [...this.body.rows].find((line) => line.place === place)?.querySelector("button").focus({ preventScroll: true });
    }

    openRow(row) {
      const fields = this.columns.flatMap((column) => {
        const text = column.full(row);
        const value = text !== null && WEB.test(text) ? link(text, text) : text ?? column.values(row);
        return [make("dt", {}, column.title), make("dd", { dir: "auto" }, value)];
      });
      const close = make("button", { type: "button" }, "Close");
      const dialog = make("dialog", { "aria-label": `Row ${row + 1}` }, make("p", { className: "label" }, `Row ${format(row + 1)}`), make("dl", {}, ...fields), close);
      close.addEventListener("click", () => dialog.close());
      dialog.addEventListener("close", () => dialog.remove());
      this.scroller.after(dialog);
      dialog.showModal();
    }

    // --- facets

    showFacets() {
      const days = this.time === null ? null : this.facetOfDays();
      const sites = this.site === null ? null : this.facetOfSites();
      const focus = document.activeElement?.dataset?.facet;
      this.facets.replaceChildren(...[sites, days].filter(Boolean).flat());
      if (focus) [...this.facets.querySelectorAll("button")].find((button) => button.dataset.facet === focus)?.focus();
    }

    facetOfSites() {
      const column = this.columns[this.site];
      if (!column.texts || column.texts.length < 2 || column.texts.length > MAX_FACETS) return null;
      const counts = this.count(this.site, (row) => column.code(row));
      const entries = column.texts.map((text, code) => [text, code, counts.get(code) ?? 0]);
      return this.facet(`By ${column.title}`, this.site, entries, (code) => this.choose(this.site, code));
    }

    facetOfDays() {
      const column = this.columns[this.time];
      if (!column.texts) return null;
      const length = column.length ??= [10, 7, 4].find((size) => new Set(column.texts.map((text) => text.slice(0, size))).size <= MAX_FACETS) ?? 0;
      if (!length) return null;
      const starts = column.starts ??= column.texts.map((text) => text.slice(0, length));
      const distinct = [...new Set(starts)];
      if (distinct.length < 2) return null;
      const counts = this.count("time", (row) => starts[column.code(row)]);
      const entries = distinct.map((start) => [start, start, counts.get(start) ?? 0]);
      const choose = (start) => this.setTest("time", start === null ? null : (row) => starts[column.code(row)] === start, start);
      return this.facet(`By ${{ 10: "day", 7: "month", 4: "year" }[length]}`, "time", entries, choose);
    }

    count(name, keyOf) {
      const counts = new Map();
      for (const row of this.select(name)) counts.set(keyOf(row), (counts.get(keyOf(row)) ?? 0) + 1);
      return counts;
    }

    facet(title, name, entries, choose) {
      const most = Math.max(1, ...entries.map(([, , count]) => count)), chosen = this.tests.get(name)?.value ?? null;
      const group = make("div", { className: "facet", role: "group", "aria-label": title });
      for (const [text, key, count] of entries) {
        const button = make("button", { type: "button", "aria-pressed": String(chosen === key) }, `${text || "(empty)"} · ${format(count)}`);
        button.style.setProperty("--share", `${(100 * count) / most}%`);
        button.dataset.facet = `${name} ${key}`;
        button.addEventListener("click", () => choose(chosen === key ? null : key));
        group.append(button);
      }
      return [make("p", { className: "label" }, title), group];
    }

    // --- pictures

    hasPicture(row) {
      const url = this.columns[this.picture].text(row);
      return url !== null && WEB.test(url) && PICTURE.test(url);
    }

    showPictures() {
      if (this.picture === null) return;
      this.pictureRows = this.rows.filter((row) => this.hasPicture(row));
      const total = this.pictureRows.length, end = Math.min(this.firstPicture + MAX_PICTURES, total);
      const shown = this.pictureRows.slice(this.firstPicture, end);
      this.gallery = make("div", { className: "gallery", tabIndex: 0, role: "group", "aria-label": "Pictures" }, ...shown.map((row) => this.figure(row)));
      const range = total > MAX_PICTURES ? `${format(this.firstPicture + 1)} to ${format(end)} of ${format(total)}` : format(total);
      const turn = (text, first) => {
        const button = make("button", { type: "button", disabled: first < 0 || first >= total }, text);
        button.addEventListener("click", () => { this.firstPicture = first; this.showPictures(); });
        return button;
      };
      const turns = total > MAX_PICTURES
        ? [" ", turn("Previous", this.firstPicture ? Math.max(0, this.firstPicture - MAX_PICTURES) : -1), " ", turn("Next", this.firstPicture + MAX_PICTURES)]
        : [];
      this.pictures.replaceChildren(make("p", { className: "label" }, `Pictures: ${range}`, ...turns), this.gallery);
    }

    figure(row) {
      const url = this.columns[this.picture].text(row);
      const parts = this.caption.map((at) => this.columns[at].text(row)).filter(Boolean);
      const caption = parts.map((text) => text.replace(/ 00:00:00$/, "")).join(" · ") || fileName(url);
      const image = make("img", { loading: "lazy", decoding: "async", alt: caption, referrerPolicy: "no-referrer" });
      image.addEventListener("error", () => image.replaceWith(make("span", {}, "image not available offline")));
      image.src = url;
      const button = make("button", { type: "button", "aria-label": `Go to row ${row + 1}` }, `row ${format(row + 1)}`);
      button.addEventListener("click", () => this.goToRow(row));
      const figure = make("figure");
      figure.append(link(url, image), make("figcaption", { dir: "auto" }, make("span", {}, caption), button));
      figure.row = row;
      return figure;
    }

    showPictureOf(row) {
      const at = this.pictureRows.indexOf(row);
      if (at < this.firstPicture || at >= this.firstPicture + MAX_PICTURES) {
        this.firstPicture = at - (at % MAX_PICTURES);
        this.showPictures();
      }
      const figure = [...this.gallery.children].find((element) => element.row === row);
      this.gallery.scrollIntoView({ block: "nearest" });
      this.gallery.scrollTop = figure.offsetTop - this.gallery.offsetTop;
      figure.querySelector("a").focus({ preventScroll: true });
    }
  }

  for (const data of document.querySelectorAll('script[type="application/json"]:not([data-shown])')) {
    data.dataset.shown = "true";
    new Report(data.parentElement, JSON.parse(data.textContent));
  }
})();
