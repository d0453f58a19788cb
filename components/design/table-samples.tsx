"use client";

import { ROWS, WORDS } from "@/components/design/samples";
import { type Column, DataTable } from "@/components/ui/data-table";
import { Money } from "@/components/ui/money";
import { Table, TableBody, TableCell, TableHead, TableHeader, TableRow, TableRowHead } from "@/components/ui/table";
import { parseUsd } from "@/lib/money";

type Row = (typeof ROWS)[number];

const COLUMNS: Column<Row>[] = [
  {
    id: "model",
    header: WORDS.model,
    phone: "lead",
    sortBy: ({ id }) => id,
    cell: ({ id }) => <code className="font-mono text-sm wrap-anywhere">{id}</code>,
    total: WORDS.total,
  },
  {
    id: "calls",
    header: WORDS.calls,
    numeric: true,
    sortBy: ({ calls }) => calls,
    cell: ({ calls }) => calls,
    total: ROWS.reduce((sum, { calls }) => sum + calls, 0),
  },
  {
    id: "spend",
    header: WORDS.spend,
    numeric: true,
    phone: "side",
    sortBy: ({ usd }) => parseUsd(usd),
    cell: ({ usd }) => <Money usd={usd} />,
  },
];

export function TableSamples() {
  return (
    <div className="flex flex-col gap-8">
      <DataTable caption={WORDS.calls} columns={COLUMNS} rows={ROWS} rowId={({ id }) => id} totals />
      <Table>
        <TableHeader>
          <TableRow>
            <TableHead>{WORDS.model}</TableHead>
            <TableHead numeric>{WORDS.calls}</TableHead>
          </TableRow>
        </TableHeader>
        <TableBody>
          {ROWS.map(({ id, calls }) => (
            <TableRow key={id}>
              <TableRowHead>{id}</TableRowHead>
              <TableCell numeric>{calls}</TableCell>
            </TableRow>
          ))}
        </TableBody>
      </Table>
    </div>
  );
}
