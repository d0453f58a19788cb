import type { ReactNode } from "react";
import { cn } from "@/lib/utils";

export type KeyFigure = { label: string; value: ReactNode; note?: ReactNode };

/** One bordered strip of figures divided by hairlines. */
export function KeyFigures({ figures, className }: { figures: readonly KeyFigure[]; className?: string }) {
  return (
    <dl
      data-slot="key-figures"
      className={cn("grid grid-cols-2 border-y sm:auto-cols-fr sm:grid-flow-col sm:grid-cols-none", className)}
    >
      {figures.map(({ label, value, note }) => (
        <div
          key={label}
          className="flex min-w-0 flex-col gap-1 py-4 max-sm:border-b max-sm:last:border-b-0 max-sm:odd:last:col-span-2 max-sm:odd:pr-3 max-sm:even:border-l max-sm:even:pl-4 max-sm:nth-last-2:odd:border-b-0 sm:px-6 sm:not-first:border-l sm:first:pl-0 sm:last:pr-0"
        >
          <dt className="text-sm text-ink-2">{label}</dt>
          <dd className="figures tight text-2xl font-medium max-sm:text-xl max-sm:wrap-anywhere">{value}</dd>
          {note && <dd className="text-sm text-ink-2">{note}</dd>}
        </div>
      ))}
    </dl>
  );
}
