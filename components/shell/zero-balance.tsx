import { TriangleAlert } from "lucide-react";
import Link from "next/link";
import { useTranslations } from "next-intl";

/** On every page of an organisation that has nothing left to spend. Not announced: it is there before the page is read. */
export function ZeroBalance({ billingHref }: { billingHref: string | null }) {
  const t = useTranslations("billing");
  return (
    <p
      data-slot="zero-balance"
      className="mt-4 flex items-start gap-2 border-l-2 border-warning bg-warning/6 px-3 py-2"
    >
      <TriangleAlert className="mt-0.5 size-4 shrink-0 text-warning" strokeWidth={1.5} aria-hidden />
      <span className="min-w-0">
        {billingHref
          ? t.rich("emptyLink", {
              link: (words) => (
                <Link href={billingHref} className="underline underline-offset-4">
                  {words}
                </Link>
              ),
            })
          : t("empty")}
      </span>
    </p>
  );
}
