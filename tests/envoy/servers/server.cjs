// Servers of Node for tests/envoy/servers: `node server.cjs FOLDER`, with the packages in NODE_PATH. Prints their
// ports as JSON, and ends with its standard input.
"use strict";

const express = require("express");
const fs = require("node:fs");
const http = require("node:http");
const path = require("node:path");

const folder = process.argv[2];

/** Serves the file that `find` makes of the request's target. */
const files = (find) => (request, response) => {
  try {
    const file = path.join(folder, find(request.url));
    if (!file.startsWith(folder + path.sep)) throw new Error("outside");
    response.end(fs.readFileSync(file));
  } catch {
    response.writeHead(404).end();
  }
};

const servers = {
  "express.static": express().use(express.static(folder)),
  // What a server of a few lines does.
  "new URL": files((target) => decodeURIComponent(new URL(target, "http://localhost").pathname)),
  "path.normalize": files((target) => path.normalize(decodeURIComponent(target.split("?")[0]))),
  // Parameters are cut first, then the rest is decoded, as the servlet specification says.
  "servlets": files((target) => path.normalize(decodeURIComponent(target.split("?")[0].replace(/;[^/]*/g, "")))),
  // As some frameworks do: the text is decoded, then cut.
  "decoded, then cut": files((target) => path.normalize(decodeURIComponent(target.split("?")[0]).replace(/;[^/]*/g, ""))),
};

const listening = Object.entries(servers).map(([name, handler]) => new Promise((resolve) => {
  const server = http.createServer(handler).listen(0, "127.0.0.1", () => resolve([name, server.address().port]));
}));
Promise.all(listening).then((ports) => console.log(JSON.stringify(Object.fromEntries(ports))));
process.stdin.on("end", () => process.exit()).resume();
