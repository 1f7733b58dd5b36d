// Reads a curl command for a shell, or for cmd.exe of Windows.

/**
 * The request of a curl command: {url, method, headers, credentials}. Throws an error with a text for the reader if
 * there is none.
 */
export function readCurl(text) {
  const isWindows = /\^["\r\n]/.test(text);
  const all = (isWindows ? splitWindows(text) : split(text)).slice(1);
  const next = all.findIndex((word, index) => /^curl(\.exe)?$/.test(word) && /^[;&]+$/.test(all[index - 1]));
  const words = next < 0 ? all : all.slice(0, next - 1);
  const request = { url: undefined, method: undefined, headers: [], credentials: false, isFirst: next >= 0 };
  const header = (line) => {
    const [, name, value] = /^([^:;]+)[:;]\s*([\s\S]*)$/.exec(line) ?? [];
    if (name) request.headers.push([name.trim(), value.trim()]);
  };
  let body = "";
  for (let i = 0; i < words.length; i++) {
    const take = () => words[++i] ?? "";
    // -sXPUT and --header=… contain more than an option: the rest becomes a separate word.
    const [, option, rest] =
      /^(--[\w-]+)=([\s\S]*)$/.exec(words[i]) ?? /^(-[A-Za-z#0-9])([\s\S]+)$/.exec(words[i]) ?? [];
    if (option) words.splice(i, 1, option, option.startsWith("--") || TAKES_VALUE.has(option) ? rest : `-${rest}`);
    const word = words[i];
    if (/^(-X|--request)$/.test(word)) request.method = take();
    else if (/^(-H|--header)$/.test(word)) header(take());
    else if (/^(-r|--range)$/.test(word)) request.headers.push(["range", `bytes=${take()}`]);
    else if (/^(-A|--user-agent)$/.test(word)) request.headers.push(["user-agent", take()]);
    else if (/^(-e|--referer)$/.test(word)) take();
    else if (/^(-b|--cookie)$/.test(word)) {
      take();
      request.credentials = true;
    } else if (/^(-u|--user|--oauth2-bearer)$/.test(word)) {
      take();
      request.headers.push(["authorization", "…"]);
    } else if (/^(-d|--data(-\w+)*|--json|-F|--form|--form-string)$/.test(word)) {
      take();
      body = word;
    } else if (word === "--url") request.url = take();
    else if (/^(-I|--head)$/.test(word)) request.method ??= "HEAD";
    else if (/^(-G|--get)$/.test(word)) request.method ??= "GET";
    else if (/^(-T|--upload-file)$/.test(word)) {
      take();
      request.method ??= "PUT";
    } else if (TAKES_VALUE.has(word)) take();
    else if (!word.startsWith("-")) request.url ??= word;
  }
  if (!request.url) throw new Error("This curl command has no URL.");
  // curl adds the scheme; here it is added only to a text that looks like a host.
  if (/^(localhost|[^/?#]+[.:][^/?#]+)([/?#]|$)/i.test(request.url)) request.url = `http://${request.url}`;
  request.method ??= body ? "POST" : "GET";
  const has = (name) => request.headers.some(([own]) => own.toLowerCase() === name);
  if (body && !has("content-type") && request.method !== "GET") {
    const isForm = /^(-F|--form)/.test(body);
    const type = body === "--json" ? "application/json" : isForm ? "multipart/form-data" : FORM;
    request.headers.push(["content-type", type]);
  }
  return request;
}

/** The words of a shell command: quotes, backslashes, continued lines. */
function split(text) {
  const words = [];
  const pattern =
    /\\\r?\n|\s+|\$'((?:\\[\s\S]|[^'\\])*)'|'([^']*)'|"((?:\\[\s\S]|[^"\\])*)"|\\([\s\S])|([^\s'"\\]+)|(['"\\])/g;
  let word;
  for (const [all, ansi, single, double, escaped, plain, unclosed] of text.matchAll(pattern)) {
    if (unclosed) throw new Error(`This curl command has a ${unclosed} that is not closed.`);
    if (/^\\\r?\n$/.test(all) || /^\s+$/.test(all)) {
      if (word !== undefined) words.push(word);
      word = undefined;
      continue;
    }
    const part = single ?? plain ?? escaped ?? double?.replace(/\\(["\\$`])/g, "$1") ?? fromAnsi(ansi);
    word = (word ?? "") + part;
  }
  return word === undefined ? words : [...words, word];
}

/** The value of a shell's `$'…'`. */
function fromAnsi(text) {
  return text
    .replace(/\\u([\da-fA-F]{1,4})/g, (_, code) => String.fromCharCode(Number.parseInt(code, 16)))
    .replace(/\\([\s\S])/g, (_, letter) => ({ n: "\n", r: "\r", t: "\t" })[letter] ?? letter);
}

/** The words of a command for cmd.exe: a caret escapes the next character, and only double quotes quote. */
function splitWindows(text) {
  const plain = text.replace(/\^(\r?\n|[\s\S])/g, (_, next) => (/\n/.test(next) ? " " : next));
  const words = plain.match(/(?:"(?:\\[\s\S]|""|[^"\\])*"|\\[\s\S]|[^\s"\\])+/g) ?? [];
  if ((plain.replace(/\\[\s\S]/g, "").match(/"/g)?.length ?? 0) % 2) {
    throw new Error('This curl command has a " that is not closed.');
  }
  return words.map((word) => word.replace(/\\(["\\])|""(?=.)|"/g, (all, kept) => kept ?? (all === '""' ? '"' : "")));
}

const FORM = "application/x-www-form-urlencoded";

// Options of curl whose value must not be taken as the URL.
const TAKES_VALUE = new Set(
  `
  -A -b -c -C -d -D -e -E -F -H -K -m -o -P -Q -r -t -T -u -U -w -x -X -y -Y -z --abstract-unix-socket --alt-svc
  --aws-sigv4 --cacert --capath --cert --cert-type --ciphers --config --connect-timeout --connect-to --continue-at
  --cookie-jar --create-file-mode --crlfile --curves --delegation --dns-interface --dns-ipv4-addr --dns-ipv6-addr
  --dns-servers --doh-url --dump-header --engine --etag-compare --etag-save --expect100-timeout --ftp-port
  --happy-eyeballs-timeout-ms --haproxy-clientip --hsts --interface --keepalive-time --key --key-type --libcurl
  --limit-rate --local-port --login-options --max-filesize --max-redirs --max-time --netrc-file --noproxy --output
  --output-dir --parallel-max --pass --pinnedpubkey --preproxy --proto --proto-default --proto-redir --proxy
  --proxy-cacert --proxy-header --proxy-user --proxy1.0 --quote --range --rate --request-target --resolve --retry
  --retry-delay --retry-max-time --service-name --socks4 --socks4a --socks5 --socks5-hostname --speed-limit
  --speed-time --stderr --time-cond --tls-max --tls13-ciphers --trace --trace-ascii --unix-socket --url-query
  --variable --write-out
`
    .trim()
    .split(/\s+/),
);
