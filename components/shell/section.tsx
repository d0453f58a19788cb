import type { ReactNode } from "react";
import { cn } from "@/lib/utils";

type SectionProps = { id: string; title: string; text?: ReactNode; children: ReactNode; className?: string };

/** A part of a public page, set like a ledger: what it is about in the margin, the entries beside the rule. */
export function Section({ id, title, text, children, className }: SectionProps) {
  return (
    <section id={id} aria-labelledby={`${id}-title`} data-slot="section" className={cn("border-t", className)}>
      <div className="mx-auto grid max-w-[1280px] px-4 md:px-8 lg:grid-cols-[4fr_8fr]">
        <div className="pt-10 lg:pr-12 lg:pb-14">
          <h2 id={`${id}-title`} className="tight text-xl font-semibold">
            {title}
          </h2>
          {text && <div className="mt-2 max-w-[52ch] text-lg text-ink-2 lg:max-w-[36ch]">{text}</div>}
        </div>
        <div className="min-w-0 pt-6 pb-12 lg:border-l lg:py-10 lg:pb-14 lg:pl-12">{children}</div>
      </div>
    </section>
  );
}
