import { GpuBridgeError } from '@gpu-bridge/abstractions';
import type { GrainOptions, RemoteForm } from '@gpu-bridge/abstractions';

/** By name, so that a function added to the type and forgotten here does not compile. */
const REMOTE_FORM_FUNCTIONS: Readonly<Record<keyof RemoteForm, true>> = {
  packArguments: true,
  unpackArguments: true,
  toStream: true,
  fromStream: true,
  placement: true,
};

/**
 * Checks the options of a grain class that speak of its methods and its state. Whether it has the methods is known only
 * when it has made an instance.
 *
 * @throws GpuBridgeError `INVALID_ARGUMENT`
 */
export function checkMethodOptions(field: string, options: GrainOptions): void {
  const { kind, reentrant, interleaving, idempotent, persistent, remoteForms } = options;
  const refuse = (option: keyof GrainOptions, expected: string): never => {
    throw GpuBridgeError.invalidArgument(`${field}.options.${option}`, options[option], expected);
  };
  if (interleaving !== undefined && !isListOfNames(interleaving)) refuse('interleaving', 'a list of method names');
  if (interleaving !== undefined && reentrant === true)
    refuse('interleaving', 'left out: every method of a reentrant grain interleaves');
  if (idempotent !== undefined && idempotent !== 'all' && !isListOfNames(idempotent))
    refuse('idempotent', 'all or a list of method names');
  if (persistent !== undefined && typeof persistent !== 'boolean') refuse('persistent', 'a boolean');
  if (persistent === true && kind !== 'keyed') refuse('persistent', 'left out: only keyed grains have storage');
  if (remoteForms !== undefined && !isRecord(remoteForms)) refuse('remoteForms', 'an object by method name');
  for (const [method, form] of Object.entries(remoteForms ?? {}))
    checkRemoteForm(`${field}.options.remoteForms.${method}`, form);
}

function checkRemoteForm(field: string, form: RemoteForm): void {
  if (!isRecord(form)) throw GpuBridgeError.invalidArgument(field, form, 'an object');
  for (const [name, value] of Object.entries(form)) {
    if (!Object.hasOwn(REMOTE_FORM_FUNCTIONS, name))
      throw GpuBridgeError.invalidArgument(
        `${field}.${name}`,
        name,
        `one of ${Object.keys(REMOTE_FORM_FUNCTIONS).join(', ')}`,
      );
    if (value !== undefined && typeof value !== 'function')
      throw GpuBridgeError.invalidArgument(`${field}.${name}`, value, 'a function');
  }
}

function isListOfNames(value: unknown): boolean {
  return Array.isArray(value) && value.every((name) => typeof name === 'string' && name !== '');
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
