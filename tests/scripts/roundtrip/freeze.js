// Turns the documents here into collections, as README.md says. Needs Node.js and two npm packages, here or above:
//   npm install openapi-to-postmanv2@6.3.3 postman-collection-transformer@4.1.14
//   node freeze.js
"use strict";

const fs = require("fs");
const path = require("path");
const exporter = require("openapi-to-postmanv2");
const transformer = require("postman-collection-transformer");

// What is written: from which document, by which of the exporter's two ways, with which options.
const COLLECTIONS = {
  "library-tags": ["library", "convertV2", { folderStrategy: "Tags" }],
  "library-paths-examples": ["library", "convertV2", { folderStrategy: "Paths", parametersResolution: "Example" }],
  "library-old": ["library", "convert", { folderStrategy: "Tags" }],
  "plain-tags": ["plain", "convertV2", { folderStrategy: "Tags" }],
  "plain-old": ["plain", "convert", {}],
  "plain-optional-off": ["plain", "convertV2", { folderStrategy: "Tags", enableOptionalParameters: false }],
};
const VERSION_2_0 = ["library-tags", "plain-old"]; // in the older format, too, by way of version 1

function write(name, collection) {
  fs.writeFileSync(path.join(__dirname, `${name}.json`), JSON.stringify(collection, null, 1) + "\n");
}

function convert(collection, inputVersion, outputVersion, then) {
  const copy = JSON.parse(JSON.stringify(collection));
  transformer.convert(copy, { inputVersion, outputVersion, retainIds: true }, (error, result) => {
    if (error) throw error;
    then(result);
  });
}

for (const [name, [document, way, options]] of Object.entries(COLLECTIONS)) {
  const data = fs.readFileSync(path.join(__dirname, `${document}.yaml`), "utf8");
  exporter[way]({ type: "string", data }, options, (error, result) => {
    if (error || !result.result) throw error || new Error(result.reason);
    const collection = result.output[0].data;
    write(name, collection);
    if (!VERSION_2_0.includes(name)) return;
    convert(collection, "2.1.0", "1.0.0", (first) => convert(first, "1.0.0", "2.0.0", (old) => write(`${name}-2.0`, old)));
  });
}
