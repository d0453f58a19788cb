"use client";

import { ROWS, WORDS } from "@/components/design/samples";
import { BalancePill } from "@/components/shell/balance-pill";
import { Block } from "@/components/shell/block";
import { EmptyState } from "@/components/shell/empty-state";
import { ErrorState } from "@/components/shell/error-state";
import { ForbiddenState } from "@/components/shell/forbidden-state";
import { KeyFigures } from "@/components/shell/key-figures";
import { LanguageMenu } from "@/components/shell/language-menu";
import { Mark } from "@/components/shell/logo";
import { PageHead } from "@/components/shell/page-head";
import { ThemeMenu } from "@/components/shell/theme-menu";
import { Button } from "@/components/ui/button";
import { Money } from "@/components/ui/money";

const STATES = ["ok", "low", "empty"] as const;

export function ShellSamples() {
  return (
    <div className="flex flex-col gap-6">
      <div className="flex flex-wrap items-center gap-2">
        <Mark />
        {STATES.map((state) => (
          <BalancePill key={state} amount={WORDS.hint} state={state} kind="balance" href={null} />
        ))}
        <LanguageMenu />
        <ThemeMenu />
      </div>
      <PageHead title={WORDS.name} text={WORDS.text} action={<Button variant="primary">{WORDS.submit}</Button>} />
      <KeyFigures
        figures={ROWS.map(({ id, calls, usd }) => ({ label: id, value: <Money usd={usd} />, note: String(calls) }))}
      />
      <Block id={`block-${WORDS.total}`} title={WORDS.name} text={WORDS.text}>
        <EmptyState text={WORDS.text} action={<Button>{WORDS.submit}</Button>} />
      </Block>
      <ErrorState
        title={WORDS.error}
        text={WORDS.refused}
        reference={{ label: WORDS.reference, value: "req_8Hq2f" }}
        action={<Button>{WORDS.open}</Button>}
      />
      <ForbiddenState who={WORDS.who} />
    </div>
  );
}
