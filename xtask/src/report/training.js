// Figures 2 and 3 epoch by epoch, where the page holds frames of the runs that they show: a slider for all methods at once, and a
// choice of learning rates and seeds for both figures. At the slider's end the figure is as it was drawn. Nothing moves by
// itself. Numbers come as bytes in base64; see `frames.rs`.
"use strict";
(() => {
  const { svgElement, htmlElement, axis } = tools;
  const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer;
  const at = (x, y) => `${x.toFixed(1)} ${y.toFixed(1)}`;
  const INK = "#222222";

  // Something to draw in, in front of `below`, cut at the frame of its panel.
  const stage = ({ group, x, y }, below) => {
    const [left, top] = [Math.min(x.from, x.to), Math.min(y.from, y.to)];
    const [width, height] = [Math.abs(x.to - x.from), Math.abs(y.to - y.from)];
    const box = { x: left, y: top, width, height, viewBox: `${left} ${top} ${width} ${height}`, class: "now" };
    const element = svgElement("svg", box, group);
    below?.after(element);
    return element;
  };
  const ends = ({ group }) => [...group.querySelectorAll(":scope > g.end")];
  const path = (parent, attributes) => svgElement("path", { fill: "none", ...attributes }, parent);

  // Figure 2: the function with a dot at each kink, and φ as a strip that rises through those of the figure. A frame is φ in
  // evaluation, the function, and φ in training where that is another.
  const line = ([fit, strips], { color }, { units, points }) => {
    const front = stage(fit, ends(fit)[0]);
    const curve = path(front, { stroke: color, "stroke-width": 2, "stroke-linejoin": "round" });
    const kinks = path(front, { stroke: color, "stroke-width": 4.5, "stroke-linecap": "round" });
    const strip = stage(strips);
    const ground = svgElement("rect", { fill: "#ffffff", "fill-opacity": 0.9, stroke: INK }, strip);
    const ticks = path(strip, { stroke: INK, "stroke-width": 1.2 });
    const [first, last] = [-10, 10];
    const read = (text) => Array.from(new Int16Array(bytes(text)), (number) => number / 1000);
    const draw = (numbers, { epochs }, k, usual) => {
      const size = numbers.length / epochs.length;
      const frame = numbers.slice(k * size, (k + 1) * size);
      const [phi, y, inTraining] = [frame.slice(0, units), frame.slice(units, units + points), frame.slice(units + points)];
      const place = (x, y) => at(fit.x.pixel(x), fit.y.pixel(y));
      const x = (i) => first + (i * (last - first)) / (points - 1);
      curve.setAttribute("d", `M${y.map((value, i) => place(x(i), value)).join("L")}`);
      const value = (x) => {
        const i = Math.min(points - 2, Math.floor(((x - first) / (last - first)) * (points - 1)));
        const part = ((x - first) / (last - first)) * (points - 1) - i;
        return y[i] * (1 - part) + y[i + 1] * part;
      };
      const inside = phi.filter((x) => x >= first && x <= last);
      kinks.setAttribute("d", inside.map((x) => `M${place(x, value(x))}h.01`).join(""));
      // Eleven strips of height 1: the middle of the lowest is the start, that of the highest the end of the run that is drawn.
      const height = 0.5 + 10 * Math.min(1, epochs[k] / (usual.epochs.at(-1) || 1));
      const [high, low] = [strips.y.pixel(height + 0.45), strips.y.pixel(height - 0.45)];
      for (const [name, value] of Object.entries({ x: strips.x.from, y: high, width: strips.x.to - strips.x.from, height: low - high })) {
        ground.setAttribute(name, value);
      }
      const shown = (inTraining.length ? inTraining : phi).filter((x) => x >= first && x <= last);
      ticks.setAttribute("d", shown.map((x) => `M${at(strips.x.pixel(x), high)}V${low.toFixed(1)}`).join(""));
    };
    return { read, draw, hidden: ends(fit), ofOneRun: ends(strips), stages: [front, strip] };
  };

  // The pieces of the curve on which values at the nodes of a grid are zero.
  const zeros = (values, nodes, place) => {
    const n = nodes.length;
    let found = "";
    for (let row = 0; row + 1 < n; row++) {
      for (let column = 0; column + 1 < n; column++) {
        const corners = [[0, 0], [1, 0], [1, 1], [0, 1]].map(([right, up]) => [column + right, row + up]);
        const crossings = corners.flatMap(([i, j], side) => {
          const [k, l] = corners[(side + 1) % 4];
          const [a, b] = [values[j * n + i], values[l * n + k]];
          if (a > 0 === b > 0) return [];
          const part = a / (a - b);
          return [place(nodes[i] + part * (nodes[k] - nodes[i]), nodes[j] + part * (nodes[l] - nodes[j]))];
        });
        for (let k = 0; k + 1 < crossings.length; k += 2) found += `M${crossings[k]}L${crossings[k + 1]}`;
      }
    }
    return found;
  };

  // Figure 3: φ on its paths; the probability, the line where it is one half, the boundaries of the units, and φ as stars. A
  // frame is a network, z = Σ a ReLU(w·x + b) + c, and φ in training.
  const plane = ([paths, region], _, { units, nodes, colors, shades }) => {
    const over = stage(paths);
    const trails = colors.map((color) => path(over, { stroke: color, "stroke-width": 1, "stroke-linejoin": "round" }));
    const dots = colors.map((color) => {
      const rim = path(over, { stroke: INK, "stroke-width": 9, "stroke-linecap": "round" });
      return [rim, path(over, { stroke: color, "stroke-width": 6.5, "stroke-linecap": "round" })];
    });
    const [heat, contour, stars] = ends(region);
    const back = stage(region, heat);
    const cells = shades.map((color) => svgElement("path", { fill: color, "shape-rendering": "crispEdges" }, back));
    const middle = stage(region, contour);
    const boundaries = path(middle, { stroke: "#8c510a", "stroke-width": 1.3 });
    const decision = path(middle, { stroke: INK, "stroke-width": 2.4 });
    const front = stage(region, stars);
    const sky = svgElement("path", { fill: "#d62728", stroke: "#ffffff", "stroke-width": 0.8 }, front);
    const read = (text) => new Float32Array(bytes(text));
    const draw = (numbers, run, k, usual) => {
      const size = numbers.length / run.epochs.length;
      // The paths of another run than the figure's are drawn from its frames.
      trails.forEach((trail, j) => {
        const places = run === usual ? [] : run.epochs.map((_, k) => {
          const start = k * size + 4 * units + 1 + j;
          return at(paths.x.pixel(numbers[start]), paths.y.pixel(numbers[start + units]));
        });
        trail.setAttribute("d", places.length ? `M${places.join("L")}` : "");
      });
      const frame = numbers.subarray(k * size, (k + 1) * size);
      const part = (from) => frame.subarray(from * units, (from + 1) * units);
      const [w, v, b, a] = [0, 1, 2, 3].map(part);
      const constant = frame[4 * units];
      const phi = frame.subarray(4 * units + 1);
      dots.forEach((pair, j) => {
        const d = `M${at(paths.x.pixel(phi[j]), paths.y.pixel(phi[units + j]))}h.01`;
        pair.forEach((dot) => dot.setAttribute("d", d));
      });
      const n = nodes.length;
      const values = nodes.flatMap((y) => nodes.map((x) => {
        let z = constant;
        for (let j = 0; j < units; j++) z += a[j] * Math.max(0, w[j] * x + v[j] * y + b[j]);
        return z;
      }));
      const half = (nodes[1] - nodes[0]) / 2;
      const filled = shades.map(() => "");
      const shade = (z) => Math.round((shades.length - 1) / (1 + Math.exp(-z)));
      for (let row = 0; row < n; row++) {
        const [low, high] = [nodes[row] - half, nodes[row] + half].map((y) => region.y.pixel(y).toFixed(1));
        for (let start = 0, end; start < n; start = end) {
          const same = shade(values[row * n + start]);
          for (end = start + 1; end < n && shade(values[row * n + end]) === same; end++);
          const [left, right] = [nodes[start] - half, nodes[end - 1] + half].map((x) => region.x.pixel(x).toFixed(1));
          filled[same] += `M${left} ${low}H${right}V${high}H${left}Z`;
        }
      }
      filled.forEach((d, k) => cells[k].setAttribute("d", d));
      const place = (x, y) => at(region.x.pixel(x), region.y.pixel(y));
      decision.setAttribute("d", zeros(values, nodes, place));
      let [lines, shapes] = ["", ""];
      for (let j = 0; j < units; j++) {
        const square = w[j] ** 2 + v[j] ** 2;
        if (!(square > 0)) continue;
        const [x, y, long] = [(-b[j] * w[j]) / square, (-b[j] * v[j]) / square, 12 / Math.sqrt(square)];
        lines += `M${place(x - long * v[j], y + long * w[j])}L${place(x + long * v[j], y - long * w[j])}`;
        const corner = (k) => {
          const [reach, angle] = [k % 2 ? 2.4 : 5.5, (k * Math.PI) / 5];
          return at(region.x.pixel(x) + reach * Math.sin(angle), region.y.pixel(y) - reach * Math.cos(angle));
        };
        shapes += `M${[...Array(10).keys()].map(corner).join("L")}Z`;
      }
      boundaries.setAttribute("d", lines);
      sky.setAttribute("d", shapes);
    };
    return { read, draw, hidden: [heat, contour, stars], ofOneRun: ends(paths), stages: [over, back, middle, front] };
  };

  // What is chosen for all figures that move.
  const chosen = { rates: "", place: "" };
  const figures = [];

  const training = (host, data) => {
    const paper = host.parentElement.querySelector(".paper");
    const svg = paper.querySelector("svg");
    const groups = [...svg.querySelectorAll("g[role=group]")];
    const slots = data.methods.map((method, index) => {
      const panels = method.panels.map((k) => groups[k]).map((group) => {
        return { group, x: axis(group.dataset.x), y: axis(group.dataset.y) };
      });
      const titles = panels.map(({ group }) => group.querySelector(".title"));
      const runs = data.runs.filter((run) => run.method === method.name);
      const usual = runs.find(({ lr, place }) => lr === data.choices[0].rates[index] && place === data.places[0]);
      return { ...method, index, runs, usual, titles, ...({ line, plane }[data.view])(panels, method, data) };
    });
    for (const slot of slots) slot.still = slot.titles.map((title) => title.innerHTML);

    const bar = htmlElement("div", { className: "scrub" });
    paper.after(bar);
    bar.setAttribute("role", "group");
    bar.setAttribute("aria-label", host.querySelector("h3").textContent);
    const label = htmlElement("label", {}, bar);
    htmlElement("span", { textContent: "Training" }, label);
    const slider = htmlElement("input", { type: "range", min: 0, step: 1 }, label);
    const told = htmlElement("output", {}, bar);
    const hint = "The slider below the figure moves all methods through their training. At its end the figure is as it was drawn.";
    htmlElement("p", { textContent: hint }, host);
    const scroll = htmlElement("div", { className: "scroll", tabIndex: 0 }, host);
    scroll.setAttribute("role", "region");
    scroll.setAttribute("aria-label", "Table: the runs that are shown");
    const table = htmlElement("table", {}, scroll);
    htmlElement("caption", { textContent: "The runs that are shown, at this point of their training" }, table);
    const heading = table.createTHead().insertRow();
    for (const text of ["method", "learning rate", "seed", "epochs carried out", data.metric]) {
      htmlElement("th", { textContent: text, scope: "col" }, heading);
    }
    const body = table.createTBody();

    const show = () => {
      const choice = Math.max(0, data.choices.findIndex(({ name }) => name === chosen.rates));
      const place = data.places.includes(chosen.place) ? chosen.place : data.places[0];
      const runs = slots.map(({ runs, index }) => {
        const of = runs.filter(({ lr }) => lr === data.choices[choice].rates[index]);
        return of.find((run) => run.place === place) ?? of[0];
      });
      const wasAtEnd = !slider.hasAttribute("max") || slider.value === slider.max;
      const longest = runs.reduce((a, b) => (b.epochs.length > a.epochs.length ? b : a));
      slider.max = longest.epochs.length - 1;
      if (wasAtEnd) slider.value = slider.max;
      const [position, isEnd] = [+slider.value, slider.value === slider.max];
      const isDrawn = isEnd && choice === 0 && place === data.places[0];
      told.textContent = isEnd ? "after training" : `epoch ${longest.epochs[position]}`;
      slider.setAttribute("aria-valuetext", told.textContent);
      body.replaceChildren();
      slots.forEach((slot, index) => {
        const run = runs[index];
        const k = Math.min(position, run.epochs.length - 1);
        slot.hidden.forEach((group) => (group.style.display = isDrawn ? "" : "none"));
        slot.ofOneRun.forEach((group) => (group.style.display = run === slot.usual ? "" : "none"));
        slot.stages.forEach((svg) => (svg.style.display = isDrawn ? "none" : ""));
        if (!isDrawn) slot.draw((run.read ??= slot.read(run.numbers)), run, k, slot.usual);
        const short = (value) => (value === null ? "diverged" : value.toFixed(3));
        slot.titles.forEach((title, which) => {
          title.innerHTML = slot.still[which];
          const [first, ...rest] = title.querySelectorAll("text");
          if (isDrawn || !first) return;
          const isResult = title.textContent.trim().startsWith(slot.letter);
          const result = `: ${data.metric.split(" ").at(-1)} ${short(run.values[k])}`;
          first.textContent = isResult ? `${slot.letter} ${slot.name}, ${run.lr}${result}` : first.textContent.replace(/lr .*/, `lr ${run.lr}`);
          rest.forEach((text) => text.remove());
        });
        const row = body.insertRow();
        htmlElement("th", { textContent: slot.name, scope: "row" }, row).style.setProperty("--method", slot.color);
        const isOver = k === run.epochs.length - 1;
        const texts = [run.lr, `${run.seed} (${run.place})`, `${run.epochs[k]}${isOver ? ", the end" : ""}`, short(run.values[k])];
        texts.forEach((text) => htmlElement("td", { textContent: text }, row));
      });
    };
    slider.addEventListener("input", show);
    // It moves when it is told to, and for those who want no motion there is no such button.
    if (!matchMedia("(prefers-reduced-motion: reduce)").matches) {
      let timer = 0;
      const button = htmlElement("button", { type: "button", textContent: "Play" }, bar);
      const stop = () => {
        clearInterval(timer);
        [timer, button.textContent] = [0, "Play"];
      };
      slider.addEventListener("pointerdown", stop);
      slider.addEventListener("keydown", stop);
      button.addEventListener("click", () => {
        if (timer) return stop();
        if (slider.value === slider.max) slider.value = 0;
        button.textContent = "Stop";
        timer = setInterval(() => {
          slider.value = +slider.value + 1;
          show();
          if (slider.value === slider.max) stop();
        }, 150);
      });
    }
    figures.push({ data, show });
    show();
    host.hidden = false;
  };

  for (const host of document.querySelectorAll("[data-live]")) {
    const data = JSON.parse(host.dataset.live);
    if (data.kind === "training") training(host, data);
  }

  // One choice of learning rates and of seeds, beside that of methods.
  const legend = document.getElementById("methods");
  if (legend && figures.length) {
    const select = (text, key, names) => {
      const label = htmlElement("label", {}, legend);
      htmlElement("span", { textContent: text }, label);
      const input = htmlElement("select", {}, label);
      for (const name of new Set(names)) htmlElement("option", { textContent: name, value: name }, input);
      chosen[key] = input.value;
      input.addEventListener("change", () => {
        chosen[key] = input.value;
        figures.forEach(({ show }) => show());
      });
    };
    select("Runs of Figures 2 and 3:", "rates", figures.flatMap(({ data }) => data.choices.map(({ name }) => name)));
    select("seed:", "place", figures.flatMap(({ data }) => data.places));
  }
})();
