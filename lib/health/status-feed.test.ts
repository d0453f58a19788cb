import { expect, it } from "vitest";
import { statusFeed } from "@/lib/health/status-feed";

const texts = {
  title: "Status",
  language: "en" as const,
  entry: ({ name, state }: { name: string; state: string }) => `${name}: ${state}`,
  ongoing: "not over yet",
};
const incident = { id: "inc_1", name: "A <b> & C", state: "down" as const };
const feed = (incidents: { startedAt: string; endedAt: string | null }[]) =>
  statusFeed(
    { at: "2026-01-03T00:00:00.000Z", services: [], incidents: incidents.map((one) => ({ ...incident, ...one })) },
    "https://hub.example",
    texts,
  );

it("is an Atom feed whose entries keep their ids and are escaped", () => {
  const text = feed([{ startedAt: "2026-01-01T10:00:00.123456+00:00", endedAt: null }]);
  expect(text).toMatch(/^<\?xml version="1\.0" encoding="utf-8"\?>\n<feed xmlns="http:\/\/www\.w3\.org\/2005\/Atom"/);
  expect(text).toContain('<link rel="self" type="application/atom+xml" href="https://hub.example/status.xml"/>');
  expect(text).toContain("<id>https://hub.example/status#inc_1</id><title>A &lt;b&gt; &amp; C: down</title>");
  expect(text).toContain("<published>2026-01-01T10:00:00.123Z</published><updated>2026-01-01T10:00:00.123Z</updated>");
  expect(text).toMatch(/<content type="text">Jan 1, 2026, 10:00\sAM UTC – not over yet<\/content>/);
});

it("is updated by what happened last, and by nothing as of its reading", () => {
  const older = { startedAt: "2026-01-01T10:00:00Z", endedAt: "2026-01-02T12:00:00Z" };
  const newer = { startedAt: "2026-01-02T10:00:00Z", endedAt: null };
  expect(feed([older])).toMatch(/>Jan 1, 2026, 10:00\sAM UTC – Jan 2, 2026, 12:00\sPM UTC</);
  expect(feed([newer, older])).toContain("<updated>2026-01-02T12:00:00.000Z</updated><author>");
  expect(feed([])).toContain("<updated>2026-01-03T00:00:00.000Z</updated><author>");
});
