/** The silo of an address, `siloId.generation`. */
export function siloIdOf(address: string): string {
  const end = address.lastIndexOf('.');
  return end === -1 ? address : address.slice(0, end);
}
