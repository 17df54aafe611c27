/** Lines over time as an SVG picture, for a README or a browser; no library draws it. */

export interface Line {
  readonly name: string;
  readonly colour: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

export interface Chart {
  readonly title: string;
  readonly xLabel: string;
  readonly yLabel: string;
  readonly lines: readonly Line[];
  /** A stretch of x that is marked, and what it was. */
  readonly span?: { readonly from: number; readonly to: number; readonly says: string };
  /** A level that must not be passed. */
  readonly limit?: { readonly y: number; readonly says: string };
}

const WIDTH = 900;
const HEIGHT = 300;
const LEFT = 70;
const RIGHT = 20;
const TOP = 40;
const BOTTOM = 46;

/** Charts one below the other. */
export function drawCharts(charts: readonly Chart[]): string {
  const height = HEIGHT * charts.length;
  const size = `width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}"`;
  const panels = charts.map(
    (chart, at) => `<g transform="translate(0 ${HEIGHT * at})">\n${drawChart(chart)}\n</g>`,
  );
  const font = 'font-family="sans-serif" font-size="13"';
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size} ${font}>
<rect width="100%" height="100%" fill="white"/>
${panels.join("\n")}
</svg>
`;
}

function drawChart({ title, xLabel, yLabel, lines, span, limit }: Chart): string {
  const points = lines.flatMap((line) => line.points);
  const xs = points.map(([x]) => x);
  const xScale = scale(Math.min(...xs), Math.max(...xs), LEFT, WIDTH - RIGHT);
  const yTop = Math.max(1, limit?.y ?? 0, ...points.map(([, y]) => y)) * 1.05;
  const yScale = scale(0, yTop, HEIGHT - BOTTOM, TOP);
  const parts: string[] = [text(LEFT, 20, title, 'font-weight="bold"')];
  if (span !== undefined) {
    const [from, to] = [xScale(span.from), xScale(span.to)];
    const box = `x="${round(from)}" y="${TOP}" width="${round(to - from)}" height="${HEIGHT - TOP - BOTTOM}"`;
    parts.push(`<rect ${box} fill="#eee"/>`, text(from + 4, TOP + 16, span.says, 'fill="#666"'));
  }
  for (const y of ticks(yTop)) {
    const at = round(yScale(y));
    parts.push(`<path d="M${LEFT} ${at}H${WIDTH - RIGHT}" stroke="#ddd"/>`);
    parts.push(text(LEFT - 8, at + 4, y.toLocaleString("en-US"), 'text-anchor="end"'));
  }
  for (const x of ticks(Math.max(...xs))) {
    parts.push(text(xScale(x), HEIGHT - BOTTOM + 18, String(x), 'text-anchor="middle"'));
  }
  if (limit !== undefined) {
    const at = round(yScale(limit.y));
    parts.push(
      `<path d="M${LEFT} ${at}H${WIDTH - RIGHT}" stroke="#a00" stroke-dasharray="6 4"/>`,
      text(WIDTH - RIGHT, at + 15, limit.says, 'text-anchor="end" fill="#a00"'),
    );
  }
  lines.forEach(({ name, colour, points: own }, at) => {
    const d = own.map(([x, y]) => `${round(xScale(x))} ${round(yScale(y))}`).join("L");
    parts.push(`<path d="M${d}" fill="none" stroke="${colour}" stroke-width="1.8"/>`);
    const where = `text-anchor="end" fill="${colour}"`;
    parts.push(text(WIDTH - RIGHT, 20 + 16 * at, name, where));
  });
  parts.push(text((LEFT + WIDTH) / 2, HEIGHT - 8, xLabel, 'text-anchor="middle"'));
  const turned = `transform="rotate(-90 16 ${HEIGHT / 2})" text-anchor="middle"`;
  parts.push(text(16, HEIGHT / 2, yLabel, turned));
  return parts.join("\n");
}

function scale(from: number, to: number, low: number, high: number): (value: number) => number {
  const span = to - from || 1;
  return (value) => low + ((value - from) / span) * (high - low);
}

/** Round numbers from 0 on, five to ten of them. */
function ticks(top: number): number[] {
  const power = 10 ** Math.floor(Math.log10(top));
  const step = [0.1, 0.2, 0.5, 1, 2].map((one) => one * power).find((one) => top / one <= 10) ?? 1;
  return Array.from({ length: Math.floor(top / step) + 1 }, (_, at) => round(at * step));
}

function text(x: number, y: number, says: string, more: string): string {
  return `<text x="${round(x)}" y="${round(y)}" ${more}>${says}</text>`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
