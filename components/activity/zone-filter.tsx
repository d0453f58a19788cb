"use client";

import { useTranslations } from "next-intl";
import { useSyncExternalStore } from "react";
import { FilterSelect } from "@/components/ui/filter-select";

/** Where days begin: for the organisation, in this browser, or in UTC, where budgets and invoices are. */
export function ZoneFilter({ orgZone, value }: { orgZone: string; value: string }) {
  const t = useTranslations("activity");
  // the server does not know it, so the first rendering offers the other two
  const browserZone = useSyncExternalStore(never, zoneOfBrowser, () => orgZone);
  const zones = [...new Set([orgZone, browserZone, "UTC", value])];
  return (
    <FilterSelect
      name="zone"
      label={t("zoneLabel")}
      value={value}
      options={zones.map((zone) => ({ value: zone, label: zone }))}
    />
  );
}

const never = () => () => {};

function zoneOfBrowser(): string {
  return new Intl.DateTimeFormat().resolvedOptions().timeZone;
}
