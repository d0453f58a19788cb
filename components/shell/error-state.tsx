import type { ReactNode } from "react";

type ErrorStateProps = {
  title: string;
  text: ReactNode;
  reference?: { label: string; value: string } | undefined;
  action?: ReactNode;
};

/** What happened, what now, and the reference under which the log has the rest. */
export function ErrorState({ title, text, reference, action }: ErrorStateProps) {
  return (
    <div role="alert" data-slot="error-state" className="flex flex-col items-start gap-4">
      <h1 className="tight text-2xl font-semibold">{title}</h1>
      <p className="max-w-[60ch] text-lg text-ink-2">{text}</p>
      {reference && (
        <p className="text-sm text-ink-2">
          {reference.label} <code className="font-mono text-ink select-all">{reference.value}</code>
        </p>
      )}
      {action}
    </div>
  );
}
