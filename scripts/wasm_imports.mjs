// Fails if the wasm imports anything that its own JavaScript does not provide.
import { readFileSync } from "node:fs";

const module = new WebAssembly.Module(readFileSync(process.argv[2]));
const imports = WebAssembly.Module.imports(module);
const foreign = imports.filter(({ module: from }) => !from.startsWith("./transfer4me_bg.js"));
for (const { module: from, name } of foreign) console.log(`imports ${name} from ${from}`);
console.log(`${imports.length} imports, ${foreign.length} of them foreign`);
process.exit(foreign.length === 0 ? 0 : 1);
