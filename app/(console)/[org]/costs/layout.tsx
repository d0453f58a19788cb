import { notFound } from "next/navigation";
import type { ReactNode } from "react";
import { getSettings } from "@/lib/settings/queries";

/** Where customers pay, what a call cost the operator is not theirs to see: they have /billing. */
export default async function CostsLayout({ children }: { children: ReactNode }) {
  if ((await getSettings()).mode !== "enterprise") notFound();
  return children;
}
