import AxeBuilder from "@axe-core/playwright";
import { expect, type Page } from "@playwright/test";

const NARROW = { width: 320, height: 720 };
/** What a dark page could break that a light one does not. */
const COLOUR_RULES = ["color-contrast", "link-in-text-block"];

type Expected = { path: string; locale: string; status?: 404 };

/** What is wrong with a page, seen light and then dark without another load; nothing is []. */
export async function inspect(page: Page, { path, locale, status }: Expected): Promise<string[]> {
  const found: string[] = [];
  const stop = listen(page, found, status);
  const response = await page.goto(path);
  if (response?.status() !== (status ?? 200)) found.push(`status ${response?.status()} at ${page.url()}`);
  await settle(page);
  found.push(...(await measure(page, locale)));
  found.push(...(await violations(new AxeBuilder({ page }))));
  await page.emulateMedia({ colorScheme: "dark" });
  await expect(page.locator("html.dark")).toBeAttached();
  found.push(...(await violations(new AxeBuilder({ page }).withRules(COLOUR_RULES))).map((one) => `dark: ${one}`));
  await page.emulateMedia({ colorScheme: "light" });
  stop();
  return found;
}

/** Until everything is there that comes by itself. */
export async function settle(page: Page): Promise<void> {
  // an open sheet hides what is behind it from assistive technology, and the heading with it
  await expect(page.locator("h1")).toBeVisible();
  await expect(page.locator("[data-slot=skeleton]")).toHaveCount(0);
  await page.evaluate(() => document.fonts.ready);
}

/** Console errors, failed loads and anything asked of another origin. */
function listen(page: Page, found: string[], status?: number): () => void {
  const own = (url: string) =>
    /^(data|blob):/.test(url) || (page.url() !== "about:blank" && sameOrigin(url, page.url()));
  const asked: string[] = [];
  const listeners = {
    request: (request: { url(): string }) => void asked.push(request.url()),
    pageerror: (error: Error) => void found.push(error.message),
    console: (message: { type(): string; text(): string }) => {
      const isExpected = status !== undefined && message.text().includes(String(status));
      if ((message.type() === "error" && !isExpected) || /hydrat/i.test(message.text())) found.push(message.text());
    },
  };
  for (const [event, listener] of Object.entries(listeners)) page.on(event as "console", listener as () => void);
  return () => {
    for (const [event, listener] of Object.entries(listeners)) page.off(event as "console", listener as () => void);
    found.push(...asked.filter((url) => !own(url)).map((url) => `foreign request ${url}`));
  };
}

async function measure(page: Page, locale: string): Promise<string[]> {
  const found: string[] = [];
  const lang = await page.locator("html").getAttribute("lang");
  if (lang !== locale) found.push(`lang is ${lang}`);
  const headings = await page.locator("h1").count();
  if (headings !== 1) found.push(`${headings} h1`);
  const size = page.viewportSize();
  found.push(...(await sideways(page)));
  await page.setViewportSize(NARROW);
  found.push(...(await sideways(page)));
  if (size) await page.setViewportSize(size);
  return found;
}

const PATIENCE_MS = 2_000;

/** How far the page can be pushed sideways, and what sticks out. A chart needs a moment to take a new width. */
async function sideways(page: Page): Promise<string[]> {
  const fits = () => document.documentElement.scrollWidth <= document.documentElement.clientWidth;
  const isFitting = await page.waitForFunction(fits, undefined, { timeout: PATIENCE_MS }).catch(() => null);
  if (isFitting) return [];
  return page.evaluate(() => {
    const { scrollWidth, clientWidth } = document.documentElement;
    const all = [...document.querySelectorAll("main *")];
    const widest = all.find((one) => one.getBoundingClientRect().right > clientWidth + 1);
    return [`${scrollWidth} px wide at ${clientWidth}: ${widest?.outerHTML.slice(0, 160)}`];
  });
}

async function violations(axe: AxeBuilder): Promise<string[]> {
  // legacy: in the page itself; there are no frames of other origins, and a second window for each result costs more than axe
  const result = await axe.setLegacyMode(true).analyze();
  return result.violations.flatMap(({ id, nodes }) =>
    nodes.slice(0, 3).map((node) => `${id}: ${node.html.slice(0, 200)} ${node.failureSummary}`),
  );
}

function sameOrigin(one: string, other: string): boolean {
  return new URL(one).origin === new URL(other).origin;
}
