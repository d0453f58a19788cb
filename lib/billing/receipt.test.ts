import { expect, it } from "vitest";
import { receiptOf } from "@/lib/billing/receipt";
import { EXAMPLE_CALL } from "@/lib/billing/receipt-example";

const receipt = receiptOf(EXAMPLE_CALL);

it("adds up: lines make the charge, charge and release make the hold", () => {
  const sum = receipt.lines.reduce((total, line) => total + BigInt(line.nanoMillionths), 0n);
  expect(BigInt(receipt.charged)).toBe((sum + 999_999n) / 1_000_000n);
  expect(BigInt(receipt.charged) + BigInt(receipt.released)).toBe(BigInt(receipt.held));
});

it("prices the example as the public page shows it", () => {
  expect(receipt.charged).toBe("1195000");
  expect(receipt.lines.map((line) => line.class)).toEqual(["input", "cacheRead", "output", "reasoning"]);
});

it("survives JSON", () => {
  expect(JSON.parse(JSON.stringify(receipt))).toEqual(receipt);
});
