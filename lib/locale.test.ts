import { describe, expect, it } from "vitest";
import { isLocale, negotiateLocale } from "@/lib/locale";

describe("negotiateLocale", () => {
  it.each([
    [null, "en"],
    ["", "en"],
    ["fr-FR,fr;q=0.9", "en"],
    ["de, ja;q=0.5, en;q=0.4", "ja"],
    ["en;q=0.1, ja", "ja"],
    ["ja;q=0, en", "en"],
    ["zh", "zh"],
    ["zh-CN,zh;q=0.9,en;q=0.8", "zh"],
    ["zh-SG", "zh"],
    ["zh-TW", "zh-TW"],
    ["zh-HK,zh;q=0.9", "zh-TW"],
    ["zh-Hant-HK", "zh-TW"],
    ["zh-Hans-HK", "zh"],
    ["*", "en"],
    [";;;,q=", "en"],
  ])("%s -> %s", (header, locale) => {
    expect(negotiateLocale(header)).toBe(locale);
  });
});

describe("isLocale", () => {
  it("accepts exactly the four languages", () => {
    expect(["en", "zh", "zh-TW", "ja", "zh-tw", "", undefined, "toString"].filter(isLocale)).toEqual([
      "en",
      "zh",
      "zh-TW",
      "ja",
    ]);
  });
});
