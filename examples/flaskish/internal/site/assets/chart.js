// Charts by uPlot, in the colours of the page: a canvas does not follow a style
// sheet, so the colours are looked up, and again when the theme changes.

const probe = document.createElement("span");
probe.hidden = true;
document.body.append(probe);

// colour returns what a custom property of the page, such as --ink, is right now.
export function colour(name) {
  probe.style.color = `var(${name})`;
  return getComputedStyle(probe).color;
}

const charts = new Set();

function recolour() {
  for (const chart of charts) chart.redraw(false, true);
}

document.addEventListener("themechange", recolour);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", recolour);

const font = "12px system-ui, sans-serif";

function axis(options) {
  return {
    stroke: () => colour("--soft"),
    grid: { stroke: () => colour("--grid"), width: 1 },
    ticks: { stroke: () => colour("--grid"), width: 1, size: 5 },
    font,
    ...options,
  };
}

// chart draws into element, whose size it follows. series are uPlot's, with the
// name of a custom property as their colour.
export function chart(element, { series, format, scale = {}, time = true, height = 280, right = 12, xValues, xFormat }) {
  const options = {
    width: element.clientWidth,
    height,
    padding: [12, right, 0, 0],
    legend: { show: false },
    cursor: { y: false, points: { size: 8 } },
    scales: { x: { time }, y: scale },
    axes: [
      axis({ size: 32, space: 70, ...(xValues ? { values: xValues } : {}) }),
      axis({ size: 64, values: (_, ticks) => ticks.map(format) }),
    ],
    series: [
      xFormat ? { value: xFormat } : {},
      ...series.map(({ colour: name, fillColour, ...rest }) => ({
        stroke: () => colour(name),
        ...(fillColour ? { fill: () => colour(fillColour) } : {}),
        width: 2,
        points: { show: false },
        ...rest,
      })),
    ],
    hooks: {},
  };
  const plot = new uPlot(options, [[], ...series.map(() => [])], element);
  charts.add(plot);
  new ResizeObserver(() => {
    const width = element.clientWidth;
    if (width > 0 && width !== plot.width) plot.setSize({ width, height });
  }).observe(element);
  return plot;
}
