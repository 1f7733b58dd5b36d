// A small host of the proxy-wasm ABI (0.2.1): it runs one HTTP filter the way Envoy does, in Node and in browsers.
//
//   const plugin = await load(bytes);                                 // the bytes of cors.wasm
//   plugin.configure('{"allowOrigins": ["https://app.example"]}');    // {ok, log}
//   plugin.request({ method: "GET", url: "https://api.example/", headers: [["origin", "https://app.example"]] });
//
// Header values are byte strings: one character up to U+00FF is one byte, as in HTTP. The configuration and log lines
// are text.

/**
 * Compiles and starts a module. Envoy joins several lines of its "inline" headers with a comma; `joined: false` is a
 * host that shows only the first line. `log` is called with each log line when it is written; `now` is the clock, in
 * milliseconds.
 */
export async function load(bytes, { log = () => {}, joined = true, now = Date.now } = {}) {
  const module = await WebAssembly.compile(bytes);
  const vm = new Vm(joined, log, now);
  const imports = { env: vm.proxyWasm(), wasi_snapshot_preview1: vm.wasi() };
  for (const { module: from, name } of WebAssembly.Module.imports(module)) {
    // A CORS filter calls no other service; the SDK's imports for that exist but do nothing.
    if (from === "env" && name.startsWith("proxy_")) imports.env[name] ??= () => UNIMPLEMENTED;
    if (!imports[from]?.[name]) throw new Error(`the module needs ${from}.${name}, which this host does not have`);
  }
  vm.exports = (await WebAssembly.instantiate(module, imports)).exports;
  vm.exports._initialize?.();
  return new Plugin(vm);
}

class Plugin {
  #vm;
  #root; // the context of the active configuration
  #lastContext = 0;

  constructor(vm) {
    this.#vm = vm;
  }

  /** The size of the module's linear memory, in bytes. */
  get memory() {
    return this.#vm.exports.memory.buffer.byteLength;
  }

  /** Applies a configuration: text (JSON) or bytes. If it is rejected, the old one stays active. */
  configure(configuration) {
    const bytes = typeof configuration === "string" ? new TextEncoder().encode(configuration) : configuration;
    const vm = this.#vm.begin({ configuration: bytes });
    const root = ++this.#lastContext;
    vm.enter("configure", "proxy_on_context_create", root, 0);
    vm.enter("configure", "proxy_on_vm_start", root, 0);
    const ok = Boolean(vm.enter("configure", "proxy_on_configure", root, bytes.length));
    const old = ok ? this.#root : root;
    if (ok) this.#root = root;
    if (old) this.#end(old);
    return { ok, log: vm.log, calls: vm.calls };
  }

  /**
   * Sends one request through the filter: request phase, upstream (unless the filter answers), response phase.
   * `upstream` is {status, headers, body}; `properties` are Envoy's, by dotted path.
   */
  request({ method = "GET", url, headers = [], upstream = {}, properties = {} }) {
    if (!this.#root) throw new Error("no configuration has been accepted yet");
    const vm = this.#vm.begin({ properties: { ...properties } });
    const context = ++this.#lastContext;
    vm.maps = { [REQUEST]: new HeaderMap([...pseudoHeaders(method, url), ...headers], vm.joined) };
    const upstreamRequest = vm.maps[REQUEST];
    vm.enter("request", "proxy_on_context_create", context, this.#root);
    const paused = vm.enter("request", "proxy_on_request_headers", context, upstreamRequest.lines.length, 1);
    if (paused && !vm.reply) throw new Error("the filter stopped the request without an answer");

    // Envoy sends the filter's own reply through the filter's response phase too.
    const from = vm.reply ? "filter" : "upstream";
    const { status = 200, headers: lines = [], body = "" } = vm.reply ?? upstream;
    const response = new HeaderMap([[":status", String(status)], ...lines], vm.joined);
    vm.maps = { [RESPONSE]: response };
    vm.enter("response", "proxy_on_response_headers", context, response.lines.length, 0);
    this.#end(context);
    return {
      from,
      status: Number(response.read(":status")),
      headers: response.lines.filter(([name]) => !name.startsWith(":")),
      body,
      upstreamRequest: from === "upstream" ? upstreamRequest.lines : undefined,
      log: vm.log,
      counters: vm.counters,
      properties: vm.written,
      calls: vm.calls,
    };
  }

  #end(context) {
    this.#vm.enter("end", "proxy_on_done", context);
    this.#vm.enter("end", "proxy_on_log", context);
    this.#vm.enter("end", "proxy_on_delete", context);
  }
}

/** The module's instance, and the data that it exchanges with the host during one configuration or request. */
class Vm {
  #metrics = []; // names; a metric's id is its index, for the life of the VM

  /** The module's exports, once it is instantiated. @type {any} */
  exports;

