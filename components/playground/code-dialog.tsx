"use client";

import { CodeXml } from "lucide-react";
import { useTranslations } from "next-intl";
import { CodeTabs } from "@/components/landing/code-tabs";
import { Button } from "@/components/ui/button";
import { Dialog, DialogContent, DialogTrigger } from "@/components/ui/dialog";
import { type ChatCall, chatSnippets } from "@/lib/snippets";

type CodeDialogProps = { baseUrl: string; call: ChatCall };

/** The request as it would be sent, as a program. */
export function CodeDialog({ baseUrl, call }: CodeDialogProps) {
  const t = useTranslations("playground.code");
  const { messages, ...rest } = call;
  const said = messages.some(({ role }) => role === "user") ? messages : [...messages, HELLO];
  return (
    <Dialog>
      <DialogTrigger render={<Button />}>
        <CodeXml strokeWidth={1.5} aria-hidden />
        <span className="max-sm:sr-only">{t("open")}</span>
      </DialogTrigger>
      <DialogContent title={t("title")} description={t("text")} className="sm:max-w-3xl">
        <CodeTabs
          snippets={chatSnippets({ baseUrl, ...rest, messages: said })}
          label={t("languages")}
          copyLabel={t("copy")}
        />
      </DialogContent>
    </Dialog>
  );
}

const HELLO = { role: "user", content: "Hello" } as const;
