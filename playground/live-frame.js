// Only live.html of this very server is answered, which runs as one of two origins: no other site may send from here.
const own = ["localhost", "127.0.0.1"].map((host) => `http://${host}:${location.port}`);

addEventListener("message", async ({ data, origin, source }) => {
  if (source !== parent || !own.includes(origin)) return;
  const { id, url, init } = data;
  let result;
  try {
    result = url === undefined ? { origin: self.origin } : await send(url, init);
  } catch (error) {
    result = { error: String(error) };
  }
  source.postMessage({ id, result }, origin);
});

async function send(url, init) {
  const response = await fetch(url, init);
  return { status: response.status, body: await response.text(), headers: [...response.headers] };
}
