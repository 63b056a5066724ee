/**
 * The part of the WebAssembly JS API that Node 20 has. TypeScript declares it only in the DOM library, which
 * would also let `window` or a bare `name` compile in server code.
 *
 * @see https://webassembly.github.io/spec/js-api/
 */
declare namespace WebAssembly {
  type ImportExportKind = 'function' | 'global' | 'memory' | 'table';
  type ValueType = 'anyfunc' | 'externref' | 'f32' | 'f64' | 'i32' | 'i64' | 'v128';
  type ExportValue = ((...args: never[]) => unknown) | Global | Memory | Table;
  type ImportValue = ExportValue | number | bigint;
  type Imports = Record<string, Record<string, ImportValue>>;
  type Exports = Record<string, ExportValue>;
  type Bytes = ArrayBufferView | ArrayBuffer;

  class Module {
    constructor(bytes: Bytes);
    static exports(module: Module): { name: string; kind: ImportExportKind }[];
    static imports(module: Module): { module: string; name: string; kind: ImportExportKind }[];
    static customSections(module: Module, sectionName: string): ArrayBuffer[];
  }

  class Instance {
    constructor(module: Module, imports?: Imports);
    readonly exports: Exports;
  }

  /** Sizes are in pages of 65536 bytes. */
  interface MemoryDescriptor {
    initial: number;
    maximum?: number;
    /** Needs `maximum`; `buffer` is then a SharedArrayBuffer. */
    shared?: boolean;
  }

  class Memory {
    constructor(descriptor: MemoryDescriptor);
    readonly buffer: ArrayBuffer | SharedArrayBuffer;
    /** Returns the old size in pages; an unshared `buffer` is detached and replaced. */
    grow(deltaPages: number): number;
  }

  class Global<V = unknown> {
    constructor(descriptor: { value: ValueType; mutable?: boolean }, value?: V);
    value: V;
    valueOf(): V;
  }

  class Table {
    constructor(descriptor: { element: 'anyfunc' | 'externref'; initial: number; maximum?: number }, value?: unknown);
    readonly length: number;
    get(index: number): unknown;
    set(index: number, value?: unknown): void;
    grow(delta: number, value?: unknown): number;
  }

  class CompileError extends Error {}
  class LinkError extends Error {}
  class RuntimeError extends Error {}

  function validate(bytes: Bytes): boolean;
  function compile(bytes: Bytes): Promise<Module>;
  function instantiate(bytes: Bytes, imports?: Imports): Promise<{ module: Module; instance: Instance }>;
  function instantiate(module: Module, imports?: Imports): Promise<Instance>;
}
