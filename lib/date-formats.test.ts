import { createFormatter } from "next-intl";
import { expect, it } from "vitest";
import { dateFormats } from "@/lib/date-formats";
import { LOCALES } from "@/lib/locale";

it("writes the early morning without a word for it outside English", () => {
  const at = new Date("2026-11-03T05:07:00Z");
  const written = LOCALES.map((locale) =>
    createFormatter({ locale, timeZone: "UTC", formats: { dateTime: dateFormats(locale) } }).dateTime(at, "minute"),
  );
  expect(written).toEqual(["Nov 3, 2026, 5:07 AM", "2026年11月3日 05:07", "2026/11/3 05:07", "2026/11/03 05:07"]);
});
