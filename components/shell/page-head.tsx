import type { ReactNode } from "react";

/** Title, one plain sentence, the primary action at the right. */
export function PageHead({ title, text, action }: { title: string; text?: ReactNode; action?: ReactNode }) {
  return (
    <div data-slot="page-head" className="flex flex-wrap items-start justify-between gap-x-8 gap-y-4 py-8">
      <div className="min-w-0 max-w-[68ch]">
        <h1 className="tight text-2xl font-semibold">{title}</h1>
        {text && <p className="mt-1 text-ink-2">{text}</p>}
      </div>
      {action}
    </div>
  );
}
