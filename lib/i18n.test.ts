import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { loadMessages, replaceTexts } from "@/lib/i18n";
import { LOCALES } from "@/lib/locale";

const read = (path: string) => flatten(JSON.parse(readFileSync(path, "utf8")));
const english = [...read("messages/enterprise/en.json").keys()];

describe.each(LOCALES)("the texts of enterprise mode in %s", (locale) => {
  const own = read(`messages/enterprise/${locale}.json`);
  const replaced = read(`messages/${locale}.json`);

  test("are the same ones as in English", () => expect([...own.keys()]).toEqual(english));

  test("each replace a text of service mode, with the same values and tags, by other words", () => {
    for (const [key, text] of own) {
      expect(replaced.get(key), key).toBeTypeOf("string");
      expect(text, key).not.toBe(replaced.get(key));
      expect(argumentsOf(text), key).toEqual(argumentsOf(replaced.get(key) ?? ""));
    }
  });

  test("are shown in that mode only, and leave the others alone", async () => {
    const [service, enterprise] = [await loadMessages(locale, "service"), await loadMessages(locale, "enterprise")];
    expect(flatten(service)).toEqual(replaced);
    expect(flatten(enterprise)).toEqual(new Map([...replaced, ...own]));
  });
});

test("a group of texts keeps what is not replaced", () => {
  expect(replaceTexts({ a: { b: "1", c: "2" }, d: "3" }, { a: { b: "4" } })).toEqual({ a: { b: "4", c: "2" }, d: "3" });
});

function flatten(node: object, path = ""): Map<string, string> {
  return new Map(
    Object.entries(node).flatMap(([key, value]) =>
      typeof value === "string" ? [[path + key, value] as const] : [...flatten(value, `${path}${key}.`)],
    ),
  );
}

/** What a text is filled with: `{name`, and tags. */
function argumentsOf(text: string): string[] {
  return [...new Set(text.match(/\{\w+|<\/?\w+>/g) ?? [])].filter((one) => !/<\/?p>/.test(one)).sort();
}
