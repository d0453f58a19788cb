"use client";

import { Check, Copy, TriangleAlert } from "lucide-react";
import { useTranslations } from "next-intl";
import { useEffect, useState } from "react";
import { Button } from "@/components/ui/button";
import { writeClipboard } from "@/components/ui/clipboard";

const SHOWN_MS = 2000;
const ICONS = { copy: Copy, copied: Check, copyFailed: TriangleAlert };

/** Copies `text`. `label` names what is copied, for assistive technology: "Copy base URL". */
export function CopyButton({ text, label, className }: { text: string; label: string; className?: string }) {
  const t = useTranslations("ui");
  const [state, setState] = useState<keyof typeof ICONS>("copy");

  useEffect(() => {
    if (state === "copy") return;
    const timer = setTimeout(() => setState("copy"), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [state]);

  const Icon = ICONS[state];
  return (
    <>
      <Button
        variant="quiet"
        size="small"
        aria-label={state === "copy" ? label : t(state)}
        className={className}
        onClick={async () => setState((await writeClipboard(text)) ? "copied" : "copyFailed")}
      >
        <Icon strokeWidth={1.5} aria-hidden />
        {t(state)}
      </Button>
      <span role="status" className="sr-only">
        {state === "copy" ? "" : t(state)}
      </span>
    </>
  );
}
