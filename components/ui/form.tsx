import { CircleAlert } from "lucide-react";
import type { ComponentProps, ReactNode } from "react";
import { cn } from "@/lib/utils";

/** One column. Validation messages are ours and localised, so the browser's own are off. */
export function Form({ className, ...props }: ComponentProps<"form">) {
  return <form data-slot="form" noValidate className={cn("flex max-w-[480px] flex-col gap-5", className)} {...props} />;
}

/** What kept the form from being saved, where it belongs to no single field; takes the focus when it appears. */
export function FormError({ message, className }: { message: ReactNode; className?: string }) {
  if (!message) return null;
  return (
    <div
      role="alert"
      tabIndex={-1}
      ref={focusOnce}
      data-slot="form-error"
      className={cn("flex items-start gap-2 border-l-2 border-danger bg-danger/6 px-3 py-2 text-danger", className)}
    >
      <CircleAlert className="mt-0.5 size-4 shrink-0" strokeWidth={1.5} aria-hidden />
      <p className="min-w-0">{message}</p>
    </div>
  );
}

function focusOnce(element: HTMLDivElement | null) {
  element?.focus();
}

/** The buttons under a form or at the end of a dialog. */
export function FormActions({ className, ...props }: ComponentProps<"div">) {
  return (
    <div
      data-slot="form-actions"
      className={cn("flex flex-wrap items-center gap-2 max-sm:[&>*]:grow", className)}
      {...props}
    />
  );
}
