"use client";

import { PERIODS, WORDS } from "@/components/design/samples";
import { Button } from "@/components/ui/button";
import { Checkbox } from "@/components/ui/checkbox";
import { CodeField } from "@/components/ui/code-field";
import { ChoiceField, Field } from "@/components/ui/field";
import { FilterGroup } from "@/components/ui/filter-group";
import { FilterInput } from "@/components/ui/filter-input";
import { FilterSelect } from "@/components/ui/filter-select";
import { Form, FormActions, FormError } from "@/components/ui/form";
import { Input } from "@/components/ui/input";
import { Label } from "@/components/ui/label";
import { SelectFrom } from "@/components/ui/select";
import { Switch } from "@/components/ui/switch";
import { Textarea } from "@/components/ui/textarea";
import { TimeZoneInput } from "@/components/ui/time-zone-input";

export function FieldSamples({ theme }: { theme: string }) {
  const standalone = `standalone-${theme}`;
  return (
    <Form onSubmit={(event) => event.preventDefault()}>
      <FormError message={WORDS.refused} />
      <Field name="name" label={WORDS.name} help={WORDS.help}>
        <Input name="name" defaultValue={WORDS.name} />
      </Field>
      <Field name="empty" label={WORDS.name} error={WORDS.error}>
        <Input name="empty" placeholder={WORDS.search} />
      </Field>
      <Field name="disabled" label={WORDS.name}>
        <Input name="disabled" defaultValue={WORDS.name} disabled />
      </Field>
      <Field name="text" label={WORDS.text}>
        <Textarea name="text" defaultValue={WORDS.text} />
      </Field>
      <Field name="zone" label={WORDS.name}>
        <TimeZoneInput name="zone" defaultValue="Europe/Berlin" />
      </Field>
      <Field name="period" label={WORDS.open}>
        <SelectFrom name="period" items={PERIODS} defaultValue="month" />
      </Field>
      <CodeField name="code" label={WORDS.code} cellLabel={(n, of) => `${n} / ${of}`} />
      <div className="flex flex-wrap gap-6">
        <ChoiceField name="off" label={WORDS.open}>
          <Checkbox name="off" />
        </ChoiceField>
        <ChoiceField name="on" label={WORDS.saved}>
          <Checkbox name="on" defaultChecked />
        </ChoiceField>
        <ChoiceField name="switch-off" label={WORDS.open}>
          <Switch name="switch-off" />
        </ChoiceField>
        <ChoiceField name="switch-on" label={WORDS.saved}>
          <Switch name="switch-on" defaultChecked />
        </ChoiceField>
      </div>
      <div className="flex flex-col gap-1.5">
        <Label htmlFor={standalone}>{WORDS.model}</Label>
        <Input id={standalone} />
      </div>
      <div className="flex flex-wrap gap-2">
        <FilterGroup active={0}>
          <FilterSelect name={`period-${theme}`} label={WORDS.open} value="day" options={PERIODS} />
          <FilterInput name={`search-${theme}`} label={WORDS.search} value="" />
        </FilterGroup>
      </div>
      <FormActions>
        <Button type="submit" variant="primary">
          {WORDS.submit}
        </Button>
        <Button variant="quiet">{WORDS.cancel}</Button>
      </FormActions>
    </Form>
  );
}
