import { notFound } from "next/navigation";
import type { ReactNode } from "react";
import { getSettings } from "@/lib/settings/queries";

/** Where nobody pays, there is nothing to bill: costs are under /costs. */
export default async function BillingLayout({ children }: { children: ReactNode }) {
  if ((await getSettings()).mode !== "service") notFound();
  return children;
}
