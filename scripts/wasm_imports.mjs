// Fails if the wasm imports anything that its own JavaScript does not provide.
import { readFileSync } from "node:fs";
import path from "node:path";

const module = new WebAssembly.Module(readFileSync(process.argv[2]));
const imports = WebAssembly.Module.imports(module);
const own = `./${path.basename(process.argv[2], ".wasm")}_bg.js`;
const foreign = imports.filter(({ module: from }) => from !== own);
for (const { module: from, name } of foreign) console.log(`imports ${name} from ${from}`);
console.log(`${imports.length} imports, ${foreign.length} of them foreign`);
process.exit(foreign.length === 0 ? 0 : 1);
