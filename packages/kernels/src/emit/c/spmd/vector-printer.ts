import { sizeOf } from '@gpu-bridge/abstractions';
import type { DType } from '@gpu-bridge/abstractions';
import type { ArithmeticOperator, Items } from '../../../ir/nodes.js';
import type { Mask, VExpr, VStmt, VectorBody } from '../../../passes/vectorize/vector-form.js';
import type { BodyPrinter, Surroundings } from '../body.js';
import { CPP } from '../cpp.js';
import { isFloat } from '../dialect.js';
import type { Dialect } from '../dialect.js';
import { plain } from '../names.js';
import { LEVEL, at, binary, bitcast, call, convert, primary, unary } from '../operators.js';
import type { Piece } from '../operators.js';
import { laneDialect, storage } from './lane-types.js';

/** How many ids the vector form takes at once: eight f32 fill a register of AVX2. */
export const WIDTH = 8;

/** Prints the vector form of a body as C++ over vectors of `width` lanes. */
export class VectorPrinter {
  private lines: string[] = [];
  private readonly lanes: Dialect;

  constructor(
    private readonly width: number,
    private readonly body: VectorBody,
    private readonly around: Surroundings,
    /** Prints what the form takes over from the program: leaves, the same for every lane. */
    private readonly scalars: BodyPrinter,
    private readonly keptName: (local: number) => string,
    /** Of labels, because a function may have several such bodies. */
    private readonly stem: string,
  ) {
    this.lanes = laneDialect(width);
  }

  print(): string[] {
    const vars = this.body.vars.map(
      ({ type, varying }, id) => `${this.typeOf(type, varying)} ${this.varName(id)} = ${varying ? '{}' : '0'};`,
    );
    this.block(this.body.body);
    return [...vars, ...this.lines];
  }

  private typeOf(type: DType, varying: boolean): string {
    return (varying ? this.lanes : CPP).types[type];
  }

  private varName(id: number): string {
    return `${plain(this.body.vars[id]?.name ?? '')}_v${id}`;
  }

  private fn(stem: string, type?: DType): string {
    return `gb_${stem}${type === undefined ? '' : `_${type}`}x${this.width}`;
  }

  private nested(stmts: readonly VStmt[]): string[] {
    const outer = this.lines;
    this.lines = [];
    this.block(stmts);
    const inner = this.lines.map((line) => `  ${line}`);
    this.lines = outer;
    return inner;
  }

  private block(stmts: readonly VStmt[]): void {
    for (const stmt of stmts) this.stmt(stmt);
  }

  private stmt(stmt: VStmt): void {
    const { lines } = this;
    switch (stmt.op) {
      case 'set':
        lines.push(`${this.varName(stmt.id)} = ${this.expr(stmt.value).text};`);
        return;
      case 'setGroup':
        lines.push(`${this.around.local(stmt.local)} = ${this.expr(stmt.value).text};`);
        return;
      case 'load':
        this.load(stmt);
        return;
      case 'store':
        this.store(stmt);
        return;
      case 'loadItem': {
        const type = this.body.vars[stmt.id]?.type ?? 'u32';
        lines.push(`${this.varName(stmt.id)} = ${this.fn('load', type)}(&${this.around.element(stmt.slot)});`);
        return;
      }
      case 'storeItem': {
        const place = `&${this.around.element(stmt.slot)}`;
        const value = this.expr(stmt.value).text;
        const name = this.fn(stmt.mask === null ? 'store' : 'scatterUnit', stmt.value.type);
        lines.push(
          stmt.mask === null
            ? `${name}(${place}, ${value});`
            : `${name}(${place}, 0, ${value}, ${this.mask(stmt.mask)});`,
        );
        return;
      }
      case 'loadSpill': {
        const type = this.body.vars[stmt.id]?.type ?? 'u32';
        lines.push(`${this.varName(stmt.id)} = ${this.fn('load', type)}(${this.keptName(stmt.local)} + lane);`);
        return;
      }
      case 'storeSpill':
        lines.push(
          `${this.fn('store', stmt.value.type)}(${this.keptName(stmt.local)} + lane, ${this.expr(stmt.value).text});`,
        );
        return;
      case 'atomic':
        this.atomic(stmt);
        return;
      case 'if': {
        lines.push(`if (${this.expr(stmt.condition).text}) {`, ...this.nested(stmt.then));
        if (stmt.else.length > 0) lines.push('} else {', ...this.nested(stmt.else));
        lines.push('}');
        return;
      }
      case 'loop':
        lines.push('for (;;) {', ...this.nested(stmt.body), '}');
        return;
      case 'block':
        lines.push('{', ...this.nested(stmt.body), '}', `${this.label(stmt.label)}:;`);
        return;
      case 'leave': {
        const jump = `goto ${this.label(stmt.label)};`;
        lines.push(stmt.when === null ? jump : `if (${this.expr(stmt.when).text}) ${jump}`);
      }
    }
  }

