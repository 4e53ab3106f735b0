// `hindsight demo`: the disaster and its recovery, live, on an embedded PostgreSQL.
import { join } from "node:path";
import { EXIT } from "../../model/failure.ts";
import { runDemo } from "../demo/demo.ts";
import type { Invocation } from "../invocation.ts";
import { writeNotice } from "../render/streams.ts";

/**
 * Tells the story on the terminal and keeps its reports in `hindsight-demo` below the current directory.
 *
 * @throws {HindsightError} `DEMO_COUNT_WRONG` when a count is off, and what the story's commands fail with.
 */
export async function run({ settings, context, output }: Invocation): Promise<number> {
  const isText = output.format === "text";
  const colour = isText && process.stdout.isTTY && !process.env["NO_COLOR"];
  const result = await runDemo(
    {
      keep: settings.get("keep"),
      reportDirectory: join(process.cwd(), "hindsight-demo"),
      colour,
      write: (text) => (isText ? process.stdout.write(text) : writeNotice(text)),
    },
    context,
  );
  output.result(result.closing, result.json);
  return EXIT.done;
}
