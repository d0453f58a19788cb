import { useMoment } from "@/components/ui/use-moment";

/** An instant in the instance's zone, which is UTC; ISO 8601 in the tooltip. */
export function Moment({ at, seconds = false }: { at: string | null | undefined; seconds?: boolean }) {
  const writeMoment = useMoment();
  if (!at) return <span className="text-ink-2">—</span>;
  return (
    <time dateTime={at} title={at} className="figures whitespace-nowrap">
      {writeMoment(at, seconds ? "second" : "minute", "UTC")}
    </time>
  );
}
