"use client";

import { ArrowDown, SlidersHorizontal, SquarePen } from "lucide-react";
import { useLocale, useTranslations } from "next-intl";
import { useRef, useState } from "react";
import { useStickToBottom } from "use-stick-to-bottom";
import { Answer, UserMessage } from "@/components/playground/answer";
import { CodeDialog } from "@/components/playground/code-dialog";
import { Composer } from "@/components/playground/composer";
import { type AnswerTurn, chatCall, NO_PARAMETERS, type Turn } from "@/components/playground/conversation";
import { ModelPicker, Prices } from "@/components/playground/model-picker";
import { ParameterFields } from "@/components/playground/parameter-fields";
import { useConversation } from "@/components/playground/use-conversation";
import { Button } from "@/components/ui/button";
import { Dialog, DialogTrigger, SheetContent } from "@/components/ui/dialog";
import type { PlaygroundModel } from "@/lib/playground/schema";

type PlaygroundProps = {
  org: { slug: string; name: string };
  /** At least one. */
  models: readonly [PlaygroundModel, ...PlaygroundModel[]];
  initialModel?: string | undefined;
  /** Ends in /api/v1. */
  baseUrl: string;
  addCreditsHref: string | null;
};

/** One conversation with one model at a time, over the same API that any app calls. */
export function Playground({ org, models, initialModel, baseUrl, addCreditsHref }: PlaygroundProps) {
  const t = useTranslations("playground");
  const [model, setModel] = useState(models.find(({ id }) => id === initialModel) ?? models[0]);
  const [parameters, setParameters] = useState(NO_PARAMETERS);
  const conversation = useConversation(org.slug);
  const composer = useRef<HTMLTextAreaElement>(null);
  const stick = useStickToBottom({ resize: "instant", initial: "instant" });
  const { turns, isBusy } = conversation;
  const callOf = (modelId: string) => (before: readonly Turn[]) => chatCall(modelId, parameters, before);
  const lastUser = turns.findLast(({ role }) => role === "user");
  const asked = turns.slice(0, turns.findLastIndex(({ role }) => role === "user") + 1);

  const send = (text: string) => {
    conversation.send(text, callOf(model.id));
    void stick.scrollToBottom("instant");
  };
  const switchTo = (other: PlaygroundModel) => {
    setModel(other);
    conversation.regenerate(callOf(other.id));
  };
  const startAnew = () => {
    conversation.clear();
    composer.current?.focus();
  };

  const fields = (
    <ParameterFields parameters={parameters} maxOutputTokens={model.maxOutputTokens} onChange={setParameters} />
  );
  return (
    <div data-fill className="flex min-h-80 flex-1">
      <div className="flex min-w-0 flex-1 flex-col lg:pr-8">
        <h1 className="sr-only">{t("title")}</h1>
        <div className="flex flex-wrap items-center gap-2 border-b py-3">
          <ModelPicker models={models} model={model} onChange={setModel} />
          <span className="hidden items-baseline gap-2 px-1 text-xs text-ink-2 xl:flex">
            <Prices model={model} />
            {t("model.unit")}
          </span>
          <div className="flex gap-2 sm:ml-auto">
            <Dialog>
              <DialogTrigger render={<Button className="lg:hidden" aria-label={t("parameters.title")} />}>
                <SlidersHorizontal strokeWidth={1.5} aria-hidden />
              </DialogTrigger>
              <SheetContent title={t("parameters.title")}>{fields}</SheetContent>
            </Dialog>
            <CodeDialog baseUrl={baseUrl} call={chatCall(model.id, parameters, asked)} />
            <Button aria-label={t("new")} disabled={turns.length === 0} onClick={startAnew}>
              <SquarePen strokeWidth={1.5} aria-hidden />
            </Button>
          </div>
        </div>
        <div className="relative min-h-0 flex-1">
          <section
            ref={stick.scrollRef}
            aria-label={t("conversation")}
            className="h-full overflow-y-auto overscroll-contain"
            // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable without a pointer
            tabIndex={0}
          >
            <div ref={stick.contentRef}>
              {turns.length === 0 && <Start model={model.id} onChoose={send} />}
              {turns.map((turn) => {
                if (turn.role === "user") return <UserMessage key={turn.id} text={turn.text} />;
                const isLast = turn === turns.at(-1) && !isBusy;
                const other = models.find(({ id }) => id !== turn.model);
                return (
                  <Answer
                    key={turn.id}
                    answer={turn}
                    receiptsHref={`/${org.slug}/activity/requests/`}
                    addCreditsHref={addCreditsHref}
                    otherModel={other?.id ?? null}
                    onRegenerate={isLast ? () => conversation.regenerate(callOf(model.id)) : null}
                    onSwitch={isLast && other ? () => switchTo(other) : null}
                  />
                );
              })}
            </div>
          </section>
          {!stick.isAtBottom && (
            <Button
              size="small"
              className="absolute bottom-3 left-1/2 -translate-x-1/2 shadow-floating"
              onClick={() => void stick.scrollToBottom("instant")}
            >
              <ArrowDown strokeWidth={1.5} aria-hidden />
              {t("latest")}
            </Button>
          )}
        </div>
        <div className="pt-2 pb-4 max-md:pb-2">
          <Composer
            orgName={org.name}
            isBusy={isBusy}
            lastText={lastUser?.text ?? ""}
            inputRef={composer}
            onSend={send}
            onStop={conversation.stop}
          />
        </div>
        <Announcement turn={turns.at(-1)} />
      </div>
      <aside
        aria-label={t("parameters.title")}
        className="hidden w-64 shrink-0 overflow-y-auto border-l py-5 pl-6 lg:block"
      >
        <h2 className="mb-4 font-medium">{t("parameters.title")}</h2>
        {fields}
      </aside>
    </div>
  );
}

/** Before the first message: what this is, and something to begin with. */
function Start({ model, onChoose }: { model: string; onChoose: (text: string) => void }) {
  const t = useTranslations("playground");
  const examples = [t("start.examples.explain"), t("start.examples.table"), t("start.examples.code")];
  return (
    <div className="py-10">
      <p className="tight text-xl font-semibold">{t("start.title")}</p>
      <p className="mt-1 max-w-[60ch] text-ink-2">{t("start.text", { model })}</p>
      <ul className="mt-6 flex flex-col border-t">
        {examples.map((example) => (
          <li key={example} className="border-b">
            <button
              type="button"
              className="flex min-h-11 w-full items-center py-2 text-left hover:bg-ink/4"
              onClick={() => onChoose(example)}
            >
              {example}
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}

/** Screen readers hear that an answer is complete, not each of its words. */
function Announcement({ turn }: { turn: Turn | undefined }) {
  const t = useTranslations("playground");
  const locale = useLocale();
  const answer: AnswerTurn | null = turn?.role === "assistant" ? turn : null;
  return (
    <p role="status" className="sr-only">
      {answer?.state === "done" && t("complete", { words: countWords(answer.text, locale) })}
    </p>
  );
}

/** Chinese and Japanese have no blanks between words. */
function countWords(text: string, locale: string): number {
  const parts = new Intl.Segmenter(locale, { granularity: "word" }).segment(text);
  return [...parts].filter(({ isWordLike }) => isWordLike).length;
}
