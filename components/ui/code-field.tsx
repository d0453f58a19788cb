"use client";

import { OTPField } from "@base-ui/react/otp-field";
import { CircleAlert } from "lucide-react";
import { type ReactNode, useId, useRef } from "react";

const LENGTH = 6;

type CodeFieldProps = {
  name: string;
  label: ReactNode;
  /** The name of each further cell to assistive technology: "Digit 2 of 6". */
  cellLabel: (n: number, of: number) => string;
  error?: string | undefined;
  defaultValue?: string | undefined;
};

/** Six cells for a mailed code. The first takes what a phone offers; a pasted code fills all of them and sends the form. */
export function CodeField({ name, label, cellLabel, error, defaultValue }: CodeFieldProps) {
  const id = useId();
  const root = useRef<HTMLDivElement>(null);
  return (
    <div data-slot="code-field" className="flex min-w-0 flex-col gap-1.5">
      <label htmlFor={id} className="text-sm font-medium">
        {label}
      </label>
      <OTPField.Root
        ref={root}
        id={id}
        name={name}
        length={LENGTH}
        defaultValue={defaultValue}
        aria-describedby={error ? `${id}-error` : undefined}
        onValueComplete={(_, { reason }) => {
          if (reason === "input-paste") root.current?.closest("form")?.requestSubmit();
        }}
        className="flex gap-2"
      >
        {Array.from({ length: LENGTH }, (_, index) => (
          <OTPField.Input
            // biome-ignore lint/suspicious/noArrayIndexKey: the cells never change places
            key={index}
            aria-label={index === 0 ? undefined : cellLabel(index + 1, LENGTH)}
            aria-invalid={error ? true : undefined}
            className="figures h-12 w-full max-w-11 min-w-0 rounded-control border border-control-line bg-surface text-center font-mono text-xl aria-invalid:border-danger"
          />
        ))}
      </OTPField.Root>
      {error && (
        <p id={`${id}-error`} className="flex items-start gap-1.5 text-sm text-danger">
          <CircleAlert className="mt-0.5 size-4 shrink-0" strokeWidth={1.5} aria-hidden />
          {error}
        </p>
      )}
    </div>
  );
}
