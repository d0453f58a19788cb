import type { ComponentProps } from "react";
import { cn } from "@/lib/utils";

/** Stands where a figure or line will be, in its size. It does not move: the wait is short, and motion asks for attention. */
export function Skeleton({ className, ...props }: ComponentProps<"span">) {
  return (
    <span data-slot="skeleton" aria-hidden className={cn("block h-4 rounded-control bg-ink/8", className)} {...props} />
  );
}

/** The rows of a table that is still loading. */
export function SkeletonRows({ rows, label }: { rows: number; label: string }) {
  return (
    <div role="status" aria-label={label} className="border-t">
      {Array.from({ length: rows }, (_, row) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: rows of nothing have no identity
        <div key={row} className="flex h-9 items-center gap-8 border-b">
          <Skeleton className="w-2/5" />
          <Skeleton className="ml-auto w-16" />
          <Skeleton className="w-20 max-sm:hidden" />
        </div>
      ))}
    </div>
  );
}
