import { TriangleAlert } from "lucide-react";
import { useTranslations } from "next-intl";

/** On every page of an organisation that has nothing left to spend. Not announced: it is there before the page is read. */
export function ZeroBalance() {
  const t = useTranslations("billing");
  return (
    <p data-slot="zero-balance" className="mt-4 flex items-start gap-2 border-l-2 border-warning px-3 py-2">
      <TriangleAlert className="mt-0.5 size-4 shrink-0" strokeWidth={1.5} aria-hidden />
      <span>{t("empty")}</span>
    </p>
  );
}
