import { CircleCheck, TriangleAlert } from "lucide-react";
import { useTranslations } from "next-intl";
import type { Trouble } from "@/lib/health/schema";

/** Whether all is well, in one sentence; what is not leads to where it is shown. */
export function Verdict({ troubles, canSeeLedger }: { troubles: readonly Trouble[]; canSeeLedger: boolean }) {
  const t = useTranslations("admin.health");
  const isWell = troubles.length === 0;
  const Icon = isWell ? CircleCheck : TriangleAlert;
  return (
    <div className="pb-6">
      <p className="flex items-start gap-2 text-lg leading-6 font-semibold">
        <Icon
          className={isWell ? "mt-0.5 size-5 shrink-0 text-positive" : "mt-0.5 size-5 shrink-0 text-warning"}
          strokeWidth={1.5}
          aria-hidden
        />
        {isWell ? t("allWell") : t("notWell", { count: troubles.length })}
      </p>
      {!isWell && (
        <ul className="mt-1 flex flex-wrap gap-x-5 gap-y-1 pl-7">
          {troubles.map(({ what, count, at }) => {
            const text = t(`troubles.${what}`, { count });
            return (
              <li key={what}>
                {at === "ledger" && !canSeeLedger ? (
                  text
                ) : (
                  <a
                    href={at === "ledger" ? "/admin/ledger" : `#${at}`}
                    className="inline-flex min-h-6 items-center underline decoration-line-strong underline-offset-4 pointer-coarse:min-h-11"
                  >
                    {text}
                  </a>
                )}
              </li>
            );
          })}
        </ul>
      )}
    </div>
  );
}
