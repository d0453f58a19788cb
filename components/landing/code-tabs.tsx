"use client";

import { Fragment, useState } from "react";
import { CopyButton } from "@/components/ui/copy-button";
import { Tabs, TabsList, TabsPanel, TabsTab } from "@/components/ui/tabs";
import type { Snippet } from "@/lib/snippets";
import { cn } from "@/lib/utils";

/** Not a block: what people select and copy would have an empty line after each. */
const LINE = "inline-block min-w-full border-l-2 pl-4 align-top";

type CodeTabsProps = { snippets: readonly Snippet[]; label: string; copyLabel: string };

/** One snippet per tab; the lines that differ from code written for OpenAI stand out in the margin. */
export function CodeTabs({ snippets, label, copyLabel }: CodeTabsProps) {
  const [chosen, setChosen] = useState(snippets[0]?.id);
  const current = snippets.find(({ id }) => id === chosen);
  return (
    <Tabs value={chosen} onValueChange={setChosen}>
      <div className="flex items-center justify-between gap-4 border-b">
        <TabsList aria-label={label} className="border-b-0">
          {snippets.map(({ id, name }) => (
            <TabsTab key={id} value={id}>
              {name}
            </TabsTab>
          ))}
        </TabsList>
        <CopyButton text={current?.code ?? ""} label={copyLabel} className="-mr-2" />
      </div>
      {snippets.map((snippet) => (
        <TabsPanel key={snippet.id} value={snippet.id} className="overflow-x-auto py-4">
          <Code {...snippet} />
        </TabsPanel>
      ))}
    </Tabs>
  );
}

function Code({ code, changed }: Pick<Snippet, "code" | "changed">) {
  return (
    <pre className="w-max min-w-full font-mono text-sm leading-6" translate="no">
      <code>
        {code.split("\n").map((line, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: the lines of a snippet never change places
          <Fragment key={index}>
            {changed.includes(index) ? (
              <mark className={cn(LINE, "border-ink bg-transparent text-ink")}>{line}</mark>
            ) : (
              <span className={cn(LINE, "border-transparent text-ink-2")}>{line}</span>
            )}
            {"\n"}
          </Fragment>
        ))}
      </code>
    </pre>
  );
}
