"use client";

import { Select as SelectPrimitive } from "@base-ui/react/select";
import { Check, ChevronsUpDown } from "lucide-react";
import { popupClassName, popupItemClassName } from "@/components/ui/popup";
import { cn } from "@/lib/utils";

export const Select = SelectPrimitive.Root;
export const SelectValue = SelectPrimitive.Value;

type SelectFromProps<Value extends string> = Pick<SelectPrimitive.Root.Props<string>, "name" | "disabled"> &
  Pick<SelectPrimitive.Trigger.Props, "aria-label" | "aria-busy" | "className"> & {
    items: readonly { value: Value; label: string }[];
    value?: string | undefined;
    defaultValue?: string;
    onValueChange?(value: NoInfer<Value>): void;
  };

/** One of a few, each of which says what it is. Others are put together from the parts below. */
export function SelectFrom<Value extends string>({
  items,
  onValueChange,
  className,
  "aria-label": label,
  "aria-busy": isBusy,
  ...props
}: SelectFromProps<Value>) {
  return (
    // safe because only items can be chosen
    <Select items={items} onValueChange={(value) => value !== null && onValueChange?.(value as Value)} {...props}>
      <SelectTrigger aria-label={label} aria-busy={isBusy} className={className}>
        <SelectValue />
      </SelectTrigger>
      <SelectContent>
        {items.map(({ value, label }) => (
          <SelectItem key={value} value={value}>
            {label}
          </SelectItem>
        ))}
      </SelectContent>
    </Select>
  );
}

export function SelectTrigger({ className, children, ...props }: SelectPrimitive.Trigger.Props) {
  return (
    <SelectPrimitive.Trigger
      data-slot="select-trigger"
      className={cn(
        "flex h-9 w-full items-center justify-between gap-2 rounded-control border border-control-line bg-surface pr-2 pl-3 whitespace-nowrap select-none data-disabled:opacity-50 data-placeholder:text-ink-2 pointer-coarse:min-h-11",
        className,
      )}
      {...props}
    >
      {children}
      <SelectPrimitive.Icon className="text-ink-2">
        <ChevronsUpDown className="size-4" strokeWidth={1.5} aria-hidden />
      </SelectPrimitive.Icon>
    </SelectPrimitive.Trigger>
  );
}

export function SelectContent({ className, children, ...props }: SelectPrimitive.Popup.Props) {
  return (
    <SelectPrimitive.Portal>
      <SelectPrimitive.Positioner className="z-50 outline-hidden" sideOffset={6} alignItemWithTrigger={false}>
        <SelectPrimitive.Popup data-slot="select-content" className={cn(popupClassName, className)} {...props}>
          <SelectPrimitive.List>{children}</SelectPrimitive.List>
        </SelectPrimitive.Popup>
      </SelectPrimitive.Positioner>
    </SelectPrimitive.Portal>
  );
}

export function SelectItem({ className, children, ...props }: SelectPrimitive.Item.Props) {
  return (
    <SelectPrimitive.Item data-slot="select-item" className={cn(popupItemClassName, className)} {...props}>
      <span className="size-4 shrink-0">
        <SelectPrimitive.ItemIndicator>
          <Check strokeWidth={1.5} aria-hidden />
        </SelectPrimitive.ItemIndicator>
      </span>
      <SelectPrimitive.ItemText>{children}</SelectPrimitive.ItemText>
    </SelectPrimitive.Item>
  );
}
