// What a browser adds to the page, which is complete without it: tables that sort, values under the pointer, methods that
// stand out across all figures, and Figure 1 under the reader's hand. It asks nothing of the network.
"use strict";
const tools = (() => {
  const svgElement = (name, attributes, parent) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    parent?.append(element);
    return element;
  };
  const htmlElement = (name, properties, parent) => {
    const element = Object.assign(document.createElement(name), properties);
    parent?.append(element);
    return element;
  };
  // Six significant digits at most, with a true minus sign.
  const words = (value) => {
    const size = Math.abs(value);
    const text = size !== 0 && (size < 1e-4 || size >= 1e6) ? value.toExponential(2) : String(+value.toPrecision(4));
    return text.replaceAll("-", "−");
  };

  // Tables sort by the column whose heading is pressed; a second press turns the order round.
  const number = (text) => {
    const match = text.replaceAll("−", "-").match(/^[^\d-]*(-?\d[\d.]*(?:e-?\d+)?)/i);
    return match ? Number(match[1]) : NaN;
  };
  for (const table of document.querySelectorAll("table")) {
    const [head, body] = [table.tHead, table.tBodies[0]];
    if (!head || !body || body.rows.length < 3) continue;
    [...head.rows[0].cells].forEach((heading, column) => {
      const button = htmlElement("button", { type: "button", className: "sort" });
      button.append(...heading.childNodes);
      heading.append(button);
      button.addEventListener("click", () => {
        const falling = heading.getAttribute("aria-sort") === "ascending";
        for (const other of head.rows[0].cells) other.removeAttribute("aria-sort");
        heading.setAttribute("aria-sort", falling ? "descending" : "ascending");
        const key = (row) => row.cells[column]?.textContent.trim() ?? "";
        const order = (a, b) => {
          const [x, y] = [number(key(a)), number(key(b))];
          const byText = key(a).localeCompare(key(b), "en");
          if (Number.isNaN(x) || Number.isNaN(y)) return Number.isNaN(x) - Number.isNaN(y) || byText;
          return x - y || byText;
        };
        const rows = [...body.rows].sort(order);
        body.append(...(falling ? rows.reverse() : rows));
      });
    });
  }

  // The values under the pointer, on the axes of the panel that it is over; on a line, those of its nearest point.
  const tip = htmlElement("div", { className: "tip", hidden: true, ariaHidden: "true" }, document.body);
  const axis = (text) => {
    const [scale, from, to, low, high] = text.split(" ");
    const [start, end, first, last] = [from, to, low, high].map(Number);
    const value = (pixel) => {
      const coordinate = first + ((pixel - start) / (end - start)) * (last - first);
      return scale === "log10" ? 10 ** coordinate : scale === "log2" ? 2 ** coordinate : coordinate;
    };
    // Of a linear axis.
    const pixel = (value) => start + ((value - first) / (last - first)) * (end - start);
    const holds = (pixel) => pixel >= Math.min(start, end) && pixel <= Math.max(start, end);
    return { from: start, to: end, holds, value, pixel };
  };
  const points = new WeakMap(); // of a panel: the corners of its lines, read once
  const corners = (panel) => {
    if (!points.has(panel)) {
      const found = [];
      for (const path of panel.querySelectorAll("path[data-line]")) {
        const numbers = path.getAttribute("d").match(/-?\d+(?:\.\d+)?/g) ?? [];
        for (let i = 0; i + 1 < numbers.length; i += 2) found.push([+numbers[i], +numbers[i + 1], path]);
      }
      points.set(panel, found);
    }
    return points.get(panel);
  };
  for (const svg of document.querySelectorAll(".paper svg")) {
    const panels = [...svg.querySelectorAll("g[data-x]")].map((group) => {
      return { group, x: axis(group.dataset.x), y: axis(group.dataset.y) };
    });
    const mark = svgElement("circle", { r: 4, fill: "none", "stroke-width": 2, visibility: "hidden" }, svg);
    const hide = () => {
      tip.hidden = true;
      mark.setAttribute("visibility", "hidden");
    };
    svg.addEventListener("pointerleave", hide);
    svg.addEventListener("pointermove", (event) => {
      const matrix = svg.getScreenCTM();
      if (!matrix) return;
      const place = new DOMPoint(event.clientX, event.clientY).matrixTransform(matrix.inverse());
      const panel = panels.find(({ x, y }) => x.holds(place.x) && y.holds(place.y));
      if (!panel) return hide();
      let [px, py, line] = [place.x, place.y, null];
      let nearest = 14;
      for (const [x, y, path] of corners(panel.group)) {
        const distance = Math.hypot(x - place.x, y - place.y);
        const isShown = path.style.opacity !== "0.08" && path.closest(".end")?.style.display !== "none";
        if (distance < nearest && isShown) [nearest, px, py, line] = [distance, x, y, path];
      }
      const name = line?.dataset.line ? `${line.dataset.line}: ` : "";
      tip.textContent = `${name}${words(panel.x.value(px))}, ${words(panel.y.value(py))}`;
      tip.hidden = false;
      const left = Math.min(event.pageX + 14, document.documentElement.scrollWidth - tip.offsetWidth - 8);
      tip.style.left = `${left}px`;
      tip.style.top = `${event.pageY + 14}px`;
      mark.setAttribute("visibility", line ? "visible" : "hidden");
      if (line) {
        mark.setAttribute("cx", px);
        mark.setAttribute("cy", py);
        mark.setAttribute("stroke", line.getAttribute("stroke"));
      }
    });
  }

  // One choice of methods for all figures: what has the colour of another one fades.
  const legend = document.getElementById("methods");
  if (legend) {
    const methods = JSON.parse(legend.dataset.methods);
    const chosen = new Set(methods.map(([name]) => name));
    const show = () => {
      for (const [name, color] of methods) {
        const shown = chosen.has(name);
        for (const part of document.querySelectorAll(`.paper [stroke="${color}"], .paper [fill="${color}"]`)) {
          part.style.opacity = shown ? "" : "0.08";
        }
      }
    };
    htmlElement("span", { textContent: "Show in all figures:" }, legend);
    for (const [name, color] of methods) {
      const button = htmlElement("button", { type: "button", textContent: name }, legend);
      button.style.setProperty("--method", color);
      button.setAttribute("aria-pressed", "true");
      button.addEventListener("click", () => {
        if (chosen.has(name)) chosen.delete(name);
        else chosen.add(name);
        button.setAttribute("aria-pressed", String(chosen.has(name)));
        show();
      });
    }
    legend.hidden = false;
  }

  // Figure 1: a unit's boundary before and after ε was added to all of its parameters. The same formulas as the program's.
  const boundary = (w, v, b) => ({ theta: Math.atan2(v, w), lambda: b / Math.hypot(w, v) });
  const perturbed = {
    SP: ({ w, v, b, e }) => boundary(w + e, v + e, b + e),
    WN: ({ w, v, b, e }) => ({ theta: Math.atan2(v + e, w + e), lambda: (b + e) / (Math.hypot(w, v) + e) }),
    BN: ({ w, v, b, e, mean, covariance: [xx, xy, yy] }) => {
      const statistics = (w, v) => [
        w * mean[0] + v * mean[1],
        Math.sqrt(w * w * xx + 2 * w * v * xy + v * v * yy + 1e-3),
      ];
      const [before, deviation] = statistics(w, v);
      const beta = (b + before) / deviation;
      const [after, moved] = statistics(w + e, v + e);
      return boundary(w + e, v + e, ((beta + e) * moved) / (1 + e) - after);
    },
    GmP: ({ w, v, b, e }) => {
      const { theta, lambda } = boundary(w, v, b);
      return { theta: theta + e, lambda: lambda + e };
    },
  };
  const perturbation = (host, data) => {
    const SIDE = 3;
    const controls = htmlElement("div", { className: "controls" }, host);
    const slider = (label, low, high, start, text) => {
      const row = htmlElement("label", {}, controls);
      htmlElement("span", { textContent: label }, row);
      const input = htmlElement("input", { type: "range", min: low, max: high, step: "any", value: start }, row);
      const output = htmlElement("output", {}, row);
      const update = () => {
        output.textContent = text(+input.value);
        input.setAttribute("aria-valuetext", output.textContent);
        draw();
      };
      input.addEventListener("input", update);
      return { value: () => +input.value, update };
    };
    const svg = svgElement("svg", { viewBox: `${-SIDE} ${-SIDE} ${2 * SIDE} ${2 * SIDE}`, role: "img" }, host);
    const words10 = (power) => words(10 ** power);
    const epsilon = slider("ε", -4, 0, -2, words10);
    const size = slider("‖w‖", -3, 1, -2, words10);
    const turn = slider("direction of w", 0, 360, 40, (degrees) => `${Math.round(degrees)}°`);
    const offset = slider("distance of the boundary", 0, 2, 1, words);
    const table = htmlElement("table", {}, host);
    htmlElement("caption", { textContent: "Effect of the step on each boundary" }, table);
    const heading = table.createTHead().insertRow();
    for (const text of ["method", "turn", "movement of φ"]) htmlElement("th", { textContent: text, scope: "col" }, heading);
    const body = table.createTBody();
    function draw() {
      const [angle, length] = [(turn.value() * Math.PI) / 180, 10 ** size.value()];
      const [w, v, b] = [length * Math.cos(angle), length * Math.sin(angle), -offset.value() * length];
      const parameters = { w, v, b, e: 10 ** epsilon.value(), mean: data.mean, covariance: data.covariance };
      svg.replaceChildren();
      for (const k of [-2, -1, 0, 1, 2]) {
        svgElement("path", { d: `M${k} ${-SIDE}V${SIDE}M${-SIDE} ${k}H${SIDE}`, class: "grid" }, svg);
      }
      const before = boundary(w, v, b);
      const location = ({ theta, lambda }) => [-lambda * Math.cos(theta), -lambda * Math.sin(theta)];
      // The vertical axis of a page points down.
      const line = (place, attributes) => {
        const [x, y] = location(place);
        const [dx, dy] = [-8 * Math.sin(place.theta), 8 * Math.cos(place.theta)];
        svgElement("path", { d: `M${x - dx} ${-(y - dy)}L${x + dx} ${-(y + dy)}`, fill: "none", ...attributes }, svg);
        svgElement("circle", { cx: x, cy: -y, r: 0.06, fill: attributes.stroke }, svg);
      };
      line(before, { stroke: "#9aa0a6", "stroke-width": 0.14 });
      body.replaceChildren();
      const spoken = [];
      for (const { name, color, dash } of data.methods) {
        const after = perturbed[name](parameters);
        line(after, { stroke: color, "stroke-width": 0.05, "stroke-dasharray": dash.map((d) => 0.05 * d).join(" ") });
        const difference = after.theta - before.theta;
        const turned = Math.abs(Math.atan2(Math.sin(difference), Math.cos(difference)));
        const [[x, y], [p, q]] = [location(after), location(before)];
        const row = body.insertRow();
        htmlElement("th", { textContent: name, scope: "row" }, row).style.setProperty("--method", color);
        row.insertCell().textContent = `${words((turned * 180) / Math.PI)}°`;
        row.insertCell().textContent = words(Math.hypot(x - p, y - q));
        spoken.push(`${name} turns by ${words((turned * 180) / Math.PI)} degrees`);
      }
      svg.setAttribute("aria-label", `Boundaries of a unit before and after a step: ${spoken.join(", ")}`);
    }
    for (const each of [epsilon, size, turn, offset]) each.update();
  };
  for (const host of document.querySelectorAll("[data-live]")) {
    const data = JSON.parse(host.dataset.live);
    if (data.kind !== "perturbation") continue;
    perturbation(host, data);
    host.hidden = false;
  }
  return { svgElement, htmlElement, axis };
})();
