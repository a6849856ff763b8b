// Renders openapi.json: every path with its request, its answers and an example.

const api = await (await fetch("openapi.json")).json();

function element(name, content = [], attributes = {}) {
  const made = document.createElement(name);
  made.append(...[content].flat());
  Object.entries(attributes).forEach(([key, value]) => made.setAttribute(key, value));
  return made;
}

// Text in which `names` are set as code.
function text(words) {
  return element("p", words.split("`").map((part, index) => (index % 2 ? element("code", part) : part)));
}

function table(heads, rows) {
  const head = element("tr", heads.map((head) => element("th", head, { scope: "col" })));
  const body = rows.map((row) => element("tr", row.map((cell) => element("td", cell))));
  return element("div", element("table", [element("thead", head), element("tbody", body)]), { class: "wide" });
}

function nameOf(reference) {
  return reference.split("/").at(-1);
}

function schemaOf(reference) {
  return api.components.schemas[nameOf(reference)];
}

// The type of a schema in words: "list of number", "Interval or null".
function typeOf(schema) {
  if (schema.$ref) return nameOf(schema.$ref);
  const several = schema.anyOf ?? schema.oneOf;
  if (several) return several.map(typeOf).join(" or ");
  if (schema.items?.format === "binary") return "one file or several";
  if (schema.type === "array") return `list of ${typeOf(schema.items ?? {})}`;
  if (schema.type === "object") {
    const values = schema.additionalProperties;
    return values && values !== true ? `object of ${typeOf(values)}` : "object";
  }
  return schema.format === "binary" ? "file" : (schema.type ?? "any");
}

// All schemas that a schema refers to, directly or not.
function schemasIn(schema, found = new Set()) {
  if (schema.$ref) {
    if (!found.has(schema.$ref)) {
      found.add(schema.$ref);
      schemasIn(schemaOf(schema.$ref), found);
    }
  } else {
    const parts = [schema.items, schema.additionalProperties, schema.anyOf, schema.oneOf, schema.properties];
    parts.filter((part) => part && part !== true).forEach((part) => {
      const inner = Array.isArray(part) || part === schema.properties ? Object.values(part) : [part];
      inner.forEach((one) => schemasIn(one, found));
    });
  }
  return found;
}

function describedSchema(reference) {
  const schema = schemaOf(reference);
  const required = schema.required ?? [];
  const rows = Object.entries(schema.properties ?? {}).map(([name, value]) => [
    element("code", name),
    typeOf(value) + (required.includes(name) ? "" : ", optional"),
    value.description ?? "",
  ]);
  return [
    element("h4", nameOf(reference)),
    ...(schema.description ? [text(schema.description)] : []),
    table(["key", "type", "meaning"], rows),
  ];
}

function request(operation) {
  const form = operation.requestBody?.content["multipart/form-data"]?.schema;
  if (!form) return [];
  const rows = Object.entries(form.properties).map(([name, value]) => [element("code", name), typeOf(value)]);
  const queries = (operation.parameters ?? []).map((one) => [element("code", one.name), one.description ?? ""]);
  return [
    element("h3", "Request"),
    element("p", "A form (multipart/form-data) with these fields, or the bytes of one photo as the body:"),
    table(["field", "type"], rows),
    ...(queries.length ? [element("p", "In the query string:"), table(["name", "meaning"], queries)] : []),
  ];
}

function example(path, method, operation) {
  const form = operation.requestBody?.content["multipart/form-data"]?.schema;
  const values = { photo: "@photo.jpg", question: '"how many people are there?"', category: "person", tile: "auto" };
  const required = form?.required ?? [];
  const fields = required.map((name) => ` -F ${name}=${values[name] ?? "…"}`).join("");
  const address = new URL(path.slice(1), document.baseURI).href;
  return element("pre", element("code", `curl${fields || method === "get" ? fields : " -X POST"} ${address}`));
}

function answers(operation) {
  const found = new Set();
  const rows = Object.entries(operation.responses).map(([status, response]) => {
    const schema = Object.values(response.content ?? {})[0]?.schema ?? {};
    schemasIn(schema, found);
    return [status, Object.keys(schema).length ? typeOf(schema) : "text", response.description];
  });
  const shown = [...found].filter((reference) => nameOf(reference) !== "Error").flatMap(describedSchema);
  return [
    element("h3", "Answers"),
    table(["status", "content", "meaning"], rows),
    ...(shown.length ? [element("details", [element("summary", "Keys of the JSON"), ...shown])] : []),
  ];
}

const contents = [];
const sections = Object.entries(api.paths).flatMap(([path, operations]) =>
  Object.entries(operations).map(([method, operation]) => {
    const title = `${method.toUpperCase()} ${path}`;
    const id = `${method}${path.replaceAll("/", "-")}`;
    contents.push(element("li", element("a", element("code", title), { href: `#${id}` })));
    return element("section", [
      element("h2", element("code", title)),
      ...(operation.description ?? "").split("\n\n").map(text),
      example(path, method, operation),
      ...request(operation),
      ...answers(operation),
    ], { id });
  }),
);
document.querySelector("#contents").replaceChildren(element("ul", contents));
document.querySelector("#paths").replaceChildren(...sections);
