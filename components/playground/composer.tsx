"use client";

import { ArrowUp, Square } from "lucide-react";
import { useTranslations } from "next-intl";
import { type KeyboardEvent, type RefObject, useState } from "react";
import { composerKey } from "@/components/playground/composer-keys";
import { Button } from "@/components/ui/button";

type ComposerProps = {
  orgName: string;
  isBusy: boolean;
  /** What the member said last, for the arrow up. */
  lastText: string;
  inputRef: RefObject<HTMLTextAreaElement | null>;
  onSend: (text: string) => void;
  onStop: () => void;
};

export function Composer({ orgName, isBusy, lastText, inputRef, onSend, onStop }: ComposerProps) {
  const t = useTranslations("playground");
  const [text, setText] = useState("");
  const send = () => {
    if (isBusy || text.trim() === "") return;
    onSend(text.trim());
    setText("");
  };
  const onKeyDown = (event: KeyboardEvent<HTMLTextAreaElement>) => {
    const { key, shiftKey, altKey, keyCode, nativeEvent } = event;
    const meaning = composerKey({ key, shiftKey, altKey, keyCode, isComposing: nativeEvent.isComposing });
    if (meaning === "send") {
      event.preventDefault();
      send();
    } else if (meaning === "stop" && isBusy) onStop();
    else if (key === "ArrowUp" && text === "" && lastText) {
      event.preventDefault();
      setText(lastText);
    }
  };
  return (
    <div>
      <div className="flex items-end gap-2 rounded-floating border border-control-line bg-surface p-1.5 focus-within:border-accent focus-within:outline-1 focus-within:outline-accent">
        <textarea
          ref={inputRef}
          rows={1}
          aria-label={t("composer.label")}
          aria-keyshortcuts="Enter"
          placeholder={t("composer.placeholder")}
          value={text}
          onChange={(event) => setText(event.target.value)}
          onKeyDown={onKeyDown}
          className="field-sizing-content max-h-[min(15rem,40dvh)] min-h-9 w-full min-w-0 resize-none bg-transparent px-2.5 py-1.5 text-lg leading-6 outline-hidden placeholder:text-ink-2 pointer-coarse:min-h-11 pointer-coarse:py-2.5"
        />
        {isBusy ? (
          <Button
            size="default"
            className="pointer-coarse:min-w-11 px-2.5"
            aria-label={t("composer.stop")}
            onClick={onStop}
          >
            <Square strokeWidth={1.5} aria-hidden />
          </Button>
        ) : (
          <Button
            variant="primary"
            className="px-2.5 pointer-coarse:min-w-11"
            aria-label={t("composer.send")}
            disabled={text.trim() === ""}
            onClick={send}
          >
            <ArrowUp strokeWidth={1.5} aria-hidden />
          </Button>
        )}
      </div>
      <div className="flex justify-between gap-4 px-1 pt-1.5 text-xs text-ink-2">
        <span className="min-w-0 truncate">
          {t.rich("composer.uses", {
            org: orgName,
            b: (chunks) => <strong className="font-medium text-ink">{chunks}</strong>,
          })}
        </span>
        <span className="shrink-0 pointer-coarse:hidden">{t("composer.keys")}</span>
      </div>
    </div>
  );
}
