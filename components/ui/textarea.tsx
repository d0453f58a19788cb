import { Field } from "@base-ui/react/field";
import type { ComponentProps } from "react";
import { cn } from "@/lib/utils";

export function Textarea({ className, ...props }: ComponentProps<"textarea">) {
  return (
    <Field.Control
      render={
        <textarea
          data-slot="textarea"
          className={cn(
            "min-h-20 w-full min-w-0 rounded-control border border-control-line bg-surface px-3 py-2 placeholder:text-ink-2 disabled:opacity-50 data-invalid:border-danger pointer-coarse:text-lg",
            className,
          )}
          {...props}
        />
      }
    />
  );
}
