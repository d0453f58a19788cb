import { CircleAlert, TriangleAlert } from "lucide-react";
import Link from "next/link";
import { useTranslations } from "next-intl";
import { cn } from "@/lib/utils";

export type ShellBalance = {
  /** Already formatted, rounded toward zero. */
  amount: string;
  /** `low`: below the alert or less than three days left. */
  state: "ok" | "low" | "empty";
  /** What the amount is: left to spend, or (where nobody pays) this month's cost. */
  kind: "balance" | "cost";
  /** Calls are refused whatever the amount. */
  isFrozen?: boolean;
  /** Where it leads; null for whom billing is closed. */
  href: string | null;
};

export function BalancePill({ amount, state, kind, href }: ShellBalance) {
  const t = useTranslations("shell");
  const Icon = state === "empty" ? CircleAlert : TriangleAlert;
  const look = cn(
    "figures relative inline-flex h-7 items-center gap-1.5 rounded-control border px-2 text-sm font-medium whitespace-nowrap pointer-coarse:h-8 pointer-coarse:after:absolute pointer-coarse:after:-inset-x-1 pointer-coarse:after:-inset-y-1.5",
    state === "ok" && "border-line-strong",
    state === "low" && "border-warning/50 text-warning",
    state === "empty" && "border-danger/50 text-danger",
  );
  const content = (
    <>
      {state !== "ok" && <Icon className="size-3.5" strokeWidth={1.5} aria-hidden />}
      <span className="sr-only">{t(`balance.${kind}`)} </span>
      {amount}
      {state !== "ok" && <span className="sr-only"> {t(`balance.${state}`)}</span>}
      {kind === "cost" && <span className="font-normal text-ink-2 max-sm:hidden">{t("balance.thisMonth")}</span>}
    </>
  );
  return href ? (
    <Link href={href} className={cn(look, "hover:border-control-line")}>
      {content}
    </Link>
  ) : (
    <span className={look}>{content}</span>
  );
}