  constructor(joined, onLog, clock) {
    this.joined = joined;
    this.onLog = onLog;
    this.clock = clock;
    this.begin({});
  }

  begin({ configuration = new Uint8Array(), properties = {} }) {
    this.configuration = configuration;
    this.properties = properties;
    this.maps = {};
    this.reply = undefined;
    this.log = [];
    this.calls = [];
    this.counters = {};
    this.written = {};
    return this;
  }

  /** Calls an export of the module; a module may omit callbacks that it does not need. */
  enter(phase, callback, ...args) {
    this.phase = phase;
    return this.exports[callback]?.(...args);
  }

  /** The imports in module `env`. Each returns a status and is recorded in `calls`. */
  proxyWasm() {
    const note = (call, name, found) => this.calls.push({ phase: this.phase, call, name, found });
    const header =
      (call, act) =>
      (type, key, keySize, ...value) => {
        const map = this.maps[type];
        const name = this.string(key, keySize).toLowerCase();
        if (map) act(map, name, value.length ? this.string(...value) : undefined);
        note(call, name);
        return map ? OK : BAD_ARGUMENT; // the other phase's headers are not accessible
      };
    return {
      proxy_log: (level, text, size) => this.say(LEVELS[level] ?? "critical", this.text(text, size)),
      proxy_get_current_time_nanoseconds: (out) => this.now(out),
      proxy_get_buffer_bytes: (type, start, size, data, dataSize) =>
        type === PLUGIN_CONFIGURATION
          ? this.hand(this.configuration.subarray(start, start + size), data, dataSize)
          : NOT_FOUND,
      proxy_get_header_map_value: (type, key, keySize, data, dataSize) => {
        const name = this.string(key, keySize).toLowerCase();
        const value = this.maps[type]?.read(name);
        note("read", name, value !== undefined);
        if (!this.maps[type]) return BAD_ARGUMENT;
        return value === undefined ? NOT_FOUND : this.hand(byteArray(value), data, dataSize);
      },
      proxy_get_header_map_pairs: (type, data, dataSize) => {
        note("read all", "", Boolean(this.maps[type]));
        return this.maps[type] ? this.hand(serializePairs(this.maps[type].lines), data, dataSize) : BAD_ARGUMENT;
      },
      proxy_add_header_map_value: header("add", (map, name, value) => map.add(name, value)),
      proxy_replace_header_map_value: header("replace", (map, name, value) => map.replace(name, value)),
      proxy_remove_header_map_value: header("remove", (map, name) => map.remove(name)),
      proxy_send_local_response: (status, _details, _detailsSize, body, bodySize, pairs, pairsSize) => {
        this.reply = localReply(status, this.readPairs(pairs, pairsSize), this.string(body, bodySize));
        note("reply", String(status));
        return OK;
      },
      proxy_get_property: (path, size, data, dataSize) => {
        const name = this.string(path, size).split("\0").join(".");
        const value = this.properties[name];
        note("property", name, value !== undefined);
        return value === undefined ? NOT_FOUND : this.hand(new TextEncoder().encode(value), data, dataSize);
      },
      proxy_set_property: (path, size, value, valueSize) => {
        const name = this.string(path, size).split("\0").join(".");
        this.written[name] = this.text(value, valueSize);
        note("set property", name);
        return OK;
      },
      // Each request passes one chain of filters here, so that every property lives long enough.
      proxy_call_foreign_function: (_name, _nameSize, _arguments, _size, data, dataSize) =>
        this.hand(new Uint8Array(), data, dataSize),
      proxy_define_metric: (_type, name, size, out) => {
        const id = this.#metrics.push(this.string(name, size)) - 1;
        return this.write(out, id);
      },
      proxy_increment_metric: (id, offset) => {
        const name = this.#metrics[id];
        if (name === undefined) return NOT_FOUND;
        this.counters[name] = (this.counters[name] ?? 0) + Number(offset);
        note("count", name);
        return OK;
      },
    };
  }

  /** The WASI functions that Rust's standard library needs in a module without files, arguments or environment. */
  wasi() {
    return {
      environ_sizes_get: (count, size) => {
        this.write(count, 0);
        return this.write(size, 0);
      },
      environ_get: () => 0,
      // Seeds of hash tables; they need not be secret.
      random_get: (out, size) => {
        const bytes = this.bytes(out, size);
        bytes.set(Array.from(bytes, () => Math.random() * 256));
        return OK;
      },
      clock_time_get: (_id, _precision, out) => this.now(out),
      // A panic's message arrives here, on stderr.
      fd_write: (_fd, vectors, count, written) => {
        const parts = [...Array(count).keys()].map((i) => [this.word(vectors + 8 * i), this.word(vectors + 8 * i + 4)]);
        this.say("error", parts.map(([at, size]) => this.text(at, size)).join(""));
        const size = parts.reduce((sum, [, size]) => sum + size, 0);
        return this.write(written, size);
      },
      proc_exit: (code) => {
        throw new Error(`the module exited with ${code}`);
      },
    };
  }

