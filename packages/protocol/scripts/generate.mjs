#!/usr/bin/env node
// Turns schema/ring-abi.json into TypeScript and a C++ header. Both are committed; `--check` fails when they are stale.
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, '../../..');
const schema = JSON.parse(readFileSync(join(here, '../schema/ring-abi.json'), 'utf8'));
const WORDS_PER_LINE = schema.constants.LINE_BYTES.value / 4;

const upperSnake = (name) => name.replace(/([a-z])([A-Z])/g, '$1_$2').toUpperCase();
const lowerSnake = (name) => upperSnake(name).toLowerCase();
const pascal = (name) => name.toLowerCase().replace(/(^|_)([a-z])/g, (_, __, c) => c.toUpperCase());

for (const [name, { fields }] of Object.entries(schema.structs)) {
  if (fields.length > WORDS_PER_LINE) throw new Error(`${name} has ${fields.length} words, more than a line`);
}

function typescript() {
  const out = [
    '// Generated from schema/ring-abi.json by scripts/generate.mjs. Do not edit.',
    `/* ${schema.doc} */`,
    '',
  ];
  for (const [name, { value, doc }] of Object.entries(schema.constants)) {
    out.push(`/** ${doc} */`, `export const ${name} = ${value};`);
  }
  for (const [name, { doc, values }] of Object.entries(schema.enums)) {
    out.push('', `/** ${doc} */`, `export const ${name} = {`);
    for (const [key, { value, doc: valueDoc }] of Object.entries(values))
      out.push(`  /** ${valueDoc} */`, `  ${key}: ${value},`);
    out.push('} as const;', `export type ${name} = (typeof ${name})[keyof typeof ${name}];`);
  }
  for (const [name, { doc, fields }] of Object.entries(schema.structs)) {
    out.push('', `// ${name}: ${doc} Word offsets within the line:`);
    fields.forEach((f, i) =>
      out.push(`/** ${f.doc} */`, `export const ${upperSnake(name)}_${upperSnake(f.name)} = ${i};`),
    );
  }
  for (const name of ['Sqe', 'Cqe']) out.push(...entryCodec(name, schema.structs[name]));
  return `${out.join('\n')}\n`;
}

/** An entry as a reusable object and plain loads and stores of all words but `seq`, which the queue publishes. */
function entryCodec(name, { doc, fields }) {
  const body = fields.filter((f) => f.name !== 'seq');
  const index = (f) => fields.indexOf(f);
  return [
    '',
    `/** ${doc} All fields are u32. */`,
    `export interface ${name} {`,
    ...body.flatMap((f) => [`  /** ${f.doc} */`, `  ${f.name}: number;`]),
    '}',
    '',
    `export function create${name}(): ${name} {`,
    `  return { ${body.map((f) => `${f.name}: 0`).join(', ')} };`,
    '}',
    '',
    `/** Plain stores; visible to the other side only once the queue publishes the slot. */`,
    `export function write${name}(words: Uint32Array, slot: number, entry: Readonly<${name}>): void {`,
    ...body.map((f) => `  words[slot + ${index(f)}] = entry.${f.name};`),
    '}',
    '',
    `/** Plain loads; valid only between \`ready\` and \`advance\` of the queue. */`,
    `export function read${name}(words: Uint32Array, slot: number, into: ${name}): void {`,
    ...body.map((f) => `  into.${f.name} = words[slot + ${index(f)}]!;`),
    '}',
  ];
}

function header() {
  const out = [
    '// Generated from packages/protocol/schema/ring-abi.json. Do not edit.',
    '#pragma once',
    '',
    '#include <cstddef>',
    '#include <cstdint>',
    '#include <type_traits>',
    '',
    'namespace gpubridge {',
    '',
    `// ${schema.doc}`,
  ];
  for (const [name, { value, doc }] of Object.entries(schema.constants)) {
    out.push(`// ${doc}`, `inline constexpr std::uint32_t k${pascal(name)} = ${value}u;`);
  }
  for (const [name, { doc, values }] of Object.entries(schema.enums)) {
    out.push('', `// ${doc}`, `enum class ${name} : std::uint32_t {`);
    for (const [key, { value, doc: valueDoc }] of Object.entries(values))
      out.push(`  // ${valueDoc}`, `  k${pascal(key)} = ${value},`);
    out.push('};');
  }
  for (const [name, { doc, fields }] of Object.entries(schema.structs)) {
    out.push('', `// ${doc}`, `struct alignas(kLineBytes) ${name} {`);
    for (const f of fields) out.push(`  std::uint32_t ${lowerSnake(f.name)};  // ${f.doc}`);
    const spare = WORDS_PER_LINE - fields.length;
    if (spare > 0) out.push(`  std::uint32_t reserved[${spare}];`);
    out.push('};', `static_assert(sizeof(${name}) == kLineBytes);`, `static_assert(std::is_trivial_v<${name}>);`);
    fields.forEach((f, i) => out.push(`static_assert(offsetof(${name}, ${lowerSnake(f.name)}) == ${i * 4});`));
  }
  out.push('', '}  // namespace gpubridge');
  return `${out.join('\n')}\n`;
}

const outputs = [
  [join(here, '../src/generated/ring-abi.ts'), typescript()],
  [join(root, 'native/include/gpubridge/generated/ring_abi.h'), header()],
];
let stale = false;
for (const [path, text] of outputs) {
  if (process.argv.includes('--check')) {
    let current = '';
    try {
      current = readFileSync(path, 'utf8');
    } catch {
      // A missing file is stale.
    }
    if (current !== text) {
      stale = true;
      console.error(`stale: ${relative(root, path)} (run: node packages/protocol/scripts/generate.mjs)`);
    }
  } else {
    writeFileSync(path, text);
  }
}
process.exitCode = stale ? 1 : 0;
