/** Rows as CSV (RFC 4180), the first one being the head. Text that a spreadsheet would run as a formula gets a leading
 *  apostrophe; numbers stay as they are. */
export function toCsv(rows: readonly (readonly (string | number | bigint)[])[]): string {
  return rows.map((row) => `${row.map(cell).join(",")}\r\n`).join("");
}

function cell(value: string | number | bigint): string {
  if (typeof value !== "string") return String(value);
  const plain = /^[=+\-@\t\r]/.test(value) && !/^-?\d+(\.\d+)?$/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(plain) ? `"${plain.replaceAll('"', '""')}"` : plain;
}
