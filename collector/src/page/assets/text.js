// Figures and names as people read them. Pure.

// Characters that change how others are shown, or are not shown: a name must not look like another one.
const HIDDEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cs}]/gu;

// A name longer than this is cut: a page is no place for a megabyte.
const NAME_MAX = 300;

export function name(text) {
  const [...characters] = String(text ?? "").slice(0, 4 * NAME_MAX);
  const cut = characters.length > NAME_MAX ? `${characters.slice(0, NAME_MAX).join("")}…` : characters.join("");
  return cut.replace(HIDDEN, (character) => `\\u{${character.codePointAt(0).toString(16)}}`) || "(no name)";
}

const UNITS = [[1e9, "s"], [1e6, "ms"], [1e3, "µs"], [1, "ns"]];

export function duration(ns) {
  const [scale, unit] = UNITS.find(([scale]) => Math.abs(ns) >= scale) ?? [1, "ns"];
  return `${(ns / scale).toLocaleString("en", { maximumSignificantDigits: 4 })} ${unit}`;
}

export const count = (number) => number.toLocaleString("en", { maximumFractionDigits: 3 });

export function bytes(number) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  const power = Math.min(Math.floor(Math.log2(Math.max(Math.abs(number), 1)) / 10), units.length - 1);
  return `${(number / 1024 ** power).toLocaleString("en", { maximumSignificantDigits: 4 })} ${units[power]}`;
}

// A time in ns since 1970, in this browser's zone.
export const time = (ns) => new Date(Number(BigInt(ns) / 1_000_000n)).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" });
