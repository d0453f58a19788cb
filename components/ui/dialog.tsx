"use client";

import { Dialog as DialogPrimitive } from "@base-ui/react/dialog";
import { X } from "lucide-react";
import { useTranslations } from "next-intl";
import type { ReactNode } from "react";
import { Button } from "@/components/ui/button";
import { FormActions } from "@/components/ui/form";
import { cn } from "@/lib/utils";

export const Dialog = DialogPrimitive.Root;

export function DialogTrigger(props: DialogPrimitive.Trigger.Props) {
  return <DialogPrimitive.Trigger data-slot="dialog-trigger" {...props} />;
}

function DialogClose(props: DialogPrimitive.Close.Props) {
  return <DialogPrimitive.Close data-slot="dialog-close" {...props} />;
}

const WHERE = {
  // In the middle of the screen; on a phone it comes up from the bottom edge.
  dialog:
    "inset-x-0 bottom-0 max-h-[calc(100dvh-2rem)] rounded-t-floating border-t data-starting-style:translate-y-4 sm:inset-auto sm:top-1/2 sm:left-1/2 sm:w-[calc(100vw-2rem)] sm:max-w-lg sm:-translate-x-1/2 sm:-translate-y-1/2 sm:rounded-floating sm:border sm:data-starting-style:-translate-y-[calc(50%-4px)]",
  // Beside the page it belongs to, which stays readable on a wide screen.
  sheet: "inset-y-0 right-0 w-full border-l data-starting-style:translate-x-8 sm:max-w-[560px]",
};

type ContentProps = Omit<DialogPrimitive.Popup.Props, "title"> & {
  title: ReactNode;
  description?: ReactNode;
  /** Hides the cross; there must be another way out. */
  closable?: boolean;
};

export function DialogContent(props: ContentProps) {
  return <Floating where="dialog" {...props} />;
}

/** A detail that has its own address: render it open, and navigate back in `onOpenChange`. */
export function SheetContent(props: ContentProps) {
  return <Floating where="sheet" {...props} />;
}

/** The end of a dialog: what it does, and the way out that does nothing. */
export function DialogActions({ cancel, children }: { cancel?: string; children: ReactNode }) {
  const t = useTranslations("ui");
  return (
    <FormActions>
      {children}
      <DialogClose render={<Button variant="quiet" />}>{cancel ?? t("cancel")}</DialogClose>
    </FormActions>
  );
}

function Floating({
  where,
  title,
  description,
  closable = true,
  className,
  children,
  ...props
}: ContentProps & { where: keyof typeof WHERE }) {
  const t = useTranslations("ui");
  return (
    <DialogPrimitive.Portal>
      <DialogPrimitive.Backdrop
        className={cn(
          "fixed inset-0 z-40 transition-opacity duration-150 data-ending-style:opacity-0 data-starting-style:opacity-0",
          where === "dialog" ? "bg-ink/25 dark:bg-paper/70" : "bg-ink/10 dark:bg-paper/50",
        )}
      />
      <DialogPrimitive.Popup
        data-slot={where}
        className={cn(
          "fixed z-50 flex flex-col overflow-y-auto border-line-strong bg-surface text-ink shadow-floating outline-hidden transition-[translate,opacity] duration-[160ms] ease-out data-ending-style:opacity-0 data-starting-style:opacity-0",
          WHERE[where],
          className,
        )}
        {...props}
      >
        <div className="flex items-start justify-between gap-4 px-5 pt-5 sm:px-6">
          <div className="min-w-0">
            <DialogPrimitive.Title className="tight text-xl font-semibold wrap-anywhere">{title}</DialogPrimitive.Title>
            {description && (
              <DialogPrimitive.Description className="mt-1 text-ink-2">{description}</DialogPrimitive.Description>
            )}
          </div>
          {closable && (
            <DialogPrimitive.Close
              render={<Button variant="quiet" size="icon" className="-mt-1 -mr-2" />}
              aria-label={t("close")}
            >
              <X strokeWidth={1.5} aria-hidden />
            </DialogPrimitive.Close>
          )}
        </div>
        <div className="min-w-0 px-5 pt-5 pb-6 sm:px-6">{children}</div>
      </DialogPrimitive.Popup>
    </DialogPrimitive.Portal>
  );
}
