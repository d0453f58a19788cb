"use client";

import { parseAsString, useQueryStates } from "nuqs";
import { useTransition } from "react";
import { Input } from "@/components/ui/input";
import { cn } from "@/lib/utils";

type FilterInputProps = {
  /** The parameter in the address. */
  name: string;
  label: string;
  value: string;
  className?: string;
  inputMode?: "decimal" | "search";
};

/** A filter that is typed: it applies with Enter and when the field is left. */
export function FilterInput({ name, label, value, className, inputMode = "search" }: FilterInputProps) {
  const [busy, startTransition] = useTransition();
  const [, set] = useQueryStates(
    { [name]: parseAsString, cursor: parseAsString },
    { shallow: false, startTransition, history: "push" },
  );
  const apply = (text: string) => {
    if (text.trim() !== value) void set({ [name]: text.trim() || null, cursor: null });
  };
  return (
    <Input
      // a filter that was cleared elsewhere empties the field
      key={value}
      defaultValue={value}
      aria-label={label}
      aria-busy={busy}
      placeholder={label}
      inputMode={inputMode}
      autoComplete="off"
      className={cn("w-44", className)}
      onBlur={(event) => apply(event.target.value)}
      onKeyDown={(event) => {
        if (event.key === "Enter" && !event.nativeEvent.isComposing) apply(event.currentTarget.value);
      }}
    />
  );
}
