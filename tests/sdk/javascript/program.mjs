// An app that receives jobs with the HTTP server of Dapr's JavaScript SDK. The SDK has no client
// for jobs, so the app schedules them with requests by hand, as users of the SDK do.
// The driver tells it what to do, see tests/sdk/driver/program.py.
//
// usage: program.mjs JOB...    the names of the jobs that it handles

import {DaprServer, HttpMethod} from "@dapr/dapr";
import express from "express";
import readline from "node:readline";

const JOBS_URL = `http://127.0.0.1:${process.env.DAPR_HTTP_PORT}/v1.0/jobs/`;
const CALL_TIMEOUT_MS = 35_000;

function say(message) {
  process.stdout.write(`@@ ${JSON.stringify(message)}\n`);
}

function base64(text) {
  return Buffer.from(text, "utf8").toString("base64");
}

function report(name, headers, body) {
  if (headers["dapr-api-token"] !== process.env.APP_API_TOKEN) {
    console.error(`${name} came without the app's token`);
    process.exit(1);
  }
  say({event: "job", name, data: base64(body)});
}

// The path of a job as a route: escaped as in a URL, and nothing in it means anything to Express.
function route(name) {
  return "job/" + encodeURI(name).replace(/[:+*?()[\]{}.|^$\\]/g, "\\$&");
}

// The SDK's own way. Its handlers have no means to refuse a job.
async function listen(server, name) {
  await server.invoker.listen(route(name), async ({body, headers}) => report(name, headers, body),
    {method: HttpMethod.POST});
}

// A handler that refuses the first triggers, as a route of the server below the SDK's.
function refuse(app, name, failures) {
  app.post("/" + route(name), express.json(), (request, response) => {
    report(name, request.headers, JSON.stringify(request.body));
    response.status(failures-- > 0 ? 500 : 204).end();
  });
}

class CallError extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

async function call(method, name, body) {
  const response = await fetch(JOBS_URL + encodeURIComponent(name), {
    method,
    body,
    headers: {"dapr-api-token": process.env.DAPR_API_TOKEN},
    signal: AbortSignal.timeout(CALL_TIMEOUT_MS),
  });
  const text = await response.text();
  if (!response.ok) throw new CallError(String(response.status), text);
  return text;
}

function toPolicy(fields) {
  if (fields?.constant === undefined) return fields;
  const {interval_ms: ms, max_retries: maxRetries} = fields.constant;
  return {constant: {interval: `${ms / 1000}s`, maxRetries}};
}

function fromPolicy(policy) {
  if (policy.constant === undefined) return policy;
  const {interval, maxRetries} = policy.constant;
  return {constant: {interval_ms: parseFloat(interval) * 1000, max_retries: maxRetries}};
}

async function schedule(job, overwrite) {
  const {schedule, due_time: dueTime, repeats, ttl} = job;
  const data = job.data === undefined ? undefined : JSON.parse(Buffer.from(job.data, "base64"));
  const failurePolicy = toPolicy(job.failure_policy);
  const body = {schedule, dueTime, repeats, ttl, data, overwrite, failurePolicy};
  await call("POST", job.name, JSON.stringify(body));
}

async function get(name) {
  const job = JSON.parse(await call("GET", name));
  return {
    name: job.name,
    schedule: job.schedule,
    due_time: job.dueTime,
    repeats: job.repeats,
    ttl: job.ttl,
    data: job.data === undefined ? undefined : base64(JSON.stringify(job.data.value)),
    failure_policy: fromPolicy(job.failurePolicy),
  };
}

async function carryOut(request) {
  switch (request.op) {
    case "schedule": return schedule(request.job, request.overwrite);
    case "get": return {job: await get(request.name)};
    case "delete": await call("DELETE", request.name); return {};
    default: throw new Error(`no such call: ${request.op}`);
  }
}

async function answer(request) {
  try {
    say({id: request.id, ...await carryOut(request)});
  } catch (error) {
    if (!(error instanceof CallError)) throw error;
    say({id: request.id, error: {code: error.code, message: error.message}});
  }
}

const app = express();
const server = new DaprServer({
  serverHost: "127.0.0.1",
  serverPort: process.env.APP_PORT,
  serverHttp: app,
  clientOptions: {
    daprHost: "127.0.0.1",
    daprPort: process.env.DAPR_HTTP_PORT,
    daprApiToken: process.env.DAPR_API_TOKEN,
  },
});
for (const name of process.argv.slice(2)) {
  const failures = name.match(/^fails-(\d+)-/);
  if (failures) refuse(app, name, Number(failures[1]));
  else await listen(server, name);
}
await server.start();
say({event: "ready"});

for await (const line of readline.createInterface({input: process.stdin})) {
  const request = JSON.parse(line);
  if (request.op === "stop") {
    await server.stop();
    process.exit(0);
  }
  await answer(request);
}
console.error("the driver went away");
process.exit(1);
