// Runs before the program and can be read by any Node: says clearly that this one is too old. The launcher preloads it
// instead of asking for the version, which would cost the time of another start.
"use strict";

var NODE_MAJOR_MIN = 26;

if (Number(process.versions.node.split(".")[0]) < NODE_MAJOR_MIN) {
  process.stderr.write(
    "error: hindsight needs Node.js " +
      NODE_MAJOR_MIN +
      " or newer; " +
      process.execPath +
      " is " +
      process.version +
      "\n" +
      "hint: Install a newer one, or name it in the environment variable HINDSIGHT_NODE.\n",
  );
  process.exit(1);
}
