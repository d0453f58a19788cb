"use client";

import { useLocale, useTranslations } from "next-intl";
import { useRef, useState } from "react";
import { ActionForm, goTo, useExplain } from "@/components/auth/action-form";
import { settled } from "@/components/auth/settled";
import { Badge } from "@/components/ui/badge";
import { Button } from "@/components/ui/button";
import { Field } from "@/components/ui/field";
import { FormError } from "@/components/ui/form";
import { Input } from "@/components/ui/input";
import { requestMagicLinkAction, signInAction, signInByProviderAction } from "@/lib/auth/actions";

const PROVIDER_NAMES = { github: "GitHub", google: "Google" } as const;
export type SignInProvider = keyof typeof PROVIDER_NAMES;

type SignInFormProps = {
  next?: string;
  problem?: string;
  providers: readonly SignInProvider[];
  /** How this browser came in last. */
  lastMethod: "password" | "link" | SignInProvider | null;
};

export function SignInForm({ next, problem, providers, lastMethod }: SignInFormProps) {
  const t = useTranslations("auth");
  const locale = useLocale();
  const explain = useExplain();
  const email = useRef<HTMLInputElement>(null);
  const [notice, setNotice] = useState<string>();
  const [refusal, setRefusal] = useState(problem);
  const mailLink = async () => {
    setNotice(undefined);
    const result = await settled(requestMagicLinkAction({ email: email.current?.value ?? "", locale, next }));
    if (!result) return;
    if (result.ok) {
      setRefusal(undefined);
      setNotice(t("signIn.linkSent"));
    } else setRefusal(result.error.fields?.email ? t("fields.email") : explain.error(result.error));
  };
  return (
    <>
      <FormError message={refusal} />
      <ActionForm
        action={signInAction}
        read={(fields) => ({ email: text(fields, "email"), password: text(fields, "password"), next })}
        onDone={goTo}
        submit={t("signIn.submit")}
        more={
          <>
            {lastMethod === "password" && <LastUsed />}
            <Button variant="quiet" onClick={mailLink}>
              {t("signIn.link")}
            </Button>
            {lastMethod === "link" && <LastUsed />}
          </>
        }
      >
        {(errors) => (
          <>
            <Field name="email" label={t("email")} error={errors.email}>
              <Input ref={email} type="email" autoComplete="username" required />
            </Field>
            <Field name="password" label={t("password")} error={errors.password}>
              <Input type="password" autoComplete="current-password" required />
            </Field>
          </>
        )}
      </ActionForm>
      <p role="status" className="empty:hidden">
        {notice}
      </p>
      <ProviderButtons providers={providers} next={next} lastMethod={lastMethod} onProblem={setRefusal} />
    </>
  );
}

function LastUsed() {
  const t = useTranslations("auth");
  return <Badge className="grow-0!">{t("signIn.lastUsed")}</Badge>;
}

type ProviderButtonsProps = Pick<SignInFormProps, "providers" | "next" | "lastMethod"> & {
  onProblem: (problem: string) => void;
};

function ProviderButtons({ providers, next, lastMethod, onProblem }: ProviderButtonsProps) {
  const t = useTranslations("auth");
  const explain = useExplain();
  if (providers.length === 0) return null;
  const go = async (provider: SignInProvider) => {
    const result = await settled(signInByProviderAction({ provider, next }));
    if (result?.ok) goTo(result.data);
    else if (result) onProblem(explain.error(result.error));
  };
  return (
    <div className="flex flex-col gap-2 border-t pt-6">
      {providers.map((provider) => (
        <div key={provider} className="flex items-center gap-2">
          <Button className="grow" onClick={() => void go(provider)}>
            {t("continueWith", { provider: PROVIDER_NAMES[provider] })}
          </Button>
          {lastMethod === provider && <LastUsed />}
        </div>
      ))}
    </div>
  );
}

function text(fields: FormData, name: string): string {
  return String(fields.get(name) ?? "");
}
