"use client";

import { type DateTimeFormatOptions, useFormatter } from "next-intl";

const FORMS = {
  time: { timeStyle: "medium" },
  short: { dateStyle: "short", timeStyle: "short" },
  full: { dateStyle: "short", timeStyle: "medium" },
} satisfies Record<string, DateTimeFormatOptions>;

/** A moment in UTC. Server and browser may word the time of day differently (上午, 凌晨), so hydration lets it be. */
export function Moment({ at, form }: { at: string; form: keyof typeof FORMS }) {
  const format = useFormatter();
  return (
    <time dateTime={at} className="whitespace-nowrap" suppressHydrationWarning>
      {format.dateTime(new Date(at), { ...FORMS[form], timeZone: "UTC" })}
    </time>
  );
}
