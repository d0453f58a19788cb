import { useId } from "react";

type AmountChoiceProps = {
  legend: string;
  value: string;
  onChange: (value: string) => void;
  options: readonly { value: string; label: string }[];
};

/** One of several amounts; a group of radio buttons set side by side. */
export function AmountChoice({ legend, value, onChange, options }: AmountChoiceProps) {
  const name = useId();
  return (
    <fieldset data-slot="amount-choice">
      <legend className="mb-1.5 text-sm font-medium">{legend}</legend>
      <div className="grid grid-cols-3 gap-2">
        {options.map((option) => (
          <label
            key={option.value}
            className="figures flex min-h-11 cursor-pointer items-center justify-center rounded-control border border-control-line bg-surface px-2 text-center font-medium has-checked:border-accent has-checked:bg-accent/10 has-focus-visible:outline-2 has-focus-visible:outline-offset-2 has-focus-visible:outline-accent"
          >
            <input
              type="radio"
              className="sr-only"
              name={name}
              value={option.value}
              checked={option.value === value}
              onChange={() => onChange(option.value)}
            />
            {option.label}
          </label>
        ))}
      </div>
    </fieldset>
  );
}
