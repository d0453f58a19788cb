import { describe, expect, it } from "vitest";
import { arithmeticOf, classKey, formatAmounts, lineNano, shortId } from "@/components/receipt/format";
import type { ReceiptLine } from "@/lib/billing/receipt";

function line(values: Partial<ReceiptLine>): ReceiptLine {
  return { class: "input", units: 1204, rate: "250000000", nanoMillionths: "301000000000", ...values };
}

describe("formatAmounts", () => {
  it("gives every amount the decimals that the longest needs, six at least", () => {
    expect(formatAmounts([301_000n, 16_000n], "en")).toEqual(["$0.000301", "$0.000016"]);
    expect(formatAmounts([301_000n, 1n], "en")).toEqual(["$0.000301000", "$0.000000001"]);
    expect(formatAmounts([], "en")).toEqual([]);
  });

  it("keeps every digit of amounts that a float would lose", () => {
    expect(formatAmounts([123_456_789_012_345_678n], "en")).toEqual(["$123,456,789.012345678"]);
  });

  it.each(["en", "zh", "zh-TW", "ja"])("writes dollars with their sign alone in %s", (locale) => {
    expect(formatAmounts([1_195_000n], locale)).toEqual(["$0.001195"]);
  });
});

describe("arithmeticOf", () => {
  it("counts tokens and characters per million", () => {
    expect(arithmeticOf(line({}), "en")).toEqual({ quantity: "1,204", unit: "tokens", rate: "$0.25", per: "/M" });
    expect(arithmeticOf(line({ rate: "25000000" }), "en").rate).toBe("$0.025");
    expect(arithmeticOf(line({ class: "perMillionCharacters" }), "en").unit).toBe("characters");
  });

  it("turns milliseconds into seconds", () => {
    const seconds = line({ class: "perSecond", units: 1250, rate: "6000000000" });
    expect(arithmeticOf(seconds, "en")).toEqual({ quantity: "1.25", unit: "seconds", rate: "$0.006", per: "/s" });
  });

  it("prices requests, images and tool calls by the piece", () => {
    const piece = { units: 2, rate: "10000000000000" };
    for (const name of ["perRequest", "perImage", "toolCall:web_search"] as const) {
      expect(arithmeticOf(line({ class: name, ...piece }), "en")).toEqual({
        quantity: "2",
        unit: null,
        rate: "$0.01",
        per: "",
      });
    }
  });
});

it("rounds a line half up to a nano-dollar", () => {
  expect(["499999", "500000", "1499999"].map((nanoMillionths) => lineNano({ nanoMillionths }))).toEqual([0n, 1n, 1n]);
});

it("shortens long ids only", () => {
  expect(shortId("req_01k9s3v7qd8e2xw4m6n0pz5thq")).toBe("req_01k9…5thq");
  expect(shortId("req_short")).toBe("req_short");
});

it("separates a tool's name from its class", () => {
  expect(classKey("toolCall:web_search")).toEqual({ key: "toolCall", name: "web_search" });
  expect(classKey("cacheRead")).toEqual({ key: "cacheRead", name: "" });
});
