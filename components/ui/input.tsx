import { Input as InputPrimitive } from "@base-ui/react/input";
import { cn } from "@/lib/utils";

export function Input({ className, ...props }: InputPrimitive.Props) {
  return (
    <InputPrimitive
      data-slot="input"
      className={cn(
        "h-9 w-full min-w-0 rounded-control border border-control-line bg-surface px-3 placeholder:text-ink-2 disabled:opacity-50 data-invalid:border-danger pointer-coarse:min-h-11 pointer-coarse:text-lg",
        className,
      )}
      {...props}
    />
  );
}
