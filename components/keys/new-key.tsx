"use client";

import { Download } from "lucide-react";
import { useTranslations } from "next-intl";
import { type KeyContext, trialModel } from "@/components/keys/listed-key";
import { TestCall } from "@/components/keys/test-call";
import { CodeTabs } from "@/components/landing/code-tabs";
import { Button, buttonVariants } from "@/components/ui/button";
import { CopyButton } from "@/components/ui/copy-button";
import { FormActions } from "@/components/ui/form";
import type { CreatedKey } from "@/lib/keys/schema";
import { chatSnippets } from "@/lib/snippets";

type NewKeyProps = { context: KeyContext; created: CreatedKey; onDone: () => void };

/** The one time the secret is shown: copy it, use it, try it. */
export function NewKey({ context, created, onDone }: NewKeyProps) {
  const t = useTranslations("keys");
  const { orgSlug, baseUrl } = context;
  const { key } = created;
  const model = trialModel(context, created);
  const env = `AIGNE_API_KEY=${key}\nOPENAI_API_KEY=${key}\nOPENAI_BASE_URL=${baseUrl}\n`;
  return (
    <div className="flex min-w-0 flex-col gap-6">
      <div className="flex items-center gap-2 border border-line-strong py-1 pr-1 pl-3">
        <code className="min-w-0 flex-1 py-1 font-mono text-sm break-all select-all">{key}</code>
        <CopyButton text={key} label={t("copyKey")} />
      </div>
      {model && (
        <>
          <CodeTabs
            snippets={chatSnippets({ baseUrl, model, apiKey: key })}
            label={t("languages")}
            copyLabel={t("copyCode")}
          />
          <TestCall orgSlug={orgSlug} apiKey={key} model={model} />
        </>
      )}
      <FormActions className="border-t pt-5">
        <Button variant="primary" onClick={onDone}>
          {t("saved")}
        </Button>
        <a
          className={buttonVariants({ variant: "quiet" })}
          href={`data:text/plain;charset=utf-8,${encodeURIComponent(env)}`}
          download=".env"
        >
          <Download strokeWidth={1.5} aria-hidden />
          {t("download")}
        </a>
      </FormActions>
    </div>
  );
}
