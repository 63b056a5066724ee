/**
 * The same bytes as a plain `Uint8Array`: the client library reads into `Buffer`s, whose `slice` copies nothing and whose
 * class would travel on into whatever is made of them.
 */
export function plain(bytes: Uint8Array): Uint8Array {
  return bytes.constructor === Uint8Array ? bytes : new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
