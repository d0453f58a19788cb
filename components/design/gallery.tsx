"use client";

import type { ReactNode } from "react";
import { ChartSamples } from "@/components/design/chart-samples";
import { ControlSamples } from "@/components/design/control-samples";
import { FieldSamples } from "@/components/design/field-samples";
import { FloatingSamples } from "@/components/design/floating-samples";
import { WORDS } from "@/components/design/samples";
import { ShellSamples } from "@/components/design/shell-samples";
import { TableSamples } from "@/components/design/table-samples";
import { Receipt } from "@/components/receipt/receipt";
import type { ReceiptData } from "@/lib/billing/receipt";

/** One theme's column of every component. */
export function Gallery({ theme, receipt, free }: { theme: string; receipt: ReceiptData; free: ReceiptData }) {
  return (
    <div className="flex min-w-0 flex-col gap-10">
      <h1 className="tight text-2xl font-semibold">{`${WORDS.title}: ${theme}`}</h1>
      <Part name="button, copy-button, badge, meter, money, skeleton">
        <ControlSamples />
      </Part>
      <Part name="field, form, input, textarea, select, checkbox, switch, label, filter-select, filter-input">
        <FieldSamples theme={theme} />
      </Part>
      <Part name="dialog, menu, tooltip, toast, tabs">
        <FloatingSamples />
      </Part>
      <Part name="data-table, table">
        <TableSamples />
      </Part>
      <Part name="charts">
        <ChartSamples />
      </Part>
      <Part name="shell">
        <ShellSamples />
      </Part>
      <Part name="receipt">
        <div className="flex flex-col gap-4">
          <Receipt receipt={receipt} />
          <Receipt receipt={free} notCharged={WORDS.refused} />
        </div>
      </Part>
    </div>
  );
}

function Part({ name, children }: { name: string; children: ReactNode }) {
  return (
    <section className="min-w-0 border-t pt-4">
      <h2 className="mb-4 font-mono text-xs text-ink-2">{name}</h2>
      {children}
    </section>
  );
}