  private label(label: number): string {
    return `${this.stem}_${label}`;
  }

  private mask(mask: Mask): string {
    return mask === null ? `${this.fn('every')}()` : this.expr(mask).text;
  }

  private load(stmt: VStmt & { op: 'load' }): void {
    const { array, access, mask, check } = stmt;
    const type = array.dtype;
    const [name, pointer] = [this.varName(stmt.id), this.around.pointer(array)];
    const index = this.expr(stmt.index).text;
    const length = this.around.length(array.length).text;
    if (access === 'uniform') {
      const element = type === 'bool' ? `${pointer}[at] != 0` : `${pointer}[at]`;
      const count = mask === null ? `${this.width}u` : `${this.fn('count')}(${this.mask(mask)})`;
      this.lines.push(
        mask === null ? '{' : `if (${this.fn('any')}(${this.mask(mask)})) {`,
        `  const uint32_t at = ${index};`,
        ...(check
          ? [`  ${name} = 0;`, `  if (at < ${length}) ${name} = ${element};`, `  else *violations += ${count};`]
          : [`  ${name} = ${element};`]),
        '}',
      );
      return;
    }
    if (access === 'unit') {
      if (check) this.assign(name, this.fn('readUnit', type), pointer, length, index, this.mask(mask), 'violations');
      else if (mask === null) this.assign(name, this.fn('load', type), `${pointer} + (uint32_t)(${index})`);
      else this.assign(name, this.fn('gatherUnit', type), pointer, index, this.mask(mask));
      return;
    }
    const places = `(${this.lanes.types.u32})(${index})`;
    if (check) this.assign(name, this.fn('read', type), pointer, length, places, this.mask(mask), 'violations');
    else this.assign(name, this.fn('gather', type), pointer, places, this.mask(mask));
  }

  private assign(name: string, fn: string, ...args: readonly string[]): void {
    this.lines.push(`${name} = ${fn}(${args.join(', ')});`);
  }

  private store(stmt: VStmt & { op: 'store' }): void {
    const { array, access, mask, check, operator } = stmt;
    const type = array.dtype;
    const pointer = this.around.pointer(array);
    const length = this.around.length(array.length).text;
    const index = this.expr(stmt.index).text;
    const value = this.expr(stmt.value);
    if (access === 'uniform' && !stmt.value.varying) {
      const count = mask === null ? `${this.width}u` : `${this.fn('count')}(${this.mask(mask)})`;
      const stored = type === 'bool' ? `(uint32_t)${at(LEVEL.unary, value)}` : value.text;
      this.lines.push(
        mask === null ? '{' : `if (${this.fn('any')}(${this.mask(mask)})) {`,
        `  const uint32_t at = ${index};`,
        ...(check
          ? [`  if (at < ${length}) ${pointer}[at] = ${stored};`, `  else *violations += ${count};`]
          : [`  ${pointer}[at] = ${stored};`]),
        '}',
      );
      return;
    }
    if (operator !== null && access === 'unit') {
      this.updateUnit(stmt, operator, value.text);
      return;
    }
    if (operator !== null || access === 'uniform') {
      this.storeLanes(stmt, index, value.text);
      return;
    }
    const plainStore = access === 'unit' && mask === null && !check;
    const stem = `${check ? 'write' : plainStore ? 'store' : 'scatter'}${access === 'unit' && !plainStore ? 'Unit' : ''}`;
    const places = access === 'unit' ? index : `(${this.lanes.types.u32})(${index})`;
    const args = plainStore
      ? [`${pointer} + (uint32_t)(${index})`, value.text]
      : check
        ? [pointer, length, places, value.text, this.mask(mask), 'violations']
        : [pointer, places, value.text, this.mask(mask)];
    this.lines.push(`${this.fn(stem, type)}(${args.join(', ')});`);
  }

