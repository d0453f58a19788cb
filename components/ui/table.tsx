import type { ComponentProps } from "react";
import { cn } from "@/lib/utils";

export function Table({ className, ...props }: ComponentProps<"table">) {
  return <table data-slot="table" className={cn("w-full border-collapse text-left", className)} {...props} />;
}

export function TableHeader({ className, ...props }: ComponentProps<"thead">) {
  return <thead data-slot="table-header" className={cn("border-b border-line-strong", className)} {...props} />;
}

export function TableBody(props: ComponentProps<"tbody">) {
  return <tbody data-slot="table-body" {...props} />;
}

export function TableRow({ className, ...props }: ComponentProps<"tr">) {
  return <tr data-slot="table-row" className={cn("border-b last:border-b-0", className)} {...props} />;
}

/** Right-aligned figures stand clear of words that begin beside them. */
const FIGURES = "text-right sm:[&+:not(.text-right)]:pl-6";

/** `numeric` belongs on the head and on every cell of a column of figures; its unit stands in the head. */
export function TableHead({ className, numeric, ...props }: ComponentProps<"th"> & { numeric?: boolean }) {
  return (
    <th
      data-slot="table-head"
      scope="col"
      className={cn("h-9 pr-4 align-middle text-sm font-medium text-ink-2 last:pr-0", numeric && FIGURES, className)}
      {...props}
    />
  );
}

export function TableCell({ className, numeric, ...props }: ComponentProps<"td"> & { numeric?: boolean }) {
  return (
    <td
      data-slot="table-cell"
      className={cn("h-9 py-1 pr-4 align-middle last:pr-0", numeric && ["figures", FIGURES], className)}
      {...props}
    />
  );
}

/** First cell of a row: its name. */
export function TableRowHead({ className, ...props }: ComponentProps<"th">) {
  return (
    <th
      data-slot="table-row-head"
      scope="row"
      className={cn("h-9 py-1 pr-4 align-middle font-medium", className)}
      {...props}
    />
  );
}
