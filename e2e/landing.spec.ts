import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { Page } from "@playwright/test";
import { signInMember } from "@/e2e/support/member";
import { pressEntry } from "@/e2e/support/menu";
import { signInStaff } from "@/e2e/support/staff";
import { expect, test } from "@/e2e/support/test";
import { LOCALE_NAMES, LOCALES } from "@/lib/locale";
import en from "@/messages/en.json" with { type: "json" };
import ja from "@/messages/ja.json" with { type: "json" };
import zh from "@/messages/zh.json" with { type: "json" };
import zhTW from "@/messages/zh-TW.json" with { type: "json" };

const TEXTS = { en, zh, "zh-TW": zhTW, ja };

for (const locale of LOCALES) {
  test.describe(`in ${LOCALE_NAMES[locale]}`, () => {
    test.use({ locale });

    test("the start page says what this is, where to call and what a call costs", async ({ page, baseURL }) => {
      await page.goto("/");
      await expect(page.getByRole("heading", { level: 1 })).toHaveText(plain(TEXTS[locale].landing.title));
      await expect(page.getByText(`${baseURL}/api/v1`, { exact: true })).toBeVisible();
      await expect(page.getByRole("figure").getByText("$0.001195")).toBeVisible();
    });
  });
}

test("you copy the base URL with one click", async ({ page, context, baseURL }) => {
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await page.goto("/");
  await page.getByRole("button", { name: en.landing.copyBaseUrl }).click();
  await expect(page.getByRole("button", { name: en.ui.copied })).toBeVisible();
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(`${baseURL}/api/v1`);
});

test("you copy it also where the browser withholds the clipboard, as over plain http", async ({ page }) => {
  await page.addInitScript(() => Object.defineProperty(navigator, "clipboard", { value: undefined }));
  await page.goto("/");
  await page.getByRole("button", { name: en.landing.copyBaseUrl }).click();
  await expect(page.getByRole("button", { name: en.ui.copied })).toBeVisible();
});

test("you walk through the examples with the keyboard and copy the one you see", async ({ page, context, baseURL }) => {
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  await page.goto("/");
  await page.getByRole("tab", { name: "curl" }).focus();
  await page.keyboard.press("ArrowRight");
  await expect(page.getByRole("tabpanel", { name: "Python" })).toContainText(`base_url="${baseURL}/api/v1"`);
  await page.getByRole("button", { name: en.landing.firstCall.copy }).click();
  await expect(page.getByRole("button", { name: en.ui.copied })).toBeVisible();
  expect(await page.evaluate(() => navigator.clipboard.readText())).toContain("from openai import OpenAI");
});

test("the Node example runs as it stands, with nothing but a key", async ({ page, hub }) => {
  await page.goto("/");
  await page.getByRole("tab", { name: "Node.js" }).click();
  const code = await page.getByRole("tabpanel", { name: "Node.js" }).innerText();
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", code], {
    env: { ...process.env, AIGNE_API_KEY: hub.sandboxKey },
  });
  expect(stdout.trim()).not.toBe("");
});

test("signed in, you are led to your console", async ({ page, context, hub }) => {
  await signInStaff(context, hub, "owner"); // nobody works on a hub without one
  const { slug } = await signInMember(context, hub);
  await page.goto("/");
  await page.getByRole("link", { name: en.shell.toConsole }).click();
  await expect(page).toHaveURL(`/${slug}`);
});

test("the language you choose stays", async ({ page }) => {
  await page.goto("/");
  await pressEntry(
    page.getByRole("button", { name: /English/ }),
    page.getByRole("menuitemradio", { name: LOCALE_NAMES.ja }),
  );
  await expect(page.getByRole("heading", { level: 1 })).toHaveText(plain(ja.landing.title));
  await expect(page.locator("html")).toHaveAttribute("lang", "ja");
  await page.reload();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText(plain(ja.landing.title));
});

