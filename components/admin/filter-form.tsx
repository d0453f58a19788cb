import type { ReactNode } from "react";
import { Button } from "@/components/ui/button";
import { Input } from "@/components/ui/input";
import { Label } from "@/components/ui/label";

type FilterField = { name: string; label: string; value: string; type?: "search" | "date" };

/** Filters in one row; sending them puts them into the address, also without script. */
export function FilterForm({
  fields,
  submit,
  children,
}: {
  fields: readonly FilterField[];
  submit: string;
  children?: ReactNode;
}) {
  return (
    <search className="mb-4 block">
      <form method="get" className="flex flex-wrap items-end gap-3 max-sm:*:basis-[calc(50%-0.375rem)]">
        {fields.map(({ name, label, value, type = "search" }) => (
          <div key={name} className="flex min-w-0 flex-col gap-1.5 max-sm:grow">
            <Label htmlFor={`filter-${name}`} className="text-sm font-medium">
              {label}
            </Label>
            <Input id={`filter-${name}`} name={name} type={type} defaultValue={value} className="sm:w-40" />
          </div>
        ))}
        <Button type="submit" className="max-sm:basis-auto!">
          {submit}
        </Button>
        {children}
      </form>
    </search>
  );
}
