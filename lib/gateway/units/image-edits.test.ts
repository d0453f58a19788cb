import { expect, test } from "vitest";
import { FREE } from "@/lib/gateway/admit";
import { parseImageEdits } from "@/lib/gateway/units/image-edits";
import { sizeUnit } from "@/lib/gateway/units/run-unit";

test("the input counted exactly still holds for the images that are sent", () => {
  const images = [{ image_url: "https://example.com/a.png" }];
  const [bounded, exact] = [false, true].map((isExact) =>
    sizeUnit(parseImageEdits({ model: "m", prompt: "a".repeat(400), images }), FREE, isExact),
  );
  expect(exact?.inputTokens).toBeGreaterThan(40_000);
  expect(exact?.inputTokens).toBeLessThan(bounded?.inputTokens ?? 0);
});
