type ChoicesProps = {
  legend: string;
  name: string;
  value: string;
  onChange: (value: string) => void;
  options: readonly { value: string; label: string; text: string }[];
};

/** A few ways to go on, each with what follows from it. */
export function Choices({ legend, name, value, onChange, options }: ChoicesProps) {
  return (
    <fieldset className="flex flex-col gap-3">
      <legend className="sr-only">{legend}</legend>
      {options.map((option) => (
        <label
          key={option.value}
          className="flex cursor-pointer items-start gap-3 rounded-control border border-line-strong p-4 has-checked:border-accent has-focus-visible:outline-2 has-focus-visible:outline-offset-2"
        >
          <input
            type="radio"
            name={name}
            value={option.value}
            checked={option.value === value}
            onChange={(event) => onChange(event.target.value)}
            className="mt-1 accent-accent"
          />
          <span className="min-w-0">
            <span className="block font-medium">{option.label}</span>
            <span className="block text-sm text-ink-2">{option.text}</span>
          </span>
        </label>
      ))}
    </fieldset>
  );
}
