"use client";

import { useTranslations } from "next-intl";
import type { FormEvent } from "react";
import { useActionDialog } from "@/components/admin/use-action";
import { Button } from "@/components/ui/button";
import { Dialog, DialogActions, DialogContent, DialogTrigger } from "@/components/ui/dialog";
import { Field } from "@/components/ui/field";
import { Form, FormError } from "@/components/ui/form";
import { Textarea } from "@/components/ui/textarea";
import type { ActionResult } from "@/lib/auth/action";

type Props<Input> = {
  /** On the button that opens it and on the one that does it. */
  verb: string;
  title: string;
  /** The consequence. */
  text: string;
  isDanger: boolean;
  action: (input: Input) => Promise<ActionResult<unknown>>;
  inputOf: (reason: string) => Input;
};

/** Does one thing that is written down with its reason. */
export function ReasonDialog<Input>({ verb, title, text, isDanger, action, inputOf }: Props<Input>) {
  const t = useTranslations("admin.customers");
  const { isOpen, onOpenChange, close, run, isPending, problem, fieldProblem } = useActionDialog(action);
  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    if (await run(inputOf(String(new FormData(event.currentTarget).get("reason"))))) close();
  }
  return (
    <Dialog open={isOpen} onOpenChange={onOpenChange}>
      <DialogTrigger render={<Button variant={isDanger ? "danger" : "outline"} />}>{verb}</DialogTrigger>
      <DialogContent title={title} description={text}>
        <Form onSubmit={submit}>
          <FormError message={problem} />
          <Field name="reason" label={t("reason")} error={fieldProblem("reason")}>
            <Textarea />
          </Field>
          <DialogActions>
            <Button type="submit" variant={isDanger ? "danger" : "primary"} disabled={isPending}>
              {verb}
            </Button>
          </DialogActions>
        </Form>
      </DialogContent>
    </Dialog>
  );
}