test("a link with ?lang= opens in that language, without scripts too, and another choice replaces it", async ({
  page,
  browser,
  baseURL,
}) => {
  const plainContext = await browser.newContext({ javaScriptEnabled: false, baseURL });
  const plainPage = await plainContext.newPage();
  await plainPage.goto("/?lang=zh-TW");
  await expect(plainPage.getByRole("heading", { level: 1 })).toHaveText(plain(zhTW.landing.title));
  await plainPage.getByRole("link", { name: LOCALE_NAMES.ja }).click();
  await expect(plainPage.getByRole("heading", { level: 1 })).toHaveText(plain(ja.landing.title));
  await plainContext.close();

  await page.goto("/?lang=zh&from=mail");
  await pressEntry(
    page.getByRole("button", { name: /简体中文/ }),
    page.getByRole("menuitemradio", { name: LOCALE_NAMES.en }),
  );
  await expect(page.getByRole("heading", { level: 1 })).toHaveText(en.landing.title);
  await expect(page).toHaveURL(/\/\?from=mail$/);
});

test("a language the hub does not speak changes nothing", async ({ page }) => {
  await page.goto("/?lang=xx");
  await expect(page.locator("html")).toHaveAttribute("lang", "en");
});

test("search engines learn of each language", async ({ page, baseURL }) => {
  await page.goto("/");
  for (const locale of LOCALES) {
    const link = page.locator(`head link[hreflang="${locale}"]`);
    await expect(link).toHaveAttribute("href", `${baseURL}/?lang=${locale}`);
  }
});

test("the theme you choose stays, and shows before anything is painted", async ({ page }) => {
  await page.goto("/");
  await pressEntry(
    page.getByRole("button", { name: en.shell.theme }),
    page.getByRole("menuitemradio", { name: en.shell.themes.dark }),
  );
  await expect(page.locator("html")).toHaveClass(/dark/);
  // Without the scripts of the page: what sets the class is the first line of its body.
  await page.route("**/_next/static/chunks/*.js", (route) => route.abort());
  await page.reload();
  await expect(page.locator("html")).toHaveClass(/dark/);
});

test("an address without a page says so in your language and leads back", async ({ page }) => {
  const complaints = complaintsOf(page, /404/);
  const response = await page.goto("/no/such/page?lang=zh");
  expect(response?.status()).toBe(404);
  await expect(page.getByRole("heading", { level: 1 })).toHaveText(zh.notFound.title);
  await page.getByRole("link", { name: zh.notFound.home }).click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText(plain(zh.landing.title));
  expect(complaints).toEqual([]);
});

test("every page forbids what it does not need", async ({ request }) => {
  for (const path of ["/", "/no/such/page", "/icon.svg"]) {
    const headers = (await request.get(path)).headers();
    expect(headers["content-security-policy"], path).toMatch(
      /default-src 'none'; script-src 'nonce-[\w+/=]{16,}' 'strict-dynamic'; /,
    );
    expect(headers["content-security-policy"], path).not.toMatch(/unsafe-eval|https?:/);
    expect(headers["x-content-type-options"], path).toBe("nosniff");
    expect(headers["referrer-policy"], path).toBe("strict-origin-when-cross-origin");
    expect(headers["cross-origin-opener-policy"], path).toBe("same-origin");
    expect(headers["permissions-policy"], path).toContain("camera=()");
    expect(headers["strict-transport-security"], path).toBeUndefined();
    expect(headers["x-powered-by"], path).toBeUndefined();
  }
});

test("no page reuses a nonce", async ({ request }) => {
  const nonce = async () =>
    /'nonce-([^']+)'/.exec((await request.get("/")).headers()["content-security-policy"] ?? "")?.[1];
  const [first, second] = [await nonce(), await nonce()];
  expect(first).toBeTruthy();
  expect(first).not.toBe(second);
});

test("nothing resizes images on request", async ({ request }) => {
  expect((await request.get("/_next/image?url=%2Ficon.svg&w=64&q=75")).status()).toBe(404);
});

/** Console errors, broken content rules included; `expected` are those a test provokes. */
function complaintsOf(page: Page, expected?: RegExp): string[] {
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => {
    if (message.type() === "error" && !expected?.test(message.text())) complaints.push(message.text());
  });
  return complaints;
}

/** Texts without the tags that only group words. */
function plain(text: string): string {
  return text.replace(/<\/?p>/g, "");
}