  now(out) {
    this.view().setBigUint64(out, BigInt(this.clock()) * 1_000_000n, true);
    return OK;
  }

  say(level, text) {
    this.log.push({ level, text });
    this.onLog({ level, text });
    return OK;
  }

  // Linear memory. Views are created each time, because they become invalid when the memory grows.

  view = () => new DataView(this.exports.memory.buffer);
  bytes = (at, size) => new Uint8Array(this.exports.memory.buffer, at, size);
  text = (at, size) => new TextDecoder().decode(this.bytes(at, size));
  string = (at, size) => byteString(this.bytes(at, size));
  word = (at) => this.view().getUint32(at, true);

  write(at, value) {
    this.view().setUint32(at, value, true);
    return OK;
  }

  /** Copies bytes into memory that the module allocates and then owns; an empty value needs no memory. */
  hand(bytes, data, dataSize) {
    const at = bytes.length ? this.exports.proxy_on_memory_allocate(bytes.length) : 0;
    this.bytes(at, bytes.length).set(bytes);
    this.write(data, at);
    return this.write(dataSize, bytes.length);
  }

  /**
   * Reads a list of headers: their count, the sizes of each name and value, then the bytes, each with a closing NUL.
   */
  readPairs(at, size) {
    const count = size ? this.word(at) : 0;
    let next = at + 4 + 8 * count;
    const take = (size) => {
      const text = this.string(next, size);
      next += size + 1;
      return text;
    };
    return [...Array(count).keys()].map((i) => [
      take(this.word(at + 4 + 8 * i)).toLowerCase(),
      take(this.word(at + 8 + 8 * i)),
    ]);
  }
}

/** The headers of one message, in order, names in lower case. */
class HeaderMap {
  constructor(lines, joined) {
    this.lines = [];
    this.joined = joined;
    for (const [name, value] of lines) this.add(name.toLowerCase(), value);
  }

  read = (name) => this.#line(name)?.[1];

  remove(name) {
    this.lines = this.lines.filter((line) => line[0] !== name);
  }

  add(name, value) {
    const line = this.joined && ENVOY_INLINE.test(name) ? this.#line(name) : undefined;
    if (line) line[1] += `,${value}`;
    else this.lines.push([name, value]);
  }

  /** Keeps the place of the first line, as Envoy does. */
  replace(name, value) {
    const line = this.#line(name);
    this.lines = this.lines.filter((other) => other === line || other[0] !== name);
    if (line) line[1] = value;
    else this.lines.push([name, value]);
  }

  #line = (name) => this.lines.find((line) => line[0] === name);
}

/** The pseudo-headers of a request. The URL is only split, never normalized: the filter judges the path as sent. */
function pseudoHeaders(method, url) {
  const [, scheme, authority, path] = /^([a-z]+):\/\/([^/?#*]*)([\s\S]*)$/.exec(url) ?? [];
  if (authority === undefined) throw new Error(`not a URL: ${url}`);
  const all = [
    [":method", method],
    [":scheme", scheme],
    [":authority", authority],
    [":path", path || "/"],
  ];
  return method === "CONNECT" ? [all[0], all[2]] : all;
}

/** Envoy adds a content-type to a body if the filter set none. */
function localReply(status, headers, body) {
  const described = headers.some(([name]) => name === "content-type");
  const more = body
    ? [["content-length", String(body.length)], ...(described ? [] : [["content-type", "text/plain"]])]
    : [];
  return { status, headers: [...headers, ...more], body };
}

function serializePairs(lines) {
  const fields = lines.flat().map(byteArray);
  const out = new Uint8Array(4 + fields.reduce((sum, field) => sum + field.length + 5, 0));
  const view = new DataView(out.buffer);
  view.setUint32(0, lines.length, true);
  let next = 4 + 4 * fields.length;
  for (const [i, field] of fields.entries()) {
    view.setUint32(4 + 4 * i, field.length, true);
    out.set(field, next);
    next += field.length + 1;
  }
  return out;
}

// TextDecoder cannot do this: what the web calls latin1 is windows-1252.
const byteString = (bytes) => Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
const byteArray = (string) => Uint8Array.from(string, (char) => char.charCodeAt(0));

const [OK, NOT_FOUND, BAD_ARGUMENT, UNIMPLEMENTED] = [0, 1, 2, 12]; // statuses
const [REQUEST, RESPONSE] = [0, 2]; // header maps
const PLUGIN_CONFIGURATION = 7; // buffer
const LEVELS = ["trace", "debug", "info", "warn", "error", "critical"];
const ENVOY_INLINE = /^(origin|vary|access-control-.*)$/;