  /** `element operator value` of neighbours, which are different elements: together where all are there. */
  private updateUnit(stmt: VStmt & { op: 'store' }, operator: ArithmeticOperator, value: string): void {
    const { array, mask, check } = stmt;
    const type = array.dtype;
    const place = `${this.around.pointer(array)} + from`;
    const length = at(LEVEL.sum, this.around.length(array.length));
    const all = [
      ...(check ? [`from < ${length} && ${length} - from >= ${this.width}u`] : []),
      ...(mask === null ? [] : [`${this.fn('all')}(${this.mask(mask)})`]),
    ];
    const next = binary(this.lanes, operator, type, primary(`${this.fn('load', type)}(${place})`), primary('given'));
    const together = `${this.fn('store', type)}(${place}, ${next.text});`;
    this.lines.push(
      '{',
      `  const uint32_t from = ${this.expr(stmt.index).text};`,
      `  const ${this.lanes.types[type]} given = ${value};`,
    );
    if (all.length === 0) this.lines.push(`  ${together}`);
    else {
      this.lines.push(`  if (${all.join(' && ')}) ${together}`, '  else');
      this.storeLanes(stmt, 'from', 'given');
    }
    this.lines.push('}');
  }

  /** Stores that other lanes may see: one lane after the other. */
  private storeLanes(stmt: VStmt & { op: 'store' }, index: string, value: string): void {
    const { array, operator, access } = stmt;
    const type = array.dtype;
    const element = primary(`${this.around.pointer(array)}[at]`);
    const own = primary(type === 'bool' ? '(values[l] != 0)' : 'values[l]');
    const next = operator === null ? own : binary(CPP, operator, type, element, own);
    this.eachLane(
      {
        ...stmt,
        places: access === 'unit' ? `(uint32_t)(${index}) + ${this.fn('iota')}()` : index,
        isUniform: access === 'uniform',
      },
      this.spread('values', type, value),
      `${element.text} = ${next.text};`,
    );
  }

  /** Lanes as an array. */
  private spread(name: string, type: DType, lanes: string): string[] {
    return [`${storage(type)} ${name}[${this.width}];`, `${this.fn('spread', type)}(${name}, ${lanes});`];
  }

  private eachLane(
    access: Pick<VStmt & { op: 'store' }, 'array' | 'mask' | 'check'> & {
      readonly places: string;
      readonly isUniform: boolean;
    },
    before: readonly string[],
    action: string,
  ): void {
    const { array, mask, check, places, isUniform } = access;
    const where = isUniform
      ? [`const uint32_t at = ${places};`]
      : this.spread('places', 'u32', `(${this.lanes.types.u32})(${places})`);
    this.lines.push(
      '{',
      ...[...where, ...before].map((line) => `  ${line}`),
      ...(mask === null ? [] : [`  const uint32_t taking = ${this.fn('bits')}(${this.mask(mask)});`]),
      `  for (int l = 0; l < ${this.width}; ++l) {`,
      ...(mask === null ? [] : ['    if ((taking >> l & 1) == 0) continue;']),
      ...(isUniform ? [] : ['    const uint32_t at = places[l];']),
      ...(check
        ? [`    if (at < ${this.around.length(array.length).text}) ${action}`, '    else ++*violations;']
        : [`    ${action}`]),
      '  }',
      '}',
    );
  }

  private atomic(stmt: VStmt & { op: 'atomic' }): void {
    const { array, operator, id } = stmt;
    const type = array.dtype;
    const vector = this.lanes.types[type];
    const isCombined = this.around.isCombined(array);
    const name = `gb_${isCombined ? 'combine' : 'atomic'}_${operator}_${type}`;
    const args = [
      `${this.around.pointer(array)} + at`,
      ...(stmt.expected === null ? [] : ['expected[l]']),
      ...(stmt.value === null ? [] : ['values[l]']),
      ...(isCombined ? ['isPrivate'] : []),
    ];
    this.eachLane(
      { ...stmt, places: this.expr(stmt.index).text, isUniform: false },
      [
        ...(stmt.expected === null ? [] : this.spread('expected', type, this.expr(stmt.expected).text)),
        ...(stmt.value === null ? [] : this.spread('values', type, this.expr(stmt.value).text)),
        // What lies outside gives 0.
        ...(id === null ? [] : [`${this.varName(id)} = ${vector}{};`]),
      ],
      `${id === null ? '' : `${this.varName(id)}[l] = `}${name}(${args.join(', ')});`,
    );
  }

