import { CircleAlert, CircleCheck, Info } from "lucide-react";
import { useTranslations } from "next-intl";
import type { Check } from "@/lib/auth/admin-checks";

const STATES = {
  ok: { Icon: CircleCheck, colour: "text-positive" },
  notice: { Icon: Info, colour: "text-ink-2" },
  failed: { Icon: CircleAlert, colour: "text-danger" },
} as const;

/** What the hub stands on, each with its state, and how to mend what does not hold. */
export function CheckList({ checks }: { checks: readonly Check[] }) {
  const t = useTranslations("setup.checks");
  return (
    <ul className="border-y">
      {checks.map(({ id, state, detail }) => {
        const { Icon, colour } = STATES[state];
        return (
          <li key={`${id} ${detail}`} className="flex items-start gap-3 border-b py-2.5 last:border-b-0">
            <Icon className={`mt-0.5 size-4 shrink-0 ${colour}`} strokeWidth={1.5} aria-hidden />
            <span className="min-w-0 grow wrap-anywhere">{t(id, { detail })}</span>
            <span className="shrink-0 text-sm text-ink-2">{t(`states.${state}`)}</span>
          </li>
        );
      })}
    </ul>
  );
}
