import { Lock } from "lucide-react";
import { useTranslations } from "next-intl";

/** A page or region that exists and is not for this role. `who` names the roles that may, ready to read. */
export function ForbiddenState({ who }: { who: string }) {
  const t = useTranslations("shell");
  return (
    <div data-slot="forbidden-state" className="my-8 flex items-start gap-3 border-y py-10">
      <Lock className="mt-1 size-5 shrink-0 text-ink-2" strokeWidth={1.5} aria-hidden />
      <div>
        <h1 className="tight text-xl font-semibold">{t("forbidden.title")}</h1>
        <p className="mt-1 max-w-[60ch] text-ink-2">{t("forbidden.text", { who })}</p>
      </div>
    </div>
  );
}
