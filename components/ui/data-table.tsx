"use client";

import {
  createSortedRowModel,
  type ReactTable,
  rowSortingFeature,
  type SortingState,
  tableFeatures,
  useTable,
} from "@tanstack/react-table";
import { ArrowDown, ArrowUp } from "lucide-react";
import { type ReactNode, useMemo } from "react";
import { Table, TableBody, TableCell, TableHead, TableHeader, TableRow, TableRowHead } from "@/components/ui/table";
import { cn } from "@/lib/utils";

const features = tableFeatures({ rowSortingFeature, sortedRowModel: createSortedRowModel() });

export type Column<Row> = {
  id: string;
  header: ReactNode;
  cell: (row: Row) => ReactNode;
  /** Figures: right-aligned, the unit stands in the head. */
  numeric?: boolean;
  /** Makes the head a button that sorts by this value; money as bigint. */
  sortBy?: (row: Row) => string | number | bigint | null;
  /** What stands under the column in the totals row. */
  total?: ReactNode;
  /** On a phone a row has two lines: `lead` and `side` form the first, `line` the second; `none` stays away. */
  phone?: "lead" | "side" | "line" | "none";
};

type DataTableProps<Row> = {
  /** Read to assistive technology. */
  caption: string;
  /** The first column is the row's name. */
  columns: readonly Column<Row>[];
  rows: readonly Row[];
  rowId: (row: Row) => string;
  initialSort?: SortingState;
  /** Renders the totals row; `total` of the first column is its name. */
  totals?: boolean;
  className?: string;
};

const PHONE = {
  lead: "max-sm:order-1 max-sm:col-start-1 max-sm:wrap-anywhere",
  side: "max-sm:order-2 max-sm:text-right",
  line: "max-sm:order-3 max-sm:col-span-2 max-sm:text-sm max-sm:text-ink-2 max-sm:text-left max-sm:wrap-anywhere",
  none: "max-sm:hidden",
};
const PHONE_CELL = "max-sm:block max-sm:h-auto max-sm:p-0";

/** Rows of the page's data. Order and paging of long lists belong to the server; this sorts what is shown. */
export function DataTable<Row extends object>(props: DataTableProps<Row>) {
  const { caption, columns, rows, rowId, initialSort, totals, className } = props;
  const table = useTable({
    features,
    data: rows,
    columns: useMemo(() => columns.map(toColumn), [columns]),
    getRowId: rowId,
    initialState: { sorting: initialSort ?? [] },
  });
  const byId = new Map(columns.map((column) => [column.id, column]));
  return (
    <Table className={cn("max-sm:block", className)}>
      <caption className="sr-only">{caption}</caption>
      <TableHeader className="max-sm:sr-only">
        <TableRow>
          {table.getFlatHeaders().map(({ id, column }) => (
            <TableHead
              key={id}
              numeric={byId.get(id)?.numeric ?? false}
              className="sticky top-12 z-10 bg-paper shadow-[0_1px_0_var(--line-strong)]"
              aria-sort={ariaSort(column.getIsSorted())}
            >
              {column.getCanSort() ? (
                <SortButton sorted={column.getIsSorted()} onClick={column.getToggleSortingHandler()}>
                  {byId.get(id)?.header}
                </SortButton>
              ) : (
                byId.get(id)?.header
              )}
            </TableHead>
          ))}
        </TableRow>
      </TableHeader>
      <TableBody className="max-sm:block">{bodyOf(table, columns)}</TableBody>
      {totals && (
        <tfoot className="border-t border-line-strong font-medium max-sm:block">
          <tr className="double-rule max-sm:grid max-sm:grid-cols-[minmax(0,1fr)_auto] max-sm:gap-x-4 max-sm:py-2.5">
            {columns.map(({ id, total, numeric, phone = "line" }) => (
              <TableCell key={id} numeric={numeric ?? false} className={cn(PHONE_CELL, PHONE[phone])}>
                {total}
              </TableCell>
            ))}
          </tr>
        </tfoot>
      )}
    </Table>
  );
}

function bodyOf<Row extends object>(table: ReactTable<typeof features, Row>, columns: readonly Column<Row>[]) {
  return table.getRowModel().rows.map(({ id, original }) => (
    <TableRow
      key={id}
      className="group/row hover:bg-ink/3 max-sm:grid max-sm:grid-cols-[minmax(0,1fr)_auto] max-sm:gap-x-4 max-sm:gap-y-0.5 max-sm:py-2.5"
    >
      {columns.map(({ id: column, cell, numeric, phone = "line" }, index) =>
        index === 0 ? (
          <TableRowHead key={column} className={cn(PHONE_CELL, PHONE[phone])}>
            {cell(original)}
          </TableRowHead>
        ) : (
          <TableCell key={column} numeric={numeric ?? false} className={cn(PHONE_CELL, PHONE[phone])}>
            {cell(original)}
          </TableCell>
        ),
      )}
    </TableRow>
  ));
}

function SortButton({
  sorted,
  onClick,
  children,
}: {
  sorted: false | "asc" | "desc";
  onClick: ((event: unknown) => void) | undefined;
  children: ReactNode;
}) {
  const Icon = sorted === "asc" ? ArrowUp : ArrowDown;
  return (
    <button
      type="button"
      onClick={onClick}
      className={cn(
        "-mx-1 inline-flex min-h-6 items-center gap-1 rounded-control px-1 hover:text-ink",
        sorted && "text-ink",
      )}
    >
      {children}
      {sorted && <Icon className="size-3.5" strokeWidth={1.5} aria-hidden />}
    </button>
  );
}

function toColumn<Row extends object>({ id, sortBy }: Column<Row>) {
  return {
    id,
    accessorFn: (row: Row) => sortBy?.(row) ?? null,
    enableSorting: sortBy !== undefined,
    sortDescFirst: true,
    sortFn: (a: { getValue: (id: string) => unknown }, b: { getValue: (id: string) => unknown }) =>
      compare(a.getValue(id), b.getValue(id)),
  };
}

function compare(a: unknown, b: unknown): number {
  if (a === b) return 0;
  if (a === null || a === undefined) return -1;
  if (b === null || b === undefined) return 1;
  if (typeof a === "string" && typeof b === "string") return a.localeCompare(b);
  return a < b ? -1 : 1;
}

function ariaSort(sorted: false | "asc" | "desc"): "ascending" | "descending" | undefined {
  if (!sorted) return undefined;
  return sorted === "asc" ? "ascending" : "descending";
}
