import { Info, TriangleAlert } from "lucide-react";
import type { ReactNode } from "react";
import { cn } from "@/lib/utils";

/** A sentence about the state of the balance, above the figures. */
export function Notice({ kind, children }: { kind: "neutral" | "warning"; children: ReactNode }) {
  const Icon = kind === "warning" ? TriangleAlert : Info;
  return (
    <p
      role="status"
      data-slot="notice"
      className={cn(
        "mb-4 flex items-start gap-2 border-l-2 px-3 py-2",
        kind === "warning" ? "border-warning" : "border-line-strong",
      )}
    >
      <Icon className="mt-0.5 size-4 shrink-0" strokeWidth={1.5} aria-hidden />
      <span>{children}</span>
    </p>
  );
}
