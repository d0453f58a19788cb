import type { Metadata } from "next";
import { headers } from "next/headers";
import Link from "next/link";
import { getTranslations } from "next-intl/server";
import { AuthFrame } from "@/components/auth/auth-frame";
import { CheckList } from "@/components/setup/check-list";
import { FirstCurl } from "@/components/setup/first-curl";
import { buttonVariants } from "@/components/ui/button";
import { listChecks } from "@/lib/auth/admin-checks";
import { readFirstKey } from "@/lib/auth/first-key";
import { homeOf } from "@/lib/auth/queries";
import { requireStaff } from "@/lib/auth/require-staff";
import { listProviders } from "@/lib/catalog/admin-providers";
import { env } from "@/lib/env";
import { publicOrigin } from "@/lib/origin";
import { chatSnippets } from "@/lib/snippets";

const SANDBOX_MODEL = "sandbox/chat";

export async function generateMetadata(): Promise<Metadata> {
  return { title: (await getTranslations("setup"))("doneTitle") };
}

/** What set-up ends with; the owner may come back to look at the checks. */
export default async function SetupDonePage() {
  const scope = await requireStaff("settings.manage");
  const t = await getTranslations("setup");
  const [checks, apiKey, home, { data: providers }] = await Promise.all([
    listChecks(scope),
    readFirstKey(),
    homeOf(scope.user.userId),
    listProviders(scope, { limit: 1000 }),
  ]);
  const provider = providers.find(({ kind, enabled }) => enabled && kind !== "sandbox");
  const baseUrl = `${publicOrigin(await headers(), env().publicUrl)}/api/v1`;
  const hasSandbox = checks.some(({ id }) => id === "sandbox");
  const [curl] = hasSandbox && apiKey ? chatSnippets({ baseUrl, apiKey, model: SANDBOX_MODEL }) : [];
  return (
    <AuthFrame title={t("doneTitle")} text={t("doneText")}>
      <CheckList checks={checks} />
      {curl ? (
        <FirstCurl title={t("firstCall")} text={t("firstCallText")} copyLabel={t("copyCall")} code={curl.code} />
      ) : (
        <p className="text-ink-2">{t("noFirstCall")}</p>
      )}
      <div className="flex flex-wrap gap-2">
        <Link href={home} className={buttonVariants({ variant: "primary" })}>
          {t("openConsole")}
        </Link>
        {provider && (
          <Link href={`/admin/providers/${provider.slug}/models`} className={buttonVariants()}>
            {t("chooseModels", { name: provider.displayName })}
          </Link>
        )}
        <Link href="/admin" className={buttonVariants()}>
          {t("openAdmin")}
        </Link>
      </div>
    </AuthFrame>
  );
}
