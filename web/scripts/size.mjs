// Prints what the page weighs and fails if it weighs too much: what the first paint needs, and all of it.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

const FIRST_KB = 190;
const ALL_KB = 420;

const dist = new URL('../dist/', import.meta.url).pathname;
const index = readFileSync(join(dist, 'index.html'), 'utf8');
let first = gzipSync(index).length;
let all = first;
for (const name of readdirSync(join(dist, 'assets')).sort()) {
  const size = gzipSync(readFileSync(join(dist, 'assets', name))).length;
  const needed = index.includes(name);
  all += size;
  first += needed ? size : 0;
  console.log(`  ${name}  ${(size / 1024).toFixed(1)} KB${needed ? '' : '  (when it is needed)'}`);
}
console.log(`First paint ${(first / 1024).toFixed(1)} of ${FIRST_KB} KB, all ${(all / 1024).toFixed(1)} of ${ALL_KB} KB (gzip)`);
if (first > FIRST_KB * 1024 || all > ALL_KB * 1024) {
  console.error('The page has become too large. Load what is seldom needed lazily, or raise the bound with a reason.');
  process.exit(1);
}
