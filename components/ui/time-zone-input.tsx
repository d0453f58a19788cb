"use client";

import { type ComponentProps, useEffect, useId, useState } from "react";
import { Input } from "@/components/ui/input";

/** A zone by its IANA name, with those that the browser knows as proposals. */
export function TimeZoneInput(props: ComponentProps<typeof Input>) {
  const id = useId();
  const [names, setNames] = useState<readonly string[]>([]);
  useEffect(() => setNames(Intl.supportedValuesOf("timeZone")), []);
  return (
    <>
      <Input list={id} spellCheck={false} autoComplete="off" {...props} />
      <datalist id={id}>
        {names.map((name) => (
          <option key={name} value={name} />
        ))}
      </datalist>
    </>
  );
}
