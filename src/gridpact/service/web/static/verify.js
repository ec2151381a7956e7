// Verifies the ledger in the browser: signatures, the way from an entry to the signed root, and that the log only grew since the last
// visit. SHA-256 and Ed25519 are the browser's own; what the server says is only believed as far as it adds up.

const base = document.documentElement.dataset.base;
const form = document.getElementById("verify");
const verdict = document.getElementById("verdict");
const list = document.getElementById("checks");
const text = new TextEncoder();

const toBytes = (encoded) => Uint8Array.from(atob(encoded.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
const toText = (bytes) => btoa(String.fromCharCode(...bytes)).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
const same = (one, other) => one.length === other.length && one.every((byte, at) => byte === other[at]);

async function sha256(...parts) {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  parts.reduce((at, part) => (whole.set(part, at), at + part.length), 0);
  return new Uint8Array(await crypto.subtle.digest("SHA-256", whole));
}

const leafHash = (leaf) => sha256(Uint8Array.of(0), leaf);
const nodeHash = (left, right) => sha256(Uint8Array.of(1), left, right);

// RFC 9162, 2.1.3.2: the root to which a proof leads, or null if it does not fit the position.
async function rootOf(leaf, position, size, proof) {
  if (!(position >= 0 && position < size)) return null;
  let [at, last, found] = [position, size - 1, leaf];
  for (const other of proof) {
    if (last === 0) return null;
    if (at % 2 === 1 || at === last) {
      found = await nodeHash(other, found);
      while (at % 2 === 0 && at > 0) [at, last] = [Math.floor(at / 2), Math.floor(last / 2)];
    } else found = await nodeHash(found, other);
    [at, last] = [Math.floor(at / 2), Math.floor(last / 2)];
  }
  return last === 0 ? found : null;
}

// RFC 9162, 2.1.4.2: whether a tree of `older` leaves is the beginning of one of `size`.
async function grew(older, size, proof, olderRoot, root) {
  if (!(older >= 1 && older <= size)) return false;
  if (older === size) return proof.length === 0 && same(olderRoot, root);
  let exact = older;
  while (exact % 2 === 0) exact /= 2;
  const path = exact === 1 ? [olderRoot, ...proof] : [...proof];
  if (path.length === 0) return false;
  let [at, last] = [older - 1, size - 1];
  while (at % 2 === 1) [at, last] = [Math.floor(at / 2), Math.floor(last / 2)];
  let [first, second] = [path[0], path[0]];
  for (const other of path.slice(1)) {
    if (last === 0) return false;
    if (at % 2 === 1 || at === last) {
      [first, second] = [await nodeHash(other, first), await nodeHash(other, second)];
      while (at % 2 === 0 && at > 0) [at, last] = [Math.floor(at / 2), Math.floor(last / 2)];
    } else second = await nodeHash(second, other);
    [at, last] = [Math.floor(at / 2), Math.floor(last / 2)];
  }
  return last === 0 && same(first, olderRoot) && same(second, root);
}

// null where the browser does not know Ed25519.
async function isSigned(key, signature, message) {
  let known;
  try {
    known = await crypto.subtle.importKey("raw", toBytes(key), { name: "Ed25519" }, false, ["verify"]);
  } catch {
    return null;
  }
  return crypto.subtle.verify({ name: "Ed25519" }, known, toBytes(signature), text.encode(message));
}

// RFC 8785, as far as JSON.parse has kept it.
function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const members = Object.keys(value).sort().map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`);
  return `{${members.join()}}`;
}

async function ask(path) {
  const answer = await fetch(`${base}/api/v1${path}`, { headers: { accept: "application/json" } });
  const said = await answer.json();
  if (!answer.ok) throw new Error(said.detail);
  return said;
}

const failed = [];
function note(holds, said) {
  const item = document.createElement("li");
  item.className = holds === null ? "" : holds ? "good" : "bad";
  item.textContent = `${holds === null ? "–" : holds ? "✓" : "✗"} ${said}`;
  list.append(item);
  if (holds === false) failed.push(said);
}

const memory = `gridpact${base}`;
const remembered = () => JSON.parse(localStorage.getItem(memory) ?? "null");

async function checkHead(state, head) {
  const says = JSON.parse(head.content);
  note(says.root === head.root && says.size === head.size && says.log === state.log, `the head of ${head.size} entries is what it says it is`);
  const signed = await isSigned(state.key, head.signature, `gridpact/v1/head\n${head.content}`);
  note(signed, signed === null ? "this browser does not know Ed25519: signatures are not checked" : `the head is signed by ${state.keeper}`);
  const before = remembered();
  if (before === null || before.log !== state.log) {
    note(before === null ? null : false, before === null ? "nothing to compare with: this head is remembered from now on" : "this is another log than the one seen here before");
  } else {
    note(before.key === state.key, "the key is the one seen here before");
    const proof = await ask(`/ledger/growth?older=${before.size}&size=${head.size}`).catch(() => null);
    const holds = proof !== null && (await grew(before.size, head.size, proof.proof.map(toBytes), toBytes(before.root), toBytes(head.root)));
    note(holds, `the log has only grown since the head of ${before.size} entries that was seen here before`);
  }
}

async function checkEntry(state, found) {
  const says = JSON.parse(found.leaf);
  note(says.seq === found.seq && says.log === state.log, `entry ${found.seq} is of this log and this place`);
  const root = await rootOf(await leafHash(text.encode(found.leaf)), found.seq, found.head.size, found.proof.map(toBytes));
  note(root !== null && toText(root) === found.head.root, `entry ${found.seq} leads to the signed root, in ${found.proof.length} steps`);
  const content = `${found.leaf.slice(0, found.leaf.lastIndexOf(',"signature":'))}}`;
  const signed = await isSigned(state.key, says.signature, `gridpact/v1/entry\n${content}`);
  if (signed !== null) note(signed && says.author === state.keeper, `entry ${found.seq} is signed by ${says.author}`);
  return says;
}

async function checkOwn(says, seq) {
  const member = form.dataset.member;
  const own = member && [...document.querySelectorAll("[data-seq]")].some((each) => Number(each.dataset.seq) === seq);
  if (!own) return;
  const opened = await ask(`/members/${encodeURIComponent(member)}/ledger/${seq}`);
  const made = toText(await sha256(toBytes(opened.salt), text.encode(opened.row)));
  note(made === says.sealed.step[0] && canonical(JSON.parse(opened.row)) === opened.row, "what was sealed is what you or your meter sent, and what came of it");
  document.getElementById("opened").textContent = JSON.stringify(JSON.parse(opened.row), null, 2);
}

async function verify(event) {
  event.preventDefault();
  list.replaceChildren();
  failed.length = 0;
  document.getElementById("opened").textContent = "";
  verdict.className = "";
  verdict.textContent = "checking …";
  try {
    if (!globalThis.crypto?.subtle) throw new Error("this browser only verifies pages over HTTPS or on localhost");
    const state = await ask("/ledger");
    const seq = form.elements.seq.value === "" ? null : Number(form.elements.seq.value);
    const found = seq === null ? null : await ask(`/ledger/entries/${seq}`);
    const head = found?.head ?? state.head;
    if (head === null) throw new Error("there is no head yet");
    await checkHead(state, head);
    if (found !== null) await checkOwn(await checkEntry(state, found), seq);
    if (failed.length === 0) {
      localStorage.setItem(memory, JSON.stringify({ log: state.log, key: state.key, size: head.size, root: head.root }));
    }
    verdict.className = failed.length === 0 ? "good" : "bad";
    verdict.textContent = failed.length === 0 ? "All of it holds." : "Something does not hold. Keep what you see, and ask.";
  } catch (error) {
    verdict.className = "bad";
    verdict.textContent = `Not verified: ${error.message}.`;
  }
}

form.hidden = false;
form.addEventListener("submit", verify);
document.addEventListener("click", (event) => {
  const chosen = event.target.closest("[data-seq]");
  if (chosen === null) return;
  form.elements.seq.value = chosen.dataset.seq;
  form.requestSubmit();
});
