"use client";

import { parseAsString, useQueryStates } from "nuqs";
import { useTransition } from "react";
import { SelectFrom } from "@/components/ui/select";

type FilterSelectProps = {
  /** The parameter in the address; the first option is what its absence means. */
  name: string;
  label: string;
  options: readonly { value: string; label: string }[];
  value: string;
};

/** One filter of a page. Its value lives in the address; choosing another one also leaves the page of a list. */
export function FilterSelect({ name, label, options, value }: FilterSelectProps) {
  const [busy, startTransition] = useTransition();
  const [, set] = useQueryStates(
    { [name]: parseAsString, cursor: parseAsString },
    { shallow: false, startTransition, history: "push" },
  );
  return (
    <SelectFrom
      items={options}
      value={value}
      onValueChange={(next) => void set({ [name]: next === options[0]?.value ? null : next, cursor: null })}
      aria-label={label}
      aria-busy={busy}
      className="w-auto max-w-60"
    />
  );
}
