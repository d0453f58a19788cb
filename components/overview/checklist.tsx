"use client";

import { Circle, CircleCheck, X } from "lucide-react";
import { useTranslations } from "next-intl";
import { type ReactNode, useState } from "react";
import { Block } from "@/components/shell/block";
import { Button } from "@/components/ui/button";
import { cn } from "@/lib/utils";

export type Step = { id: string; title: string; note: string | undefined; isDone: boolean; action: ReactNode };

const YEAR_SECONDS = 365 * 24 * 3600;

/** The way to the first call. Its rows tick as the page follows what happens; put away, it stays away in this browser. */
export function Checklist({ steps, cookie }: { steps: readonly Step[]; cookie: string }) {
  const t = useTranslations("overview");
  const [isShown, setShown] = useState(true);
  if (!isShown) return null;
  const dismiss = () => {
    // biome-ignore lint/suspicious/noDocumentCookie: the Cookie Store API is missing in browsers that we serve
    document.cookie = `${cookie}=1; path=/; max-age=${YEAR_SECONDS}; samesite=lax`;
    setShown(false);
  };
  return (
    <Block
      id="first-call"
      title={t("checklist")}
      className="mt-0"
      action={
        <Button variant="quiet" size="small" onClick={dismiss} className="-mr-2.5">
          <X strokeWidth={1.5} aria-hidden />
          {t("dismiss")}
        </Button>
      }
    >
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
