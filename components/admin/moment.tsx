import { useFormatter } from "next-intl";

/** An instant in the instance's zone, which is UTC; ISO 8601 in the tooltip. */
export function Moment({ at, seconds = false }: { at: string | null | undefined; seconds?: boolean }) {
  const format = useFormatter();
  if (!at) return <span className="text-ink-2">—</span>;
  return (
    <time dateTime={at} title={at} className="figures whitespace-nowrap">
      {format.dateTime(new Date(at), seconds ? "second" : "minute", { timeZone: "UTC" })}
    </time>
  );
}
