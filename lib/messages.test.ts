import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { DEFAULT_LOCALE, LOCALES } from "@/lib/locale";
import { hardCodedTexts, type MessageUse, messageUses } from "@/scripts/messages-scan";

const root = fileURLToPath(new URL("..", import.meta.url));
const catalogues = new Map(LOCALES.map((locale) => [locale, flatten(JSON.parse(read(`messages/${locale}.json`)))]));
const english = catalogues.get(DEFAULT_LOCALE) as Map<string, string>;
const files = ["app", "components"].flatMap(sourcesIn).map((path) => ({ path, source: read(path) }));

describe("messages", () => {
  it.each(LOCALES)("%s has exactly the keys of English, in its order", (locale) => {
    expect([...(catalogues.get(locale)?.keys() ?? [])]).toEqual([...english.keys()]);
  });

  it.each(LOCALES)("%s uses the same values and tags, and leaves nothing empty or in English", (locale) => {
    for (const [key, text] of catalogues.get(locale) ?? []) {
      const original = english.get(key) ?? "";
      expect(text.trim(), key).not.toBe("");
      expect(argumentsOf(text), key).toEqual(argumentsOf(original));
      if (locale !== DEFAULT_LOCALE && isProse(original)) expect(text, key).not.toBe(original);
    }
  });

  const uses = files.flatMap(({ path, source }) => messageUses(path, source));

  it("are all there for what the code asks", () => {
    const missing = uses.filter((use) => ![...english.keys()].some((key) => asks(use, key)));
    expect(missing.map(({ file, line, key }) => `${file}:${line} ${key}`)).toEqual([]);
  });

  it("are all asked for", () => {
    // mails are read by the worker (lib/notifications/texts.ts), and there by their type
    const shown = [...english.keys()].filter((key) => !key.startsWith("mail."));
    expect(shown.filter((key) => !uses.some((use) => asks(use, key)))).toEqual([]);
  });
});

it("no text for people is written into app/ or components/", () => {
  // the gallery of components shows samples, to developers only
  const product = files.filter(({ path }) => !path.startsWith("components/design/"));
  expect(product.flatMap(({ path, source }) => hardCodedTexts(path, source))).toEqual([]);
});

describe("the scanner", () => {
  it.each([
    ["<p>Hello there</p>", "Hello there"],
    ["<p>{'Hello'}</p>", "Hello"],
    ["<p>{ok ? 'Yes' : t('no')}</p>", "Yes"],
    ["<p>{ok && `Hi`}</p>", "Hi"],
    ['<img alt="A cat" />', "A cat"],
    ["<Section title={'Providers'} />", "Providers"],
    ["<>{names.map((name) => <li>Name {name}</li>)}</>", "Name"],
    ['export const metadata = { title: "Landing" };', "Landing"],
    ['throw new Error("x"); const a = <b aria-label="Close" />', "Close"],
  ])("finds the text in %s", (source, text) => {
    expect(hardCodedTexts("planted.tsx", source)).toEqual([`planted.tsx:1 "${text}"`]);
  });

  it.each([
    '<p className="Hello" id="World">{t("key")}</p>',
    '<p title={t("a")}> × {rate} · 404</p>',
    'type Props = { title: "Hello" };',
    '<a href="#content" lang="ja">{name}</a>',
    '<Tab value="Hello" data-slot="Tab" />',
  ])("leaves %s alone", (source) => {
    expect(hardCodedTexts("planted.tsx", source)).toEqual([]);
  });

  it("reads keys through namespaces, choices, templates and rich text", () => {
    const source = `
      const t = useTranslations("a.b"); const all = await getTranslations();
      t("one"); t(x ? "two" : "three"); t.rich("four", {}); t(\`five.\${x}\`); all("six"); other("seven");
      t(x);`;
    expect(messageUses("planted.tsx", source).map(({ key }) => key)).toEqual([
      "a.b.one",
      "a.b.two",
      "a.b.three",
      "a.b.four",
      "a.b.five.*",
      "six",
      "a.b.*",
    ]);
  });
});

/** `*` stands for one step of the key. */
function asks({ key }: MessageUse, candidate: string): boolean {
  const pattern = key.replace(/[.+?^$()|[\]\\]/g, "\\$&").replaceAll("*", "[^.]+");
  return new RegExp(`^${pattern}$`).test(candidate);
}

function flatten(node: object, prefix = ""): Map<string, string> {
  const entries = Object.entries(node).flatMap(([name, value]): [string, string][] =>
    typeof value === "string" ? [[prefix + name, value]] : [...flatten(value, `${prefix}${name}.`)],
  );
  return new Map(entries);
}

/** Names in braces and tags around phrases. `<p>` only groups words that should stay on one line. */
function argumentsOf(text: string): string[] {
  const found = [...text.matchAll(/\{(\w+)(?=\s*[,}])|<(\w+)>/g)].map(([, value, tag]) => value ?? `<${tag}>`);
  return [...new Set(found)].filter((name) => name !== "<p>").sort();
}

function isProse(text: string): boolean {
  return /\p{L}{2,} \p{L}{2,}/u.test(text) && text !== english.get("app.name");
}

function sourcesIn(folder: string): string[] {
  return readdirSync(root + folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && /\.tsx?$/.test(entry.name) && !/\.test\.tsx?$/.test(entry.name))
    .map((entry) => `${entry.parentPath}/${entry.name}`.slice(root.length));
}

function read(path: string): string {
  return readFileSync(root + path, "utf8");
}
