"use client";

import { useTranslations } from "next-intl";
import { useTheme } from "next-themes";
import { useState, useSyncExternalStore } from "react";
import { ActionForm, useExplain } from "@/components/auth/action-form";
import { PasswordField } from "@/components/auth/password-field";
import { settled } from "@/components/auth/settled";
import { SpendCapFields, spendCapsOf } from "@/components/settings/spend-cap-fields";
import { Button } from "@/components/ui/button";
import { Field } from "@/components/ui/field";
import { FormError } from "@/components/ui/form";
import { Input } from "@/components/ui/input";
import { SelectFrom } from "@/components/ui/select";
import { TimeZoneInput } from "@/components/ui/time-zone-input";
import { useMoment } from "@/components/ui/use-moment";
import type { ActionResult } from "@/lib/auth/action";
import {
  changePasswordAction,
  endOtherSessionsAction,
  endSessionAction,
  updateProfileAction,
} from "@/lib/auth/actions";
import type { SessionRow } from "@/lib/auth/queries";
import { LOCALE_NAMES, LOCALES, type Locale } from "@/lib/locale";
import { setSpendCapAction, updateOrgAction } from "@/lib/orgs/actions";
import type { SpendCaps } from "@/lib/orgs/schema";

export function ProfileForm({ name, locale: initial }: { name: string; locale: Locale }) {
  const t = useTranslations("settings");
  const tAuth = useTranslations("auth");
  const [locale, setLocale] = useState(initial);
  const { notice, say } = useNotice();
  return (
    <ActionForm
      action={updateProfileAction}
      read={(fields) => ({ name: String(fields.get("name") ?? ""), locale })}
      onDone={say}
      submit={t("save")}
      variant="outline"
      more={notice}
    >
      {(errors) => (
        <>
          <Field name="name" label={tAuth("name")} error={errors.name}>
            <Input autoComplete="name" defaultValue={name} />
          </Field>
          <Field name="locale" label={t("language")}>
            <SelectFrom
              value={locale}
              onValueChange={setLocale}
              items={LOCALES.map((value) => ({ value, label: LOCALE_NAMES[value] }))}
            />
          </Field>
        </>
      )}
    </ActionForm>
  );
}

const THEMES = ["system", "light", "dark"] as const;

/** Belongs to the browser, not to the person: it binds at once and is not sent anywhere. */
export function ThemeField() {
  const t = useTranslations("settings");
  const shell = useTranslations("shell");
  const { theme = "system", setTheme } = useTheme();
  // the server does not know what this browser has chosen
  const isMounted = useSyncExternalStore(
    nothing,
    () => true,
    () => false,
  );
  return (
    <div className="mt-6 max-w-[480px]">
      <Field name="theme" label={shell("theme")} help={t("themeHelp")}>
        <SelectFrom
          value={isMounted ? theme : "system"}
          onValueChange={setTheme}
          items={THEMES.map((value) => ({ value, label: shell(`themes.${value}`) }))}
        />
      </Field>
    </div>
  );
}

const nothing = () => () => {};

export function PasswordForm() {
  const t = useTranslations("settings");
  const tAuth = useTranslations("auth");
  const { notice, say } = useNotice();
  const [round, setRound] = useState(0);
  return (
    <ActionForm
      key={round}
      action={changePasswordAction}
      read={(fields) => ({
        current: String(fields.get("current") ?? ""),
        password: String(fields.get("password") ?? ""),
      })}
      onDone={() => {
        say();
        setRound(round + 1); // empty fields again
      }}
      submit={t("changePassword")}
      variant="outline"
      more={notice}
    >
      {(errors) => (
        <>
          <Field name="current" label={t("currentPassword")} error={errors.current}>
            <Input type="password" autoComplete="current-password" />
          </Field>
          <PasswordField label={tAuth("newPassword")} help={t("passwordHelp")} error={errors.password} />
        </>
      )}
    </ActionForm>
  );
}

export function OrgForm({ slug, name, timeZone }: { slug: string; name: string; timeZone: string }) {
  const t = useTranslations("settings");
  const { notice, say } = useNotice();
  return (
    <ActionForm
      action={(input: Parameters<typeof updateOrgAction>[1]) => updateOrgAction(slug, input)}
      read={(fields) => ({
        name: String(fields.get("name") ?? ""),
        timeZone: String(fields.get("timeZone") ?? "").trim(),
      })}
      onDone={say}
      submit={t("save")}
      variant="outline"
      more={notice}
    >
      {(errors) => (
        <>
          <Field name="name" label={t("orgName")} error={errors.name}>
            <Input autoComplete="organization" defaultValue={name} />
          </Field>
          <Field name="timeZone" label={t("timeZone")} help={t("timeZoneHelp")} error={errors.timeZone}>
            <TimeZoneInput defaultValue={timeZone} />
          </Field>
        </>
      )}
    </ActionForm>
  );
}

/** What the organisation lets itself spend. */
export function SpendCapForm({ slug, caps }: { slug: string; caps: SpendCaps }) {
  const t = useTranslations("settings");
  const { notice, say } = useNotice();
  return (
    <ActionForm
      action={(input: Parameters<typeof setSpendCapAction>[1]) => setSpendCapAction(slug, input)}
      read={spendCapsOf}
      onDone={say}
      submit={t("save")}
      variant="outline"
      more={notice}
    >
      {(errors) => (
        <SpendCapFields
          caps={caps}
          text={(cap, part) => t(`spendCap.${cap}.${part}`)}
          errorOf={(cap) => errors[cap] && t("spendCap.bad")}
          className="figures max-w-40"
        />
      )}
    </ActionForm>
  );
}

export function SessionList({ sessions }: { sessions: readonly SessionRow[] }) {
  const t = useTranslations("settings");
  const explain = useExplain();
  const writeMoment = useMoment();
  const [problem, setProblem] = useState<string>();
  const end = async (call: Promise<ActionResult<unknown>>) => {
    const result = await settled(call);
    setProblem(result && !result.ok ? explain.error(result.error) : undefined);
  };
  const time = (iso: string) => writeMoment(iso, "minute");
  return (
    <>
      <FormError message={problem} className="mb-3" />
      <ul className="flex max-w-[480px] flex-col">
        {sessions.map(({ id, isCurrent, createdAt, lastSeenAt, ip }) => (
          <li key={id} className="flex flex-wrap items-center justify-between gap-x-4 border-b py-2 last:border-b-0">
            <span className="min-w-0">
              <span className="block font-medium">
                {t("started")} {time(createdAt)}
              </span>
              <span className="text-sm text-ink-2">
                {t("lastSeen")} {time(lastSeenAt)}
                {ip && ` · ${ip}`}
              </span>
            </span>
            {isCurrent ? (
              <span className="text-sm text-ink-2">{t("thisSession")}</span>
            ) : (
              <Button
                variant="quiet"
                size="small"
                aria-label={t("endOf", { started: time(createdAt) })}
                onClick={() => void end(endSessionAction({ sessionId: id }))}
              >
                {t("end")}
              </Button>
            )}
          </li>
        ))}
      </ul>
      {sessions.length > 1 && (
        <Button className="mt-4" onClick={() => void end(endOtherSessionsAction())}>
          {t("endOthers")}
        </Button>
      )}
    </>
  );
}

/** "Saved.", beside the button. */
function useNotice() {
  const t = useTranslations("settings");
  const [isSaved, setSaved] = useState(false);
  const notice = (
    <span role="status" className="empty:hidden">
      {isSaved && t("saved")}
    </span>
  );
  return { notice, say: () => setSaved(true) };
}
