"use client";

import { ArrowDown, ArrowUp } from "lucide-react";
import Link from "next/link";
import { useRouter } from "next/navigation";
import { useTranslations } from "next-intl";
import { useEffect, useState } from "react";
import { Outcome } from "@/components/activity/outcome";
import { RequestBody } from "@/components/activity/request-detail";
import { buttonVariants } from "@/components/ui/button";
import { Dialog, SheetContent } from "@/components/ui/dialog";
import type { OrgReceipt } from "@/lib/usage/schema";

type RequestSheetProps = {
  request: OrgReceipt;
  keyName: string;
  /** The list without the sheet. */
  closeHref: string;
  /** The same call on a page of its own. */
  pageHref: string;
  /** Of the list's order; null at its ends. */
  newerHref: string | null;
  olderHref: string | null;
};

/** A receipt beside the list it belongs to. J and K go to the older and newer one. */
export function RequestSheet(props: RequestSheetProps) {
  const { request, keyName, closeHref, pageHref, newerHref, olderHref } = props;
  const t = useTranslations("activity");
  const router = useRouter();
  const [open, setOpen] = useState(true);
  useEffect(() => {
    const move = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || isTyping(event.target)) return;
      const href = { j: olderHref, k: newerHref }[event.key.toLowerCase()];
      if (href) router.replace(href, { scroll: false });
    };
    document.addEventListener("keydown", move);
    return () => document.removeEventListener("keydown", move);
  }, [newerHref, olderHref, router]);
  return (
    <Dialog
      open={open}
      onOpenChange={setOpen}
      onOpenChangeComplete={(isOpen) => isOpen || router.push(closeHref, { scroll: false })}
    >
      <SheetContent
        title={
          <span className="flex flex-wrap items-center gap-3">
            {t("receiptTitle")} <Outcome value={request.outcome} />
          </span>
        }
      >
        <RequestBody request={request} keyName={keyName} className="flex flex-col gap-8" />
        <div className="mt-8 flex flex-wrap gap-2 border-t pt-5">
          {newerHref && (
            <Link replace scroll={false} className={buttonVariants({ size: "small" })} href={newerHref}>
              <ArrowUp strokeWidth={1.5} aria-hidden />
              {t("newerOne")}
            </Link>
          )}
          {olderHref && (
            <Link replace scroll={false} className={buttonVariants({ size: "small" })} href={olderHref}>
              <ArrowDown strokeWidth={1.5} aria-hidden />
              {t("olderOne")}
            </Link>
          )}
          <Link className={buttonVariants({ size: "small", variant: "quiet" })} href={pageHref}>
            {t("openPage")}
          </Link>
        </div>
      </SheetContent>
    </Dialog>
  );
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.matches("input, textarea, select, [contenteditable]");
}
