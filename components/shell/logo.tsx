/** Entries that line up on the right, and the double rule under a total. */
export function Mark({ className }: { className?: string }) {
  return (
    <svg viewBox="0 0 32 32" fill="none" strokeWidth="2.5" stroke="currentColor" className={className} aria-hidden>
      <path d="M16 5.5H27M5 11.5H27M11 17.5H27" />
      <path d="M5 23.5H27M5 28H27" className="stroke-accent" />
    </svg>
  );
}
