// A line over time, from zero up, on a canvas: the style sheet's colours, and nothing that could hold markup.

import { element } from "./dom.js";

const [WIDTH, HEIGHT] = [900, 90];

// Draws points, `[ms, value]`; what it shows is told in words, too.
export function line(points, told) {
  const canvas = element("canvas", { className: "line", width: WIDTH, height: HEIGHT, role: "img", "aria-label": told });
  // Its colour is known when it is on the page.
  requestAnimationFrame(() => draw(canvas, points));
  return canvas;
}

function draw(canvas, points) {
  const context = canvas.getContext("2d");
  const [first, last] = [points[0][0], points.at(-1)[0]];
  const most = Math.max(...points.map(([, value]) => value), 1);
  const x = (at) => ((at - first) / Math.max(last - first, 1)) * WIDTH;
  const y = (value) => HEIGHT - 1 - (value / most) * (HEIGHT - 4);
  context.strokeStyle = getComputedStyle(canvas).color;
  context.lineWidth = 2;
  context.beginPath();
  context.moveTo(0, y(points[0][1]));
  // What was there at a look stays until the next: a step, no slope.
  points.forEach(([at, value], index) => {
    if (index > 0) context.lineTo(x(at), y(points[index - 1][1]));
    context.lineTo(x(at), y(value));
  });
  context.lineTo(WIDTH, y(points.at(-1)[1]));
  context.stroke();
}
