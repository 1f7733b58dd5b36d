// Runs a command-line program that was built for WASI (preview 1), with files that exist only in memory.

/**
 * Runs a program to its end: {code, stdout, stderr}. `args` are its arguments, without its name; `files` are its
 * folder and its standard input, {name: text}, where "-" is the input. Without an exit code the program crashed.
 * @param {WebAssembly.Module} module
 * @param {string[]} args
 * @param {Record<string, string>} files
 */
export function runProgram(module, args, files = {}) {
  const machine = new Machine(["corsctl", ...args], files);
  const wasi = machine.imports();
  for (const { module: from, name } of WebAssembly.Module.imports(module)) {
    if (from !== "wasi_snapshot_preview1") throw new Error(`the program needs ${from}.${name}`);
    wasi[name] ??= () => NOT_SUPPORTED;
  }
  const instance = new WebAssembly.Instance(module, { wasi_snapshot_preview1: wasi });
  const { memory, _start } = /** @type {any} */ (instance.exports);
  machine.memory = memory;
  let code = 0;
  try {
    _start();
  } catch (error) {
    if (!(error instanceof Exit)) {
      if (!(error instanceof WebAssembly.RuntimeError || error instanceof RangeError)) throw error;
      machine.write(ERRORS, new TextEncoder().encode(`the program crashed: ${error.message}\n`));
    }
    code = error instanceof Exit ? error.code : undefined;
  }
  return { code, stdout: machine.text(OUTPUT), stderr: machine.text(ERRORS) };
}

/** How a program ends. */
class Exit extends Error {
  constructor(code) {
    super(`exit ${code}`);
    this.code = code;
  }
}

/** The arguments, the files and the output of one run. */
class Machine {
  /** @type {WebAssembly.Memory} */
  memory;
  #args;
  #files;
  #open = new Map(); // by number of descriptor: {bytes, at}
  #written = { [OUTPUT]: [], [ERRORS]: [] };

  constructor(args, files) {
    const encoder = new TextEncoder();
    this.#args = args.map((text) => encoder.encode(`${text}\0`));
    this.#files = new Map(Object.entries(files).map(([name, text]) => [name, encoder.encode(text)]));
    this.#open.set(INPUT, { bytes: this.#files.get("-") ?? new Uint8Array(), at: 0 });
  }

  write(descriptor, bytes) {
    this.#written[descriptor].push(bytes.slice());
  }

  /** What was written to a descriptor. */
  text(descriptor) {
    const decoder = new TextDecoder();
    const parts = this.#written[descriptor].map((bytes) => decoder.decode(bytes, { stream: true }));
    return parts.join("") + decoder.decode();
  }

  /** What a program gets from WASI: https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md */
  imports() {
    const vectors = (at, count) =>
      Array.from({ length: count }, (_, i) => this.#bytes(this.#word(at + 8 * i), this.#word(at + 8 * i + 4)));
    return {
      args_sizes_get: (count, size) => {
        this.#put(count, this.#args.length);
        return this.#put(
          size,
          this.#args.reduce((sum, { length }) => sum + length, 0),
        );
      },
      args_get: (list, at) => {
        for (const [i, bytes] of this.#args.entries()) {
          this.#put(list + 4 * i, at);
          this.#bytes(at, bytes.length).set(bytes);
          at += bytes.length;
        }
        return OK;
      },
      environ_sizes_get: (count, size) => this.#put(count, 0) || this.#put(size, 0),
      environ_get: () => OK,
      random_get: (at, size) => {
        crypto.getRandomValues(this.#bytes(at, size));
        return OK;
      },
      clock_time_get: (_id, _precision, out) => {
        this.#view().setBigUint64(out, BigInt(Math.round(performance.now() * 1e6)), true);
        return OK;
      },
      proc_exit: (code) => {
        throw new Exit(code);
      },
      fd_write: (descriptor, at, count, out) => {
        if (!this.#written[descriptor]) return BAD_DESCRIPTOR;
        const parts = vectors(at, count);
        for (const part of parts) this.write(descriptor, part);
        return this.#put(
          out,
          parts.reduce((sum, { length }) => sum + length, 0),
        );
      },
      fd_read: (descriptor, at, count, out) => {
        const file = this.#open.get(descriptor);
        if (!file) return BAD_DESCRIPTOR;
        const start = file.at;
        for (const part of vectors(at, count)) {
          const bytes = file.bytes.subarray(file.at, file.at + part.length);
          part.set(bytes);
          file.at += bytes.length;
        }
        return this.#put(out, file.at - start);
      },
      fd_close: (descriptor) => (this.#open.delete(descriptor) ? OK : BAD_DESCRIPTOR),
      // The only folder that exists is the one in which the program starts.
      fd_prestat_get: (descriptor, out) =>
        descriptor === FOLDER ? this.#put(out, 0) || this.#put(out + 4, 1) : BAD_DESCRIPTOR,
      fd_prestat_dir_name: (_descriptor, at) => {
        this.#bytes(at, 1)[0] = ".".charCodeAt(0);
        return OK;
      },
      path_open: (_folder, _flags, path, size, _create, _rights, _inherited, _status, out) => {
        const bytes = this.#files.get(this.#name(path, size));
        if (!bytes) return NOT_FOUND;
        const descriptor = FOLDER + 1 + this.#open.size;
        this.#open.set(descriptor, { bytes, at: 0 });
        return this.#put(out, descriptor);
      },
      path_filestat_get: (_folder, _flags, path, size, out) => {
        const bytes = this.#files.get(this.#name(path, size));
        return bytes ? this.#stat(out, bytes) : NOT_FOUND;
      },
      fd_fdstat_get: (descriptor, out) => {
        this.#bytes(out, 24).fill(0);
        this.#bytes(out, 1)[0] = descriptor === FOLDER ? DIRECTORY : REGULAR_FILE;
        this.#bytes(out + 8, 16).fill(0xff); // every right
        return OK;
      },
      fd_filestat_get: (descriptor, out) => {
        const file = this.#open.get(descriptor);
        return file ? this.#stat(out, file.bytes) : BAD_DESCRIPTOR;
      },
    };
  }

  /** Describes a regular file: its kind and size; the rest is zero. */
  #stat(out, bytes) {
    this.#bytes(out, 64).fill(0);
    this.#bytes(out + 16, 1)[0] = REGULAR_FILE;
    this.#view().setBigUint64(out + 32, BigInt(bytes.length), true);
    return OK;
  }

  // Views are created each time, because they become invalid when the memory grows.
  #view = () => new DataView(this.memory.buffer);
  #bytes = (at, size) => new Uint8Array(this.memory.buffer, at, size);
  #word = (at) => this.#view().getUint32(at, true);
  #name = (at, size) => new TextDecoder().decode(this.#bytes(at, size));

  #put(at, value) {
    this.#view().setUint32(at, value, true);
    return OK;
  }
}

const [INPUT, OUTPUT, ERRORS, FOLDER] = [0, 1, 2, 3]; // descriptors
const [OK, BAD_DESCRIPTOR, NOT_FOUND, NOT_SUPPORTED] = [0, 8, 44, 58];
const [DIRECTORY, REGULAR_FILE] = [3, 4];
