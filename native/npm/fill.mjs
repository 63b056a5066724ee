// Before a platform package is packed: puts the binaries that native/ built here into it. Run in the package's folder.
import { chmodSync, copyFileSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const { name, os, cpu } = JSON.parse(readFileSync('package.json', 'utf8'));
if (!os.includes(process.platform) || !cpu.includes(process.arch)) {
  console.error(`${name} must be packed on its own platform, this is ${process.platform}-${process.arch}`);
  process.exit(1);
}
for (const file of ['addon.node', 'device-host']) {
  const built = join(import.meta.dirname, '../build/bin', file);
  if (!existsSync(built)) {
    console.error(`${built} is missing: run npm run setup with cmake and g++ installed`);
    process.exit(1);
  }
  copyFileSync(built, file);
  chmodSync(file, 0o755);
}