  private expr(e: VExpr): Piece {
    const dialect = e.varying ? this.lanes : CPP;
    switch (e.op) {
      case 'leaf':
        return this.scalars.expr(e.expr);
      case 'first':
        return primary(e.of === 'item' ? this.around.item : this.around.id(e.of, 'x'));
      case 'var':
        return primary(this.varName(e.id));
      case 'lanes': {
        const first = { text: `(uint32_t)${at(LEVEL.unary, this.expr(e.first))}`, level: LEVEL.unary };
        const sum = { text: `${first.text} + ${this.fn('iota')}()`, level: LEVEL.sum };
        return e.type === 'u32' ? sum : convertBits(dialect, e.type, sum);
      }
      case 'splat':
        return call(this.fn('splat', e.type), this.expr(e.value));
      case 'unary':
        if (e.operator === 'not' && e.varying)
          return { text: `~${at(LEVEL.unary, this.expr(e.value))}`, level: LEVEL.unary };
        return unary(dialect, e.operator, e.type, this.expr(e.value));
      case 'binary': {
        const piece = binary(dialect, e.operator, e.left.type, this.expr(e.left), this.expr(e.right));
        return e.varying && e.type === 'bool' ? this.asMask(e.left.type, piece) : piece;
      }
      case 'mask':
        return this.maskExpr(e);
      case 'select':
        return this.select(e);
      case 'keep':
        return this.keep(e);
      case 'cast':
        return e.varying
          ? this.convertLanes(e.value.type, e.type, this.expr(e.value))
          : convert(CPP, e.value.type, e.type, this.expr(e.value));
      case 'bitcast':
        return bitcast(dialect, e.value.type, e.type, this.expr(e.value));
      case 'lane0': {
        const lane = primary(`${at(LEVEL.primary, this.expr(e.value))}[0]`);
        return e.type === 'bool' ? { text: `${lane.text} != 0`, level: LEVEL.relation } : lane;
      }
      case 'any':
        return call(this.fn('any'), this.expr(e.mask));
    }
  }

  /** Comparisons give lanes as wide as what is compared, which for masks are 32 bits. */
  private asMask(compared: DType, piece: Piece): Piece {
    if (sizeOf(compared) === 8) return primary(`__builtin_convertvector(${piece.text}, ${this.lanes.types.bool})`);
    return convertBits(this.lanes, 'bool', piece);
  }

  private maskExpr(e: VExpr & { op: 'mask' }): Piece {
    const [left, right] = [this.expr(e.left), this.expr(e.right)];
    const no = e.varying ? '~' : '!';
    const b = e.operator === 'andNot' ? { text: `${no}${at(LEVEL.unary, right)}`, level: LEVEL.unary } : right;
    const symbol = e.operator === 'or' ? '|' : '&';
    return {
      text: `${at(LEVEL.unary, left)} ${e.varying ? symbol : symbol + symbol} ${at(LEVEL.unary, b)}`,
      level: LEVEL.bits,
    };
  }

  private select(e: VExpr & { op: 'select' }): Piece {
    const [condition, yes, no] = [this.expr(e.condition), this.expr(e.whenTrue), this.expr(e.whenFalse)];
    if (e.varying) return call(this.fn('select', e.type), condition, yes, no);
    return {
      text: `${at(LEVEL.bits, condition)} ? ${at(LEVEL.bits, yes)} : ${at(LEVEL.bits, no)}`,
      level: LEVEL.choice,
    };
  }

  private keep(e: VExpr & { op: 'keep' }): Piece {
    const zero = primary(`${this.lanes.types[e.type]}{}`);
    return call(this.fn('select', e.type), this.expr(e.mask), this.expr(e.value), zero);
  }

  private convertLanes(from: DType, to: DType, piece: Piece): Piece {
    const { types } = this.lanes;
    const converted = (type: DType, inner: Piece): Piece =>
      primary(`__builtin_convertvector(${inner.text}, ${types[type]})`);
    if (from === to) return piece;
    if (to === 'bool') return this.asMask(from, { text: `${at(LEVEL.sum, piece)} != 0`, level: LEVEL.relation });
    if (from === 'bool') return converted(to, { text: `${at(LEVEL.unary, piece)} & 1`, level: LEVEL.bits });
    if (isFloat(from) && !isFloat(to)) return call(`gb_saturate_${from}_${to}x${this.width}`, piece);
    // By way of f64, in two roundings, as every other target.
    if (sizeOf(from) === 8 && !isFloat(from) && to === 'f32') return converted('f32', converted('f64', piece));
    return converted(to, piece);
  }
}

/** The same bits as another type of the same size. */
function convertBits(dialect: Dialect, to: DType, piece: Piece): Piece {
  return { text: `(${dialect.types[to]})${at(LEVEL.unary, piece)}`, level: LEVEL.unary };
}

/** The vector forms of a kernel's `items` statements. */
export type Vectors = ReadonlyMap<Items, VectorBody>;
