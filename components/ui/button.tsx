import { Button as ButtonPrimitive } from "@base-ui/react/button";
import { cva, type VariantProps } from "class-variance-authority";
import { cn } from "@/lib/utils";

/** Also for links that look like buttons: `<a className={buttonVariants()}>` keeps them links to assistive technology. */
export const buttonVariants = cva(
  "inline-flex shrink-0 items-center justify-center gap-2 rounded-control border font-medium whitespace-nowrap select-none transition-colors duration-100 disabled:opacity-50 data-disabled:pointer-events-none pointer-coarse:min-h-11 [&_svg]:size-4 [&_svg]:shrink-0",
  {
    variants: {
      variant: {
        primary: "border-accent bg-accent text-on-accent hover:border-accent/90 hover:bg-accent/90",
        outline: "border-line-strong bg-surface text-ink hover:border-control-line",
        quiet:
          "border-transparent text-ink-2 hover:bg-ink/6 hover:text-ink data-popup-open:bg-ink/6 data-popup-open:text-ink",
        danger: "border-danger bg-transparent text-danger hover:bg-danger/8",
      },
      size: {
        default: "h-9 px-3.5",
        small: "h-8 px-2.5 text-sm",
        icon: "size-8 pointer-coarse:min-w-11",
      },
    },
    defaultVariants: { variant: "outline", size: "default" },
  },
);

type ButtonProps = ButtonPrimitive.Props & VariantProps<typeof buttonVariants>;

export function Button({ className, variant, size, ...props }: ButtonProps) {
  return <ButtonPrimitive data-slot="button" className={cn(buttonVariants({ variant, size }), className)} {...props} />;
}
