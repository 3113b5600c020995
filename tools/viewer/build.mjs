// Bundles viewer.js with Spark and three into one ES module, their licences in front: `npm ci && npm run build`.
import { build } from "esbuild";
import { readFileSync, statSync } from "node:fs";

const output = "../../posegaussian/assets/viewer/viewer.js";
const packages = ["three", "@sparkjsdev/spark", "fflate"];
const notices = packages.map((name) => {
  const { version } = JSON.parse(readFileSync(`node_modules/${name}/package.json`));
  return `${name} ${version}\n\n${readFileSync(`node_modules/${name}/LICENSE`, "utf8").trim()}`;
});

await build({
  entryPoints: ["viewer.js"],
  outfile: output,
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  charset: "utf8",
  legalComments: "none",
  banner: { js: `/*! PoseGaussian's viewer, built by tools/viewer. It contains:\n\n${notices.join("\n\n")}\n*/` },
});
console.log(`${output}: ${(statSync(output).size / 1e6).toFixed(1)} MB`);
