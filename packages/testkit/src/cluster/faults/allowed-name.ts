/** A name that is allowed as it is; another becomes one that is. */
export function allowed(name: string, wrong: RegExp, length: number): string {
  return name.replaceAll(wrong, '_').slice(0, length) || '_';
}
