import { Circle, CircleCheck } from "lucide-react";
import { useTranslations } from "next-intl";
import type { ReactNode } from "react";
import { RefreshWhile } from "@/components/overview/refresh-while";
import { Block } from "@/components/shell/block";
import { cn } from "@/lib/utils";

export type Step = { id: string; title: string; note: string | undefined; isDone: boolean; action: ReactNode };

/** The way to the first call; while the last step is open the page asks again, so that it ticks by itself. */
export function Checklist({ steps }: { steps: readonly Step[] }) {
  const t = useTranslations("overview");
  const isOpen = steps.some(({ isDone }) => !isDone);
  return (
    <Block id="first-call" title={t("checklist")} className="mt-0">
      <RefreshWhile active={isOpen} />
      <ol className="border-t">
        {steps.map(({ id, title, note, isDone, action }) => {
          const Icon = isDone ? CircleCheck : Circle;
          return (
            <li key={id} className="flex min-h-14 items-center gap-3 border-b py-2">
              <Icon
                className={cn("size-5 shrink-0", isDone ? "text-positive" : "text-control-line")}
                strokeWidth={1.5}
                aria-hidden
              />
              <div className="min-w-0 flex-1">
                <p className={cn("font-medium", isDone && "font-normal")}>
                  <span className="sr-only">{`${isDone ? t("steps.done") : t("steps.open")}: `}</span>
                  {title}
                </p>
                {note && (
                  <p className="figures text-sm text-ink-2" role="status">
                    {note}
                  </p>
                )}
              </div>
              {!isDone && action}
            </li>
          );
        })}
      </ol>
    </Block>
  );
}
