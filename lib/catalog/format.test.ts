import { describe, expect, it } from "vitest";
import { lowestMargin, previewPrice } from "@/lib/catalog/format";
import { withMargin } from "@/lib/catalog/rates";

describe("lowestMargin", () => {
  it("is that of the class with the least", () => {
    expect(lowestMargin({ input: "1", output: "4" }, { input: "1.2", output: "4.4" })).toBe("10.0");
    expect(lowestMargin({ input: "1" }, { input: "0.5" })).toBe("-50.0");
  });

  it("is unknown without a cost, a price or a class in common", () => {
    expect(lowestMargin(null, { input: "1" })).toBeNull();
    expect(lowestMargin({ input: "0" }, { input: "1" })).toBeNull();
    expect(lowestMargin({ perImage: "1" }, { input: "1" })).toBeNull();
  });
});

it.each([
  ["0.25", "20"],
  ["0.000000001", "12.5"],
  ["3", "-50"],
  ["1.23", "0.0001"],
])("the preview of %s raised by %s %% is what the server makes", (cost, margin) => {
  const nano = BigInt(Math.round(Number(cost) * 1e9)).toString();
  const server = withMargin({ input: nano }, margin).input ?? "";
  expect(Number(previewPrice(cost, margin))).toBeCloseTo(Number(server) / 1e9, 12);
});
