"use client";

import { SlidersHorizontal } from "lucide-react";
import { useTranslations } from "next-intl";
import type { ReactNode } from "react";
import { Button } from "@/components/ui/button";
import { Dialog, DialogTrigger, SheetContent } from "@/components/ui/dialog";

type FilterGroupProps = {
  /** How many of them narrow the list now. */
  active: number;
  children: ReactNode;
};

/** Filters that stand in the row of a wide screen; a phone has them behind one button. */
export function FilterGroup({ active, children }: FilterGroupProps) {
  const t = useTranslations("ui");
  return (
    <>
      <div className="contents max-sm:hidden">{children}</div>
      <Dialog>
        <DialogTrigger render={<Button className="sm:hidden" />}>
          <SlidersHorizontal strokeWidth={1.5} aria-hidden />
          {t("filters", { count: active })}
        </DialogTrigger>
        <SheetContent title={t("filters", { count: 0 })}>
          <div className="flex flex-col gap-3 [&_[data-slot=select-trigger]]:w-full [&_[data-slot=select-trigger]]:max-w-none [&_input]:w-full">
            {children}
          </div>
        </SheetContent>
      </Dialog>
    </>
  );
}
