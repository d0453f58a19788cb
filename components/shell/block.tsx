import type { ReactNode } from "react";
import { cn } from "@/lib/utils";

type BlockProps = {
  id: string;
  title: string;
  text?: ReactNode;
  /** A link or button that belongs to the part, at the right of its title. */
  action?: ReactNode;
  children: ReactNode;
  className?: string;
};

/** A part of a console or admin page: its title, then its content on the page's own width. `Section` is the public one. */
export function Block({ id, title, text, action, children, className }: BlockProps) {
  return (
    <section id={id} aria-labelledby={`${id}-title`} data-slot="block" className={cn("mt-10 min-w-0", className)}>
      <div className="mb-3 flex flex-wrap items-baseline justify-between gap-x-6 gap-y-1">
        <h2 id={`${id}-title`} className="text-lg leading-6 font-semibold">
          {title}
        </h2>
        {action}
        {text && <p className="basis-full text-ink-2">{text}</p>}
      </div>
      {children}
    </section>
  );
}
