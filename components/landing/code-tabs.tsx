"use client";

import { useState } from "react";
import { CopyButton } from "@/components/ui/copy-button";
import { Tabs, TabsList, TabsPanel, TabsTab } from "@/components/ui/tabs";
import type { Snippet } from "@/lib/snippets";
import { cn } from "@/lib/utils";

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
        {code.split("\n").map((line, index) => {
          const Line = changed.includes(index) ? "mark" : "span";
          return (
            <Line
              // biome-ignore lint/suspicious/noArrayIndexKey: the lines of a snippet never change places
              key={index}
              className={cn(
                "block border-l-2 bg-transparent pl-4",
                Line === "mark" ? "border-ink text-ink" : "border-transparent text-ink-2",
              )}
            >
              {`${line}\n`}
            </Line>
          );
        })}
      </code>
    </pre>
  );
}
