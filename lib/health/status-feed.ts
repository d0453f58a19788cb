import { formatMoment } from "@/lib/date-formats";
import type { Status, StatusIncident } from "@/lib/health/queries";
import type { Locale } from "@/lib/locale";

/** Words of the feed in the language of its reader. */
export type FeedTexts = {
  title: string;
  language: Locale;
  /** What an entry is called. */
  entry(incident: StatusIncident): string;
  /** In place of the end of one that goes on. */
  ongoing: string;
};

/** The incidents of 90 days as an Atom feed (RFC 4287). An entry is updated once, when its incident ends, and a provider that was
 *  degraded and then down keeps its entry. `origin` without a slash at its end. */
export function statusFeed({ at, incidents }: Status, origin: string, texts: FeedTexts): string {
  const moment = (at: string) => `${formatMoment(at, "minute", texts.language, "UTC")} UTC`;
  const until = (endedAt: string | null) => (endedAt === null ? texts.ongoing : moment(endedAt));
  const changedAt = ({ startedAt, endedAt }: StatusIncident) => endedAt ?? startedAt;
  const updated = incidents.map(changedAt).sort((a, b) => Date.parse(b) - Date.parse(a))[0] ?? at;
  const entries = incidents.map((incident) =>
    element("entry", "", [
      element("id", "", `${origin}/status#${incident.id}`),
      element("title", "", texts.entry(incident)),
      `<link href="${escapeXml(`${origin}/status#${incident.id}`)}"/>`,
      element("published", "", instant(incident.startedAt)),
      element("updated", "", instant(changedAt(incident))),
      element("content", ' type="text"', `${moment(incident.startedAt)} – ${until(incident.endedAt)}`),
    ]),
  );
  const feed = element("feed", ` xmlns="http://www.w3.org/2005/Atom" xml:lang="${escapeXml(texts.language)}"`, [
    element("id", "", `${origin}/status`),
    element("title", "", texts.title),
    `<link rel="self" type="application/atom+xml" href="${escapeXml(origin)}/status.xml"/>`,
    `<link href="${escapeXml(origin)}/status"/>`,
    element("updated", "", instant(updated)),
    element("author", "", [element("name", "", new URL(origin).host)]),
    ...entries,
  ]);
  return `<?xml version="1.0" encoding="utf-8"?>\n${feed}\n`;
}

/** `content` is text to be escaped, or elements. */
function element(name: string, attributes: string, content: string | string[]): string {
  return `<${name}${attributes}>${typeof content === "string" ? escapeXml(content) : content.join("")}</${name}>`;
}

/** The database writes its zone as +00:00 and microseconds; both are allowed, one form is easier to read. */
function instant(at: string): string {
  return new Date(at).toISOString();
}

function escapeXml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}
