"use client";

import { Toast } from "@base-ui/react/toast";
import { X } from "lucide-react";
import { useTranslations } from "next-intl";
import type { ReactNode } from "react";
import { buttonVariants } from "@/components/ui/button";
import { cn } from "@/lib/utils";

/** `useToast().add({ title, description })`: for what finished elsewhere, never the only place of an error. */
export const useToast = Toast.useToastManager;

export function ToastProvider({ children }: { children: ReactNode }) {
  return (
    <Toast.Provider>
      {children}
      <Toast.Portal>
        <Toast.Viewport className="fixed right-4 bottom-20 left-4 z-50 flex flex-col gap-2 outline-hidden sm:left-auto sm:w-90 md:bottom-4">
          <ToastList />
        </Toast.Viewport>
      </Toast.Portal>
    </Toast.Provider>
  );
}

function ToastList() {
  const t = useTranslations("ui");
  const { toasts } = Toast.useToastManager();
  return toasts.map((toast) => (
    <Toast.Root
      key={toast.id}
      toast={toast}
      data-slot="toast"
      className="rounded-floating border border-line-strong bg-surface text-ink shadow-floating transition-opacity duration-[120ms] data-ending-style:opacity-0 data-starting-style:opacity-0"
    >
      <Toast.Content className="flex items-start gap-3 py-3 pr-2 pl-4">
        <div className="min-w-0 flex-1 py-0.5">
          <Toast.Title className="font-medium" />
          <Toast.Description className="text-sm text-ink-2" />
          <Toast.Action className={cn(buttonVariants({ size: "small" }), "mt-2 empty:hidden")} />
        </div>
        <Toast.Close className={buttonVariants({ variant: "quiet", size: "icon" })} aria-label={t("close")}>
          <X strokeWidth={1.5} aria-hidden />
        </Toast.Close>
      </Toast.Content>
    </Toast.Root>
  ));
}
