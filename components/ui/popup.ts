/** The look of everything that floats: menu, select, popover. */
export const popupClassName =
  "z-50 min-w-[var(--anchor-width)] max-h-[var(--available-height)] overflow-y-auto rounded-floating border border-line-strong bg-surface p-1 text-ink shadow-floating outline-hidden";

export const popupItemClassName =
  "flex min-h-8 cursor-default items-center gap-2 rounded-control py-1 pr-3 pl-2 outline-hidden select-none data-highlighted:bg-ink/6 data-disabled:opacity-50 pointer-coarse:min-h-11 [&_svg]:size-4 [&_svg]:shrink-0";
