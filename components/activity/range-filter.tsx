import { useTranslations } from "next-intl";
import { FilterSelect } from "@/components/ui/filter-select";
import { RANGES } from "@/lib/time-range";

/** The range of both views of Activity. Seven days stand first, as they are what no choice means. */
export function RangeFilter({ value }: { value: (typeof RANGES)[number] }) {
  const t = useTranslations("activity");
  return (
    <FilterSelect
      name="range"
      label={t("range")}
      value={value}
      options={["7d" as const, ...RANGES.filter((id) => id !== "7d")].map((id) => ({
        value: id,
        label: t(`ranges.${id}`),
      }))}
    />
  );
}
