import type { ReactNode } from "react";
import { cn } from "@/lib/utils";

export type KeyFigure = { label: string; value: ReactNode; note?: ReactNode };

/** One bordered strip of figures divided by hairlines. */
export function KeyFigures({ figures, className }: { figures: readonly KeyFigure[]; className?: string }) {
  return (
    <dl data-slot="key-figures" className={cn("grid border-y sm:auto-cols-fr sm:grid-flow-col", className)}>
      {figures.map(({ label, value, note }) => (
        <div
          key={label}
          className="flex min-w-0 flex-col gap-1 py-4 not-first:border-t sm:px-6 sm:not-first:border-t-0 sm:not-first:border-l sm:first:pl-0 sm:last:pr-0"
        >
          <dt className="text-sm text-ink-2">{label}</dt>
          <dd className="figures tight text-2xl font-medium">{value}</dd>
          {note && <dd className="text-sm text-ink-2">{note}</dd>}
        </div>
      ))}
    </dl>
  );
}
