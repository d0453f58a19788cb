import type { ReactNode } from "react";

/** One sentence that says what belongs here, one action. */
export function EmptyState({ text, action }: { text: ReactNode; action?: ReactNode }) {
  return (
    <div data-slot="empty-state" className="flex flex-col items-start gap-4 border-y py-10">
      <p className="max-w-[52ch] text-ink-2">{text}</p>
      {action}
    </div>
  );
}
