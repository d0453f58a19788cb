import { expect, it } from "vitest";
import { formatMoment } from "@/lib/date-formats";
import { LOCALES } from "@/lib/locale";

it("writes the early morning as a figure, in the zone that is asked for", () => {
  const written = LOCALES.map((locale) => formatMoment("2026-11-03T05:07:00Z", "minute", locale, "UTC"));
  expect(written).toEqual(["Nov 3, 2026, 5:07 AM", "2026年11月3日 05:07", "2026年11月3日 05:07", "2026/11/03 5:07"]);
  expect(formatMoment("2026-11-03T05:07:09Z", "time", "zh-TW", "Asia/Taipei")).toBe("13:07:09");
});
