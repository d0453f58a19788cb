import { expect, test } from "vitest";
import { addUsage } from "@/lib/billing/usage";
import { PartsFailed } from "@/lib/gateway/module-exchange";
import { Parts } from "@/lib/gateway/units/parts";
import { imagesUsage } from "@/lib/gateway/usage/media";

const images = () => new Parts<string[]>((made) => imagesUsage({ data: made.flat() }, { size: "1024x1024" }));
const failing = (at: number) => async (index: number) => {
  if (index === at) throw new Error(`part ${index}`);
  return [`${index}a`, `${index}b`];
};
const used = (count: number) => ({ images: count, imageVariants: { "1024x1024/auto": count } });

test("the same offer goes on behind the last part, another one begins anew", async () => {
  const parts = images();
  const failed = await parts.complete("offer", 3, failing(1)).catch((error: unknown) => error);
  expect(failed).toBeInstanceOf(PartsFailed);
  expect(failed).toMatchObject({ used: { usage: used(2), usageSource: "reported" }, cause: { message: "part 1" } });
  expect((failed as PartsFailed).used.carried).toBeUndefined();

  const other = await parts.complete("other", 3, failing(3));
  expect(other).toMatchObject({ parts: { length: 3 }, reading: { usage: used(6) } });
  expect(other.carried).toBeUndefined();

  const { parts: all, reading, carried } = await parts.complete("offer", 3, failing(0));
  expect(all.flat()).toEqual(["0a", "0b", "1a", "1b", "2a", "2b"]);
  expect(addUsage(reading.usage, carried)).toEqual(used(6));
});

test("a failure of the first part is told as it is, and one behind carried parts pays for those", async () => {
  const parts = images();
  await expect(parts.complete("offer", 2, failing(0))).rejects.toThrow("part 0");
  await parts.complete("offer", 2, failing(1)).catch(() => {});
  const failed = await parts.complete("offer", 2, failing(1)).catch((error: unknown) => error);
  expect(failed).toMatchObject({ used: { usage: {}, carried: used(2) } });
});

test("usages add up by class and by name; the tier is that of the call", () => {
  const first = { input: 1, toolCalls: { search: 1 }, serviceTier: "flex" };
  expect(addUsage(first, { input: 2, output: 3, toolCalls: { search: 2, other: 1 } })).toEqual({
    ...{ input: 3, output: 3, serviceTier: "flex", toolCalls: { search: 3, other: 1 } },
  });
  expect(addUsage(first, undefined)).toBe(first);
});
