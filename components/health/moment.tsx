"use client";

import { useMoment } from "@/components/ui/use-moment";

/** A moment in UTC. */
export function Moment({ at, form }: { at: string; form: "time" | "minute" | "second" }) {
  const writeMoment = useMoment();
  return (
    <time dateTime={at} className="whitespace-nowrap">
      {writeMoment(at, form, "UTC")}
    </time>
  );
}
