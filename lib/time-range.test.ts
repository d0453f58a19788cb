import { describe, expect, it } from "vitest";
import { dayStart, monthStart, rangeOf, stepsOf } from "@/lib/time-range";

const at = (text: string) => new Date(text);

describe("ranges", () => {
  it.each([
    ["UTC", "2026-03-15T12:00:00Z", "2026-03-15T00:00:00.000Z"],
    ["Asia/Tokyo", "2026-03-15T16:00:00Z", "2026-03-15T15:00:00.000Z"],
    ["Asia/Kolkata", "2026-03-15T12:00:00Z", "2026-03-14T18:30:00.000Z"],
    // the day on which clocks go forward begins before they do
    ["America/New_York", "2026-03-08T20:00:00Z", "2026-03-08T05:00:00.000Z"],
    ["America/New_York", "2026-11-01T20:00:00Z", "2026-11-01T04:00:00.000Z"],
  ])("a day in %s holding %s begins at %s", (zone, now, start) => {
    expect(dayStart(at(now), zone).toISOString()).toBe(start);
  });

  it("begins a month at local midnight", () => {
    expect(monthStart(at("2026-11-21T00:00:00Z"), "America/New_York").toISOString()).toBe("2026-11-01T04:00:00.000Z");
  });

  it("names every day once, also across a change of clocks", () => {
    const now = at("2026-03-10T12:00:00Z");
    const range = rangeOf("7d", now, "America/New_York");
    expect(stepsOf(range, now, "America/New_York")).toEqual(
      ["04", "05", "06", "07", "08", "09", "10"].map((day) => `2026-03-${day}`),
    );
  });

  it("names the last 24 hours", () => {
    const now = at("2026-03-10T12:34:00Z");
    const names = stepsOf(rangeOf("24h", now, "UTC"), now, "UTC");
    expect(names).toHaveLength(24);
    expect(names.at(-1)).toBe("2026-03-10T12:00:00Z");
  });

  it("takes last month as the calendar of the zone has it, up to its last moment", () => {
    const now = at("2026-03-10T12:00:00Z");
    const range = rangeOf("lastMonth", now, "America/New_York");
    expect([range.from, range.to].map((one) => one?.toISOString())).toEqual([
      "2026-02-01T05:00:00.000Z",
      "2026-03-01T05:00:00.000Z",
    ]);
    const names = stepsOf(range, now, "America/New_York");
    expect([names.length, names[0], names.at(-1)]).toEqual([28, "2026-02-01", "2026-02-28"]);
  });

  it.each([
    ["2026-03-08T20:00:00Z", 16],
    ["2026-03-09T03:59:59Z", 23],
    ["2026-11-02T04:59:59Z", 25],
  ])("counts the hours of today up to %s, also when clocks change", (now, hours) => {
    const range = rangeOf("today", at(now), "America/New_York");
    expect(stepsOf(range, at(now), "America/New_York")).toHaveLength(hours);
  });
});
