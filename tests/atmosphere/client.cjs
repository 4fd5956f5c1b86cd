// A program on the real JavaScript client: node client.cjs PACKAGE URL
//
// It subscribes to URL as a page does. A line on stdin is pushed to the server, an empty one ends
// the subscription; what the page's callbacks are told is a line of JSON on stdout.
"use strict";

const readline = require("node:readline");

const [name, url] = process.argv.slice(2);

function tell(what, response) {
  const text = response && response.responseBody;
  process.stdout.write(JSON.stringify({ what, text: text === undefined ? null : text }) + "\n");
}

const request = {
  url,
  transport: "websocket",
  fallbackTransport: "websocket",
  contentType: "application/json",
  enableProtocol: true,
  trackMessageLength: false,
  reconnect: true,
  reconnectInterval: 50,
  maxReconnectOnClose: 100,
  logLevel: "error",
};

const callbacks = {
  open: (response) => tell("open", response),
  reopen: (response) => tell("reopen", response),
  message: (response) => tell("message", response),
  close: (response) => tell("close", response),
};

async function subscribe() {
  if (name === "atmosphere5") {
    globalThis.WebSocket = globalThis.WebSocket || require("ws");
    const { Atmosphere } = require(name);
    const page = new Atmosphere({ logLevel: "silent" });
    return page.subscribe(request, callbacks);
  }
  const page = require(name);
  for (const [what, callback] of Object.entries(callbacks)) {
    request["on" + what[0].toUpperCase() + what.slice(1)] = callback;
  }
  const socket = page.subscribe(request);
  return { push: (text) => socket.push(text), close: () => page.unsubscribe() };
}

const lines = readline.createInterface({ input: process.stdin });
const ready = subscribe();
lines.on("line", async (line) => {
  const subscription = await ready;
  if (line) {
    subscription.push(line);
  } else {
    await subscription.close();
    tell("end");
  }
});
lines.on("close", () => process.exit(0));
