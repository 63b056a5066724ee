import type { Axis } from '../../ir/nodes.js';
import { storageOf } from './dialect.js';
import type { Dialect } from './dialect.js';
import type { Declared, Driver } from './driver.js';
import { slotDetail, slotName } from './names.js';

/** The body of a kernel and what its run has to do for it. */
export interface BodyText {
  readonly functions: readonly string[];
  /** Statement that runs one id. */
  readonly call: string;
  /** Declarations that the call names. */
  readonly enter: readonly string[];
}

const AXES: readonly Axis[] = ['x', 'y', 'z'];
const TYPES = ['i32', 'u32', 'i64', 'u64', 'f32', 'f64'] as const;

/** A body written by hand, with the names that {@link RawSources} promises. */
export function rawBody(driver: Driver, name: string, text: string): BodyText {
  const { dialect, kernel, plan } = driver;
  const { u32, bool } = dialect.types;
  const arrays = plan.slots.flatMap(({ param, column, dtype }, slot): (Declared & { readonly enter: string })[] => {
    const internal = slotName(plan.slots, slot);
    if (kernel.params[param]?.role === 'uniform')
      return [{ type: dialect.types[dtype], name: param, given: internal, enter: driver.uniformLine(slot) }];
    const lengthName = slotDetail(plan.slots, slot, 'length');
    const pointer = {
      type: driver.pointerType(slot),
      name: column === 'value' ? param : `${param}_${column}`,
      given: internal,
      enter: driver.columnLine(slot),
    };
    const isFirst = plan.slots.findIndex((other) => other.param === param) === slot;
    const length = { type: u32, name: `${param}_length`, given: lengthName, enter: driver.lengthLine(slot) };
    return isFirst ? [pointer, length] : [pointer];
  });
  const shared = kernel.shared.map((array, i): Declared => ({
    type: `${dialect.spaces.shared}${storageOf(dialect, array.dtype)}*`,
    name: array.name,
    given: driver.sharedName(i),
  }));
  const kinds = kernel.workgroup === null ? (['global', 'globalSize'] as const) : IDS;
  const ids = kinds.flatMap((which) =>
    AXES.map((axis): Declared => ({ type: u32, name: `${snake(which)}_${axis}`, given: `${which}_${axis}` })),
  );
  const inRange: Declared[] = kernel.workgroup === null ? [] : [{ type: bool, name: 'in_range', given: 'inRange' }];
  const params = [...arrays, ...shared, ...ids, ...inRange];
  return {
    functions: [
      ...typeNames(dialect),
      `${dialect.functionPrefix} void ${name}(${params.map((p) => `${p.type} ${p.name}`).join(', ')}) {`,
      text,
      '}',
    ],
    call: `${name}(${params.map((p) => p.given ?? p.name).join(', ')});`,
    enter: arrays.map(({ enter }) => enter),
  };
}

const IDS = ['global', 'globalSize', 'local', 'group', 'groupCount'] as const;

function snake(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** The types of the language by their names in it. */
function typeNames(dialect: Dialect): string[] {
  return [
    '#ifndef GB_TYPES',
    '#define GB_TYPES',
    ...TYPES.map((type) => `typedef ${dialect.types[type]} ${type};`),
    '#endif',
  ];
}
