import { useTranslations } from "next-intl";
import { Button } from "@/components/ui/button";
import { Field } from "@/components/ui/field";
import { Form, FormActions } from "@/components/ui/form";
import { Input } from "@/components/ui/input";

/** Opens /setup with the code that somebody copied from the terminal. */
export function TokenForm({ wrong }: { wrong: boolean }) {
  const t = useTranslations("setup");
  const tAuth = useTranslations("auth");
  return (
    <Form action="/setup" method="get">
      <Field name="token" label={t("token")} error={wrong ? tAuth("fields.token") : undefined}>
        <Input autoComplete="off" required />
      </Field>
      <FormActions>
        <Button type="submit" variant="primary">
          {t("continue")}
        </Button>
      </FormActions>
    </Form>
  );
}
