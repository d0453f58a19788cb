import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

const css = readFileSync(new URL("./globals.css", import.meta.url), "utf8");
const THEMES = { light: ".light {", dark: ".dark {" };
const TEXT = 4.5;
const CONTROL = 3;

/** WCAG AA: text on what it stands on, and the outline of an input against the page. */
const PAIRS: readonly (readonly [front: string, back: string, least: number])[] = [
  ...["paper", "surface"].flatMap((back) => [
    ...["ink", "ink-2", "accent", "positive", "warning", "danger"].map((front) => [front, back, TEXT] as const),
    ["control-line", back, CONTROL] as const,
  ]),
  ["on-accent", "accent", TEXT],
];

describe.each(Object.entries(THEMES))("%s theme", (_, selector) => {
  const tokens = tokensOf(selector);
  it.each(PAIRS)("%s on %s has a contrast of at least %d", (front, back, least) => {
    expect(contrast(luminance(tokens, front), luminance(tokens, back))).toBeGreaterThanOrEqual(least);
  });
});

it("gives both themes the same tokens", () => {
  expect(Object.keys(tokensOf(THEMES.dark))).toEqual(Object.keys(tokensOf(THEMES.light)));
});

type Tokens = Record<string, readonly [lightness: number, chroma: number, hue: number]>;

function tokensOf(selector: string): Tokens {
  const block = css.slice(css.indexOf(selector), css.indexOf("}", css.indexOf(selector)));
  const found = block.matchAll(/--([\w-]+): oklch\(([\d.]+) ([\d.]+) ([\d.]+)\);/g);
  return Object.fromEntries([...found].map(([, name, l, c, h]) => [name, [Number(l), Number(c), Number(h)] as const]));
}

/** Relative luminance of an OKLCH colour, through linear sRGB. */
function luminance(tokens: Tokens, name: string): number {
  const [lightness, chroma, hue] = tokens[name] ?? [Number.NaN, 0, 0];
  const a = chroma * Math.cos((hue * Math.PI) / 180);
  const b = chroma * Math.sin((hue * Math.PI) / 180);
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  const red = 4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s;
  const green = -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s;
  const blue = -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s;
  const [r, g, bl] = [red, green, blue].map((value) => Math.min(1, Math.max(0, value))) as [number, number, number];
  return 0.2126 * r + 0.7152 * g + 0.0722 * bl;
}

function contrast(one: number, other: number): number {
  return (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
}
