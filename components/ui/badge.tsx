import { cva, type VariantProps } from "class-variance-authority";
import type { ComponentProps } from "react";
import { cn } from "@/lib/utils";

/** A status in a word; the colour only repeats what the word says. */
const badgeVariants = cva(
  "inline-flex items-center gap-1.5 rounded-control border px-1.5 text-xs leading-5 font-medium whitespace-nowrap [&_svg]:size-3",
  {
    variants: {
      variant: {
        neutral: "border-line-strong text-ink-2",
        positive: "border-positive/40 text-positive",
        warning: "border-warning/40 text-warning",
        danger: "border-danger/40 text-danger",
      },
    },
    defaultVariants: { variant: "neutral" },
  },
);

export function Badge({ className, variant, ...props }: ComponentProps<"span"> & VariantProps<typeof badgeVariants>) {
  return <span data-slot="badge" className={cn(badgeVariants({ variant }), className)} {...props} />;
}
