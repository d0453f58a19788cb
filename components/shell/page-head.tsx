import type { ReactNode } from "react";
import { BackLink } from "@/components/shell/back-link";
import { cn } from "@/lib/utils";

type PageHeadProps = {
  title: string;
  text?: ReactNode;
  action?: ReactNode;
  /** Of a detail: the list that it belongs to. */
  back?: { href: string; label: string };
};

/** Title, one plain sentence, the primary action at the right. */
export function PageHead({ title, text, action, back }: PageHeadProps) {
  return (
    <>
      {back && <BackLink {...back} />}
      <div
        data-slot="page-head"
        className={cn("flex flex-wrap items-start justify-between gap-x-8 gap-y-4 py-8", back && "pt-2")}
      >
        <div className="min-w-0 max-w-[68ch]">
          <h1 className="tight text-2xl font-semibold">{title}</h1>
          {text && <div className="mt-1 text-ink-2">{text}</div>}
        </div>
        {action}
      </div>
    </>
  );
}
