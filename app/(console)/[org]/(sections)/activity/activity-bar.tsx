import { Download } from "lucide-react";
import type { ReactNode } from "react";
import { RangeFilter } from "@/components/activity/range-filter";
import { ZoneFilter } from "@/components/activity/zone-filter";
import { buttonVariants } from "@/components/ui/button";
import type { OrgScope } from "@/lib/auth/require-org";
import type { ActivityRange } from "@/lib/usage/request-filters";

type ActivityBarProps = {
  scope: OrgScope;
  range: ActivityRange;
  exports: readonly { label: string; href: string }[];
  children?: ReactNode;
};

/** The filters of a view in one row, and its files at the right. */
export function ActivityBar({ scope, range, exports, children }: ActivityBarProps) {
  return (
    <div className="flex flex-wrap items-center gap-2 py-4">
      <RangeFilter value={range.id} />
      <ZoneFilter orgZone={scope.org.timeZone} value={range.timeZone} />
      {children}
      <div className="-mr-3.5 ml-auto flex gap-1 max-sm:ml-0">
        {exports.map(({ label, href }) => (
          <a key={label} href={href} download className={buttonVariants({ variant: "quiet" })}>
            <Download strokeWidth={1.5} aria-hidden />
            {label}
          </a>
        ))}
      </div>
    </div>
  );
}

export function oneOf<Value extends string>(values: readonly Value[], asked: unknown, fallback: Value): Value {
  return values.find((value) => value === asked) ?? fallback;
}
