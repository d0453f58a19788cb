import { Field as FieldPrimitive } from "@base-ui/react/field";
import { CircleAlert } from "lucide-react";
import type { ReactNode } from "react";
import { cn } from "@/lib/utils";

type FieldProps = {
  /** The field's name in the input schema: errors of an action are keyed by it. */
  name: string;
  label: ReactNode;
  /** Replaced by the error while there is one. */
  help?: ReactNode;
  error?: string | undefined;
  className?: string;
  children: ReactNode;
};

/** Label above, control, then help or error. The control inside (Input, Textarea, Select, Checkbox, Switch) takes its
 *  label, description and invalid state from here. */
export function Field({ name, label, help, error, className, children }: FieldProps) {
  return (
    <FieldPrimitive.Root
      data-slot="field"
      name={name}
      invalid={error !== undefined}
      className={cn("flex min-w-0 flex-col gap-1.5", className)}
    >
      <FieldPrimitive.Label className="text-sm font-medium">{label}</FieldPrimitive.Label>
      {children}
      <FieldNote help={help} error={error} />
    </FieldPrimitive.Root>
  );
}

/** For a checkbox or switch: the control stands before its label. */
export function ChoiceField({ name, label, help, error, className, children }: FieldProps) {
  return (
    <FieldPrimitive.Root
      data-slot="choice-field"
      name={name}
      invalid={error !== undefined}
      className={cn("flex min-w-0 flex-col gap-1", className)}
    >
      <FieldPrimitive.Label className="flex min-h-6 items-center gap-2.5 pointer-coarse:min-h-11">
        {children}
        <span>{label}</span>
      </FieldPrimitive.Label>
      <FieldNote help={help} error={error} />
    </FieldPrimitive.Root>
  );
}

function FieldNote({ help, error }: Pick<FieldProps, "help" | "error">) {
  if (error !== undefined) {
    return (
      <FieldPrimitive.Error match className="flex items-start gap-1.5 text-sm text-danger">
        <CircleAlert className="mt-0.5 size-4 shrink-0" strokeWidth={1.5} aria-hidden />
        {error}
      </FieldPrimitive.Error>
    );
  }
  return help ? <FieldPrimitive.Description className="text-sm text-ink-2">{help}</FieldPrimitive.Description> : null;
}
