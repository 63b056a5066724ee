/** The device says of itself that it cannot do this; neither a pass nor a failure. */
export class Unsupported extends Error {
  override readonly name = 'Unsupported';
}
