"use client";

import { useTranslations } from "next-intl";
import { ErrorState } from "@/components/shell/error-state";
import { Button } from "@/components/ui/button";

/** What the router hands to an error boundary. */
export type ErrorPageProps = { error: unknown; retry: () => void };

/** Says nothing of the error itself: the digest leads to the line in the log that does. */
export function ErrorPage({ error, retry }: ErrorPageProps) {
  const t = useTranslations("error");
  const digest = error instanceof Error && "digest" in error ? String(error.digest) : undefined;
  return (
    <div className="mx-auto max-w-[1280px] px-4 py-16 md:px-8 md:py-24">
      <ErrorState
        title={t("title")}
        text={t("text")}
        reference={digest ? { label: t("reference"), value: digest } : undefined}
        action={<Button onClick={retry}>{t("retry")}</Button>}
      />
    </div>
  );
}
