// Reads {"workflows": {NAME: TEXT}, "expressions": [{"text", "context"}]} and judges them with GitHub's own packages.
import { readFileSync } from "node:fs";
import { register } from "node:module";

// The packages import JSON without the attribute that Node asks for.
const hook = `export const load = (url, context, next) =>
  next(url, url.endsWith(".json") ? { ...context, importAttributes: { type: "json" } } : context);`;
register(`data:text/javascript,${encodeURIComponent(hook)}`);
const { Evaluator, Lexer, Parser, data } = await import("@actions/expressions");
const { NoOperationTraceWriter, convertWorkflowTemplate, parseWorkflow } = await import("@actions/workflow-parser");

const asked = JSON.parse(readFileSync(0, "utf8"));

async function problems(name, content) {
  const parsed = parseWorkflow({ name, content }, new NoOperationTraceWriter());
  if (parsed.value) await convertWorkflowTemplate(parsed.context, parsed.value);
  return parsed.context.errors.getErrors().map((each) => each.message);
}

function evaluate({ text, context }) {
  const values = JSON.parse(JSON.stringify(context), data.reviver);
  const expression = new Parser(new Lexer(text).lex().tokens, Object.keys(context), []).parse();
  return JSON.parse(JSON.stringify(new Evaluator(expression, values).evaluate(), data.replacer));
}

const found = {};
for (const [name, content] of Object.entries(asked.workflows)) found[name] = await problems(name, content);
process.stdout.write(JSON.stringify({ problems: found, values: asked.expressions.map(evaluate) }));
