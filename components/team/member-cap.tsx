"use client";

import { useLocale, useTranslations } from "next-intl";
import { useState, useTransition } from "react";
import { useExplain } from "@/components/auth/action-form";
import { settled } from "@/components/auth/settled";
import { SpendCapFields, spendCapsOf } from "@/components/settings/spend-cap-fields";
import { Button } from "@/components/ui/button";
import { Dialog, DialogActions, DialogContent, DialogTrigger } from "@/components/ui/dialog";
import { Form, FormError } from "@/components/ui/form";
import { Meter } from "@/components/ui/meter";
import { formatExactUsd, formatMoney } from "@/lib/format-money";
import { parseUsd, shareOf } from "@/lib/money";
import { setMemberCapAction } from "@/lib/orgs/actions";
import type { SpendCaps } from "@/lib/orgs/schema";

/** What a member spent this month, UTC, in decimal USD, and their caps. */
export type MemberSpend = { spentUsd: string } & SpendCaps;

/** A member's spend with the bar of their cap. */
export function MemberSpendCell({ dailyCapUsd, ...month }: MemberSpend) {
  const t = useTranslations("team");
  const locale = useLocale();
  return (
    <>
      <MonthSpend {...month} />
      {dailyCapUsd !== null && (
        <span className="block text-sm text-ink-2">
          {t("cappedDaily", { cap: formatMoney(parseUsd(dailyCapUsd), locale) })}
        </span>
      )}
    </>
  );
}

function MonthSpend({ spentUsd, capUsd }: Omit<MemberSpend, "dailyCapUsd">) {
  const t = useTranslations("team");
  const locale = useLocale();
  const [spentNano, capNano] = [parseUsd(spentUsd), capUsd === null ? null : parseUsd(capUsd)];
  const spent = formatMoney(spentNano, locale);
  if (capNano === null) return <span title={formatExactUsd(spentNano, locale)}>{spent}</span>;
  const text = t("spentOf", { spent, cap: formatMoney(capNano, locale) });
  return (
    <span className="inline-block min-w-28" title={formatExactUsd(spentNano, locale)}>
      {text}
      <Meter label={t("cap")} text={text} share={shareOf(spentNano, capNano)} className="mt-1" />
    </span>
  );
}

type CapDialogProps = { slug: string; memberId: string; name: string; caps: SpendCaps };

/** Sets or removes what a member may spend in a month and in a day with their own tokens, as the playground does. */
export function CapDialog({ slug, memberId, name, caps }: CapDialogProps) {
  const t = useTranslations("team");
  const explain = useExplain();
  const [open, setOpen] = useState(false);
  const [problem, setProblem] = useState<string>();
  const [wrong, setWrong] = useState<Readonly<Record<string, string>>>({});
  const [busy, start] = useTransition();
  const save = (form: FormData) =>
    start(async () => {
      setProblem(undefined);
      const result = await settled(setMemberCapAction(slug, { memberId, ...spendCapsOf(form) }));
      if (!result) return;
      setWrong(result.ok ? {} : (result.error.fields ?? {}));
      setProblem(result.ok || result.error.fields ? undefined : explain.error(result.error));
      if (result.ok) setOpen(false);
    });
  return (
    <Dialog
      open={open}
      onOpenChange={(isOpen) => {
        setOpen(isOpen);
        setProblem(undefined);
        setWrong({});
      }}
    >
      <DialogTrigger render={<Button variant="quiet" size="small" />} aria-label={`${t("setCap")}: ${name}`}>
        {t("setCap")}
      </DialogTrigger>
      <DialogContent title={t("capOf", { name })} description={t("capText")}>
        <Form
          onSubmit={(event) => {
            event.preventDefault();
            if (!busy) save(new FormData(event.currentTarget));
          }}
        >
          <FormError message={problem} />
          <SpendCapFields
            caps={caps}
            text={(cap, part) => t(`caps.${cap}.${part}`)}
            errorOf={(cap) => wrong[cap] && t("badCap")}
            className="figures text-right"
          />
          <DialogActions>
            <Button type="submit" variant="primary" disabled={busy}>
              {t("saveCap")}
            </Button>
          </DialogActions>
        </Form>
      </DialogContent>
    </Dialog>
  );
}
