"use client";

import { useFormatter } from "next-intl";

/** A moment in UTC. */
export function Moment({ at, form }: { at: string; form: "time" | "minute" | "second" }) {
  const format = useFormatter();
  return (
    <time dateTime={at} className="whitespace-nowrap">
      {format.dateTime(new Date(at), form, { timeZone: "UTC" })}
    </time>
  );
}
