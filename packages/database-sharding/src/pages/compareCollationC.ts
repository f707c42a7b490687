/**
 * The order of PostgreSQL's collation "C" in a UTF-8 database: by code point. JavaScript's `<` orders by UTF-16 unit, which puts
 * U+10000 and above before U+E000..U+FFFF.
 */
export function compareCollationC(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let index = 0; index < length; index += 1) {
    const left = a.charCodeAt(index);
    const right = b.charCodeAt(index);
    if (left !== right) return lift(left) - lift(right);
  }
  return a.length - b.length;
}

/** Moves surrogates above every other unit, where the code points that they encode are. */
function lift(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}
