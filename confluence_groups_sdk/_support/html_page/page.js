"use strict";
// Filters and sorts the rows that are on the page; all of them are there without it.
(() => {
  const tables = [...document.querySelectorAll("table.sortable")];
  const bodies = tables.flatMap((table) => [...table.tBodies]).map((element) => ({
    element,
    heading: (element.querySelector("tr.group")?.textContent ?? "").toLowerCase(),
    rows: [...element.rows].filter((row) => !row.classList.contains("group")).map((row) => ({ row, shown: true })),
  }));
  const total = bodies.reduce((sum, body) => sum + body.rows.length, 0);
  const tools = document.querySelector(".tools");
  const filter = document.querySelector("#filter");
  const output = document.querySelector("#shown");
  const SHOWN_ROWS = 2000; // more rows are laid out in steps, so that typing stays fast
  let step = 0;

  function matches(entry, words) {
    entry.text ??= entry.row.textContent.toLowerCase();
    return words.every((word) => entry.text.includes(word));
  }

  function apply() {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    const changes = [];
    let count = 0;
    for (const body of bodies) {
      const open = words.filter((word) => !body.heading.includes(word));
      let any = false;
      for (const entry of body.rows) {
        const shown = !open.length || matches(entry, open);
        if (shown !== entry.shown) changes.push([entry, shown]);
        any ||= shown;
        count += shown ? 1 : 0;
      }
      body.any = any;
    }
    changes.sort(([, one], [, other]) => one - other); // what goes, goes first: then little is left to lay out
    for (const body of bodies) if (body.element.hidden === body.any) body.element.hidden = !body.any;
    const format = (number) => number.toLocaleString("en");
    output.textContent = words.length ? `${format(count)} of ${format(total)} rows shown` : `${format(total)} rows`;
    tools.classList.toggle("active", words.length > 0);
    perform(changes, 0, ++step);
  }

  function perform(changes, start, own) {
    if (own !== step) return; // a later filter replaced this one
    let index = start;
    let appeared = 0;
    for (; index < changes.length && appeared < SHOWN_ROWS; index += 1) {
      const [entry, shown] = changes[index];
      entry.row.hidden = !shown;
      entry.shown = shown;
      appeared += shown ? 1 : 0;
    }
    if (index < changes.length) setTimeout(() => perform(changes, index, own));
  }

  function keyOf(row, index) {
    const cell = row.cells[index];
    return cell.dataset.sort ?? cell.textContent;
  }

  const ORDERS = { none: "ascending", ascending: "descending", descending: "none" };

  function sort(table, index, header) {
    const order = ORDERS[header.getAttribute("aria-sort") ?? "none"];
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    if (order !== "none") header.setAttribute("aria-sort", order);
    const { compare } = new Intl.Collator(undefined, { numeric: true });
    const sign = order === "descending" ? -1 : 1;
    for (const { element, rows } of bodies.filter((body) => body.element.parentElement === table)) {
      const keyed = rows.map(({ row }) => [order === "none" ? "" : keyOf(row, index), row]);
      // Empty cells come last in both directions. Equal keys keep the order of the page.
      if (order !== "none") keyed.sort(([one], [other]) => !one - !other || sign * compare(one, other));
      const sorted = document.createDocumentFragment();
      for (const [, row] of keyed) sorted.append(row);
      element.append(sorted);
    }
  }

  for (const table of tables) {
    [...table.tHead.rows[0].cells].forEach((header, index) => {
      const button = document.createElement("span"); // with a real button, Chromium prints a header on the first page only
      button.role = "button";
      button.tabIndex = 0;
      button.textContent = header.textContent;
      button.addEventListener("click", () => sort(table, index, header));
      button.addEventListener("keydown", (event) => {
        if (event.key !== "Enter" && event.key !== " ") return;
        event.preventDefault();
        sort(table, index, header);
      });
      header.replaceChildren(button);
    });
  }
  document.documentElement.classList.add("scripted");
  if (total > 1) {
    filter.addEventListener("input", apply);
    tools.hidden = false;
    apply();
  }
})();
