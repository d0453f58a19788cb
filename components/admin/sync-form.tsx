"use client";

import { useRouter } from "next/navigation";
import { useTranslations } from "next-intl";
import { type FormEvent, useState } from "react";
import { useAction } from "@/components/admin/use-action";
import { Button } from "@/components/ui/button";
import { Checkbox } from "@/components/ui/checkbox";
import { ChoiceField, Field } from "@/components/ui/field";
import { Form, FormActions, FormError } from "@/components/ui/form";
import { Input } from "@/components/ui/input";
import { prepareSyncAction } from "@/lib/catalog/admin-actions";
import type { SyncSource } from "@/lib/catalog/import-schema";

type Props = { catalogues: readonly { name: string; url: string }[]; bundledDate: string };

/** Which catalogues to compare with. A file is compressed here, so that it fits into one request. */
export function SyncForm({ catalogues, bundledDate }: Props) {
  const t = useTranslations("admin.catalogue");
  const router = useRouter();
  const { run, isPending, problem, fieldProblem } = useAction(prepareSyncAction);
  const [chosen, setChosen] = useState<readonly string[]>(catalogues.map(({ url }) => url));
  const [isBundled, setBundled] = useState(false);
  const [isEmpty, setEmpty] = useState(false);

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const data = new FormData(event.currentTarget);
    const [url, file] = [String(data.get("url") ?? "").trim(), data.get("file")];
    const sources: SyncSource[] = [
      ...(file instanceof File && file.size > 0
        ? [{ type: "file" as const, name: file.name.slice(0, 200), gzip: await compressed(file) }]
        : []),
      ...(url ? [{ type: "url" as const, url }] : []),
      ...catalogues.filter((one) => chosen.includes(one.url)).map((one) => ({ type: "url" as const, url: one.url })),
      ...(isBundled ? [{ type: "bundled" as const }] : []),
    ];
    setEmpty(sources.length === 0);
    if (sources.length === 0) return;
    const done = await run({ sources: sources.slice(0, MAX_SOURCES) });
    if (done) router.push(`/admin/catalogue/${done.id}`);
  }

  const sourceProblem = [0, 1, 2, 3].flatMap((index) => {
    const names = [`sources.${index}`, `sources.${index}.url`, `sources.${index}.gzip`];
    return names.map(fieldProblem).filter((one) => one !== undefined);
  })[0];
  return (
    <Form onSubmit={submit}>
      <FormError message={isEmpty ? t("chooseOne") : (problem ?? sourceProblem)} />
      <fieldset className="flex flex-col gap-1">
        <legend className="mb-1 text-sm font-medium">{t("sources")}</legend>
        {catalogues.map(({ name, url }) => (
          <ChoiceField key={url} name={name} label={name} help={<span className="wrap-anywhere">{url}</span>}>
            <Checkbox
              checked={chosen.includes(url)}
              onCheckedChange={(is) => setChosen(is ? [...chosen, url] : chosen.filter((one) => one !== url))}
            />
          </ChoiceField>
        ))}
        <ChoiceField name="bundled" label={t("bundled")} help={t("bundledHelp", { date: bundledDate })}>
          <Checkbox checked={isBundled} onCheckedChange={setBundled} />
        </ChoiceField>
      </fieldset>
      <Field name="url" label={t("url")} help={t("urlHelp")}>
        <Input type="url" autoComplete="off" spellCheck={false} />
      </Field>
      <Field name="file" label={t("file")} help={t("fileHelp")}>
        <Input type="file" accept=".json,application/json" className="py-1.5" />
      </Field>
      <FormActions>
        <Button type="submit" variant="primary" disabled={isPending}>
          {isPending ? t("comparing") : t("compare")}
        </Button>
      </FormActions>
    </Form>
  );
}

const MAX_SOURCES = 4;

async function compressed(file: File): Promise<string> {
  const stream = file.stream().pipeThrough(new CompressionStream("gzip"));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  let text = "";
  for (let at = 0; at < bytes.length; at += 0x8000) text += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  return btoa(text);
}
